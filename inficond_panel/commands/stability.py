"""``inficond stability``: stability of a student's influences under resampling."""

from __future__ import annotations

import argparse

from inficond_panel.commands.shared.output import progress, show
from inficond_panel.commands.shared.parser import ArgumentParser, positive

DESCRIPTION = (
    "Refits the student on bootstrap samples of the images: does each influence keep its sign? "
    "See `inficond docs metrics`."
)
EXAMPLE = "inficond stability demo --class bicycle --top 3"


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of ``inficond stability`` to its parser."""
    parser.add_tuner()
    parser.add_forms()
    parser.add_node()
    parser.add_class("class of the student", required=True)
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument(
        "--concept",
        dest="concepts",
        action="append",
        metavar="NAME",
        help="concept to test, may be repeated",
    )
    chosen.add_argument(
        "--top",
        type=positive,
        default=5,
        metavar="N",
        help="number of most influential concepts to test (default: 5)",
    )
    parser.add_draws("bootstrap refits", "100, or more where views.confidence needs them")
    parser.add_seed()


def run(args: argparse.Namespace) -> None:
    """Refit one student on bootstrap samples, and print how stable its influences are."""
    from inficond_panel.commands.shared.students import students_of

    chosen = {"concepts": args.concepts, "top": args.top, "draws": args.draws, "seed": args.seed}
    students = students_of(args)
    frame = students.stability(args.class_name, **chosen, progress=progress)
    show(args, frame, students.tuner.store)
