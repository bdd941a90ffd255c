"""``inficond distill``: the students of a spec."""

from __future__ import annotations

import argparse

from inficond_panel.commands.shared.output import show
from inficond_panel.commands.shared.parser import ArgumentParser
from inficond_panel.vocabulary.splits import TUNE

DESCRIPTION = (
    "The students become the first node of the history. A node that already exists is not "
    "computed again."
)
EXAMPLE = "inficond distill demo"


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of ``inficond distill`` to its parser."""
    parser.add_tuner()
    parser.add_forms()
    parser.add_scheduler("fit the students")


def run(args: argparse.Namespace) -> None:
    """Distill the students of a spec, or take them from the history, and print their metrics."""
    from inficond_panel.commands.shared.students import open_students
    from inficond_panel.results.refits import students

    tuner = open_students(args)
    show(args, students(tuner, tuner.root(), TUNE), tuner.store)
