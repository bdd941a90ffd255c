"""Students that learn from drawn photos of ``tune``: to first order, without a refit per draw."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from inficond_panel.distill import Fit, Outcome
from inficond_panel.distill.folds import stratified_folds
from inficond_panel.distill.scores.scores import Array
from inficond_panel.tuning.fitting.class_fit import ClassFit
from inficond_panel.tuning.fitting.held_out import FOLDS, fit_each, learns_from_tune
from inficond_panel.tuning.fitting.terms import Terms
from inficond_panel.tuning.shift.class_photos import ClassPhotos
from inficond_panel.tuning.suggest.first_order import image_moves
from inficond_panel.vocabulary.metrics import AP

#: Gap to stop at, as that of the students that choose.
_ROUGH = 1e-3


def change_by_teaching(photos: ClassPhotos, terms: Terms, counts: NDArray) -> Array:
    """Change in AP (draws,) as the photos of each draw teach too, and do not only measure.

    Each row of ``counts`` (draws, n) says how often a draw has each photo of ``tune``. Students
    that learn from these photos under ``terms`` are fitted without a fold each, and rank its photos
    by their counts: once as they are, and once moved to what the counts of the others would make
    of them, to first order. 0 where nothing is learned from ``tune``.
    """
    if not learns_from_tune(terms, photos.student.store):
        return np.zeros(len(counts))
    still, moves = _held_out_moves(photos, terms)
    logits = still + (counts.astype(np.float64) - 1) @ moves.T
    fixed = Outcome(photos.tune_label, still).values(AP.key, counts)
    moved = [
        Outcome(photos.tune_label, row).values(AP.key, count[None])[0]
        for row, count in zip(logits, counts, strict=True)
    ]
    return np.array(moved) - fixed


def _held_out_moves(photos: ClassPhotos, terms: Terms) -> tuple[Array, Array]:
    """Logits (n,) of the photos of ``tune`` by students fitted without their fold, and by how much
    they move as each photo counts once more (n, n)."""
    student, rows = photos.student, photos.tune
    folds = stratified_folds(photos.tune_label[:, None], FOLDS, seed=0)
    parts = [rows[folds == fold] for fold in range(FOLDS)]
    found = fit_each(student, [terms], student.lower, student.upper, parts, _ROUGH)
    under, still, moves = student.under(terms), np.empty(len(rows)), np.zeros((len(rows),) * 2)
    for fold, part in enumerate(parts):
        out, one = folds == fold, found.at([fold])
        still[out] = student.logits(one, part)
        moves[out] = _moves(under, one, rows, out)
    return still, moves


def _moves(student: ClassFit, one: Fit, rows: NDArray[np.intp], out: NDArray[np.bool_]) -> Array:
    """Moves (out, n) of the logits of the photos ``out`` of those at ``rows``, as each counts once
    more for the student ``one``, which is fitted without them."""
    data, k, weights = student.data, student.k, one.weights[:, 0]
    logits = data.logits(weights, one.intercepts[0])
    inside = data.without(rows[out])
    share = data.weight(k) @ inside
    images = np.flatnonzero(inside & np.isin(data.rows, rows))
    free = np.flatnonzero((weights > student.lower[:, 0]) & (weights < student.upper[:, 0]))
    free = free[weights[free] != 0]
    moves = image_moves(
        data.scores,
        logits,
        data.weight(k) * inside / share,
        data.residuals(logits, k) * inside / share,
        free,
        images,
        float(data.l2[k]),
    )
    scores = student.store.concept_score[rows[out]][:, free]
    found = np.zeros((len(rows), len(scores)))
    np.add.at(
        found, np.searchsorted(rows, data.rows[images]), (scores @ moves[:-1] + moves[-1]).T
    )
    return found.T
