"""Tables of groups that ``inficond metrics --by`` prints, and their part of its document."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from inficond_panel.analysis.node_metrics import ClassGroups
from inficond_panel.commands.metrics.metrics_document import interval_document, interval_documents
from inficond_panel.commands.shared.output import note, say, say_table
from inficond_panel.common.numbers import written, written_range
from inficond_panel.distill import Gap, Group, GroupReport, Interval
from inficond_panel.vocabulary.confidence import confidence_word
from inficond_panel.vocabulary.metrics import ACCURACY


def say_groups(found: Mapping[str, ClassGroups], args: argparse.Namespace, level: float) -> None:
    """Print worst group and largest difference of each class, of groups and of cells.

    Where one class is asked for, all cells too. Intervals are at ``level``.
    """
    by = " and ".join(args.by)
    say(f"largest difference by {by}, {args.metric}")
    say()
    _say_gaps({name: each.groups for name, each in found.items()}, args.metric, level)
    say()
    say(f"largest difference by label and {by}, {ACCURACY.key}")
    say()
    _say_gaps({name: each.cells for name, each in found.items()}, ACCURACY.key, level)
    if len(found) == 1:
        say()
        ((_, only),) = found.items()
        rows = [_cell_row(group) for group in only.cells.groups]
        say_table(["label and group", "images", ACCURACY.key, confidence_word(level), ""], rows)
    note("The interval of a difference allows for the choice of the two groups out of all.")


def _say_gaps(reports: Mapping[str, GroupReport], metric: str, level: float) -> None:
    rows = [
        [name, *_gap_row(report.gaps[metric], metric)]
        for name, report in reports.items()
        if metric in report.gaps
    ]
    word = confidence_word(level)
    header = ["class", "worst", metric, word, "best", metric, "difference", word]
    say_table(header, rows)
    lost = [name for name, report in reports.items() if metric not in report.gaps]
    if lost:
        note(f"Fewer than two groups are large enough for {', '.join(map(repr, lost))}.")


def _gap_row(gap: Gap, metric: str) -> list[str]:
    worst, best = gap.worst.metrics[metric], gap.best.metrics[metric]
    return [
        gap.worst.name,
        *_written(worst),
        gap.best.name,
        written(best.estimate),
        *_written(gap.difference),
    ]


def _cell_row(group: Group) -> list[str]:
    key = ACCURACY.key
    return [group.name, str(group.n), *_written(group.metrics[key]), group.small.get(key, "")]


def _written(found: Interval) -> list[str]:
    return [written(found.estimate), written_range(found.low, found.high)]


def groups_document(found: Mapping[str, ClassGroups]) -> dict[str, Any]:
    """Groups and cells of each class, with worst, best and difference by metric."""
    return {
        name: {"groups": _report(each.groups), "by_label": _report(each.cells)}
        for name, each in found.items()
    }


def _report(report: GroupReport) -> dict[str, Any]:
    return {
        "groups": [
            {
                "group": group.name,
                "images": group.n,
                "positives": group.positives,
                "metrics": interval_documents(group.metrics),
                "small": group.small or None,
            }
            for group in report.groups
        ],
        "gaps": {
            metric: {
                "worst": gap.worst.name,
                "value": interval_document(gap.worst.metrics[metric]),
                "best": gap.best.name,
                "difference": interval_document(gap.difference),
            }
            for metric, gap in report.gaps.items()
        },
    }
