"""Bootstrap intervals over images: of a metric, and of the change between two students.

A draw of n images with replacement is a count per image. One table of counts serves both
students, so their noise is paired, and each is sorted only once (Outcome). Intervals are
percentile intervals [q_low, q_high] (Efron and Tibshirani 1993, "An introduction to the bootstrap",
ch. 13). That of the calibration error is the basic one, [2 e - q_high, 2 e - q_low] (Davison and
Hinkley 1997, "Bootstrap methods and their application", ch. 5): the error grows with noise, a draw
is noisier than the sample, and so its quantiles lie too high. The estimate e itself may then lie
above its interval. Near perfect calibration neither interval is to be trusted; see ece_floor.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from inficond_panel.common.interval import Interval
from inficond_panel.distill.metrics.outcome import Outcome
from inficond_panel.distill.metrics.top_class import TopClass
from inficond_panel.distill.scores.scores import Array
from inficond_panel.vocabulary.confidence import CONFIDENCE, tails
from inficond_panel.vocabulary.metrics import BIASED, METRICS, TOP_ECE, keys

#: Metrics that noise makes too large; they have the basic interval.
WITH_BIAS = {*BIASED, *keys(TOP_ECE)}


def alone(found: Mapping[str, Interval]) -> dict[str, Interval]:
    """The same estimates without limits, by the same keys."""
    return {key: interval.alone for key, interval in found.items()}


def change_intervals(
    before: Outcome | TopClass,
    after: Outcome | TopClass,
    metrics: Sequence[str] = tuple(METRICS),
    *,
    draws: int = 200,
    seed: int = 0,
    level: float = CONFIDENCE,
) -> dict[str, Interval]:
    """Interval of after - before for each metric; the two are outcomes on the same images.

    Draws on which a metric is undefined for one of the two are left out. An outcome that is kept,
    such as the untouched student's, is not sorted or drawn again. Raises DataError for an unknown
    metric, and for fidelity without a teacher.
    """
    return {
        metric: interval(
            after.value(metric) - before.value(metric),
            drawn(after, metric, draws, seed) - drawn(before, metric, draws, seed),
            level,
            metric,
        )
        for metric in metrics
    }


def metric_intervals(
    outcome: Outcome | TopClass,
    metrics: Sequence[str] = tuple(METRICS),
    *,
    draws: int = 200,
    seed: int = 0,
    level: float = CONFIDENCE,
) -> dict[str, Interval]:
    """Interval of each metric; errors as in ``change_intervals``."""
    return {
        metric: level_interval(outcome, metric, drawn(outcome, metric, draws, seed), level)
        for metric in metrics
    }


def level_interval(
    outcome: Outcome | TopClass, metric: str, resampled: Array, level: float
) -> Interval:
    """Interval of a metric, at least 0, from its values on draws (draws,)."""
    found = interval(outcome.value(metric), resampled, level, metric)
    return replace(found, low=max(found.low, 0.0))  # nan stays: max(nan, 0)


def drawn(
    outcome: Outcome | TopClass, metric: str, draws: int, seed: int, *, together: bool = False
) -> Array:
    """The metric on each draw (draws,), read-only; kept with the outcome.

    A draw is one of the images that the metric counts; ``together`` of all images, labelled or
    not, so that classes with other labels share it.
    """
    together = together and outcome.images(metric) < len(outcome.all_logits)
    key, kept = (metric, draws, seed, together), outcome.drawn(metric)
    if key not in kept:
        if together:
            counts = draw_counts(len(outcome.all_logits), draws, seed)[:, outcome.known]
        else:
            counts = draw_counts(outcome.images(metric), draws, seed)
        values = outcome.values(metric, counts)
        values.setflags(write=False)
        kept[key] = values
    return kept[key]


@lru_cache(maxsize=8)
def draw_counts(images: int, draws: int, seed: int) -> NDArray[np.uint8]:
    """Number of times that each image is drawn (draws, images), read-only; rows sum to ``images``.

    One byte is enough: that one of a million images is drawn 50 times has a chance below 1e-50.
    """
    rng = np.random.default_rng(seed)
    table = np.empty((draws, images), dtype=np.uint8, order="F")  # see Ranked
    for row in table:
        row[:] = np.bincount(rng.integers(max(images, 1), size=images), minlength=images)
    table.setflags(write=False)
    return table


def interval(estimate: float, resampled: Array, level: float, metric: str) -> Interval:
    """Interval of a metric or its change, from the resampled values that are defined."""
    defined = resampled[~np.isnan(resampled)]
    left_out = len(resampled) - len(defined)
    if np.isnan(estimate) or not len(defined):
        return Interval(float(estimate), np.nan, np.nan, left_out)
    low, high = _limits(estimate, defined, level, metric)
    return Interval(float(estimate), float(low), float(high), left_out)


def intervals(estimates: Array, resampled: Array, level: float, metric: str) -> tuple[Array, Array]:
    """Limits (n,) of the intervals of estimates (n,), each of a row of resampled (n, draws).

    As ``interval`` one by one; the rows that are defined throughout are taken together.
    """
    low, high = np.full((2, len(estimates)), np.nan)
    whole = ~np.isnan(resampled).any(axis=1) & ~np.isnan(estimates)
    if whole.any():
        low[whole], high[whole] = _limits(estimates[whole], resampled[whole], level, metric)
    for at in np.flatnonzero(~whole):
        one = interval(estimates[at], resampled[at], level, metric)
        low[at], high[at] = one.low, one.high
    return low, high


def _limits(estimate: ArrayLike, defined: Array, level: float, metric: str) -> Array:
    limits = np.quantile(defined, tails(level), axis=-1)
    return 2 * np.asarray(estimate) - limits[::-1] if metric in WITH_BIAS else limits
