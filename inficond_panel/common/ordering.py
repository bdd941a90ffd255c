"""Orders: that of concepts by strength, and normal scores."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def strongest(weights: ArrayLike) -> NDArray[np.intp]:
    """Return indices of ``weights`` by descending absolute value; ties keep their order, nan is
    last. A matrix is flattened first."""
    strength = np.abs(np.asarray(weights).ravel())
    return np.argsort(-np.where(np.isnan(strength), -1.0, strength), kind="stable")


def normal_scores(values: ArrayLike) -> NDArray[np.float64]:
    """Return the normal quantiles of the ranks of ``values`` (n,) (Blom 1958)."""
    from scipy.special import ndtri  # noqa: PLC0415 - takes longer than a look at a folder
    from scipy.stats import rankdata  # noqa: PLC0415 - as above

    ranks = rankdata(values)
    return np.asarray(ndtri((ranks - 3 / 8) / (len(ranks) + 1 / 4)))
