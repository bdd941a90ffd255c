"""Bootstrap intervals over images: of a metric, and of the change between two students.

A draw of n images with replacement is a count per image. One table of counts serves both
students, so their noise is paired, and each is sorted only once.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from inficond_panel.distill.metrics import (
    POINT_METRICS,
    average_precision,
    confusion,
    decision_metrics,
    ranking,
    ratio,
)
from inficond_panel.distill.scores import Array


@dataclass(frozen=True)
class Interval:
    """An estimate with the limits of its percentile interval; nan where undefined."""

    estimate: float
    low: float
    high: float

    @property
    def within_noise(self) -> bool:
        """For a change: True unless the interval excludes 0."""
        return not (self.low > 0 or self.high < 0)


def change_interval(
    label: NDArray,
    before: NDArray,
    after: NDArray,
    draws: int = 200,
    seed: int = 0,
    level: float = 0.95,
    metric: str = "ap",
    threshold: float = 0.0,
) -> Interval:
    """Interval of metric(after) - metric(before), for labels and logits (n,); label -1 is left out.

    ``metric`` is "ap", "accuracy", "precision", "recall" or "f1". Draws on which the metric is
    undefined for one of the two are left out.
    """
    known = np.asarray(label) >= 0
    positive = np.asarray(label)[known] > 0
    table = draw_counts(len(positive), draws, seed)
    old, new = np.asarray(before)[known], np.asarray(after)[known]
    estimate = _metric(positive, new, metric, threshold) - _metric(positive, old, metric, threshold)
    resampled = resampled_metric(table, positive, new, metric, threshold)
    resampled -= resampled_metric(table, positive, old, metric, threshold)
    return interval(estimate, resampled, level)


def metric_interval(
    label: NDArray,
    logit: NDArray,
    draws: int = 200,
    seed: int = 0,
    level: float = 0.95,
    metric: str = "ap",
    threshold: float = 0.0,
) -> Interval:
    """Interval of one metric, as change_interval."""
    known = np.asarray(label) >= 0
    positive, logit = np.asarray(label)[known] > 0, np.asarray(logit)[known]
    table = draw_counts(len(positive), draws, seed)
    estimate = _metric(positive, logit, metric, threshold)
    return interval(estimate, resampled_metric(table, positive, logit, metric, threshold), level)


@lru_cache(maxsize=4)
def draw_counts(images: int, draws: int, seed: int) -> NDArray[np.int32]:
    """How often each image is drawn (draws, images), read-only; rows sum to ``images``."""
    rng = np.random.default_rng(seed)
    picks = rng.integers(max(images, 1), size=(draws, images))
    picks += np.arange(draws)[:, None] * images
    table = np.bincount(picks.ravel(), minlength=draws * images).reshape(draws, images)
    counts = table.astype(np.int32)
    counts.setflags(write=False)
    return counts


def resampled_metric(
    table: NDArray[np.int32], positive: NDArray, logit: NDArray, metric: str, threshold: float = 0.0
) -> Array:
    """The metric on each draw of the table (draws, n): (draws,)."""
    if metric == "ap":
        return _average_precisions(table, positive, logit)
    decided = logit > threshold
    masks = np.stack([positive & decided, ~positive & decided, positive & ~decided], axis=1)
    tp, fp, fn = (table.astype(np.float64) @ masks).T
    tn = table.shape[1] - tp - fp - fn
    return decision_metrics(tp, fp, fn, tn)[metric]


def interval(estimate: float, resampled: Array, level: float) -> Interval:
    """Percentile interval of the resampled values that are defined."""
    defined = resampled[~np.isnan(resampled)]
    if np.isnan(estimate) or not len(defined):
        return Interval(estimate, np.nan, np.nan)
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(estimate), float(low), float(high))


def _metric(positive: NDArray, logit: NDArray, metric: str, threshold: float) -> float:
    if metric == "ap":
        return average_precision(positive, logit)
    if metric not in POINT_METRICS:
        raise ValueError(f"metric must be one of {('ap', *POINT_METRICS)}, not {metric!r}")
    return float(decision_metrics(*confusion(positive, logit > threshold))[metric])


def _average_precisions(table: NDArray[np.int32], positive: NDArray, logit: NDArray) -> Array:
    """AP of each draw. Only the groups of equal logits that hold a positive count."""
    order, ends = ranking(logit)
    group = np.searchsorted(ends, np.arange(len(order)))
    relevant = np.unique(group[positive[order]])
    if not len(relevant):
        return np.full(len(table), np.nan)
    drawn = np.cumsum(np.take(table, order, axis=1), axis=1, dtype=np.int32)[:, ends[relevant]]
    picked = order[positive[order]]
    starts = np.searchsorted(group[positive[order]], relevant)
    hits = np.add.reduceat(table[:, picked], starts, axis=1, dtype=np.float64)
    total = np.cumsum(hits, axis=1)
    gained = hits * total / np.maximum(drawn, 1)
    return ratio(gained.sum(axis=1), total[:, -1])
