"""Presence of a concept in photos: whether its score is in the upper of two groups of ``fit``.

Scores have no zero and no bound that is the same for all concepts, so no fixed threshold tells a
photo with the concept from one without. The score that divides photos into two groups with the
least variance within them does, whatever the scores' scale (Otsu 1979, IEEE Trans. SMC 9). Where
they do not fall into two groups it is near their middle, and the shares of ``fit`` and ``tune``
that lie above it can be compared all the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class Presence:
    """Shares of photos, positives and negatives, whose score is above ``threshold``."""

    threshold: float
    fit: tuple[float, float]
    tune: tuple[float, float]


def presence(fit: ArrayLike, fit_label: NDArray, tune: ArrayLike, tune_label: NDArray) -> Presence:
    """Presence of one concept, by its scores (n,) and labels (n,) in {1, 0} on both splits.

    The threshold is of the scores of ``fit`` alone.
    """
    threshold = dividing_score(fit)
    return Presence(
        threshold, _shares(fit, fit_label, threshold), _shares(tune, tune_label, threshold)
    )


def dividing_score(scores: ArrayLike) -> float:
    """Middle between two groups of scores (n,) with the least variance within; nan without two."""
    values = np.sort(np.asarray(scores, dtype=np.float64))
    sizes = np.arange(1, len(values))
    sums = np.cumsum(values)
    below, above = sums[:-1] / sizes, (sums[-1] - sums[:-1]) / (len(values) - sizes)
    between = sizes * (len(values) - sizes) * (above - below) ** 2
    between[values[1:] == values[:-1]] = -1.0  # equal scores are in one group
    if between.max(initial=-1.0) < 0:
        return float("nan")
    at = int(between.argmax())
    return float((values[at] + values[at + 1]) / 2)


def _shares(scores: ArrayLike, label: NDArray, threshold: float) -> tuple[float, float]:
    above = np.asarray(scores) > threshold
    return float(above[label == 1].mean()), float(above[label == 0].mean())
