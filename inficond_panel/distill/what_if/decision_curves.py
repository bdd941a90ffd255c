"""Metrics of decisions over one influence on a grid, for all draws of a bootstrap at once.

As an influence rises, an image whose score is above 0 goes over to the positive decisions once,
and stays. So the draws are summed once, for the images that go over between two points of the
grid; running sums along the grid give the confusion at each point.
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

    Scores (n,) are not below 0; ``positive`` (n,) are the labels, or whatever the decisions are
    held against; ``counts`` (rows, n) say how often each image is drawn. Returns
    (len(grid), rows), nan where undefined.
    """
    decided = logit + (grid[:, None] - weight) * score > threshold
    first = len(grid) - decided.sum(axis=0)  # rounding is monotone: from there on all are decided
    kind = 2 * first + positive
    sizes = np.bincount(kind, minlength=2 * (len(grid) + 1))
    members, bounds = np.argsort(kind, kind="stable"), np.append(0, np.cumsum(sizes))
    ones: NDArray = np.ones(len(kind), exact_type(counts))
    kinds = csr_array((ones, members, bounds), shape=(len(sizes), len(kind)))
    gained = (kinds @ counts.T).astype(np.float64).reshape(len(grid) + 1, 2, len(counts))
    (fp, tp), (negatives, positives) = gained[:-1].cumsum(0).swapaxes(0, 1), gained.sum(0)
    return decision_metrics(tp, fp, positives - tp, negatives - fp)[metric]
