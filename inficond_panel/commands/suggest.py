"""``inficond suggest``: repairs that a machine proposes, and the refit by them."""

from __future__ import annotations

import argparse

from inficond_panel.commands.shared.arguments import add_classes, add_node, add_seed, add_tuner
from inficond_panel.commands.shared.output import note, progress
from inficond_panel.commands.shared.show import add_forms, show

DESCRIPTION = (
    "Compares what would help each class (another lambda, the teacher on the photos of tune, the "
    "labels of tune, no influence of the first suspects) and takes what gains most, if any does. "
    "Needs labels of tune. The refit is recorded with the author machine:repair; what the page "
    "shows does not change."
)
EXAMPLE = "inficond suggest demo --class bicycle --dry-run"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add_tuner(parser)
    add_forms(parser)
    add_classes(parser, "class to tune")
    add_node(parser, "#0; it is tuned from there")
    add_seed(parser)
    parser.add_argument(
        "--dry-run", action="store_true", help="only print what it would do; nothing is recorded"
    )


def run(args: argparse.Namespace) -> None:
    """Compare the levers, and refit by those that are proposed unless it is a dry run."""
    from inficond_panel.commands.shared.students import open_students
    from inficond_panel.results.levers import levers
    from inficond_panel.tuning.other_students import find_node, node_title
    from inficond_panel.tuning.suggest import carry_out, suggest
    from inficond_panel.tuning.suggest.suggestion import AUTHOR

    tuner = open_students(args)
    parent = tuner.root() if args.node is None else find_node(tuner, args.node)
    suggestion = suggest(tuner, parent, classes=args.classes, seed=args.seed, progress=progress)
    node = None if args.dry_run else carry_out(tuner, suggestion, progress=progress)
    frame = levers(suggestion)
    frame.attrs["facts"]["node"] = None if node is None else node.id
    show(args, frame)
    if node is not None:
        whose = "" if node.author == AUTHOR else f", as {node.author} made it before"
        note(f"{node_title(tuner, node)} by {node.author}{whose}, history {tuner.history.path}")
