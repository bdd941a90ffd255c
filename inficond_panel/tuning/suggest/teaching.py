"""How a gain changes because drawn photos of ``tune`` are also learned, to first order.

A student that learns labels of ``tune`` would be another one with other photos. Each bootstrap draw
changes it by the infinitesimal jackknife (Giordano et al. 2019, AISTATS, "A Swiss army
infinitesimal jackknife").
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from inficond_panel.distill import Fit
from inficond_panel.distill.sources import Array
from inficond_panel.tuning.fitting.class_fit import ClassFit, fit_without_each
from inficond_panel.tuning.fitting.terms import Terms
from inficond_panel.tuning.repairs.choosing import Cell, compared_values
from inficond_panel.tuning.repairs.evidence import Evidence

#: Ridge on the Hessian, as a share of its mean curvature.
_RIDGE = 1e-9


def changes_by_teaching(
    evidence: Evidence,
    terms: Terms,
    counts: NDArray,
    cell: Cell = None,
    fits: Sequence[Fit] | None = None,
) -> list[Array]:
    """Return the changes (draws,) because drawn photos are also learned, not only evaluated: in
    what levers are compared by, and in AP.

    ``counts`` (draws, n) are the numbers of times that a draw has each photo of ``tune``. Students
    that learn these photos under ``terms`` are fitted without one fold each, and score the fold's
    photos twice: unchanged, and adjusted to first order to the counts of the other photos. ``fits``
    are these students, one for each fold, if they are there already. 0 if ``terms`` learn nothing
    from ``tune``.
    """
    if not terms.fit_to_tune(evidence.student.store):
        return [np.zeros(len(counts))] * 2
    if fits is None:
        fits = fit_without_each(evidence.student, [terms], evidence.tune, evidence.tune_folds)
    still, moved = _taught_logits(evidence, terms, counts, fits)
    in_ap = _change(evidence.tune_label, still, moved, counts, None)
    if cell is None:
        return [in_ap, in_ap]
    return [_change(evidence.tune_label, still, moved, counts, cell), in_ap]


def _change(label: NDArray, still: Array, moved: Array, counts: NDArray, cell: Cell) -> Array:
    """Return the change (draws,) from logits (n,) to those of each draw (draws, n)."""
    after = [
        compared_values(label, row[None], count[None], cell)[0, 0]
        for row, count in zip(moved, counts, strict=True)
    ]
    return np.array(after) - compared_values(label, still[None], counts, cell)[0]


def _taught_logits(
    evidence: Evidence, terms: Terms, counts: NDArray, fits: Sequence[Fit]
) -> tuple[Array, Array]:
    """Return the logits (n,) of photos of tune, unchanged, and adjusted to the draws (draws, n), of
    ``fits`` without each fold."""
    student, rows, folds = evidence.student, evidence.tune, evidence.tune_folds
    under, still, logits = student.under(terms), np.empty(len(rows)), np.empty(counts.shape)
    for fold, one in enumerate(fits):
        out = folds == fold
        part = rows[out]
        still[out] = student.logits(one, part)
        free, moves = _moves(under, one, part, rows, counts)
        logits[:, out] = still[out] + moves[:, :-1] @ evidence.tune_scores[out][:, free].T
        logits[:, out] += moves[:, [-1]]
    return still, logits


def _moves(
    student: ClassFit, one: Fit, part: NDArray[np.intp], rows: NDArray[np.intp], counts: NDArray
) -> tuple[NDArray[np.intp], Array]:
    """Return the indices of free weights of ``one``, fitted without the photos at ``part``, and the
    moves (draws, p + 1) of these weights and the intercept under ``counts`` of ``rows``."""
    data, k, weights = student.data, student.column, one.weights[:, 0]
    scores = data.images.scores
    logits, inside = data.logits(weights, one.intercepts[0]), data.images.without(part)
    share = data.weight(k) @ inside
    inner = (weights > student.box[0][:, 0]) & (weights < student.box[1][:, 0])
    free = np.flatnonzero(inner & (weights != 0))
    images = np.flatnonzero(inside & np.isin(data.images.rows, rows))
    weight, residuals = (
        each * inside / share for each in (data.weight(k), data.residuals(logits, k))
    )
    moves = image_moves(
        scores, logits, weight, residuals, free, images, float(data.penalties.l2[k])
    )
    more = counts[:, np.searchsorted(rows, data.images.rows[images])].astype(np.float64) - 1
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
    half = design * np.sqrt(image_weight * share * (1 - share))[:, None]
    hessian = half.T @ half  # of a matrix with itself: BLAS computes only one triangle
    inner = np.arange(len(hessian) - 1)
    hessian[inner, inner] += l2 + _RIDGE * np.trace(hessian) / len(hessian)
    return np.asarray(-np.linalg.inv(hessian) @ (design[images] * residuals[images, None]).T)
