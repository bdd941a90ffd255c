"""Metrics over one influence on a grid, the others held, with their noise: for average precision.

The metrics that depend on decisions alone are known exactly; see what_if.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inficond_panel.distill.bootstrap import draw_counts, interval
from inficond_panel.distill.metrics import average_precision
from inficond_panel.distill.outcome import Outcome
from inficond_panel.distill.scores import Array
from inficond_panel.distill.what_if import checked_scores


@dataclass(frozen=True)
class Band:
    """A curve on a grid of influences with its bootstrap interval, each (len(grid),)."""

    grid: Array
    estimate: Array
    low: Array
    high: Array


def ap_what_if(
    score_column: NDArray, logit: NDArray, weight: float, label: NDArray, grid: NDArray
) -> Array:
    """Average precision at each influence of the grid; arguments as in what_if."""
    score, logit, label = _known(score_column, logit, label)
    return np.array([average_precision(label, logit + (v - weight) * score) for v in grid])


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

    One set of draws serves the whole grid, so that the band is 0 wide at ``weight``. ``metric`` is
    any of METRICS but fidelity; the other arguments as in what_if.
    """
    score, logit, label = _known(score_column, logit, label)
    table = draw_counts(len(label), draws, seed)
    present = Outcome(label, logit, threshold=threshold)
    now, now_drawn = present.value(metric), present.values(metric, table)
    rows = []
    for v in grid:
        moved = Outcome(label, logit + (v - weight) * score, threshold=threshold)
        drawn = moved.values(metric, table) - now_drawn
        found = interval(moved.value(metric) - now, drawn, level, metric)
        rows.append((found.estimate, found.low, found.high))
    estimate, lower, upper = np.array(rows).reshape(-1, 3).T
    return Band(np.asarray(grid, dtype=np.float64), estimate, lower, upper)


def _known(score: NDArray, logit: NDArray, label: NDArray) -> tuple[Array, Array, NDArray]:
    known = np.asarray(label) >= 0
    score = checked_scores(np.asarray(score)[known]).astype(np.float64)
    return score, np.asarray(logit, dtype=np.float64)[known], np.asarray(label)[known]
