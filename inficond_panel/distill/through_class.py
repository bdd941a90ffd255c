"""Whether the photos of one other class are the reason that photos of two splits differ.

A class's own photos can be the same in both splits, and yet go with something less on one of them,
because photos *without* the class differ: all photos of one other class, such as darkened ones.
Then the difference is a fault of that class.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from inficond_panel.distill.sources import Array

#: Least photos of each split that show a class, and that do not, to say that it is the reason.
LEAST_OF_CLASS = 10
#: There is no such class.
NONE_OF_THEM = -1


def through_class(
    fit: NDArray, tune: NDArray, fit_label: NDArray, tune_label: NDArray, besides: ArrayLike = 0.0
) -> NDArray[np.intp]:
    """Return for each measure (S,) the class whose photos are the reason that values of ``fit``
    (n, S) lie above those of ``tune`` (m, S); ``NONE_OF_THEM`` if none is.

    Labels are (n, K) and (m, K). The photos of the class differ by twice as much as all, and
    without them half of the difference is left, or less. ``besides`` (S,) is the part of the
    difference that is not of these photos, and stays.
    """
    if not fit_label.shape[1]:
        return np.full(fit.shape[1], NONE_OF_THEM)
    apart = fit.mean(axis=0) - tune.mean(axis=0)
    sides = (fit, fit_label == 1), (tune, tune_label == 1)
    own, rest = (
        np.subtract(*(_means(values, members == shown) for values, members in sides))
        for shown in (True, False)
    )
    whole = apart + np.asarray(besides)
    reason = (own >= 2 * apart) & (np.asarray(besides) + rest <= whole / 2)
    left = np.where(reason, rest, np.inf)
    return np.where(reason.any(axis=0), left.argmin(axis=0), NONE_OF_THEM)


def _means(values: NDArray, members: NDArray[np.bool_]) -> Array:
    """Return means (K, S) of values (n, S) over members (n, K); nan of few (``LEAST_OF_CLASS``)."""
    sizes = members.sum(axis=0)
    means = members.T.astype(np.float64) @ values / np.maximum(sizes, 1)[:, None]
    return np.asarray(np.where(sizes[:, None] >= LEAST_OF_CLASS, means, np.nan))
