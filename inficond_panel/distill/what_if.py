"""Metrics of one class as functions of one weight, the other weights held.

Moving concept c's weight from w to v moves the logit of image i by (v - w) * score[i, c]. Scores
are 0 or more, so each image turns positive at most once as v rises, and never where its score is 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inficond_panel.distill.bootstrap import draw_counts, interval, resampled_metric
from inficond_panel.distill.metrics import POINT_METRICS, average_precision, decision_metrics
from inficond_panel.distill.scores import Array
from inficond_panel.errors import DataError


@dataclass(frozen=True)
class WhatIf:
    """Exact, piecewise constant curves over the influence axis from ``low`` to ``high``.

    ``breakpoints`` (m,) rise; entry j of each metric (m + 1,) holds after breakpoint j - 1, up to
    and with breakpoint j.
    """

    low: float
    high: float
    breakpoints: Array
    accuracy: Array
    precision: Array
    recall: Array
    f1: Array

    @property
    def edges(self) -> Array:
        """Ends of the constant pieces (m + 2,), for drawing steps."""
        return np.concatenate([[self.low], self.breakpoints, [self.high]])

    def at(self, influence: float) -> dict[str, float]:
        """The four metrics at one influence between low and high."""
        piece = int(np.searchsorted(self.breakpoints, influence, side="left"))
        return {name: float(getattr(self, name)[piece]) for name in POINT_METRICS}


@dataclass(frozen=True)
class Band:
    """A curve on a grid of influences with its bootstrap interval, each (len(grid),)."""

    grid: Array
    estimate: Array
    low: Array
    high: Array


def what_if(
    score_column: NDArray,
    logit: NDArray,
    weight: float,
    label: NDArray,
    low: float,
    high: float,
    threshold: float = 0.0,
) -> WhatIf:
    """Exact curves of accuracy, precision, recall and f1 as the weight runs from low to high.

    For one concept's scores, the student's logits and the labels, each (n,); label -1 is left
    out. Raises DataError for scores below 0.
    """
    score, logit, positive = _known(score_column, logit, label)
    turns = _turning_points(score, logit, weight, threshold)
    start = turns < low
    moving = np.flatnonzero((turns >= low) & (turns < high))
    moving = moving[np.argsort(turns[moving], kind="stable")]
    breakpoints, first = np.unique(turns[moving], return_index=True)
    ends = np.append(first[1:], len(moving)) if len(first) else first
    gained = np.concatenate([[0], np.cumsum(positive[moving])])
    tp = np.count_nonzero(start & positive) + gained[np.append(0, ends)]
    decided = np.count_nonzero(start) + np.append(0, ends)
    fp, fn = decided - tp, np.count_nonzero(positive) - tp
    curves = decision_metrics(tp, fp, fn, len(positive) - tp - fp - fn)
    return WhatIf(float(low), float(high), breakpoints, **curves)


def ap_what_if(
    score_column: NDArray, logit: NDArray, weight: float, label: NDArray, grid: NDArray
) -> Array:
    """Average precision at each influence of the grid; arguments as in what_if."""
    score, logit, positive = _known(score_column, logit, label)
    return np.array([average_precision(positive, logit + (v - weight) * score) for v in grid])


def change_band(
    score_column: NDArray,
    logit: NDArray,
    weight: float,
    label: NDArray,
    grid: NDArray,
    metric: str = "ap",
    draws: int = 200,
    seed: int = 0,
    level: float = 0.95,
    threshold: float = 0.0,
) -> Band:
    """Change of one metric against now, on a grid of influences, with its paired interval.

    One set of draws serves the whole grid, so that the band is 0 wide at ``weight``. ``metric`` as
    in bootstrap.change_interval; the other arguments as in what_if.
    """
    score, logit, positive = _known(score_column, logit, label)
    table = draw_counts(len(positive), draws, seed)
    whole = np.ones((1, len(positive)), dtype=np.int32)
    now = resampled_metric(whole, positive, logit, metric, threshold)[0]
    now_drawn = resampled_metric(table, positive, logit, metric, threshold)
    rows = []
    for v in grid:
        moved = logit + (v - weight) * score
        estimate = resampled_metric(whole, positive, moved, metric, threshold)[0] - now
        drawn = resampled_metric(table, positive, moved, metric, threshold) - now_drawn
        found = interval(float(estimate), drawn, level)
        rows.append((found.estimate, found.low, found.high))
    estimate, lower, upper = np.array(rows).reshape(-1, 3).T
    return Band(np.asarray(grid, dtype=np.float64), estimate, lower, upper)


def _known(score: NDArray, logit: NDArray, label: NDArray) -> tuple[Array, Array, NDArray]:
    known = np.asarray(label) >= 0
    score = np.asarray(score, dtype=np.float64)[known]
    negative = np.count_nonzero(score < 0)
    if negative:
        raise DataError(
            f"{negative} of {score.size} concept scores are below 0.",
            "Concept scores are cosines cut off at 0; compute the store again.",
        )
    return score, np.asarray(logit, dtype=np.float64)[known], np.asarray(label)[known] > 0


def _turning_points(score: Array, logit: Array, weight: float, threshold: float) -> Array:
    """Influence above which each image is decided positive (n,); -inf or inf where it never turns.

    Rounding must not move an image across the present weight, so there the logit itself decides.
    """
    above = logit > threshold
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        turns = weight - (logit - threshold) / score
    turns = np.where(
        above, np.minimum(turns, np.nextafter(weight, -np.inf)), np.maximum(turns, weight)
    )
    return np.where(score > 0, turns, np.where(above, -np.inf, np.inf))
