"""Metrics over one influence on a grid, the others held, with their noise: for average precision.

The metrics that depend on decisions alone are known exactly; see curves.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from inficond_panel.distill.metrics.bootstrap import draw_counts, intervals
from inficond_panel.distill.metrics.decisions import Cutoff, above, cutoff_rows
from inficond_panel.distill.metrics.outcome import Outcome, decision_metrics
from inficond_panel.distill.metrics.point_metrics import average_precision
from inficond_panel.distill.metrics.weighted_ap import exact_type
from inficond_panel.distill.scores.scores import Array
from inficond_panel.vocabulary.confidence import CONFIDENCE
from inficond_panel.vocabulary.metrics import ACCURACY, AP, DECISIONS, FIDELITY, METRICS


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
    metric: str = AP.key,
    draws: int = 200,
    seed: int = 0,
    level: float = CONFIDENCE,
    cutoff: Cutoff = 0.0,
    teacher: NDArray[np.bool_] | None = None,
) -> Band:
    """Change of one metric against now, on a grid of influences, with its paired interval.

    One set of draws serves the whole grid, so that the band is 0 wide at ``weight``. The grid
    ascends. ``metric`` is any of METRICS; fidelity needs the teacher's decisions (n,). The other
    arguments as in what_if.
    """
    if METRICS[metric].needs_teacher:  # of all images, labelled or not
        score, logit = (np.asarray(one, dtype=np.float64) for one in (score_column, logit))
    else:
        teacher, cutoff = None, cutoff_rows(cutoff, np.asarray(label) >= 0)
        score, logit, label = _known(score_column, logit, label)
    points, table = np.union1d(grid, [weight]), draw_counts(len(score), draws, seed)
    if metric in (*DECISIONS, FIDELITY.key):
        kind, truth = (metric, label > 0) if teacher is None else (ACCURACY.key, teacher)
        estimate, drawn = (
            decision_curves(score, logit, weight, truth, points, kind, counts, cutoff)
            for counts in (np.ones((1, len(score)), np.uint8), table)
        )
    else:
        moved = (Outcome(label, logit + (v - weight) * score) for v in points)
        both = [(outcome.values(metric), outcome.values(metric, table)) for outcome in moved]
        estimate, drawn = map(np.array, zip(*both, strict=True))
    at, now = np.searchsorted(points, grid), points == weight
    change, changes = (estimate - estimate[now])[at, 0], (drawn - drawn[now])[at]
    return Band(
        np.asarray(grid, dtype=np.float64), change, *intervals(change, changes, level, metric)
    )


def _known(score: NDArray, logit: NDArray, label: NDArray) -> tuple[Array, Array, NDArray]:
    known = np.asarray(label) >= 0
    score = np.asarray(score)[known].astype(np.float64)
    return score, np.asarray(logit, dtype=np.float64)[known], np.asarray(label)[known]


def decision_curves(
    score: Array,
    logit: Array,
    weight: float,
    positive: NDArray[np.bool_],
    grid: Array,
    metric: str,
    counts: NDArray,
    cutoff: Cutoff = 0.0,
) -> Array:
    """One of DECISIONS at each influence of an ascending grid, for each row of counts.

    For scores (n,); ``positive`` (n,) are the labels, or whatever the decisions are held against;
    ``counts`` (rows, n) say how often each image is drawn. Returns (len(grid), rows), nan where
    undefined.
    """
    end = len(grid)
    decided = above(logit + (grid[:, None] - weight) * score, cutoff).sum(axis=0)
    # Rounding is monotone: an image is decided from a point on, or up to a point.
    leaves = np.flatnonzero(score < 0)
    first = np.where(score < 0, 0, end - decided)
    moves = np.concatenate([first, decided[leaves], np.full(len(leaves), end)])
    image = np.concatenate([np.arange(len(score)), leaves, leaves])
    by: NDArray = np.ones(len(moves), exact_type(counts))
    by[len(score) : len(score) + len(leaves)] = -1  # and 1 at the end again: counted once in all
    kind = 2 * moves + positive[image]
    order = np.argsort(kind, kind="stable")
    bounds = np.append(0, np.cumsum(np.bincount(kind, minlength=2 * (end + 1))))
    kinds = csr_array((by[order], image[order], bounds), shape=(2 * (end + 1), len(score)))
    gained = (kinds @ counts.T).astype(np.float64).reshape(len(grid) + 1, 2, len(counts))
    (fp, tp), (negatives, positives) = gained[:-1].cumsum(0).swapaxes(0, 1), gained.sum(0)
    return decision_metrics(tp, fp, positives - tp, negatives - fp)[metric]
