"""``inficond logits``: the teacher's logits of a store, as a table that other specs can name."""

from __future__ import annotations

import argparse
import csv
import io

from inficond_panel.commands.shared.output import say, say_table
from inficond_panel.commands.shared.parser import ArgumentParser
from inficond_panel.common.numbers import written

DESCRIPTION = (
    "One row per image, one column per class, in the order of the store; then the other classes "
    "of a softmax teacher. The CSV is a table of logits as a spec's teacher takes it: "
    "{kind: logits, path: logits.csv}."
)
EXAMPLE = "inficond logits demo --csv > logits.csv"


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of ``inficond logits`` to its parser."""
    parser.add_spec()
    parser.add_store()
    parser.add_argument("--csv", action="store_true", help="print CSV, with all digits")


def run(args: argparse.Namespace) -> None:
    """Print the teacher's logits of all images of a store, as a table or CSV."""
    from inficond_panel.tuning import open_tuner

    store = open_tuner(args.spec, store=args.store, history=":memory:").store
    header = ["image_id", *store.classes, *map(str, store.read("other_class"))]
    logits = store.teacher_logit.tolist()
    if store.has("other_logit"):
        others = store.read("other_logit").tolist()
        logits = [[*row, *more] for row, more in zip(logits, others, strict=True)]
    rows = zip(map(str, store.images), logits, strict=True)
    if not args.csv:
        say_table(header, [[image, *map(written, values)] for image, values in rows])
        return
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([image, *values] for image, values in rows)
    say(stream.getvalue().rstrip("\n"))
