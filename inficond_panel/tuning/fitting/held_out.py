"""Students of one class under several terms, fitted together, with photos of ``tune`` left out.

A student that learned from photos of ``tune`` is evaluated on each of them by a student that was
fitted without it. All of them share their scores: what is left out weighs 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from inficond_panel.distill import Fit, decision_function, fit
from inficond_panel.distill.folds import FOLDS, stratified_folds
from inficond_panel.distill.scores.scores import Array
from inficond_panel.store import Store
from inficond_panel.tuning.fitting.class_fit import ClassFit
from inficond_panel.tuning.fitting.fit_data import FitData
from inficond_panel.tuning.fitting.terms import Terms
from inficond_panel.vocabulary.splits import TUNE

_NONE = np.zeros(0, dtype=np.intp)
#: Gap to stop at, relative to the objective at w = 0: students that choose, and that are evaluated.
_ROUGH, _TOLERANCE = 1e-3, 1e-4


def fit_each(
    student: ClassFit,
    tried: Sequence[Terms],
    lower: Array,
    upper: Array,
    outside: Sequence[NDArray[np.intp]] = (_NONE,),
    tolerance: float = _TOLERANCE,
) -> Fit:
    """Students under each of the terms, without each set of photos ``outside`` (rows of the store).

    Column o · len(tried) + t is under ``tried[t]`` without ``outside[o]``. The terms differ in
    their penalties and in what is learned. ``lower`` and ``upper`` ``(C, 1)`` are bounds.
    """
    data, k = student.under(_widest(tried), lower, upper).data, student.k
    weights = np.stack([_weights(data, k, terms) for terms in tried], axis=1)
    inside = np.stack([data.without(rows) for rows in outside], axis=1)
    count = len(tried) * len(outside)
    column = np.zeros(count, dtype=np.intp)
    return fit(
        data.gathered,
        data.targets[:, [k]][:, column],
        l1=np.tile(_penalties(student, tried), (1, len(outside))),
        l2=float(data.l2[k]),
        lower=lower[:, column],
        upper=upper[:, column],
        sample_weight=(inside[:, :, None] * weights[:, None, :]).reshape(len(inside), count),
        start=student.base.at(column),
        tolerance=tolerance,
    )


def _widest(tried: Sequence[Terms]) -> Terms:
    """Terms that learn from all sources of those tried, with weight 1."""
    learned = {each.source: replace(each, weight=1.0) for terms in tried for each in terms.learned}
    return replace(tried[0], learned=tuple(learned.values()))


def _weights(data: FitData, k: int, terms: Terms) -> Array:
    """Weights ``(n,)`` of the images under ``terms``; ``data`` has them with weight 1 of what is
    learned."""
    given = {each.source: each.weight for each in terms.learned}
    weight = data.weight(k).copy()
    for source, block in data.learned.items():
        weight[block] *= given.get(source, 0.0)
    return weight


def _penalties(student: ClassFit, tried: Sequence[Terms]) -> Array:
    """L1 penalties ``(C, len(tried))``."""
    alone = [Terms(penalty=terms.penalty, doubted=terms.doubted) for terms in tried]
    columns = [student.under(terms).data.l1_of(student.k) for terms in alone]
    return np.stack([np.broadcast_to(each, len(student.lower)) for each in columns], axis=1)


def logits_of_each(found: Fit, scores: NDArray) -> Array:
    """Logits ``(m, n)`` of photos with these scores ``(n, C)`` by each of m students."""
    return decision_function(scores, found.weights, found.intercepts).T


def held_out_logits(
    student: ClassFit,
    tried: Sequence[Terms],
    lower: Array,
    upper: Array,
    rows: NDArray[np.intp],
    folds: NDArray[np.intp],
    tolerance: float = _ROUGH,
) -> Array:
    """Logits ``(len(tried), n)`` of the photos at ``rows`` of ``tune``, each by students that were
    fitted without the photos of its fold, of ``folds`` ``(n,)``."""
    parts = [rows[folds == fold] for fold in range(FOLDS)]
    found = fit_each(student, tried, lower, upper, parts, tolerance)
    logits, count = np.empty((len(tried), len(rows))), len(tried)
    for fold in range(FOLDS):
        own = found.at(np.arange(fold * count, (fold + 1) * count))
        logits[:, folds == fold] = logits_of_each(own, student.store.concept_score[parts[fold]])
    return logits


def learns_from_tune(terms: Terms, store: Store) -> bool:
    """True if photos of ``tune`` are fitted to under ``terms``."""
    tune = {store.images[row] for row in store.rows(TUNE)} if terms.taught else set()
    learned = any(each.of_tune for each in terms.learned)
    return learned or bool(terms.taught and tune & set(terms.taught.labels))


def unseen_logits(student: ClassFit, tried: Sequence[Terms]) -> Array:
    """Logits ``(len(tried), n)`` of the photos of ``tune``, each by students fitted without its
    fold."""
    rows = student.store.rows(TUNE)
    folds = stratified_folds(student.store.label[rows, student.k][:, None], FOLDS, seed=0)
    given = student, tried, student.lower, student.upper
    return held_out_logits(*given, rows, folds, _TOLERANCE)
