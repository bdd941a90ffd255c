"""``inficond explain``: what a refit did, and what its bounds cost."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from inficond_panel.commands.shared.arguments import add_json, add_node, add_split, add_tuner, share
from inficond_panel.commands.shared.output import progress, say, say_json
from inficond_panel.errors import TuningError
from inficond_panel.vocabulary.splits import FIT

if TYPE_CHECKING:
    from inficond_panel.results.refit_report import RefitReport
    from inficond_panel.tuning import Node, Tuner

DESCRIPTION = (
    "Per tuned student, against the iteration before: which cures are in force; which bounds "
    "bind and what each costs; "
    "which concepts took over; which are collinear with the tuned ones; how far the fit to "
    "the teacher had to give; which images changed sides (with ids in --json)."
)
EXAMPLE = "inficond explain demo --node 1"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add_tuner(parser)
    add_json(parser)
    add_node(parser, "the one on the page, or the latest if that is #0")
    add_split(parser)
    parser.add_argument(
        "--collinear",
        type=share,
        default=None,
        metavar="R",
        help="correlation from which concepts count as collinear, above 0 to 1 (default: the "
        "spec's views.collinear)",
    )


def run(args: argparse.Namespace) -> None:
    """Tell what one iteration did to each student that it tuned."""
    from inficond_panel.commands.shared.students import count_look, open_students
    from inficond_panel.results.moved_classes import moved_sentence
    from inficond_panel.results.refit_report import explain
    from inficond_panel.results.refit_words import sentences, untouched_sentences
    from inficond_panel.tuning.other_students import find_node, node_title

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
    count_look(tuner, node, args.split)
    if args.json:
        say_json({"spec": str(tuner.spec.path), **_document(report)})
        return
    say(f"{node_title(tuner, node)} from #{report.parent.number} {report.parent.id}")
    for line in report.notices:
        say(line)
    for each in report.classes:
        say()
        say(f"{each.class_name}")
        for line in sentences(each):
            say(f"  {line}")
    for line in untouched_sentences(node, report.untouched):
        say()
        say(line)
    for split, moved in report.moved.items():
        if told := moved_sentence(moved, split):
            say()
            say(told)


def _document(report: RefitReport) -> dict[str, Any]:
    """The report as plain data, with a sentence on each cure in force."""
    from inficond_panel.wording.cures import cure_sentences

    document = report.to_json()
    for each in report.classes:
        in_force = document["classes"][each.class_name]["cures"]["in_force"]
        for kind, sentence in cure_sentences(each.terms, each.cures_since).items():
            in_force[kind]["sentence"] = sentence
    return document


def _latest(tuner: Tuner) -> Node:
    """The iteration on the page; where that is #0, the latest."""
    head = tuner.head()
    node = head if head.parent else tuner.nodes()[-1]
    if node.parent is None:
        raise TuningError(
            "Nothing has been tuned yet.", "Tune first: inficond tune SPEC --edits FILE"
        )
    return node
