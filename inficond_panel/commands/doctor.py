"""``inficond doctor``: faults of a store and its students, and the first remedy."""

from __future__ import annotations

import argparse

from inficond_panel.commands.shared.output import progress, show_all
from inficond_panel.commands.shared.parser import ArgumentParser

DESCRIPTION = (
    "Checks the teacher, the concepts, the labels and the images of each class, and reports the "
    "kind of shift from fit to tune: wrong labels, a correlation in the training images only "
    "(with the suspect concepts), different photos, a different share of the class, or too few "
    "photos to tell. It also asks about what a student may rely on in all photos, which no split "
    "shows. With --class all rows are shown. See `inficond docs repair`."
)
EXAMPLE = "inficond doctor demo --class bicycle"


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of ``inficond doctor`` to its parser."""
    parser.add_tuner()
    parser.add_forms()
    parser.add_node()
    parser.add_classes("class to check")
    parser.add_seed()


def run(args: argparse.Namespace) -> None:
    """Print problems with remedies, measurements of each class, suspects, and wrong labels."""
    from inficond_panel.commands.shared.students import open_node
    from inficond_panel.results.doctor import doctor

    tuner, node = open_node(args)
    frames = doctor(tuner, node, args.classes, args.seed, progress)
    show_all(args, frames, title=f"{tuner.store.title}: what the doctor finds", store=tuner.store)
