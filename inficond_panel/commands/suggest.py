"""``inficond suggest``: repairs proposed by the program, and the refit with them."""

from __future__ import annotations

import argparse

from inficond_panel.commands.shared.output import note, progress, progress_by_steps, show
from inficond_panel.commands.shared.parser import ArgumentParser
from inficond_panel.vocabulary.aims import AIMS

DESCRIPTION = (
    "Compares repairs of each class (another lambda, the teacher or the labels on tune as targets, "
    "thumbs on the first suspects and on the class's own word) and applies the one that gains most "
    "AP, or most accuracy of the worst group, if any gains. Needs labels of tune. The refit has "
    "the author machine:repair; the page keeps its iteration."
)
EXAMPLE = "inficond suggest demo --class bicycle --dry-run"


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of ``inficond suggest`` to its parser."""
    parser.add_tuner()
    parser.add_forms()
    parser.add_classes("class to tune")
    parser.add_node("#0, the original students")
    parser.add_argument(
        "--aim",
        choices=AIMS,
        help="compare by the mean AP, or by the accuracy of the worst group (default: tuning.aim "
        "of the spec)",
    )
    parser.add_argument(
        "--by",
        default="",
        metavar="NAME",
        help="with --aim worst-group: what divides the images into groups, a metadata column, a "
        "property of the pictures, a class or a concept (default: tuning.groups of the spec)",
    )
    parser.add_seed()
    parser.add_argument(
        "--dry-run", action="store_true", help="only print the comparison; nothing is recorded"
    )
    parser.add_scheduler("compare repairs")


def run(args: argparse.Namespace) -> None:
    """Compare repairs, and refit with the proposed ones unless it is a dry run."""
    from inficond_panel.commands.shared.students import note_kept, open_students
    from inficond_panel.results.levers import levers
    from inficond_panel.results.refit_words import turned_sentences
    from inficond_panel.tuning.lost_thresholds import lost_thresholds
    from inficond_panel.tuning.other_students import find_node, node_title
    from inficond_panel.tuning.suggest import carry_out, suggest
    from inficond_panel.tuning.suggest.suggestion import AUTHOR
    from inficond_panel.vocabulary.splits import TUNE

    tuner = open_students(args)
    parent = tuner.root() if args.node is None else find_node(tuner, args.node)
    how = {"seed": args.seed, "aim": args.aim, "by": args.by}
    suggestion = suggest(tuner, parent, classes=args.classes, progress=progress_by_steps, **how)
    node = None if args.dry_run else carry_out(tuner, suggestion, progress=progress)
    lost, turned = None, list[str]()
    if node is not None:
        before, after = (tuner.at(each, TUNE) for each in (parent, node))
        lost = lost_thresholds(before, after, tuner.spec.views.noise())
        turned = turned_sentences(before, after, TUNE)
    frame = levers(suggestion, lost)
    frame.attrs["facts"]["node"] = None if node is None else node.id
    frame.attrs["notes"] += turned
    show(args, frame, tuner.store)
    if args.node is None and (head := tuner.head()).id != parent.id:
        at = head.number
        note(f"From #0; the page stands at #{at}: --node {at} goes on from there.")
    if node is not None:
        whose = "" if node.author == AUTHOR else f", as {node.author} made it before"
        note_kept(
            tuner,
            f"{node_title(tuner, node)} by {node.author}{whose}, history {tuner.history.path}",
        )
