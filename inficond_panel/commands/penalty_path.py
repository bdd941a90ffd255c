"""``inficond lambda``: metrics of a class's student over the L1 penalty."""

from __future__ import annotations

import argparse

from inficond_panel.commands.shared.arguments import add_class, add_node, add_split, add_tuner
from inficond_panel.commands.shared.show import add_forms, show

DESCRIPTION = (
    "Fits the student of one class at each value of lambda that an edits file's {direction: "
    "lambda, value: auto} would try, under all bounds and other repairs, and prints which value "
    "auto takes. See `inficond docs repair`."
)
EXAMPLE = "inficond lambda demo --class bicycle"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``inficond lambda`` to its parser."""
    add_tuner(parser)
    add_forms(parser)
    add_class(parser, "class of the student", required=True)
    add_node(parser)
    add_split(parser)


def run(args: argparse.Namespace) -> None:
    """Print the metrics of a class's student at several values of lambda."""
    from inficond_panel.commands.shared.students import students_of, tell_look

    students = students_of(args)
    path = students.penalty_path(args.class_name, args.split)
    tell_look(students.tuner, args.split)
    show(args, path)
