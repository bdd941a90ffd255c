"""``inficond explain``: report on a refit: bounds and prices, concepts, changed predictions."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from inficond_panel.commands.shared.output import progress, show_all
from inficond_panel.commands.shared.parser import ArgumentParser, share
from inficond_panel.errors import TuningError
from inficond_panel.vocabulary.splits import FIT

if TYPE_CHECKING:
    from inficond_panel.tuning import Node, Tuner

DESCRIPTION = (
    "Per tuned student, against the iteration before: which repairs apply; which bounds are "
    "active and what each costs; which concepts took over; which are collinear with the tuned "
    "concepts; by how much the training objective rose; which predictions changed (with ids of "
    "images in --json and --csv)."
)
EXAMPLE = "inficond explain demo --node 1"


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of ``inficond explain`` to its parser."""
    parser.add_tuner()
    parser.add_forms()
    parser.add_node("the iteration on the page, or the latest if that is #0")
    parser.add_split()
    parser.add_argument(
        "--collinear",
        type=share,
        metavar="R",
        help="correlation from which concepts count as collinear, above 0 to 1 (default: the "
        "spec's views.collinear)",
    )


def run(args: argparse.Namespace) -> None:
    """Print a report on the changes of one iteration in each student that it tuned."""
    from inficond_panel.commands.shared.students import count_looks, open_students
    from inficond_panel.results.refit_report import explain
    from inficond_panel.results.refits import refit_frames
    from inficond_panel.tuning.other_students import find_node

    tuner = open_students(args, distilled=False)
    node = _latest(tuner) if args.node is None else find_node(tuner, args.node)
    report = explain(
        tuner,
        node,
        splits=list(dict.fromkeys((FIT, args.split))),
        threshold=args.collinear,
        lift=True,
        progress=progress,
    )
    count_looks(tuner, args.split, node)
    show_all(args, refit_frames(report), ["classes"], store=tuner.store)


def _latest(tuner: Tuner) -> Node:
    """Return the iteration on the page; if that is #0, the latest iteration."""
    head = tuner.head()
    node = head if head.parent else tuner.nodes()[-1]
    if node.parent is None:
        raise TuningError(
            "Nothing has been tuned yet.", "Tune first: inficond tune SPEC --edits FILE"
        )
    return node
