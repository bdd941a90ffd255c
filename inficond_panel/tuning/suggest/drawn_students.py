"""Bootstrap of students that learn photos of ``tune``, to first order, without a refit per draw.

One more copy of an image moves the free weights A (not at 0, not at a bound) and the intercept by
-H_AA^-1 times the gradient of its loss, with H the Hessian of the objective (the infinitesimal
jackknife: Giordano et al. 2019, "A Swiss army infinitesimal jackknife", AISTATS).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from inficond_panel.distill import Fit, Outcome
from inficond_panel.distill.metrics.bootstrap import FOLDS
from inficond_panel.distill.scores import Array
from inficond_panel.tuning.fitting.class_fit import ClassFit, fit_each, learns_from_tune
from inficond_panel.tuning.fitting.terms import Terms
from inficond_panel.tuning.repairs.class_photos import ClassPhotos
from inficond_panel.vocabulary.metrics import AP

#: Gap at which the solver stops, as for the candidates of a choice.
_ROUGH = 1e-3
#: Ridge on the Hessian, as a share of its mean curvature.
_RIDGE = 1e-9


def change_by_teaching(photos: ClassPhotos, terms: Terms, counts: NDArray) -> Array:
    """Return the change in AP (draws,) because drawn photos are also learned, not only evaluated.

    ``counts`` (draws, n) are the numbers of times that a draw has each photo of ``tune``. Students
    that learn these photos under ``terms`` are fitted without one fold each, and score the fold's
    photos twice: unchanged, and adjusted to first order to the counts of the other photos. 0 if
    ``terms`` learn nothing from ``tune``.
    """
    if not learns_from_tune(terms, photos.student.store):
        return np.zeros(len(counts))
    label, (still, logits) = photos.tune_label, _held_out_logits(photos, terms, counts)
    moved = [
        Outcome(label, row).values(AP.key, count[None])[0]
        for row, count in zip(logits, counts, strict=True)
    ]
    return np.array(moved) - Outcome(label, still).values(AP.key, counts)


def _held_out_logits(photos: ClassPhotos, terms: Terms, counts: NDArray) -> tuple[Array, Array]:
    """Return cross-fitted logits on ``tune``: unchanged (n,), and adjusted to the counts
    (draws, n)."""
    student, rows = photos.student, photos.tune
    folds = photos.tune_folds
    parts = [rows[folds == fold] for fold in range(FOLDS)]
    fits = fit_each(student, [terms], parts, tolerance=_ROUGH)
    under, still, logits = student.under(terms), np.empty(len(rows)), np.empty(counts.shape)
    for fold, part in enumerate(parts):
        out, one = folds == fold, fits.at(np.array([fold]))
        still[out] = student.logits(one, part)
        free, moves = _moves(under, one, part, rows, counts)
        logits[:, out] = still[out] + moves[:, :-1] @ photos.tune_scores[out][:, free].T
        logits[:, out] += moves[:, [-1]]
    return still, logits


def _moves(
    student: ClassFit, one: Fit, part: NDArray[np.intp], rows: NDArray[np.intp], counts: NDArray
) -> tuple[NDArray[np.intp], Array]:
    """Return the indices of free weights of ``one``, fitted without the photos at ``part``, and the
    moves (draws, p + 1) of these weights and the intercept under ``counts`` of ``rows``."""
    data, k, weights = student.data, student.column, one.weights[:, 0]
    logits, inside = data.logits(weights, one.intercepts[0]), data.without(part)
    share = data.weight(k) @ inside
    inner = (weights > student.box[0][:, 0]) & (weights < student.box[1][:, 0])
    free = np.flatnonzero(inner & (weights != 0))
    images = np.flatnonzero(inside & np.isin(data.rows, rows))
    moves = image_moves(
        data.scores,
        logits,
        data.weight(k) * inside / share,
        data.residuals(logits, k) * inside / share,
        free,
        images,
        float(data.l2[k]),
    )
    more = counts[:, np.searchsorted(rows, data.rows[images])].astype(np.float64) - 1
    return free, more @ moves.T


def image_moves(
    scores: NDArray,
    logits: Array,
    image_weight: Array,
    residuals: Array,
    free: NDArray[np.intp],
    images: NDArray[np.intp],
    l2: float = 0.0,
) -> Array:
    """Return moves (p + 1, len(images)) of the ``free`` weights and the intercept per additional
    copy of each of the ``images`` (indices).

    ``logits`` (n,) are the student's on the images with ``scores`` (n, C) that it is fitted to.
    ``image_weight`` (n,) sums to 1; ``residuals`` (n,) is the derivative of the loss by each logit.
    """
    design = np.column_stack([scores[:, free], np.ones(len(scores))]).astype(np.float64)
    share = expit(logits)
    weighted = design * (image_weight * share * (1 - share))[:, None]
    hessian = weighted.T @ design
    inner = np.arange(len(hessian) - 1)
    hessian[inner, inner] += l2 + _RIDGE * np.trace(hessian) / len(hessian)
    return np.asarray(-np.linalg.inv(hessian) @ (design[images] * residuals[images, None]).T)
