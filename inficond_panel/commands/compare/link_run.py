"""``inficond compare --link``: students per class and the one softmax student side by side."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from math import nan
from pathlib import Path
from typing import Any

from inficond_panel.analysis.link_comparison import LinkComparison, compare_links
from inficond_panel.commands.compare.link_page import (
    HEADER,
    LINK_WORDS,
    NAMES,
    link_notes,
    link_rows,
    make_link_page,
)
from inficond_panel.commands.metrics.metrics_document import interval_documents
from inficond_panel.commands.output import note, progress, say, say_json, say_table
from inficond_panel.commands.students import open_students
from inficond_panel.common.numbers import defined
from inficond_panel.common.saved_file import File, make_table
from inficond_panel.common.whole_folder import write_folder
from inficond_panel.distill import Interval
from inficond_panel.errors import InficondError
from inficond_panel.tuning import Tuner
from inficond_panel.vocabulary.confidence import interval_word

#: Names of the files; a folder that holds others is not replaced.
FILES = {"links.csv", "links.html"}
#: Arguments of the other comparisons, which both links here share as the spec has them.
_OF_OTHERS = ("targets", "alpha", "temperature", "tempered", "lambda_", "gamma")
_LIMITS = ("", "_low", "_high")


def compare_the_links(args: argparse.Namespace) -> None:
    """Distill the students of both links and measure them; a table, a document, or a folder."""
    given = [name for name in _OF_OTHERS if getattr(args, name)]
    if given or args.groups != "single":
        flag = given[0].rstrip("_") if given else "groups"
        raise InficondError(
            f"--{flag} is not used with --link, which compares under the settings of the spec.",
            "Leave it out, or change the spec.",
        )
    tuner = open_students(args, distilled=False)
    place = Path(args.output) if args.output else None
    with write_folder(place, args.force, FILES) if place else nullcontext() as write:
        found = compare_links(
            tuner, args.split, draws=args.draws, seed=args.seed, progress=progress
        )
        if args.split == "holdout":
            for result in found.results:
                tuner.history.count_look(result.node.id, args.split)
            note(f"Counted a look at the holdout for {len(found.results)} sets of students.")
        if write:
            for file in _files(tuner, found):
                write(file.name, file.content)
    if args.json:
        say_json(_document(tuner, found, args))
    else:
        _say(tuner, found, args)


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
    header = [f"{name}{limit}" for name in NAMES for limit in _LIMITS]
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
        one = found.get(name)
        three = (nan, nan, nan) if one is None else (one.estimate, one.low, one.high)
        yield from map(defined, three)
