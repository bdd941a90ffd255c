"""``inficond thresholds``: thresholds of the classes, chosen by the labels of tune."""

from __future__ import annotations

import argparse

from inficond_panel.commands.shared.output import show
from inficond_panel.commands.shared.parser import ArgumentParser, share

DESCRIPTION = (
    "Chooses by the labels of tune the threshold of the best F1, or of the largest recall at a "
    "precision. Prints its bootstrap interval, and its F1, precision and recall on images that "
    "did not choose it. Nothing is changed: copy the last line into the spec, where it applies to "
    "all iterations. See `inficond docs metrics`."
)
EXAMPLE = "inficond thresholds demo --precision 0.9"


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of ``inficond thresholds`` to its parser."""
    parser.add_tuner()
    parser.add_forms()
    parser.add_node()
    parser.add_classes("class whose threshold is chosen")
    parser.add_argument(
        "--precision",
        type=share,
        metavar="P",
        help="choose the largest recall at precision P or more (default: best F1)",
    )
    parser.add_seed()


def run(args: argparse.Namespace) -> None:
    """Choose thresholds, and print the line of a spec that sets them."""
    from inficond_panel.commands.shared.students import students_of

    students = students_of(args)
    frame = students.thresholds(args.precision, args.classes, seed=args.seed)
    show(args, frame, students.tuner.store)
