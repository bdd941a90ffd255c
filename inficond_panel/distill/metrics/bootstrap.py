"""Bootstrap intervals over images: of a metric, of a change, of means over classes; folds.

A draw of n images with replacement is a count per image; groups of near-equal images are drawn
whole. One table of counts serves both students, so their noise is paired, and each is sorted only
once (Outcome). Intervals of changes and of means over classes are percentile intervals [q_low,
q_high] (Efron and Tibshirani 1993, "An
introduction to the bootstrap", ch. 13). The calibration error e has the basic interval, [2 e -
q_high, 2 e - q_low] (Davison and Hinkley 1997, "Bootstrap methods and their application", ch. 5): e
grows with noise, a draw is noisier than the sample, and so the quantiles of the draws are too high.
The estimate e may then lie above its interval. Near perfect calibration neither interval can be
trusted; see ece_floor. The level of AP, F1 and shares of images has the intervals of few_images.

The teacher's skill. Chance is the share of positives among the labelled images: the AP that a
random ranking tends to. The teacher knows the class where the percentile interval of its AP lies
above chance.

The rule was chosen by simulation (tests/unit/test_teacher_skill.py). That of a random ranking lies
above chance in 1 to 5 % of the samples with ``FEWEST`` or more positives. With fewer it means
nothing: it lies above chance in 97 % of the samples of one positive among 100. That of a weak
teacher (logits of positives and negatives one standard deviation apart, AUC 0.76) does not lie
above chance in 2 % of the samples of ``LEAST`` positives among 200 images, and in 16 % with half
as many.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from inficond_panel.common.arrays import empty
from inficond_panel.common.interval import UNCHANGED, Interval
from inficond_panel.common.numbers import defined
from inficond_panel.distill.metrics.few_images import ap_limits, effective_images, f1_limits, wilson
from inficond_panel.distill.metrics.groups import Groups, first_of, part_means, parts_of
from inficond_panel.distill.metrics.outcome import Outcome, above
from inficond_panel.distill.metrics.top_class import TopClass
from inficond_panel.distill.sources import Array
from inficond_panel.vocabulary.confidence import CONFIDENCE, DRAWS, USUAL_NOISE, Noise, tails
from inficond_panel.vocabulary.metrics import AP, BIASED, F1, METRICS, TOP_ECE, keys

#: Number of folds of every cross-fit.
FOLDS = 5


def stratified_folds(
    label: NDArray, count: int, seed: int, group: Groups = None
) -> NDArray[np.intp]:
    """Return the fold (n,) of each photo, 0 to count - 1, stratified by labels (n, K).

    Photos are sorted by the rarest class that they show, shuffled within it, and dealt out in turn,
    so that folds differ by at most one photo of each class. Photos of equal ``group`` (n,) are
    dealt out together, by the classes that any of them shows.
    """
    label = np.asarray(label) == 1
    if group is not None:
        of = np.unique(group, return_inverse=True)[1]
        return stratified_folds(part_means(label.astype(np.float64), of) > 0, count, seed)[of]
    frequency = label.sum(axis=0)
    rarest = np.where(label, frequency, np.iinfo(np.int64).max).argmin(axis=1)
    rarest = np.where(label.any(axis=1), rarest, label.shape[1])
    order = np.lexsort((np.random.default_rng(seed).random(len(label)), rarest))
    folds = np.empty(len(label), dtype=np.intp)
    folds[order] = np.arange(len(label)) % count
    return folds


#: Least positives, and negatives, for limits of AP.
LEAST_RANKED = 2
#: Least images of each student for limits of a change of a share of them, or of F1. With fewer,
#: calls may all be right, and so they are in all draws: the limits leave out the true change of
#: precision in up to 18 % of the samples (tests/unit/test_few_calls.py).
LEAST_COMPARED = 10
#: Metrics biased upwards by noise, which get the basic interval.
WITH_BIAS = {*BIASED, *keys(TOP_ECE)}


def alone(intervals: Mapping[str, Interval]) -> dict[str, Interval]:
    """Return the intervals with their estimates, but without limits, under the same keys."""
    return {key: interval.alone for key, interval in intervals.items()}


def change_intervals(
    before: Outcome | TopClass,
    after: Outcome | TopClass,
    metrics: Sequence[str] = tuple(METRICS),
    *,
    draws: int = DRAWS,
    seed: int = 0,
    level: float = CONFIDENCE,
) -> dict[str, Interval]:
    """Return the interval of the change (after less before) of each metric, by its key.

    Both outcomes are on the same images. Draws on which a metric of either outcome is undefined
    are left out. A change of a share of images, or of F1, has no limits if one of the shares is of
    fewer than ``LEAST_COMPARED``, unless it is 0 in all draws. Raises DataError for an unknown
    metric, and for fidelity without a teacher.
    """
    return {metric: _change(before, after, metric, draws, seed, level) for metric in metrics}


def _change(
    before: Outcome | TopClass,
    after: Outcome | TopClass,
    metric: str,
    draws: int,
    seed: int,
    level: float,
) -> Interval:
    change = after.value(metric) - before.value(metric)
    resampled = drawn(after, metric, draws, seed) - drawn(before, metric, draws, seed)
    found = interval(change, resampled, level, metric)
    images = [] if metric == AP.key else [each.independent(metric) for each in (before, after)]
    few = any(each is not None and each < LEAST_COMPARED for each in images)
    return found.alone if few and found.words != UNCHANGED else found


def metric_intervals(
    outcome: Outcome | TopClass,
    metrics: Sequence[str] = tuple(METRICS),
    *,
    draws: int = DRAWS,
    seed: int = 0,
    level: float = CONFIDENCE,
) -> dict[str, Interval]:
    """Return the interval of each metric of one outcome, by the metric's key; errors as in
    ``change_intervals``."""
    return {
        metric: level_interval(outcome, metric, drawn(outcome, metric, draws, seed), level)
        for metric in metrics
    }


def level_interval(
    outcome: Outcome | TopClass, metric: str, resampled: Array, level: float
) -> Interval:
    """Return the interval of a metric, with its lower limit at least 0, from the metric's values
    on bootstrap draws (draws,).

    Shares of images, F1 and AP have the intervals of ``few_images``. AP has no limits with fewer
    than 2 positives, or negatives."""
    estimate = interval(outcome.value(metric), resampled, level, metric)
    sizes = outcome.group_sizes(metric)
    if np.isnan(estimate.estimate) or (sizes is None and metric != AP.key):
        return replace(estimate, low=max(estimate.low, 0.0))  # nan stays: max(nan, 0)
    known = resampled[~np.isnan(resampled)]
    if sizes is not None:
        low, high = _share_limits(metric, estimate.estimate, known, sizes, level)
        return replace(estimate, low=low, high=high)
    images = outcome.independent(metric)
    if images is None or images < LEAST_RANKED:
        return estimate.alone
    low, high = ap_limits(estimate.estimate, known, images, level)
    return replace(estimate, low=low, high=high)


def _share_limits(
    metric: str, value: float, drawn: Array, sizes: NDArray, level: float
) -> tuple[float, float]:
    """Return the limits of a share of images, or of F1, from its values on draws (draws,)."""
    if metric == F1.key:
        share, of_draws = value / (2 - value), drawn / (2 - drawn)
        return f1_limits(value, effective_images(share, of_draws, sizes, level), level)
    return wilson(value, effective_images(value, drawn, sizes, level), level)


def drawn(
    outcome: Outcome | TopClass, metric: str, draws: int, seed: int, *, together: bool = False
) -> Array:
    """Return the metric on each bootstrap draw (draws,), read-only; cached with the outcome.

    A draw is over the images that the metric counts; with ``together`` over all images, labelled or
    not, so that all classes share the draw."""
    together = together and outcome.images(metric) < len(outcome.all_logits)
    key, kept = (metric, draws, seed, together), outcome.drawn(metric)
    if key not in kept:
        if together:
            counts = draw_counts(len(outcome.all_logits), draws, seed, outcome.group)
            counts = counts[:, outcome.known]
        else:
            counts = draw_counts(outcome.images(metric), draws, seed, outcome.groups(metric))
        for name, values in outcome.values_beside(metric, counts).items():
            values.setflags(write=False)
            kept[name, draws, seed, together] = values
    return kept[key]


def draw_counts(images: int, draws: int, seed: int, group: Groups = None) -> NDArray[np.uint8]:
    """Return how often each bootstrap draw has each image (draws, images), read-only.

    Images of equal ``group`` (images,) are drawn together (the cluster bootstrap: Davison and
    Hinkley 1997, sec. 3.8).
    """
    if group is None:
        return _draw_counts(images, draws, seed)
    of = np.unique(group, return_inverse=True)[1]
    table = _draw_counts(int(of.max(initial=-1)) + 1, draws, seed).T[of].T
    table.setflags(write=False)
    return table


@lru_cache(maxsize=8)
def _draw_counts(images: int, draws: int, seed: int) -> NDArray[np.uint8]:
    """Return the counts (draws, images) of draws by image.

    One byte is enough: that one of a million images is drawn 50 times has a chance below 1e-50.
    """
    rng = np.random.default_rng(seed)
    table = empty((images, draws), np.uint8).T  # in this order: see Ranked
    for row in table:
        row[:] = np.bincount(rng.integers(max(images, 1), size=images), minlength=images)
    table.setflags(write=False)
    return table


def interval(estimate: float, resampled: Array, level: float, metric: str) -> Interval:
    """Return the interval of a metric or its change, from its values on draws; nan is ignored."""
    defined = resampled[~np.isnan(resampled)]
    left_out = len(resampled) - len(defined)
    if np.isnan(estimate) or not len(defined):
        return Interval(float(estimate), np.nan, np.nan, left_out)
    if not estimate and not defined.any():
        return Interval(0.0, 0.0, 0.0, left_out)  # of a student that an iteration does not change
    low, high = _limits(estimate, defined, level, metric)
    return Interval(float(estimate), float(low), float(high), left_out)


def intervals(estimates: Array, resampled: Array, level: float, metric: str) -> tuple[Array, Array]:
    """Return lower and upper limits (n,) for estimates (n,), from resampled values (n, draws).

    Equal to ``interval`` row by row; all rows without nan are computed at once.
    """
    low, high = np.full((2, len(estimates)), np.nan)
    whole = ~np.isnan(resampled).any(axis=1) & ~np.isnan(estimates)
    if whole.any():
        low[whole], high[whole] = _limits(estimates[whole], resampled[whole], level, metric)
    for row in np.flatnonzero(~whole):
        limits = interval(estimates[row], resampled[row], level, metric)
        low[row], high[row] = limits.low, limits.high
    return low, high


def _limits(estimate: ArrayLike, defined: Array, level: float, metric: str) -> Array:
    limits = np.quantile(defined, tails(level), axis=-1)
    return 2 * np.asarray(estimate) - limits[::-1] if metric in WITH_BIAS else limits


def class_mean(outcomes: Iterable[Outcome], metric: str, counts: NDArray | None = None) -> Array:
    """Return a metric's mean over classes (rows,), from the classes' outcomes on the same n images.

    One mean per row of counts (rows, n), or a single mean (1,) without counts; nan if the metric
    is undefined for all classes. The classes share the draws, so that their noise is paired."""
    values = [
        outcome.values(metric, None if counts is None else outcome.counted(metric, counts))
        for outcome in outcomes
    ]
    return mean_defined(np.array(values))


def mean_change(
    before: Sequence[Outcome],
    after: Sequence[Outcome],
    metric: str = AP.key,
    *,
    draws: int = DRAWS,
    seed: int = 0,
    level: float = CONFIDENCE,
) -> Interval:
    """Return the interval of the change (after less before) in a metric's mean over classes.

    The classes share the draws, which are of all images. A draw's mean is over the classes for
    which the metric is defined on that draw, and nan if there are none.
    """
    estimate = class_mean(after, metric) - class_mean(before, metric)
    old, new = (drawn_mean(side, metric, draws, seed) for side in (before, after))
    return interval(float(estimate[0]), new - old, level, metric)


def mean_interval(
    outcomes: Sequence[Outcome],
    metric: str = AP.key,
    *,
    draws: int = DRAWS,
    seed: int = 0,
    level: float = CONFIDENCE,
) -> Interval:
    """Return the interval of a metric's mean over classes; the classes share the draws."""
    estimate = class_mean(outcomes, metric)
    return interval(float(estimate[0]), drawn_mean(outcomes, metric, draws, seed), level, metric)


def drawn_mean(outcomes: Sequence[Outcome], metric: str, draws: int, seed: int) -> Array:
    """Return a metric's mean over classes on each bootstrap draw (draws,) of all images."""
    return mean_defined(
        np.array([drawn(each, metric, draws, seed, together=True) for each in outcomes])
    )


def mean_defined(values: Array) -> Array:
    """Return the mean over the first axis, ignoring nan; nan if all are nan."""
    known = ~np.isnan(values)
    number = known.sum(axis=0)
    total = np.where(known, values, 0.0).sum(axis=0)
    return np.asarray(np.divide(total, number, out=np.full(total.shape, np.nan), where=number > 0))


#: Least positives, and negatives, for the verdict that a teacher does not know a class.
LEAST = 20
#: Least positives, and negatives, for which the interval of AP is meaningful.
FEWEST = 5


@dataclass(frozen=True)
class TeacherSkill:
    """The teacher's skill on one class: AP with bootstrap interval, and ``chance``, the class's
    prevalence.

    ``knows`` states whether AP is above chance, None if there are too few images to decide, here
    and on fit; it does not depend on the level of the intervals that are shown."""

    ap: Interval
    chance: float
    knows: bool | None

    @property
    def does_not_know(self) -> bool:
        """True if the teacher does not know the class; False if it does, or if undecided."""
        return self.knows is False

    @property
    def reverses(self) -> bool:
        """True if the teacher ranks images without the class higher: AP is clearly below chance."""
        return self.does_not_know and self.ap.high < self.chance

    def to_json(self) -> dict[str, Any]:
        """Return AP with limits, ``chance`` and ``knows`` as data for JSON; None if undefined."""
        ap = {end: defined(getattr(self.ap, end)) for end in ("estimate", "low", "high")}
        return {AP.key: ap, "chance": defined(self.chance), "knows": self.knows}


#: Largest p by calls at which a teacher knows a class whose AP is not clearly above chance.
_BY_CALLS = 1e-3


def _calls_right(teacher: Outcome) -> bool:
    """Return whether more of the positives than of the negatives have a logit above the median
    (Fisher's exact test), near-equal images once. Of a teacher that says nothing on most images
    some draws have none of the few that it knows, so that their AP is chance."""
    from scipy.stats import fisher_exact  # noqa: PLC0415 - slow to load

    groups = teacher.groups(AP.key)
    part = parts_of(groups, teacher.positive)
    positive, logit = teacher.positive[first_of(part)], part_means(teacher.logit, part)
    high = above(logit, float(np.median(logit))) if len(logit) else positive
    table = [
        [int((high & side).sum()), int((~high & side).sum())] for side in (positive, ~positive)
    ]
    return bool(fisher_exact(table, alternative="greater")[1] <= _BY_CALLS)


def teacher_skill(
    teacher: Outcome, noise: Noise = USUAL_NOISE, *, on_fit: Callable[[], Outcome] | None = None
) -> TeacherSkill:
    """Return a teacher's AP with interval, and whether it knows the class, from its outcome.

    ``noise``: draws, seed and level of the interval. If the images are too few to decide, the
    outcome ``on_fit`` decides that the teacher does not know the class: one that knows the images
    of fit may have learned their labels."""
    knows = _knows(teacher)
    if knows is None and on_fit is not None and _knows(on_fit()) is False:
        knows = False
    return TeacherSkill(
        ap=metric_intervals(teacher, (AP.key,), **noise)[AP.key],
        chance=_chance(teacher),
        knows=knows,
    )


def _chance(teacher: Outcome) -> float:
    return float(teacher.positive.mean()) if len(teacher.positive) else float("nan")


def _knows(teacher: Outcome) -> bool | None:
    """Return whether a teacher knows the class: its AP is above chance, or its calls are right. An
    AP that is clearly below chance is a verdict with few images, too; None if they are too few."""
    resampled = drawn(teacher, AP.key, USUAL_NOISE["draws"], USUAL_NOISE["seed"])
    chance = _chance(teacher)
    ap = interval(teacher.value(AP.key), resampled, CONFIDENCE, AP.key)
    knows = ap.low > chance or _calls_right(teacher)
    clear = knows or ap.high < chance
    enough = min(map(teacher.distinct, (True, False))) >= (FEWEST if clear else LEAST)
    return knows if enough else None
