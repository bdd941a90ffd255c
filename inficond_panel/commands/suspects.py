"""``inficond suspects``: is a class shifted from fit to tune, and which concepts explain it."""

from __future__ import annotations

import argparse

from inficond_panel.commands.shared.arguments import add_classes, add_node, add_seed, add_tuner
from inficond_panel.commands.shared.output import progress
from inficond_panel.commands.shared.show import add_forms, show_all

DESCRIPTION = (
    "Compares each class on the splits fit and tune, by students that saw neither, and names the "
    "concepts that a student relies on and that are less correlated with the class on tune than on "
    "fit. See `inficond docs shift`."
)
EXAMPLE = "inficond suspects demo --class bicycle"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add_tuner(parser)
    add_forms(parser)
    add_node(parser)
    add_classes(parser, "class to look at")
    add_seed(parser)


def run(args: argparse.Namespace) -> None:
    """Print the verdict on each class, its AP on tune beside others, and its suspects."""
    from inficond_panel.commands.shared.students import chosen_node, open_students
    from inficond_panel.results.shift import shifts

    tuner = open_students(args)
    node = chosen_node(tuner, args.node)
    found = shifts(tuner, node, args.classes, args.seed, progress)
    show_all(args, found)
