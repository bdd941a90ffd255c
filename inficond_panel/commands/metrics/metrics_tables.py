"""Tables that ``inficond metrics`` prints: of classes and, with ``--by``, of groups of images."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from inficond_panel.commands.metrics.metrics_document import interval_documents
from inficond_panel.commands.shared.output import note, say, say_table
from inficond_panel.common.interval import OUTSIDE_NOTE
from inficond_panel.common.numbers import count, defined, written
from inficond_panel.distill import (
    Gap,
    Group,
    GroupReport,
    Interval,
    SliceReport,
    SliceResult,
    worst_of_all,
)
from inficond_panel.results.node_metrics import ClassGroups, ClassMeasures
from inficond_panel.results.top_measures import SingleLabelMeasures
from inficond_panel.vocabulary.confidence import confidence_word
from inficond_panel.vocabulary.metrics import ACCURACY, AP, ECE, METRICS
from inficond_panel.vocabulary.top_metrics import TOP_K, TOP_METRICS
from inficond_panel.wording.slices import worst_slice_sentence
from inficond_panel.wording.teacher import teacher_sentences

_SLICE_HEADER = ["class", "slice", "images", "positives"]
_CELLS = 20  #: confusions that are listed


def say_metrics(measures: Mapping[str, ClassMeasures], confidence: float) -> None:
    """Print all metrics by class, with the AP of the teacher and its interval at that level."""
    others = [key for key in METRICS if key != AP.key]
    rows = [
        [
            *(name, written(each.metrics[AP.key].estimate), *_level(each.teacher.ap)),
            *(
                written(each.teacher.chance),
                *(written(each.metrics[key].estimate) for key in others),
            ),
        ]
        for name, each in measures.items()
    ]
    teacher = ["teacher's ap", confidence_word(confidence), "chance"]
    say_table(["class", AP.key, *teacher, *others], rows)
    for line in teacher_sentences({name: each.teacher for name, each in measures.items()}):
        note(line)
    for name, each in measures.items():
        undefined = [key for key in METRICS if defined(each.metrics[key].estimate) is None]
        if undefined:
            why = f"{each.positives} positives among {each.n} labelled images"
            note(f"Undefined for {name!r} ({why}): {', '.join(undefined)}.")
        if each.chosen_on:
            note(
                f"{name!r} is cross-fitted: the labels of {count(each.chosen_on)} of these images "
                "chose its terms, and each is judged by a student that was made without it."
            )


def say_noise(measures: Mapping[str, ClassMeasures], metric: str, confidence: float) -> None:
    """Print a metric by class with its intervals, at that level, and changes."""
    rows = []
    for name, each in measures.items():
        level = each.metrics[metric]
        row = [name, *level.cells()]
        for change in (each.since_parent, each.since_start):
            row.append(change_text(change[metric]) if change else "–")
        if metric == ECE.key:
            row.append(written(each.ece_floor))
        rows.append(row)
    header = ["class", metric, confidence_word(confidence), "since the parent", "since the start"]
    say_table([*header, "if calibrated"] if metric == ECE.key else header, rows)
    _say_outside(each.metrics[metric] for each in measures.values())


def say_slices(
    reports: Mapping[str, SliceReport], args: argparse.Namespace, confidence: float
) -> None:
    """Print the worst slice of each class; all of them where one class is asked for."""
    tests = next(iter(reports.values())).tests
    rows = []
    for name, report in reports.items():
        chosen = report.slices if len(reports) == 1 else [report.worst] if report.worst else []
        rows += [_slice_row(name, found) for found in chosen if found]
    what = "slices" if len(reports) == 1 else "worst slice of each class"
    say(f"{what} by {' and '.join(args.by) if args.by else 'selection'}, {args.metric}")
    say()
    header = [*_SLICE_HEADER, args.metric, confidence_word(confidence)]
    say_table([*header, "rest", "expected", "p", "p (Holm)"], rows)
    small = sum(bool(found.small) for report in reports.values() for found in report.slices)
    if small:
        note(f"{small} small slices are not tested and never the worst.")
    note(
        f"Among {tests} slices tested, some look bad by luck: p (Holm) allows for that. Expected "
        "is what as many images with the same labels, drawn at random, would give."
        if tests
        else "No slice is tested: none is large enough with a rest to hold it against."
    )
    worst = worst_of_all(reports)
    if worst:
        say()
        say(worst_slice_sentence(*worst, args.metric))


def _slice_row(name: str, result: SliceResult) -> list[str]:
    tests = [result.small, "", ""] if result.small else [
        written(result.expected), written(result.p), written(result.p_holm)
    ]  # fmt: skip
    return [
        name,
        result.name,
        str(result.n),
        str(result.positives),
        *result.interval.cells(),
        written(result.rest),
        *tests,
    ]


def change_text(interval: Interval) -> str:
    """A change with its interval, and what it amounts to."""
    if defined(interval.low) is None:
        return "undefined"
    return f"{interval.written(sign=True)} {interval.words}"


def say_together(measures: SingleLabelMeasures, level: float) -> None:
    """Print the metrics of all students as one classifier, beside the teacher's, with intervals."""
    word, rows = confidence_word(level), []
    for key in measures.students:
        name = TOP_METRICS[key].word.replace("top-k", f"top-{measures.k}")
        changes = [
            change_text(change[key]) if change else "–"
            for change in (measures.since_parent, measures.since_start)
        ]
        rows.append(
            [name, *_level(measures.students[key]), *_level(measures.teacher.get(key)), *changes]
        )
    header = ["all classes", "students", word, "teacher", word]
    say_table([*header, "since the parent", "since the start"], rows)
    _say_outside([*measures.students.values(), *measures.teacher.values()])
    if defined(measures.students[TOP_K.key].estimate) is None:
        note(f"Top-{measures.k} accuracy is undefined: {TOP_METRICS[TOP_K.key].undefined}.")


def say_confusions(measures: SingleLabelMeasures, classes: Sequence[str], level: float) -> None:
    """Print which class is taken for which, the most images first."""
    rows = [
        [
            classes[cell.label],
            classes[cell.named],
            str(cell.images),
            *cell.share.cells(),
            str(int(measures.teacher_matrix[cell.label, cell.named])),
        ]
        for cell in measures.confusions[:_CELLS]
    ]
    header = ["class", "taken for", "images", "share", confidence_word(level)]
    say_table([*header, "teacher's images"], rows)
    if len(measures.confusions) > _CELLS:
        say(f"and {len(measures.confusions) - _CELLS} more; --json has all")


def _level(interval: Interval | None) -> list[str]:
    if interval is None:
        return ["–", "–"]
    return interval.cells()


def _say_outside(intervals: Iterable[Interval]) -> None:
    if any(interval.outside for interval in intervals):
        note(OUTSIDE_NOTE)


def say_groups(groups: Mapping[str, ClassGroups], args: argparse.Namespace, level: float) -> None:
    """Print worst group and largest difference of each class, of groups and of cells.

    Where one class is asked for, all cells too. Intervals are at ``level``.
    """
    by = " and ".join(args.by)
    say(f"largest difference by {by}, {args.metric}")
    say()
    _say_gaps({name: each.groups for name, each in groups.items()}, args.metric, level)
    say()
    say(f"largest difference by label and {by}, {ACCURACY.key}")
    say()
    _say_gaps({name: each.cells for name, each in groups.items()}, ACCURACY.key, level)
    if len(groups) == 1:
        say()
        ((_, only),) = groups.items()
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
        *worst.cells(),
        gap.best.name,
        written(best.estimate),
        *gap.difference.cells(),
    ]


def _cell_row(group: Group) -> list[str]:
    key = ACCURACY.key
    return [group.name, str(group.n), *group.metrics[key].cells(), group.small.get(key, "")]


def groups_document(groups: Mapping[str, ClassGroups]) -> dict[str, Any]:
    """Groups and cells of each class, with worst, best and difference by metric."""
    return {
        name: {"groups": _report(each.groups), "by_label": _report(each.cells)}
        for name, each in groups.items()
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
                "value": gap.worst.metrics[metric].json(),
                "best": gap.best.name,
                "difference": gap.difference.json(),
            }
            for metric, gap in report.gaps.items()
        },
    }
