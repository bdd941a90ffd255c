"""Whether the photos of one other class are the reason that photos of two splits differ.

A class's own photos can be the same in both splits, and yet go with something less on one of them,
because photos *without* the class differ: all photos of one other class, such as darkened ones, or
the share of one other class. Then the difference is not of this class.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from inficond_panel.distill.sources import Array

#: Least photos of each split that show a class, and that do not, to say that it is the reason.
LEAST_OF_CLASS = 10
#: Least z of the difference of a class's shares to say that it is the reason.
RARER = 3.0
#: There is no such class.
NONE_OF_THEM = -1


def through_class(
    fit: NDArray,
    tune: NDArray,
    fit_label: NDArray,
    tune_label: NDArray,
    besides: ArrayLike = 0.0,
    *,
    by_share: bool = False,
) -> NDArray[np.intp]:
    """Return for each measure (S,) the class whose photos are the reason that values of ``fit``
    (n, S) lie above those of ``tune`` (m, S); ``NONE_OF_THEM`` if none is.

    Labels are (n, K) and (m, K). The photos of the class differ by twice as much as all, or, if
    ``by_share``, their share does (``RARER``), and without them half of the difference is left, or
    less. ``besides`` (S,) is the part of the difference that is not of these photos, and stays.
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
    frequency = share_z(fit_label == 1, tune_label == 1)[:, None]
    reason = (own >= 2 * apart) | (by_share & (np.abs(frequency) >= RARER))
    reason &= np.asarray(besides) + rest <= whole / 2
    left = np.where(reason, rest, np.inf)
    return np.where(reason.any(axis=0), left.argmin(axis=0), NONE_OF_THEM)


def at_equal_shares(fit_label: NDArray, tune_label: NDArray) -> Array:
    """Return weights (m,) of photos of ``tune`` by which the classes have the shares that they have
    in ``fit``, where each photo has one class at most: labels are (n, K) and (m, K). Rare classes
    (``LEAST_OF_CLASS``), and photos of none, keep their weight; all are 1 if no share differs
    (``RARER``)."""
    weights = np.ones(len(tune_label))
    if not (np.abs(share_z(fit_label == 1, tune_label == 1)) >= RARER).any():
        return weights
    for k in range(tune_label.shape[1]):
        of_fit, of_tune = fit_label[:, k] == 1, tune_label[:, k] == 1
        if min(of_fit.sum(), of_tune.sum()) >= LEAST_OF_CLASS:
            weights[of_tune] = of_fit.mean() / of_tune.mean()
    return weights


def share_z(fit_label: NDArray, tune_label: NDArray) -> Array:
    """Return the z-scores (K,) of the shares of positives in ``fit`` less those in ``tune``, from
    labels (n, K) and (m, K) in {1, 0}; 0 where all labels are equal."""
    both = np.concatenate([fit_label, tune_label])
    error = np.sqrt(both.var(axis=0) * (1 / len(fit_label) + 1 / len(tune_label)))
    difference = fit_label.mean(axis=0) - tune_label.mean(axis=0)
    return np.asarray(np.divide(difference, error, out=np.zeros_like(error), where=error > 0))


def _means(values: NDArray, members: NDArray[np.bool_]) -> Array:
    """Return means (K, S) of values (n, S) over members (n, K); nan of few (``LEAST_OF_CLASS``)."""
    sizes = members.sum(axis=0)
    means = members.T.astype(np.float64) @ values / np.maximum(sizes, 1)[:, None]
    return np.asarray(np.where(sizes[:, None] >= LEAST_OF_CLASS, means, np.nan))
