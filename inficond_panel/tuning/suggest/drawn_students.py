"""Students that learn from drawn photos of ``tune``: to first order, without a refit per draw.

An image that counts once more moves the free weights A (not at 0, not at a bound) and the intercept
by -H_AA^-1 times the gradient of its loss, with H the Hessian of the objective (the infinitesimal
jackknife: Giordano et al. 2019, "A Swiss army infinitesimal jackknife", AISTATS).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from inficond_panel.distill import Fit, Outcome
from inficond_panel.distill.metrics.bootstrap import FOLDS, stratified_folds
from inficond_panel.distill.scores import Array
from inficond_panel.tuning.cures.class_photos import ClassPhotos
from inficond_panel.tuning.fitting.class_fit import ClassFit, fit_each, learns_from_tune
from inficond_panel.tuning.fitting.terms import Terms
from inficond_panel.vocabulary.metrics import AP

#: Gap to stop at, as that of the students that choose.
_ROUGH = 1e-3
#: Ridge on the Hessian, as a share of its mean curvature.
_RIDGE = 1e-9


def change_by_teaching(photos: ClassPhotos, terms: Terms, counts: NDArray) -> Array:
    """Change in AP (draws,) since the photos of a draw also teach, and do not only measure.

    Row d of ``counts`` (draws, n) says how often draw d has each photo of ``tune``. Students that
    learn these photos under ``terms`` are fitted without one fold each, and rank its photos twice:
    as they are, and adjusted to first order to the counts of the other photos. 0 if nothing is
    learned from ``tune``.
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
    """Logits of the photos of ``tune`` by students fitted without their fold: as they are (n,), and
    moved to the counts (draws, n)."""
    student, rows = photos.student, photos.tune
    folds = stratified_folds(photos.tune_label[:, None], FOLDS, seed=0)
    parts = [rows[folds == fold] for fold in range(FOLDS)]
    fits = fit_each(student, [terms], student.lower, student.upper, parts, _ROUGH)
    under, still, logits = student.under(terms), np.empty(len(rows)), np.empty(counts.shape)
    for fold, part in enumerate(parts):
        out, one = folds == fold, fits.at(np.array([fold]))
        still[out] = student.logits(one, part)
        free, moves = _moves(under, one, part, rows, counts)
        logits[:, out] = still[out] + moves[:, :-1] @ photos.tune_scores[out][:, free].T
        logits[:, out] += moves[:, [-1]]
    return still, logits


def _moves(
    student: ClassFit,
    one: Fit,
    part: NDArray[np.intp],
    rows: NDArray[np.intp],
    counts: NDArray,
) -> tuple[NDArray[np.intp], Array]:
    """Free weights of the student ``one``, fitted without the photos at ``part``, and the moves of
    these and of the intercept (draws, p + 1) as the others at ``rows`` count as in each draw."""
    data, k, weights = student.data, student.k, one.weights[:, 0]
    logits, inside = data.logits(weights, one.intercepts[0]), data.without(part)
    share = data.weight(k) @ inside
    inner = (weights > student.lower[:, 0]) & (weights < student.upper[:, 0])
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
    """Moves (p + 1, len(images)) of the ``free`` weights and the intercept, as each of the
    ``images`` (positions) counts once more.

    The student has these ``logits`` (n,) of the images with ``scores`` (n, C) that it is fitted to.
    ``image_weight`` (n,) sums to 1; ``residuals`` (n,) is the derivative of the loss by each logit.
    """
    design = np.column_stack([scores[:, free], np.ones(len(scores))]).astype(np.float64)
    share = expit(logits)
    weighted = design * (image_weight * share * (1 - share))[:, None]
    hessian = weighted.T @ design
    inner = np.arange(len(hessian) - 1)
    hessian[inner, inner] += l2 + _RIDGE * np.trace(hessian) / len(hessian)
    return np.asarray(-np.linalg.inv(hessian) @ (design[images] * residuals[images, None]).T)
