"""Parting photos into folds that share out the rare classes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: Folds of a cross-fit, here and in all that import it.
FOLDS = 5


def stratified_folds(label: NDArray, count: int, seed: int) -> NDArray[np.intp]:
    """Fold (n,) of each photo, 0 to count - 1, for labels (n, K).

    Photos are dealt out in turn, ordered by the rarest class that they show and by chance within
    it, so that the folds differ by at most one photo of each such group.
    """
    label = np.asarray(label) == 1
    frequency = label.sum(axis=0)
    rarest = np.where(label, frequency, np.iinfo(np.int64).max).argmin(axis=1)
    rarest = np.where(label.any(axis=1), rarest, label.shape[1])
    order = np.lexsort((np.random.default_rng(seed).random(len(label)), rarest))
    folds = np.empty(len(label), dtype=np.intp)
    folds[order] = np.arange(len(label)) % count
    return folds
