"""Sizes of thumbs on a network: what it relies on, and what its features can say.

The logits of a class rely on a concept by as much as they rise with its score: by the slope, not
below 0, of the least-squares fit of the logits to max(0, z) of all concepts that have a thumb,
where z are their standardised scores. A thumb that lowers a concept takes away no more than that,
and a thumb that raises one adds no more than that: at most it doubles what is there. But it keeps a
quarter of its size. So a thumb on a concept that has nothing to do with the class changes little.

The features of a network explain a part R² of the variance of what the thumbs add to the logits
(cross-fitted ridge regression). A refit reaches this part alone, whose size is the root of R². So a
thumb that was not cut is divided by it, and the refit changes the logits by as much as was asked
for; of a thumb that was cut, the less the more it was cut, and not at all at a quarter.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from inficond_panel.distill import ridge
from inficond_panel.distill.metrics.groups import Groups
from inficond_panel.distill.sources import Array

#: Part of its size that a thumb keeps if the logits do not rely on its concept.
KEPT = 0.25
#: Least root of R²: no thumb is made larger than by its inverse.
LEAST_ROOT = 0.3


def reliance(logits: NDArray, shown: NDArray) -> Array:
    """Return by how much logits ``(n,)`` rise per unit of each column ``shown`` ``(n, m)``, in
    standard deviations of the logits; 0 where they fall or are all equal."""
    spread = float(np.std(logits))
    if spread == 0:
        return np.zeros(shown.shape[1])
    centred = shown - shown.mean(axis=0)
    slopes = np.linalg.lstsq(centred, logits - np.mean(logits), rcond=None)[0]
    return np.asarray(np.maximum(slopes / spread, 0.0))


def limited(gains: Sequence[float], relied: Sequence[float]) -> list[float]:
    """Return gains whose sizes are at most what is relied on, but a part ``KEPT`` at least."""
    return [
        float(np.sign(gain) * min(abs(gain), max(most, KEPT * abs(gain))))
        for gain, most in zip(gains, relied, strict=True)
    ]


def explained(features: NDArray, shift: NDArray, group: Groups = None, seed: int = 0) -> float:
    """Return the part R² of the variance of a shift ``(n,)`` that features ``(n, F)`` explain on
    images that the regression has not seen; from 0 to 1, and 0 for a shift without variance."""
    variance = float(np.var(shift))
    if variance == 0:
        return 0.0
    asked, strata = shift[:, None], (shift > np.median(shift))[:, None]
    unseen = ridge.fit_ridge(features, asked, group, seed=seed, strata=strata).unseen
    return float(np.clip(ridge.explained(asked, unseen)[0], 0.0, 1.0))


def enlarged(gains: Sequence[float], asked: Sequence[float], part: float) -> list[float]:
    """Return gains made larger where features explain the part R² of what they add: a gain as large
    as ``asked`` by 1 / √R², one that was cut to ``KEPT`` of it not at all."""
    factor = 1 / max(float(np.sqrt(part)), LEAST_ROOT)
    left = [gain / whole if whole else 0.0 for gain, whole in zip(gains, asked, strict=True)]
    return [
        gain * (1 + (factor - 1) * (share - KEPT) / (1 - KEPT))
        for gain, share in zip(gains, left, strict=True)
    ]
