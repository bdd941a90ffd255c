"""``inficond thresholds``: thresholds of the classes, chosen by the labels of tune."""

from __future__ import annotations

import argparse

from inficond_panel.commands.shared.arguments import (
    add_classes,
    add_node,
    add_seed,
    add_tuner,
    share,
)
from inficond_panel.commands.shared.show import add_forms, show

DESCRIPTION = (
    "Chooses by the labels of tune: the threshold of the best F1, or of the most recall at a "
    "precision. Beside it its bootstrap interval, and what it is worth on images that did not "
    "choose it. Nothing is changed: the last line goes into the spec, where it holds for all "
    "iterations. See `inficond docs metrics`."
)
EXAMPLE = "inficond thresholds demo --precision 0.9"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add_tuner(parser)
    add_forms(parser)
    add_node(parser)
    add_classes(parser, "class whose threshold is chosen")
    parser.add_argument(
        "--precision",
        type=share,
        metavar="P",
        help="most recall where the precision is P or more (default: the best F1)",
    )
    add_seed(parser)


def run(args: argparse.Namespace) -> None:
    """Choose thresholds, and print the line of a spec that sets them."""
    from inficond_panel.commands.shared.students import students_of

    students = students_of(args)
    show(args, students.thresholds(args.precision, args.classes, seed=args.seed))
