"""Metrics of students on groups of images, with those of the teacher; the largest differences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from inficond_panel.common.interval import NO_INTERVAL, Interval
from inficond_panel.common.numbers import share
from inficond_panel.distill import (
    GroupReport,
    Outcome,
    compare_groups,
    label_groups,
    metric_intervals,
)
from inficond_panel.distill.metrics.slices import MIN_IMAGES, Gap
from inficond_panel.results.frame import Heading, make_frame, plain_headings
from inficond_panel.results.metrics import facts_of, limits_of
from inficond_panel.results.slices import (
    TEACHER_METRICS,
    TEACHER_PREFIX,
    Masks,
    by_words,
    headings_of,
    of_teacher,
    outcomes_of,
)
from inficond_panel.tuning import Node, Tuner
from inficond_panel.vocabulary.confidence import Noise
from inficond_panel.vocabulary.metrics import (
    ACCURACY,
    AP,
    F1,
    FALSE_POSITIVE_RATE,
    METRICS,
    PRECISION,
    RECALL,
)

#: Metrics whose value rises with the share of positives, however good the student is.
_BY_SHARE = (AP.key, F1.key, PRECISION.key)
#: Least ratio of two groups' shares of positives for a note.
_UNLIKE_SHARES = 1.5
_CALLS = FALSE_POSITIVE_RATE.key


def groups(
    tuner: Tuner,
    node: Node,
    split: str,
    masks: Masks,
    by: str,
    metric: str = AP.key,
    *,
    classes: Sequence[str] | None = None,
    draws: int | None = None,
    seed: int = 0,
    min_images: int = MIN_IMAGES,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return two frames that compare the students on groups of images.

    ``masks`` are the groups by name, over the images of the split; ``by`` names the rule that made
    them. The first frame has a row per class and group with every metric, and the share of the
    images without the class that the student calls (``false_positive_rate``); ``small`` states why
    a group has too few images to be the worst or best by some metrics. ``teacher_recall``, and so
    on, are those of the teacher on the same images. The second frame has a row per class and
    metric: the worst group, the best group, and their ``difference``; ``teacher_value`` and
    ``teacher_best_value`` are the teacher's in these two groups, ``teacher_worst`` and
    ``teacher_difference`` its own worst group and its own difference. The limits of a difference
    account for the choice of two groups among all. A terminal shows ``metric``.
    """
    noise, keys = tuner.spec.views.noise(draws, seed), tuple(METRICS)
    outcomes = outcomes_of(tuner, node, split, classes)
    reports = {
        name: compare_groups(each, masks, keys, min_images=min_images, **noise)
        for name, each in outcomes.items()
    }
    teachers = {name: tuner.teacher_outcomes(split)[name] for name in outcomes}
    of_teachers = {
        name: compare_groups(each, masks, TEACHER_METRICS, min_images=min_images, **noise)
        for name, each in teachers.items()
    }
    beside = {
        (name, part): {
            **limits_of({_CALLS: _false_calls(outcomes[name].among(mask), noise)}),
            **of_teacher({_CALLS: _false_calls(each.among(mask), noise)}),
        }
        for name, each in teachers.items()
        for part, mask in masks.items()
    }
    facts = {**facts_of(tuner, node, split, noise), "by": by}
    words = by_words(tuner.store, by)
    of_groups = _group_frame(reports, of_teachers, words, metric, beside, facts, noise["level"])
    return of_groups, _differences(reports, of_teachers, words, metric, facts, noise["level"])


def groups_by_label(
    tuner: Tuner,
    node: Node,
    split: str,
    masks: Masks,
    by: str,
    *,
    classes: Sequence[str] | None = None,
    draws: int | None = None,
    seed: int = 0,
    min_images: int = MIN_IMAGES,
) -> pd.DataFrame:
    """Return a frame of the accuracy in each cell of label and group, such as "absent · water".

    Arguments as in ``groups``; ``teacher_accuracy`` is the teacher's. The least accuracy of a class
    is the worst-group accuracy, which ``results.worst_group`` has with its limits.
    """
    noise = tuner.spec.views.noise(draws, seed)
    how: dict[str, Any] = {"min_images": min_images, **noise}

    def compared(outcomes: Mapping[str, Outcome]) -> dict[str, GroupReport]:
        return {
            name: compare_groups(each, label_groups(each, masks), (ACCURACY.key,), **how)
            for name, each in outcomes.items()
        }

    reports = compared(outcomes_of(tuner, node, split, classes))
    of_teachers = compared({name: tuner.teacher_outcomes(split)[name] for name in reports})
    words = f"label and {by_words(tuner.store, by)}"
    facts = {**facts_of(tuner, node, split, noise), "by": f"label and {by}"}
    return _group_frame(reports, of_teachers, words, ACCURACY.key, {}, facts, noise["level"])


def _group_frame(
    reports: Mapping[str, GroupReport],
    of_teachers: Mapping[str, GroupReport],
    by: str,
    metric: str,
    beside: Mapping[tuple[str, str], Mapping[str, Any]],
    facts: Mapping[str, Any],
    level: float,
) -> pd.DataFrame:
    """Return the frame of groups; ``beside`` are more columns by class and group."""
    both = {_CALLS: "false calls", f"{TEACHER_PREFIX}{_CALLS}": "teacher"}
    calls = both if metric == RECALL.key else {}
    rows = [
        {
            "class": name,
            "group": each.name,
            "images": each.n,
            "positives": each.positives,
            **limits_of(each.metrics),
            **of_teacher(theirs.metrics),
            **beside.get((name, each.name), {}),
            "small": "; ".join(dict.fromkeys(each.small.values())),
        }
        for name, report in reports.items()
        for each, theirs in zip(report.groups, of_teachers[name].groups, strict=True)
    ]
    return make_frame(
        rows,
        ["class", "group"],
        {**headings_of("group", metric), **plain_headings(**calls), "small": Heading("")},
        title=f"groups by {by}, {metric}",
        facts=facts,
        level=level,
    )


def _false_calls(part: Outcome, noise: Noise) -> Interval:
    """Return the share of the images without the class that is called, with its interval."""
    right = metric_intervals(part.among(part.label == 0), (ACCURACY.key,), **noise)[ACCURACY.key]
    return replace(right, estimate=1 - right.estimate, low=1 - right.high, high=1 - right.low)


def _differences(
    reports: Mapping[str, GroupReport],
    of_teachers: Mapping[str, GroupReport],
    by: str,
    metric: str,
    facts: Mapping[str, Any],
    level: float,
) -> pd.DataFrame:
    rows: list[dict[str, Any]] = [
        {
            "class": name,
            "metric": key,
            "worst": gap.worst.name,
            **gap.worst.metrics[key].columns("value"),
            "best": gap.best.name,
            "best_value": gap.best.metrics[key].estimate,
            **gap.difference.columns("difference"),
            **_gap_of_teacher(of_teachers[name], key, gap),
        }
        for name, report in reports.items()
        for key, gap in report.gaps.items()
    ]
    none = [repr(name) for name, report in reports.items() if metric not in report.gaps]
    few = [f"Fewer than two groups are large enough for {', '.join(none)}."] if none else []
    by_itself = f", not for that of a class among {len(reports)}" if len(reports) > 1 else ""
    told = f"The interval of a difference allows for the choice of the two groups{by_itself}."
    chosen = [told] * bool(rows)
    column = METRICS[metric].column
    return make_frame(
        rows,
        ["class", "metric"],
        {
            **plain_headings("class", "worst", value=column),
            "teacher_value": Heading("teacher", limits=False, missing=""),
            **plain_headings("best", best_value=column),
            "teacher_best_value": Heading("teacher", limits=False, missing=""),
            "difference": Heading("difference"),
        },
        title=f"largest difference by {by}, {metric}",
        notes=[
            *chosen,
            *_of_teacher_alone(of_teachers, metric, level),
            *_unlike_shares(reports, metric),
            *few,
        ],
        facts=facts,
        level=level,
        shown=[position for position, row in enumerate(rows) if row["metric"] == metric],
    )


def _gap_of_teacher(report: GroupReport, key: str, of_student: Gap) -> dict[str, Any]:
    """Return the teacher's values in the student's worst and best group, and its own difference;
    undefined for a metric that the teacher does not have."""
    named = {group.name: group.metrics for group in report.groups}
    at = [named[each.name].get(key, NO_INTERVAL) for each in (of_student.worst, of_student.best)]
    own = report.gaps.get(key)
    return {
        **at[0].columns("teacher_value"),
        "teacher_best_value": at[1].estimate,
        "teacher_worst": own.worst.name if own else None,
        **(own.difference if own else NO_INTERVAL).columns("teacher_difference"),
    }


def _of_teacher_alone(
    reports: Mapping[str, GroupReport], metric: str, level: float
) -> Iterator[str]:
    """Yield a note on the classes of which the teacher's own largest difference is no noise."""
    gaps = {name: each.gaps[metric] for name, each in reports.items() if metric in each.gaps}
    clear = [
        f"{name} {gap.difference.text()}, worst {gap.worst.name}"
        for name, gap in gaps.items()
        if gap.difference.low > 0
    ]
    if clear:
        told = f"The teacher's own largest difference is more than noise for: {'; '.join(clear)}."
        yield f"{told} {_by_chance(len(gaps), level)}".rstrip()


def _by_chance(classes: int, level: float) -> str:
    """Return a sentence on how often one of several classes stands out by chance; "" of one."""
    if classes < 2:
        return ""
    chance = share(1 - level**classes)
    return (
        f"Each of {classes} classes is compared by itself: by chance one or more stand out in "
        f"about {chance} of such tables."
    )


def _unlike_shares(reports: Mapping[str, GroupReport], metric: str) -> Iterator[str]:
    """Yield a note on the classes of which worst and best group have unlike shares of positives, if
    the metric depends on that share."""
    if metric not in _BY_SHARE:
        return
    gaps = {name: each.gaps[metric] for name, each in reports.items() if metric in each.gaps}
    shares = {
        name: tuple(group.positives / group.n for group in (gap.worst, gap.best))
        for name, gap in gaps.items()
    }
    unlike = [
        f"{name} {share(low)} and {share(high)}"
        for name, (low, high) in shares.items()
        if max(low, high) >= _UNLIKE_SHARES * min(low, high)
    ]
    if unlike:
        word = METRICS[metric].word
        yield (
            f"{word} rises with the share of positives, which can make a difference or hide one. "
            f"Positives in the worst and the best group: {'; '.join(unlike)}. Compare recall and "
            "accuracy besides."
        )
