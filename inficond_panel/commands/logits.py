"""``inficond logits``: the teacher's logits of a store, as a table that other specs can name."""

from __future__ import annotations

import argparse
import csv
import io
from typing import TYPE_CHECKING

from inficond_panel.commands.shared.arguments import SPEC, STORE
from inficond_panel.commands.shared.output import say, say_table
from inficond_panel.common.numbers import written

if TYPE_CHECKING:
    from inficond_panel.store import Store

DESCRIPTION = (
    "One row per image, one column per class, in the order of the store; then the other classes "
    "of a softmax teacher. The CSV is a table of logits as a spec's teacher takes it: "
    "{kind: logits, path: logits.csv}."
)
EXAMPLE = "inficond logits demo --csv > logits.csv"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``inficond logits`` to its parser."""
    parser.add_argument("spec", metavar="SPEC", help=SPEC)
    parser.add_argument("--store", metavar="FOLDER", help=STORE)
    parser.add_argument("--csv", action="store_true", help="print CSV, with all digits")


def run(args: argparse.Namespace) -> None:
    """Print the teacher's logits of all images of a store, as a table or CSV."""
    from inficond_panel.tuning import open_tuner

    store = open_tuner(args.spec, store=args.store, history=":memory:").store
    if args.csv:
        say(_csv(store))
    else:
        rows = [[image, *(written(z) for z in logits)] for image, logits in _rows(store)]
        say_table(["image_id", *_classes(store)], rows)


def _classes(store: Store) -> list[str]:
    return [*store.classes, *map(str, store.read("other_class"))]


def _rows(store: Store) -> list[tuple[str, list[float]]]:
    logits = store.teacher_logit.tolist()
    if store.has("other_logit"):
        others = store.read("other_logit").tolist()
        logits = [[*row, *more] for row, more in zip(logits, others, strict=True)]
    return list(zip(map(str, store.images), logits, strict=True))


def _csv(store: Store) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["image_id", *_classes(store)])
    writer.writerows([image, *logits] for image, logits in _rows(store))
    return stream.getvalue().rstrip("\n")
