"""``inficond thresholds``: thresholds of the classes, chosen by the labels of tune."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from inficond_panel.commands.shared.arguments import (
    add_classes,
    add_node,
    add_seed,
    add_tuner,
    share,
)
from inficond_panel.commands.shared.output import note, say, say_json, say_table
from inficond_panel.common.interval import Interval
from inficond_panel.common.numbers import plain, written
from inficond_panel.vocabulary.confidence import confidence_word
from inficond_panel.vocabulary.metrics import F1, PRECISION, RECALL

if TYPE_CHECKING:
    from inficond_panel.analysis.chosen_thresholds import ChosenThreshold

DESCRIPTION = (
    "Chooses by the labels of tune: the threshold of the best F1, or of the most recall at a "
    "precision. Beside it its bootstrap interval, and what it is worth on images that did not "
    "choose it. Nothing is changed: the last line goes into the spec, where it holds for all "
    "iterations. See `inficond docs metrics`."
)
EXAMPLE = "inficond thresholds demo --precision 0.9"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add_tuner(parser)
    add_node(parser)
    add_classes(parser, "class whose threshold is chosen")
    parser.add_argument(
        "--precision",
        type=share,
        metavar="P",
        help="most recall where the precision is P or more (default: the best F1)",
    )
    add_seed(parser)


def run(args: argparse.Namespace) -> None:
    """Choose thresholds, and print the line of a spec that sets them."""
    from inficond_panel.analysis.chosen_thresholds import (
        chosen_thresholds,
        threshold_line,
        threshold_setting,
    )
    from inficond_panel.commands.shared.students import chosen_node, open_students
    from inficond_panel.tuning.node_names import node_title

    tuner = open_students(args)
    node = chosen_node(tuner, args.node)
    choices = chosen_thresholds(
        tuner, node, classes=args.classes, precision=args.precision, seed=args.seed
    )
    setting = threshold_setting(tuner, choices)
    level = tuner.spec.views.confidence
    if args.json:
        classes = {each.class_name: plain(asdict(each)) for each in choices}
        document = {"node": node.id, "level": level, "threshold": setting}
        say_json({**document, "classes": classes})
        return
    rule = "the best F1" if args.precision is None else f"most recall at precision {args.precision}"
    say(f"{node_title(tuner, node)}: thresholds of {rule}, by the labels of tune")
    say()
    say_table(_header(level), [_row(each) for each in choices if not each.lacking])
    for each in choices:
        if each.lacking:
            note(f"{each.class_name} is left out: {each.lacking}.")
    say()
    say("F1, precision and recall are cross-fitted. In the spec, under students:")
    say(f"  {threshold_line(setting)}")


_WORTH = (PRECISION, RECALL)


def _header(level: float) -> list[str]:
    word = confidence_word(level)
    header = ["class", "threshold", word, "now", F1.word, word, "change", word]
    return [*header, *(metric.word for metric in _WORTH)]


def _row(each: ChosenThreshold) -> list[Any]:
    f1, change = each.metrics[F1.key], each.change[F1.key]
    return [
        each.class_name,
        *Interval(each.threshold, each.low, each.high).cells(sign=True),
        written(each.now, sign=True),
        *f1.cells(),
        *change.cells(sign=True),
        *(written(each.metrics[metric.key].estimate) for metric in _WORTH),
    ]
