"""``inficond metrics``: metrics of an iteration, with intervals, and by slice."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from inficond_panel.commands.shared.output import note, progress, show, show_all
from inficond_panel.commands.shared.parser import ArgumentParser, positive
from inficond_panel.errors import TuningError
from inficond_panel.vocabulary.metrics import AP, METRICS
from inficond_panel.vocabulary.tasks import SINGLE_LABEL

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from inficond_panel.tuning import Node, Tuner

DESCRIPTION = (
    "Prints every metric with its bootstrap interval, and the change since the parent iteration "
    "and since the start. With --by or --selection also metrics on slices of the images, and "
    "whether the worst slice is more than chance. With --by also the largest difference between "
    "groups, the accuracy by label and group, and that of the worst group. Each row of slices and "
    "groups has the teacher's value on the same images. With one class per image also metrics of "
    "all students as one classifier. With --null instead AP by number of concepts, beside students "
    "of random words. See `inficond docs metrics`."
)
EXAMPLE = "inficond metrics demo --class bicycle --metric f1"


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of ``inficond metrics`` to its parser."""
    parser.add_tuner()
    parser.add_forms()
    parser.add_node()
    parser.add_classes("class to measure")
    parser.add_split()
    parser.add_argument(
        "--metric",
        choices=METRICS,
        default=AP.key,
        help="metric to print with interval and slices (default: %(default)s); --json has all",
    )
    slices = parser.add_mutually_exclusive_group()
    slices.add_argument(
        "--by",
        action="append",
        metavar="COLUMN",
        help="metadata column of the data set, a class, or a property of the pictures, such as "
        "'image brightness'; repeat for combinations",
    )
    slices.add_argument("--selection", metavar="FILE", help="file of image ids, one per line")
    slices.add_argument(
        "--null",
        action="store_true",
        help="compare the original students with students of random words",
    )
    parser.add_argument(
        "--min-images",
        type=positive,
        default=30,
        metavar="N",
        help="smaller slices are shown, but not tested (default: 30)",
    )
    parser.add_draws()
    parser.add_argument(
        "--top-k",
        type=positive,
        default=5,
        metavar="K",
        help="with one class per image: the k of top-k accuracy (default: %(default)s)",
    )
    parser.add_argument(
        "--confusion",
        action="store_true",
        help="with one class per image: confusions of students and teacher",
    )
    parser.add_seed()
    parser.add_scheduler("compute metrics and intervals")


def run(args: argparse.Namespace) -> None:
    """Measure the students of one iteration, and print the requested frames."""
    from inficond_panel.commands.shared.students import chosen_node, count_looks, open_students
    from inficond_panel.results.confusions import check_single_label
    from inficond_panel.results.slices import metadata_slices, selection_slice
    from inficond_panel.tuning.thumbs import chosen_classes
    from inficond_panel.vocabulary.confidence import few_draws

    tuner = open_students(args, distilled=False)
    noise = tuner.spec.views.noise(args.draws, args.seed)
    if args.classes:
        args.classes = chosen_classes(args.classes, tuner.store.classes)
    if args.confusion:
        check_single_label(tuner.store)
    masks = {}
    if args.by:
        masks = metadata_slices(tuner.store, args.split, args.by)
    elif args.selection:
        masks = selection_slice(tuner.store, args.split, Path(args.selection))
    tuner.root(progress=progress)
    node = tuner.root() if args.null else chosen_node(tuner, args.node)
    if args.null:
        check_null(tuner, args)
    count_looks(tuner, args.split, node)
    if few := few_draws(noise["level"], noise["draws"]):
        note(few)
    if args.null:
        from inficond_panel.results.null_students import null_frame

        show(
            args,
            null_frame(tuner, args.split, classes=args.classes, draws=args.draws, seed=args.seed),
            tuner.store,
        )
        return
    frames = measured(tuner, node, args, masks)
    left_out = {"groups", "groups_by_label"} if len(frames["classes"]) > 1 else {"groups"}
    left_out |= set() if args.confusion else {"confusions"}
    chosen = [name for name in frames if name not in left_out]
    show_all(args, frames, chosen, store=tuner.store)


def check_null(tuner: Tuner, args: argparse.Namespace) -> None:
    """Raise ``TuningError`` if the students cannot be compared with random words, or if ``--node``
    names another iteration than the original students."""
    from inficond_panel.tuning.null_students import check_comparable
    from inficond_panel.tuning.other_students import find_node

    check_comparable(tuner)
    if args.node is not None and find_node(tuner, args.node).id != tuner.root_id:
        raise TuningError(
            f"--null compares the original students, not iteration {args.node}: thumbs name "
            "concepts, and random words have none of them.",
            "Leave --node out.",
        )


def measured(
    tuner: Tuner, node: Node, args: argparse.Namespace, masks: dict[str, np.ndarray]
) -> dict[str, pd.DataFrame]:
    """Return the frames of metrics by name, for the classes ``args.classes`` (None: all)."""
    from inficond_panel.results import groups, metrics, slices
    from inficond_panel.results.confusions import confusions, metrics_together
    from inficond_panel.results.metric_changes import changes
    from inficond_panel.results.student_accuracy import group_accuracy
    from inficond_panel.results.worst_group import worst_groups

    at, draws = (tuner, node, args.split), {"draws": args.draws, "seed": args.seed}
    chosen, frames = {"classes": args.classes, **draws}, {}
    if tuner.store.task == SINGLE_LABEL:
        frames["together"] = metrics_together(*at, k=args.top_k, **draws)
        frames["confusions"] = confusions(*at)
    frames["classes"] = metrics.metrics(*at, shown=args.metric, progress=progress, **chosen)
    before = {"since_parent": node.parent, "since_start": tuner.root_id} if node.parent else {}
    if node.parent == tuner.root_id:
        del before["since_parent"]
    for name, each in before.items():
        more = {"metrics": tuple(METRICS), "shown": args.metric, **chosen}
        frames[name] = changes(tuner, tuner.node(each), node, args.split, **more)
    by = " and ".join(args.by or ["selection"])
    if masks and tuner.store.task == SINGLE_LABEL:
        level = tuner.spec.views.confidence
        frames["group_accuracy"] = group_accuracy(*at, masks, by, level)
    if masks:
        chosen["min_images"] = args.min_images
        frames["slices"] = slices.slices(
            *at, masks, args.metric, by=by, progress=progress, **chosen
        )
    if args.by:
        frames["groups"], frames["gaps"] = groups.groups(*at, masks, by, args.metric, **chosen)
        frames["groups_by_label"] = groups.groups_by_label(*at, masks, by, **chosen)
        named = {"classes": args.classes, **draws}
        frames["worst_groups"] = worst_groups(*at, args.by, **named)
    return frames
