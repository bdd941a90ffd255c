"""``inficond metrics``: all metrics of an iteration, with their noise, and by slice."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inficond_panel.commands.shared.arguments import (
    add_classes,
    add_node,
    add_seed,
    add_split,
    add_tuner,
    positive,
)
from inficond_panel.commands.shared.output import note, progress, say, say_json
from inficond_panel.vocabulary.confidence import few_draws
from inficond_panel.vocabulary.metrics import AP, METRICS

if TYPE_CHECKING:
    from inficond_panel.results.node_metrics import ClassMeasures
    from inficond_panel.results.top_measures import SingleLabelMeasures
    from inficond_panel.tuning import Node, Tuner

DESCRIPTION = (
    "Every metric with its bootstrap interval, and the change since the parent iteration and "
    "since the start. With --by or --selection also on slices of the images: the worst one is "
    "named, and whether it is more than bad luck. With --by also the largest difference between "
    "groups, and the accuracy by label and group. With one class an image also of all students as "
    "one classifier. See `inficond docs metrics`."
)
EXAMPLE = "inficond metrics demo --class bicycle --metric f1"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add_tuner(parser)
    add_node(parser)
    add_classes(parser, "class to measure")
    add_split(parser)
    parser.add_argument(
        "--metric",
        choices=METRICS,
        default=AP.key,
        help="the one whose noise and slices are printed (default: %(default)s); --json has all",
    )
    slices = parser.add_mutually_exclusive_group()
    slices.add_argument(
        "--by",
        action="append",
        metavar="COLUMN",
        help="metadata column of the data set, or a class; given twice: the combinations of two",
    )
    slices.add_argument("--selection", metavar="FILE", help="image ids, one a line")
    parser.add_argument(
        "--min-images",
        type=positive,
        default=30,
        metavar="N",
        help="smaller slices are shown, but not tested (default: 30)",
    )
    parser.add_argument(
        "--draws", type=positive, metavar="N", help="bootstrap draws (default: as the spec says)"
    )
    parser.add_argument(
        "--top-k",
        type=positive,
        default=5,
        metavar="K",
        help="with one class an image: the k of top-k accuracy (default: %(default)s)",
    )
    parser.add_argument(
        "--confusion",
        action="store_true",
        help="with one class an image: which class is taken for which, beside the teacher",
    )
    add_seed(parser)


def run(args: argparse.Namespace) -> None:
    """Measure the students of one iteration."""
    from inficond_panel.commands.metrics.metrics_document import document
    from inficond_panel.commands.metrics.metrics_tables import (
        groups_document,
        say_groups,
        say_slices,
    )
    from inficond_panel.commands.shared.students import (
        chosen_node,
        count_look,
        open_students,
        settle_draws,
    )
    from inficond_panel.results.node_metrics import measure_groups, measure_node, measure_slices
    from inficond_panel.results.top_measures import check_single_label, measure_single_label

    tuner = open_students(args, distilled=False)
    settle_draws(args, tuner)
    _check_classes(tuner, args.classes)
    if args.confusion:
        check_single_label(tuner.store)
    slices = _slices(tuner, args)
    tuner.root(progress=progress)
    node = chosen_node(tuner, args.node)
    count_look(tuner, node, args.split)
    chosen = {"classes": args.classes, "draws": args.draws, "seed": args.seed}
    measures = measure_node(tuner, node, args.split, progress=progress, **chosen)
    noise = {"k": args.top_k, "draws": args.draws, "seed": args.seed}
    single = tuner.store.task == "single_label"
    together = measure_single_label(tuner, node, args.split, **noise) if single else None
    reports = groups = None
    if slices:
        chosen |= {"min_images": args.min_images}
        reports = measure_slices(
            tuner, node, args.split, slices, args.metric, progress=progress, **chosen
        )
    if args.by:
        groups = measure_groups(tuner, node, args.split, slices, **chosen)
    level = tuner.spec.views.confidence
    if args.json:
        found = document(tuner, node, args, measures, reports, together)
        say_json({**found, "groups": groups_document(groups) if groups else None})
        return
    _say_measures(tuner, node, args, measures, together)
    if reports:
        say()
        say_slices(reports, args, level)
    if groups:
        say()
        say_groups(groups, args, level)


def _say_measures(
    tuner: Tuner,
    node: Node,
    args: argparse.Namespace,
    measures: dict[str, ClassMeasures],
    together: SingleLabelMeasures | None,
) -> None:
    from inficond_panel.commands.metrics.metrics_tables import (
        say_confusions,
        say_metrics,
        say_noise,
        say_together,
    )
    from inficond_panel.tuning.node_names import node_title

    level = tuner.spec.views.confidence
    say(f"{node_title(tuner, node)}, split {args.split}, {args.draws} bootstrap draws")
    if few := few_draws(level, args.draws):
        note(few)
    say()
    if together:
        say_together(together, level)
        say()
    if together and args.confusion:
        say_confusions(together, tuner.store.classes, level)
        say()
    say_metrics(measures, level)
    say()
    say_noise(measures, args.metric, level)


def _check_classes(tuner: Tuner, classes: list[str] | None) -> None:
    from inficond_panel.tuning.intents.intent import chosen_names

    chosen_names("class", classes, tuner.store.classes)


def _slices(tuner: Tuner, args: argparse.Namespace) -> dict[str, Any]:
    """Masks asked for; read before anything is counted or computed."""
    from inficond_panel.results.node_metrics import metadata_slices, selection_slice

    if args.by:
        return metadata_slices(tuner.store, args.split, args.by)
    if args.selection:
        return selection_slice(tuner.store, args.split, Path(args.selection))
    return {}
