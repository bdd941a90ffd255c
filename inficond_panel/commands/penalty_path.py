"""``inficond lambda``: metrics of a class's student over the L1 penalty."""

from __future__ import annotations

import argparse

from inficond_panel.commands.shared.output import show
from inficond_panel.commands.shared.parser import ArgumentParser

DESCRIPTION = (
    "Fits the student of one class at each value of lambda that an edits file's {direction: "
    "lambda, value: auto} would try, under all bounds and other repairs, and prints which value "
    "auto takes. See `inficond docs repair`."
)
EXAMPLE = "inficond lambda demo --class bicycle"


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of ``inficond lambda`` to its parser."""
    parser.add_tuner()
    parser.add_forms()
    parser.add_class("class of the student", required=True)
    parser.add_node()
    parser.add_split()


def run(args: argparse.Namespace) -> None:
    """Print the metrics of a class's student at several values of lambda."""
    from inficond_panel.commands.shared.students import count_looks, students_of

    students = students_of(args)
    path = students.penalty_path(args.class_name, args.split)
    count_looks(students.tuner, args.split)
    show(args, path, students.tuner.store)
