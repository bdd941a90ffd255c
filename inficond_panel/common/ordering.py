"""The order of concepts by strength."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def strongest(weights: ArrayLike) -> NDArray[np.intp]:
    """Return indices of ``weights`` by descending absolute value; ties keep their order, nan is
    last. A matrix is flattened first."""
    strength = np.abs(np.asarray(weights).ravel())
    return np.argsort(-np.where(np.isnan(strength), -1.0, strength), kind="stable")
