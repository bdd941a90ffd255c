"""``inficond compare --link``: students per class and the one softmax student side by side."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from typing import Any

from inficond_panel.analysis.link_comparison import LinkComparison, compare_links
from inficond_panel.commands.compare.frame import LIMITS, carry_out, count_looks, refuse, three
from inficond_panel.commands.compare.link_page import (
    HEADER,
    LINK_WORDS,
    NAMES,
    link_notes,
    link_rows,
    make_link_page,
)
from inficond_panel.commands.metrics.metrics_document import interval_documents
from inficond_panel.commands.output import progress, say, say_table
from inficond_panel.common.saved_file import File, make_table
from inficond_panel.distill import Interval
from inficond_panel.tuning import Tuner
from inficond_panel.vocabulary.confidence import interval_word

#: Names of the files; a folder that holds others is not replaced.
FILES = {"links.csv", "links.html"}
#: Arguments of the other comparisons, which both links here share as the spec has them.
_OF_OTHERS = ("targets", "alpha", "temperature", "tempered", "lambda_", "gamma")


def compare_the_links(args: argparse.Namespace) -> None:
    """Distill the students of both links and measure them; a table, a document, or a folder."""
    why = "--link, which compares under the settings of the spec"
    refuse(args, _OF_OTHERS, {"groups": "single"}, why, "Leave it out, or change the spec.")

    def find(tuner: Tuner) -> LinkComparison:
        noise = {"draws": args.draws, "seed": args.seed}
        found = compare_links(tuner, args.split, progress=progress, **noise)
        count_looks(tuner, [result.node for result in found.results], args.split)
        return found

    carry_out(
        args,
        names=FILES,
        find=find,
        files=_files,
        document=lambda tuner, found: _document(tuner, found, args),
        tell=lambda tuner, found: _say(tuner, found, args),
    )


def _say(tuner: Tuner, found: LinkComparison, args: argparse.Namespace) -> None:
    say(f"Students on the split {found.split}, {found.labelled} labelled images; * beyond noise")
    say()
    say_table(HEADER, link_rows(found))
    say()
    for line in link_notes(found):
        say(line)
    told = f"{args.draws} bootstrap draws of images, {interval_word(found.level)}s"
    say(f"{told}. History {tuner.history.path}.")


def _document(tuner: Tuner, found: LinkComparison, args: argparse.Namespace) -> dict[str, Any]:
    """Everything that was measured; undefined is None."""
    return {
        "spec": str(tuner.spec.path),
        "store_hash": tuner.store.content_hash,
        "draws": args.draws,
        "seed": args.seed,
        "level": found.level,
        "split": found.split,
        "images": found.images,
        "labelled": found.labelled,
        "links": {
            result.link: {
                "node": result.node.id,
                "weights_hash": result.node.weights_hash,
                "nonzero": result.nonzero,
                "gap": max(result.node.gap),
                "metrics": interval_documents(result.metrics),
                "looks": tuner.history.looks(result.node.id, "holdout"),
            }
            for result in found.results
        },
        "change": interval_documents(found.change),
        "teacher": interval_documents(found.teacher),
    }


def _files(tuner: Tuner, found: LinkComparison) -> Iterator[File]:
    header = [f"{name}{limit}" for name in NAMES for limit in LIMITS]
    rows: list[list[Any]] = [
        [
            LINK_WORDS[result.link],
            result.node.id,
            result.nonzero,
            *_numbers(result.metrics),
            found.level,
        ]
        for result in found.results
    ]
    rows.append(["difference", "", None, *_numbers(found.change), found.level])
    rows.append(["teacher", "", None, *_numbers(found.teacher), found.level])
    yield make_table("links", ["students", "node", "nonzero", *header, "level"], rows)
    yield File("links.html", make_link_page(tuner.store, found).encode())


def _numbers(found: Mapping[str, Interval]) -> Iterator[float | None]:
    for name in NAMES:
        yield from three(found.get(name))
