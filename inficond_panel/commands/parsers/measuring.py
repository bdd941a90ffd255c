"""Arguments of the commands that measure students: metrics, stability."""

from __future__ import annotations

import argparse

from inficond_panel.commands.parsers.common import (
    add_command,
    add_node,
    add_split,
    add_tuner,
    positive,
    whole,
)
from inficond_panel.vocabulary.metrics import AP, METRICS


def add_measuring_commands(commands: argparse._SubParsersAction) -> None:
    """Add metrics and stability."""
    metrics = add_command(
        commands,
        "metrics",
        "metrics",
        "Measure the students of an iteration: all metrics, their noise, and by slice.",
        "Every metric with its bootstrap interval, and the change since the parent iteration and "
        "since the start. With --by or --selection also on slices of the images: the worst one is "
        "named, and whether it is more than bad luck. See docs/metrics.md.",
        "inficond metrics demo --metric f1",
    )
    stability = add_command(
        commands,
        "stability",
        "stability",
        "Tell whether the influences of a student hold.",
        "Refits the student on bootstrap samples of the images, and puts random counterparts in "
        "the place of its concepts. Takes some seconds a concept. See docs/metrics.md.",
        "inficond stability demo --class bicycle --top 3",
    )
    for command in (metrics, stability):
        add_tuner(command)
        add_node(command)
        command.add_argument("--seed", type=whole, default=0, metavar="N", help="default: 0")
    add_split(metrics)
    _add_metrics_flags(metrics)
    stability.add_argument("--class", dest="class_name", metavar="NAME", required=True)
    which = stability.add_mutually_exclusive_group()
    which.add_argument(
        "--concept", dest="concepts", action="append", metavar="NAME", help="may be repeated"
    )
    which.add_argument(
        "--top", type=positive, default=5, metavar="N", help="most influential (default: 5)"
    )
    stability.add_argument(
        "--draws", type=positive, default=100, metavar="N", help="bootstrap refits (default: 100)"
    )
    stability.add_argument(
        "--counterparts",
        type=whole,
        default=199,
        metavar="N",
        help="random counterparts of each concept (default: 199; 0: none)",
    )


def _add_metrics_flags(metrics: argparse.ArgumentParser) -> None:
    metrics.add_argument(
        "--class", dest="classes", action="append", metavar="NAME", help="may be repeated"
    )
    metrics.add_argument(
        "--metric",
        choices=METRICS,
        default=AP.key,
        help="the one whose noise and slices are printed (default: %(default)s); --json has all",
    )
    slices = metrics.add_mutually_exclusive_group()
    slices.add_argument(
        "--by",
        action="append",
        metavar="COLUMN",
        help="metadata column of the data set; given twice: the combinations of two",
    )
    slices.add_argument("--selection", metavar="FILE", help="image ids, one a line")
    metrics.add_argument(
        "--min-images",
        type=positive,
        default=30,
        metavar="N",
        help="smaller slices are shown, but not tested (default: 30)",
    )
    metrics.add_argument(
        "--draws", type=positive, default=200, metavar="N", help="bootstrap draws (default: 200)"
    )
