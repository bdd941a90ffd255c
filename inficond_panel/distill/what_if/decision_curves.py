"""Metrics of decisions over one influence on a grid, for all draws of a bootstrap at once.

As an influence rises, an image whose score is above 0 goes over to the positive decisions once,
and stays; one whose score is below 0 leaves them once. So the draws are summed once, for the images
that change sides between two points of the grid; running sums along the grid give the confusion at
each point.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from inficond_panel.distill.metrics.outcome import decision_metrics
from inficond_panel.distill.metrics.weighted_ap import exact_type
from inficond_panel.distill.scores.scores import Array


def decision_curves(
    score: Array,
    logit: Array,
    weight: float,
    positive: NDArray[np.bool_],
    grid: Array,
    metric: str,
    counts: NDArray,
    threshold: float = 0.0,
) -> Array:
    """One of DECISIONS at each influence of an ascending grid, for each row of counts.

    For scores (n,); ``positive`` (n,) are the labels, or whatever the decisions are held against;
    ``counts`` (rows, n) say how often each image is drawn. Returns (len(grid), rows), nan where
    undefined.
    """
    end = len(grid)
    decided = (logit + (grid[:, None] - weight) * score > threshold).sum(axis=0)
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
