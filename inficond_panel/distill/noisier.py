"""Concepts whose scores vary more in one split, whether or not an image shows the class.

A sensor or an assay that became less precise leaves the means of scores as they are, so nothing
that compares means tells it; but a student that uses such a concept ranks less well. A lost
correlation moves the scores of images with the class, or of those without it. The test is that of
Brown and Forsythe (1974, "Robust tests for the equality of variances", JASA 69): distances to the
median, of each label by itself.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from inficond_panel.distill.sources import Array

#: Least ratio of the distances, and least z of their difference: of each label, and of both.
LEAST_RATIO, LEAST_Z, LEAST_BOTH = 1.25, 2.0, 4.0
#: Most z of the difference of the means of a label.
MOST_MOVED = 3.0
#: Least different values of a concept, and least images of each label and split.
LEAST_VALUES, LEAST_IMAGES = 10, 10
#: A standard deviation in mean distances to the median, of normal scores.
_NORMAL = float(np.sqrt(np.pi / 2))


def noisier(fit: NDArray, fit_label: NDArray, tune: NDArray, tune_label: NDArray) -> Array:
    """Return the spreads (2, C) of the scores of ``fit`` (n, C) and of ``tune`` (m, C), within the
    images of one label in {1, 0}, in standard deviations; nan for a concept whose scores do not
    vary clearly more on ``tune`` with the class and without it, about the same means."""
    sides = (fit, fit_label), (tune, tune_label)
    each = [[scores[of == label].astype(np.float64) for scores, of in sides] for label in (0, 1)]
    sizes = np.array([[len(some) for some in of_label] for of_label in each])
    if sizes.min() < LEAST_IMAGES:
        return np.full((2, fit.shape[1]), np.nan)
    far = [[np.abs(some - np.median(some, axis=0)) for some in of_label] for of_label in each]
    distance = np.array([[some.mean(axis=0) for some in of_label] for of_label in far])
    z = np.stack([_z(*of_label) for of_label in far])
    moved = np.abs([_z(*of_label) for of_label in each]).max(axis=0)
    wider = (distance[:, 1] >= LEAST_RATIO * distance[:, 0]) & (z >= LEAST_Z)
    clear = wider.all(axis=0) & (z.sum(axis=0) / np.sqrt(2) >= LEAST_BOTH)
    clear &= (moved <= MOST_MOVED) & _many_values(fit)
    within = (sizes[:, :, None] * distance).sum(axis=0) / sizes.sum(axis=0)[:, None]
    return np.where(clear, _NORMAL * within, np.nan)


def _z(fit: Array, tune: Array) -> Array:
    """Return the difference (C,) of the means of two sets of values, in standard errors (Welch)."""
    error = np.sqrt(fit.var(axis=0, ddof=1) / len(fit) + tune.var(axis=0, ddof=1) / len(tune))
    rise = tune.mean(axis=0) - fit.mean(axis=0)
    return np.asarray(np.divide(rise, error, out=np.zeros_like(rise), where=error > 0))


def _many_values(scores: NDArray) -> NDArray[np.bool_]:
    """Return the mask (C,) of the concepts with ``LEAST_VALUES`` different scores or more."""
    ordered = np.sort(scores, axis=0)
    return np.asarray((np.diff(ordered, axis=0) != 0).sum(axis=0) + 1 >= LEAST_VALUES)
