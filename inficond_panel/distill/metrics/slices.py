"""Metrics on slices and groups of the images, and which slices are worse than chance.

A slice is a subset of the images: the images with one value of a metadata column, or a selection.
Whether it is worse than chance is tested by ``permutation_tests``.

Groups are slices compared with each other, for fairness. The literature on shortcuts crosses them
with the label ("worst-group accuracy"; Sagawa et al. 2020, ICLR, "Distributionally robust neural
networks for group shifts"): ``label_groups`` makes these cells. A group's intervals are those of
its images alone, as of a slice. For differences all groups share the bootstrap draws, which are of
all images. The largest of several differences is large by chance alone, and the interval allows for
that. Let e be the metric of a group, b the metric on a draw, and q the quantile (of the interval's
level) of the range of b - e over the groups. Then each difference of two groups is within q of the
truth, and so is the largest one, d: [d - q, d + q], at least 0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import ndtri

from inficond_panel.common.interval import Interval
from inficond_panel.distill.metrics.bootstrap import draw_counts, metric_intervals
from inficond_panel.distill.metrics.groups import distinct
from inficond_panel.distill.metrics.outcome import Mask, Outcome
from inficond_panel.distill.metrics.permutation_tests import (
    Draws,
    Luck,
    SliceTest,
    adjusted_limits,
    all_draws,
    holm,
    most_draws,
)
from inficond_panel.distill.sources import Array
from inficond_panel.errors import DataError
from inficond_panel.vocabulary.confidence import CONFIDENCE, DRAWS, tails
from inficond_panel.vocabulary.metrics import AP, METRICS

#: Mark between the values of several columns.
BETWEEN = " · "
#: A slice with fewer images, or fewer positives or negatives where the metric needs them, is shown
#: as small, but neither tested nor named the worst.
MIN_IMAGES = 30
MIN_POSITIVES = 10
#: Largest number of slices of a column; a column of more values rather names single images.
MOST_SLICES = 200
#: Name of the slice of the images whose value is not known.
NOT_KNOWN = "(none)"


@dataclass(frozen=True)
class SliceResult:
    """Metrics of one class on one slice.

    ``n`` and ``positives`` count labelled images. ``metrics`` holds all METRICS; the other fields
    belong to the requested metric: interval, value on all other images (``rest``), permutation
    test by so many ``draws``, with the Monte Carlo interval ``p_holm_limits``. ``small`` is "", or
    the reason why the slice was not tested and p is nan."""

    name: str
    n: int
    positives: int
    metrics: dict[str, float]
    interval: Interval
    rest: float
    small: str
    expected: float = np.nan
    p: float = np.nan
    p_holm: float = np.nan
    p_holm_limits: tuple[float, float] = (np.nan, np.nan)
    draws: int = 0


@dataclass(frozen=True)
class SliceReport:
    """Metrics of one class on all slices. ``whole`` is the metric on all images, ``tests`` the
    number of p-values in Holm's adjustment."""

    metric: str
    whole: float
    slices: tuple[SliceResult, ...]
    tests: int

    @property
    def worse(self) -> list[SliceResult]:
        """Tested slices whose value is worse than expected of random images, the worst first."""
        sign = -1 if METRICS[self.metric].less_is_better else 1
        worse = [s for s in self.slices if sign * (s.interval.estimate - s.expected) < 0]
        return sorted(worse, key=lambda part: sign * part.interval.estimate)

    @property
    def worst(self) -> SliceResult | None:
        """The worst of ``worse``; None if there is none."""
        return next(iter(self.worse), None)


def slices_by(*columns: Sequence[str]) -> dict[str, Mask]:
    """Return by value the mask (n,) of the images with that value of a column of texts, or with
    that combination of values of several columns.

    An empty text is named ``NOT_KNOWN``. Raises DataError for more than MOST_SLICES slices."""
    named = [[text or NOT_KNOWN for text in column] for column in columns]
    keys = np.array([BETWEEN.join(texts) for texts in zip(*named, strict=True)])
    names = np.unique(keys)
    if len(names) > MOST_SLICES:
        raise DataError(
            f"The column has {len(names)} different values, too many for slices.",
            f"Group them into at most {MOST_SLICES} values.",
        )
    return {str(name): keys == name for name in names}


def compare_slices(
    outcomes: Mapping[str, Outcome],
    slices: Mapping[str, Mask],
    metric: str = AP.key,
    *,
    draws: int = DRAWS,
    permutations: int | None = None,
    seed: int = 0,
    level: float = CONFIDENCE,
    min_images: int = MIN_IMAGES,
    min_positives: int = MIN_POSITIVES,
    progress: Callable[[float, str], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> dict[str, SliceReport]:
    """Compare a metric between ``slices`` (masks (n,) by name), for each class of ``outcomes``.

    Returns the reports by class. P-values are adjusted over all classes and slices.
    ``permutations`` is the largest number of draws per test, by default ``most_draws``.
    """
    limits = min_images, min_positives
    by_class = {
        name: _described(outcome, slices, metric, draws, seed, level, limits)
        for name, outcome in outcomes.items()
    }
    tests = [
        SliceTest(name, slices[part.name], part.metrics[metric])
        for name, parts in by_class.items()
        for part in parts
        if not part.small
    ]
    images = max((outcome.images(metric) for outcome in outcomes.values()), default=0)
    drawn = all_draws(
        tests,
        lambda name: Luck(outcomes[name], metric, seed),
        permutations or most_draws(len(tests), images),
        progress,
        cancelled,
    )
    found = zip(drawn, holm([each.p for each in drawn]), adjusted_limits(drawn), strict=True)
    return {
        name: SliceReport(
            metric,
            outcomes[name].value(metric),
            tuple(part if part.small else _with_test(part, *next(found)) for part in parts),
            len(tests),
        )
        for name, parts in by_class.items()
    }


def _with_test(
    part: SliceResult, drawn: Draws, p_holm: float, limits: tuple[float, float]
) -> SliceResult:
    return replace(
        part,
        expected=drawn.expected,
        p=drawn.p,
        p_holm=p_holm,
        p_holm_limits=limits,
        draws=drawn.drawn,
    )


def worst_of_all(reports: Mapping[str, SliceReport]) -> tuple[str, SliceResult] | None:
    """Return (class, slice) with the smallest p, of those worse than ``expected``; of equal p the
    one furthest from it.

    None if there is none."""
    return min(
        [(name, part) for name, report in reports.items() for part in report.worse],
        key=lambda pair: (pair[1].p, -abs(pair[1].expected - pair[1].interval.estimate)),
        default=None,
    )


def _described(
    outcome: Outcome,
    slices: Mapping[str, Mask],
    metric: str,
    draws: int,
    seed: int,
    level: float,
    limits: tuple[int, int],
) -> list[SliceResult]:
    """Return metrics and intervals of one class on all slices, before the permutation tests."""
    masks = np.stack(list(slices.values())).astype(np.uint8)
    values = {name: outcome.values(name, outcome.counted(name, masks)) for name in METRICS}
    rest = outcome.values(metric, outcome.counted(metric, 1 - masks))
    described = []
    for i, (name, mask) in enumerate(slices.items()):
        part = outcome.among(mask)
        interval = metric_intervals(part, (metric,), draws=draws, seed=seed, level=level)[metric]
        n, positives = len(part.positive), int(part.positive.sum())
        described.append(
            SliceResult(
                name=name,
                n=n,
                positives=positives,
                metrics={key: float(value[i]) for key, value in values.items()},
                interval=interval,
                rest=float(rest[i]),
                small=too_small(part, metric, interval.estimate, limits)
                or ("nothing to compare with" if np.isnan(rest[i]) else ""),
            )
        )
    return described


def too_small(part: Outcome, metric: str, value: float, limits: tuple[int, int]) -> str:
    """Return why the images of ``part`` are too few to compare them by the metric, or "".

    ``limits`` are the least number of images, and the least number of positives and of negatives;
    near-equal images count once.
    """
    images = distinct(part.groups(metric), np.ones(part.images(metric), dtype=bool))
    if images < limits[0]:
        return f"fewer than {limits[0]} images"
    positives, negatives = part.distinct(True), part.distinct(False)
    if METRICS[metric].needs_both_sides and min(positives, negatives) < limits[1]:
        kind = "positives" if positives < limits[1] else "negatives"
        return f"fewer than {limits[1]} {kind}"
    return "undefined" if np.isnan(value) else ""


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
    draws: int = DRAWS,
    seed: int = 0,
    level: float = CONFIDENCE,
    min_images: int = MIN_IMAGES,
    min_positives: int = MIN_POSITIVES,
) -> GroupReport:
    """Compare the metrics of one class between ``groups`` (masks (n,) by name).

    A group with fewer than ``min_images`` images, or ``min_positives`` positives or negatives, is
    small. Raises DataError for an unknown metric, and for fidelity without a teacher.
    """
    limits, reports, drawn = (min_images, min_positives), list[Group](), list[dict[str, Array]]()
    for name, mask in groups.items():
        part = outcome.among(mask)
        counts = draw_counts(len(mask), draws, seed, outcome.group)[:, mask]  # shared draws
        intervals = metric_intervals(part, metrics, draws=draws, seed=seed, level=level)
        values = {
            key: _share_draws(intervals[key], draws, [seed, len(reports)], level)
            if part.independent(key) is not None and key != AP.key
            else part.values(key, part.counted(key, counts))
            for key in metrics
        }
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


def _share_draws(share: Interval, draws: int, seed: Sequence[int], level: float) -> Array:
    """Return values (draws,) of a share of images as its interval has them, normal on each side: on
    bootstrap draws a share of 0 or 1 would never change, and a difference from it be too sure."""
    z = np.random.default_rng(seed).standard_normal(draws)
    reach = np.where(z < 0, share.estimate - share.low, share.high - share.estimate)
    return np.asarray(share.estimate + z * reach / ndtri(tails(level)[1]))


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
        min(difference + reach, 1.0),  # all metrics are from 0 to 1
        len(ranges) - len(defined),
    )
    less = METRICS[metric].less_is_better
    return Gap(high if less else low, low if less else high, interval)
