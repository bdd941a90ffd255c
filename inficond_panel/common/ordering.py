"""The order of concepts by strength."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def strongest(weights: ArrayLike) -> NDArray[np.intp]:
    """Return the positions by descending absolute value, equal ones in order of the store, nan
    last. Of a matrix the positions in its flattened form."""
    strength = np.abs(np.asarray(weights).ravel())
    return np.argsort(-np.where(np.isnan(strength), -1.0, strength), kind="stable")
