"""Fairness between groups of images: each group's metrics, worst group, largest difference.

A group is a mask of the images, such as those with one value of a metadata column. The literature
on shortcuts crosses it with the label ("worst-group accuracy"; Sagawa et al. 2020, ICLR,
"Distributionally robust neural networks for group shifts"): ``label_groups`` makes these cells.

All groups share the bootstrap draws, which are of all images. The largest of several differences is
large by chance alone, and the interval allows for that. Let e be the metric of a group, b the
metric on a draw, and q the quantile (of the interval's level) of the range of b - e over the
groups. Then each difference of two groups is within q of the truth, and so is the largest one, d:
[d - q, d + q], at least 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from inficond_panel.distill.metrics.bootstrap import Interval, draw_counts, level_interval
from inficond_panel.distill.metrics.outcome import Outcome
from inficond_panel.distill.metrics.slices import MIN_IMAGES, MIN_POSITIVES, Mask, too_small
from inficond_panel.distill.scores import Array
from inficond_panel.vocabulary.confidence import CONFIDENCE
from inficond_panel.vocabulary.metrics import METRICS


@dataclass(frozen=True)
class Group:
    """Metrics of one class on one group, with intervals.

    ``n`` and ``positives`` count labelled images. ``small`` holds, by metric, the reason why the
    group has too few images to be named worst or best.
    """

    name: str
    n: int
    positives: int
    metrics: dict[str, Interval]
    small: dict[str, str]


@dataclass(frozen=True)
class Gap:
    """Worst and best group by one metric, and their difference (>= 0)."""

    worst: Group
    best: Group
    difference: Interval


@dataclass(frozen=True)
class GroupReport:
    """Metrics of one class on all groups. ``gaps`` holds, by metric, worst and best group, if at
    least two groups have enough images."""

    groups: tuple[Group, ...]
    gaps: dict[str, Gap]


def label_groups(outcome: Outcome, groups: Mapping[str, Mask]) -> dict[str, Mask]:
    """Divide each group by label; return the masks by name: "present · water", "absent · water".

    Empty parts are left out. Within a part all labels are equal, so that accuracy is the only
    informative decision metric."""
    sides = {"present": outcome.label > 0, "absent": outcome.label == 0}
    cells = {
        f"{side} · {name}": mask & there
        for name, mask in groups.items()
        for side, there in sides.items()
    }
    return {name: mask for name, mask in cells.items() if mask.any()}


def compare_groups(
    outcome: Outcome,
    groups: Mapping[str, Mask],
    metrics: Sequence[str] = tuple(METRICS),
    *,
    draws: int = 200,
    seed: int = 0,
    level: float = CONFIDENCE,
    min_images: int = MIN_IMAGES,
    min_positives: int = MIN_POSITIVES,
) -> GroupReport:
    """Compare the metrics of one class between ``groups`` (masks (n,) by name).

    A group with fewer than ``min_images`` images, or ``min_positives`` positives or negatives, is
    small. Raises DataError for an unknown metric, and for fidelity without a teacher.
    """
    limits, reports, drawn = (min_images, min_positives), [], []
    for name, mask in groups.items():
        part = outcome.among(mask)
        counts = draw_counts(len(mask), draws, seed)[:, mask]  # of all images: groups share draws
        values = {key: part.values(key, part.counted(key, counts)) for key in metrics}
        intervals = {key: level_interval(part, key, values[key], level) for key in metrics}
        small = {
            key: why
            for key, interval in intervals.items()
            if (why := too_small(part, key, interval.estimate, limits))
        }
        reports.append(Group(name, len(part.positive), int(part.positive.sum()), intervals, small))
        drawn.append(values)
    gaps = {}
    for key in metrics:
        large = [i for i, group in enumerate(reports) if key not in group.small]
        if len(large) > 1:
            resampled = np.array([drawn[i][key] for i in large])
            gaps[key] = _gap(key, [reports[i] for i in large], resampled, level)
    return GroupReport(tuple(reports), gaps)


def _gap(metric: str, groups: Sequence[Group], resampled: Array, level: float) -> Gap:
    """Return the gap between g groups by a metric, from its values on draws (g, draws)."""
    estimates = np.array([group.metrics[metric].estimate for group in groups])
    order = np.argsort(estimates, kind="stable")
    low, high = groups[order[0]], groups[order[-1]]
    difference = float(np.ptp(estimates))
    ranges = np.ptp(resampled - estimates[:, None], axis=0)
    defined = ranges[~np.isnan(ranges)]
    reach = float(np.quantile(defined, level)) if len(defined) else np.nan
    interval = Interval(
        difference,
        max(difference - reach, 0.0) if len(defined) else np.nan,
        difference + reach,
        len(ranges) - len(defined),
    )
    less = METRICS[metric].less_is_better
    return Gap(high if less else low, low if less else high, interval)
