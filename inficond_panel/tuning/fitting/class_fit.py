"""Student of one class with bounds and terms, fitted anew, in part, or without held-out photos.

A student that learned from photos of ``tune`` is evaluated on each of them by a student that was
fitted without it. All of them share their scores: what is left out weighs 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inficond_panel.distill import Fit, decision_function, fit, fit_joint
from inficond_panel.distill.metrics.bootstrap import FOLDS, stratified_folds
from inficond_panel.distill.metrics.outcome import Cutoff, Cutoffs
from inficond_panel.distill.scores import Array
from inficond_panel.distill.solver.joint import one_of_each
from inficond_panel.store import Store
from inficond_panel.tuning.fitting.fit_data import FitData
from inficond_panel.tuning.fitting.terms import Terms
from inficond_panel.vocabulary.splits import TUNE
from inficond_panel.vocabulary.tasks import SIGMOID, SINGLE_LABEL, SOFTMAX

#: Gap to stop at, relative to the objective at w = 0: enough to rank photos.
TOLERANCE = 1e-4


class ClassFit:
    """The student of the class at ``k`` under ``terms``, within ``lower`` and ``upper`` ``(C, 1)``.

    ``data`` is under no terms. ``start`` is a student near by; where ``ready``, it is the student.
    """

    link = SIGMOID

    def __init__(
        self,
        store: Store,
        data: FitData,
        k: int,
        lower: Array,
        upper: Array,
        start: Fit,
        terms: Terms | None = None,
        *,
        ready: bool = False,
    ) -> None:
        self.store, self.k, self.lower, self.upper = store, k, lower, upper
        self.terms = terms or Terms()
        self._plain, self._start, self._ready = data, start, ready

    def under(
        self, terms: Terms, lower: Array | None = None, upper: Array | None = None
    ) -> ClassFit:
        """The student of the same class under other terms and bounds (the same)."""
        return ClassFit(
            self.store,
            self._plain,
            self.k,
            self.lower if lower is None else lower,
            self.upper if upper is None else upper,
            self.base,
            terms,
        )

    @property
    def name(self) -> str:
        """Name of the class."""
        return self.store.classes[self.k]

    @cached_property
    def data(self) -> FitData:
        """Data that the student is fitted to."""
        return self._plain.under({} if self.terms == Terms() else {self.name: self.terms})

    @cached_property
    def base(self) -> Fit:
        """The student."""
        return self._start if self._ready else self.solve(start=self._start)

    @property
    def weights(self) -> Array:
        """Weights ``(C,)`` of the student."""
        return self.base.weights[:, 0]

    def logits(self, student: Fit, rows: NDArray[np.intp]) -> Array:
        """Logits ``(n,)`` of the images at ``rows`` of the store."""
        return self.logits_of(student, self.store.concept_score[rows])

    def logits_of(self, student: Fit, scores: NDArray) -> Array:
        """Logits ``(n,)`` of images with these scores ``(n, C)``."""
        return decision_function(scores, student.weights, student.intercepts, self.link)[:, 0]

    def logits_of_each(self, students: Sequence[Fit], scores: NDArray) -> Array:
        """Logits ``(len(students), n)`` of images with these scores ``(n, C)``."""
        weights = np.concatenate([student.weights for student in students], axis=1)
        intercepts = np.concatenate([student.intercepts for student in students])
        return decision_function(scores, weights, intercepts).T

    def cutoff_of(self, student: Fit, scores: NDArray, held: Cutoff) -> Cutoff:
        """Cutoff of the class on images with these scores, other classes being as in ``held``."""
        return held

    def fitted_without(self, outside: NDArray[np.bool_]) -> Fit:
        """Fit the student again without the images ``outside`` ``(n,)`` of the split ``fit``."""
        return self.solve(rows=self.rows_without(outside))

    def rows_without(self, outside: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Mask of the images fitted to, but for those ``outside`` ``(n,)`` of the split ``fit``."""
        inside = np.ones(len(self.data.rows), dtype=bool)
        inside[: len(outside)] = ~outside
        return inside

    def solve(
        self,
        lower: Array | None = None,
        upper: Array | None = None,
        start: Fit | None = None,
        rows: NDArray[np.bool_] | None = None,
    ) -> Fit:
        """The student within other bounds, or of some of the images alone."""
        return fit(
            **self.data.problem([self.k], rows),
            lower=self.lower if lower is None else lower,
            upper=self.upper if upper is None else upper,
            start=start or self.base,
            tolerance=TOLERANCE,
        )


class JointClassFit(ClassFit):
    """Like ``ClassFit``, for one softmax student.

    The bounds ``(C, 1)`` are of the class at ``k``, those of ``box`` of all classes. Its students
    have all K classes: that at ``k`` in column 0, then the others in order.
    """

    link = SOFTMAX

    def __init__(
        self,
        store: Store,
        data: FitData,
        k: int,
        box: tuple[Array, Array],
        start: Fit,
        terms: Terms | None = None,
        *,
        ready: bool = False,
    ) -> None:
        others = [column for column in range(len(store.classes)) if column != k]
        self._order = np.array([k, *others])
        self._others = box[0][:, others], box[1][:, others]
        lower, upper = (side[:, [k]] for side in box)
        super().__init__(store, data, k, lower, upper, start.at(self._order), terms, ready=ready)

    def under(
        self, terms: Terms, lower: Array | None = None, upper: Array | None = None
    ) -> JointClassFit:
        """The joint student under other terms and bounds of the class (the same)."""
        box = self._box(
            self.lower if lower is None else lower, self.upper if upper is None else upper
        )
        back = np.argsort(self._order)
        return JointClassFit(
            self.store,
            self._plain,
            self.k,
            (box[0][:, back], box[1][:, back]),
            self.base.at(back),
            terms,
        )

    def solve(
        self,
        lower: Array | None = None,
        upper: Array | None = None,
        start: Fit | None = None,
        rows: NDArray[np.bool_] | None = None,
    ) -> Fit:
        """The joint student within other bounds of the class, or of some of the images alone."""
        low, high = self._box(
            self.lower if lower is None else lower, self.upper if upper is None else upper
        )
        joint = fit_joint(
            **self._problem(rows),
            lower=low,
            upper=high,
            start=(start or self.base).weights,
            tolerance=TOLERANCE,
        )
        return one_of_each(joint, low, high)

    def logits_of_each(self, students: Sequence[Fit], scores: NDArray) -> Array:
        """Logits ``(len(students), n)`` of images with these scores ``(n, C)``."""
        return np.stack([self.logits_of(student, scores) for student in students])

    def cutoff_of(self, student: Fit, scores: NDArray, held: Cutoff) -> Cutoff:
        """Cutoff of the class on images with these scores, where the other classes moved too."""
        logits = decision_function(scores, student.weights, student.intercepts, self.link)
        in_order = logits[:, np.argsort(self._order)]
        return Cutoffs(in_order, task=SINGLE_LABEL, link=self.link).of(self.k)

    def _problem(self, rows: NDArray[np.bool_] | None) -> dict[str, Any]:
        problem = self.data.joint_problem(rows)
        problem["targets"] = problem["targets"][:, self._order]
        problem["l1"] = problem["l1"][self._order]
        return problem

    def _box(self, lower: Array, upper: Array) -> tuple[Array, Array]:
        """Bounds ``(C, K)`` in the order of the columns."""
        return np.hstack([lower, self._others[0]]), np.hstack([upper, self._others[1]])


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
    """Students under each of the terms ``tried``, each fitted without each set of photos
    ``outside``.

    ``outside`` are rows of the store; ``lower`` and ``upper`` ``(C, 1)`` are bounds. Column o ·
    len(tried) + t is under ``tried[t]`` without ``outside[o]``. The terms differ in penalties and
    learned photos only.
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
    """Weights ``(n,)`` of the images under ``terms``; learned images have weight 1 in ``data``."""
    weight_of = {each.source: each.weight for each in terms.learned}
    weight = data.weight(k).copy()
    for source, block in data.learned.items():
        weight[block] *= weight_of.get(source, 0.0)
    return weight


def _penalties(student: ClassFit, tried: Sequence[Terms]) -> Array:
    """L1 penalties ``(C, len(tried))``."""
    alone = [Terms(penalty=terms.penalty, doubted=terms.doubted) for terms in tried]
    columns = [student.under(terms).data.l1_of(student.k) for terms in alone]
    return np.stack([np.broadcast_to(each, len(student.lower)) for each in columns], axis=1)


def logits_of_each(fitted: Fit, scores: NDArray) -> Array:
    """Logits ``(m, n)`` of photos with these scores ``(n, C)`` by each of m students."""
    return decision_function(scores, fitted.weights, fitted.intercepts).T


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
    fits = fit_each(student, tried, lower, upper, parts, tolerance)
    logits, count = np.empty((len(tried), len(rows))), len(tried)
    for fold in range(FOLDS):
        fold_fits = fits.at(np.arange(fold * count, (fold + 1) * count))
        logits[:, folds == fold] = logits_of_each(
            fold_fits, student.store.concept_score[parts[fold]]
        )
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
    problem = student, tried, student.lower, student.upper
    return held_out_logits(*problem, rows, folds, _TOLERANCE)
