"""Student of one class with bounds and terms; its refits, also without held-out photos.

A student that learned from photos of ``tune`` is evaluated on each photo by a refit without the
photo's fold. All refits share one score matrix: held-out photos have weight 0.
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
from inficond_panel.distill.scores import Array, ScoreLike
from inficond_panel.distill.solver.joint import one_of_each
from inficond_panel.store import Store
from inficond_panel.tuning.fitting.fit_data import FitData
from inficond_panel.tuning.fitting.terms import Terms
from inficond_panel.vocabulary.splits import TUNE
from inficond_panel.vocabulary.tasks import SIGMOID, SINGLE_LABEL, SOFTMAX

#: Gap at which the solver stops, relative to the objective at w = 0: enough to rank photos.
TOLERANCE = 1e-4


class ClassFit:
    """Student of class ``k`` under ``terms``, within bounds ``lower`` and ``upper`` ``(C, 1)``.

    ``data`` is the data without terms. ``start`` is a warm start; if ``ready``, the solution.
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
        """Return the student of the same class under ``terms`` and bounds (None: its bounds)."""
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
        """Data that the student is fitted to: of class ``k`` alone, at index ``column`` 0."""
        return self._under_terms(self._plain.only(self.k))

    def _under_terms(self, data: FitData) -> FitData:
        return data.under({} if self.terms == Terms() else {self.name: self.terms})

    @property
    def column(self) -> int:
        """Index of the class in ``data``."""
        return 0

    @cached_property
    def base(self) -> Fit:
        """Solution of the fit, solved at first use unless ``ready``."""
        return self._start if self._ready else self.solve(start=self._start)

    @property
    def weights(self) -> Array:
        """Weights ``(C,)`` of the student."""
        return self.base.weights[:, 0]

    def logits(self, student: Fit, rows: NDArray[np.intp]) -> Array:
        """Return the logits ``(n,)`` of a fitted student on the images at ``rows`` of the store."""
        return self.logits_of(student, self.store.concept_score[rows])

    def logits_of(self, student: Fit, scores: ScoreLike) -> Array:
        """Return the logits ``(n,)`` of a fitted student on images with ``scores`` ``(n, C)``."""
        return decision_function(scores, student.weights, student.intercepts, self.link)[:, 0]

    def logits_of_each(self, students: Sequence[Fit], scores: ScoreLike) -> Array:
        """Return logits ``(len(students), n)`` on images with ``scores`` ``(n, C)``."""
        weights = np.concatenate([student.weights for student in students], axis=1)
        intercepts = np.concatenate([student.intercepts for student in students])
        return decision_function(scores, weights, intercepts).T

    def cutoff_of(self, student: Fit, scores: NDArray, held: Cutoff) -> Cutoff:
        """Return the cutoff of decisions on the class: ``held``, since students are independent."""
        return held

    def fitted_without(self, outside: NDArray[np.bool_]) -> Fit:
        """Return the student refitted without the training images of a mask ``(n,)``."""
        return self.solve(rows=self.rows_without(outside))

    def fitted_without_each(self, outside: NDArray[np.bool_]) -> list[Fit]:
        """Return the student refitted without the training images of each mask ``(m, n)``."""
        inside = np.stack([self.rows_without(mask) for mask in outside], axis=1)
        data, bounds = self.data, (self.lower, self.upper)
        l1 = np.broadcast_to(data.l1_of(0), len(self.lower))[:, None]
        l1 = np.repeat(l1, len(outside), axis=1)
        weights = inside * data.weight(0)[:, None]
        fits = _fit_columns(data, l1, *bounds, weights, self.base, TOLERANCE)
        return [fits.at(np.array([number])) for number in range(len(outside))]

    def rows_without(self, outside: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return a mask of all fitted images without the training images ``outside`` ``(n,)``."""
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
        """Solve the fit, optionally within other bounds or on the images of the mask ``rows``."""
        return fit(
            **self.data.problem([0], rows),
            lower=self.lower if lower is None else lower,
            upper=self.upper if upper is None else upper,
            start=start or self.base,
            tolerance=TOLERANCE,
        )


class JointClassFit(ClassFit):
    """Like ``ClassFit``, for a softmax student.

    Bounds ``lower`` and ``upper`` ``(C, 1)`` are of class ``k``, ``box`` has the bounds of all
    classes. Fits have all K classes: class ``k`` in column 0, then the others in order.
    """

    link = SOFTMAX

    @cached_property
    def data(self) -> FitData:
        """Data of all classes that the student is fitted to."""
        return self._under_terms(self._plain)

    @property
    def column(self) -> int:
        """Index of the class in ``data``."""
        return self.k

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
        """Return the joint student under ``terms`` and bounds of class ``k`` (None: its bounds)."""
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
        """Solve the joint fit, optionally within other bounds of class ``k`` or on ``rows``."""
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

    def fitted_without_each(self, outside: NDArray[np.bool_]) -> list[Fit]:
        """Return the student refitted without the training images of each mask ``(m, n)``."""
        return list(map(self.fitted_without, outside))

    def logits_of_each(self, students: Sequence[Fit], scores: ScoreLike) -> Array:
        """Return logits ``(len(students), n)`` on images with ``scores`` ``(n, C)``."""
        return np.stack([self.logits_of(student, scores) for student in students])

    def cutoff_of(self, student: Fit, scores: NDArray, held: Cutoff) -> Cutoff:
        """Return the cutoff of class ``k`` from the fit's logits of all classes on ``scores``."""
        logits = decision_function(scores, student.weights, student.intercepts, self.link)
        in_order = logits[:, np.argsort(self._order)]
        return Cutoffs(in_order, task=SINGLE_LABEL, link=self.link).of(self.k)

    def _problem(self, rows: NDArray[np.bool_] | None) -> dict[str, Any]:
        problem = self.data.joint_problem(rows)
        problem["targets"] = problem["targets"][:, self._order]
        problem["l1"] = problem["l1"][self._order]
        return problem

    def _box(self, lower: Array, upper: Array) -> tuple[Array, Array]:
        """Return the bounds ``(C, K)`` of all classes, with class ``k`` in column 0."""
        return np.hstack([lower, self._others[0]]), np.hstack([upper, self._others[1]])


_NONE = np.zeros(0, dtype=np.intp)
#: Gap at which the solver stops, relative to the objective at w = 0: for choices, for evaluation.
_ROUGH, _TOLERANCE = 1e-3, 1e-4


def fit_each(
    student: ClassFit,
    tried: Sequence[Terms],
    lower: Array,
    upper: Array,
    outside: Sequence[NDArray[np.intp]] = (_NONE,),
    tolerance: float = _TOLERANCE,
) -> Fit:
    """Return students for all pairs of terms, ``tried``, and sets of left-out photos,
    ``outside``.

    ``outside`` are rows of the store; ``lower`` and ``upper`` ``(C, 1)`` are bounds. Column o ·
    len(tried) + t is under ``tried[t]`` without ``outside[o]``. Terms may differ only in penalties
    and learned photos.
    """
    data = student.under(_widest(tried), lower, upper).data.only(student.column)
    weights = np.stack([_weights(data, terms) for terms in tried], axis=1)
    inside = np.stack([data.without(rows) for rows in outside], axis=1)
    l1 = np.tile(_penalties(student, tried), (1, len(outside)))
    weights = (inside[:, :, None] * weights[:, None, :]).reshape(len(inside), -1)
    return _fit_columns(data, l1, lower, upper, weights, student.base, tolerance)


def _fit_columns(
    data: FitData,
    l1: Array,
    lower: Array,
    upper: Array,
    weights: Array,
    start: Fit,
    tolerance: float,
) -> Fit:
    """Return m students of the one class of ``data``, which differ in L1 penalties ``(C, m)`` and
    image weights ``(n, m)``."""
    column = np.zeros(l1.shape[1], dtype=np.intp)
    return fit(
        data.gathered,
        data.targets[:, column],
        l1=l1,
        l2=float(data.l2[0]),
        lower=lower[:, column],
        upper=upper[:, column],
        sample_weight=weights,
        start=start.at(column),
        tolerance=tolerance,
    )


def _widest(tried: Sequence[Terms]) -> Terms:
    """Return terms that learn from the sources of all ``tried`` terms, with weight 1."""
    learned = {each.source: replace(each, weight=1.0) for terms in tried for each in terms.learned}
    return replace(tried[0], learned=tuple(learned.values()))


def _weights(data: FitData, terms: Terms) -> Array:
    """Return image weights ``(n,)`` under ``terms``; ``data`` has weight 1 for learned images."""
    weight_of = {each.source: each.weight for each in terms.learned}
    weight = data.weight(0).copy()
    for source, block in data.learned.items():
        weight[block] *= weight_of.get(source, 0.0)
    return weight


def _penalties(student: ClassFit, tried: Sequence[Terms]) -> Array:
    """Return the L1 penalties ``(C, len(tried))``, one column for each of the terms ``tried``."""
    alone = [Terms(penalty=terms.penalty, doubted=terms.doubted) for terms in tried]
    columns = [student.under(terms).data.l1_of(student.column) for terms in alone]
    return np.stack([np.broadcast_to(each, len(student.lower)) for each in columns], axis=1)


def logits_of_each(fitted: Fit, scores: NDArray) -> Array:
    """Return logits ``(m, n)`` of m students on photos with ``scores`` ``(n, C)``."""
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
    """Return cross-fitted logits ``(len(tried), n)`` under each of the terms ``tried``, on the
    photos at ``rows`` of ``tune``, which have the fold numbers ``folds`` ``(n,)``."""
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
    """Return True if ``terms`` fit a student to photos of ``tune``."""
    tune = {store.images[row] for row in store.rows(TUNE)} if terms.taught else set()
    learned = any(each.of_tune for each in terms.learned)
    return learned or bool(terms.taught and tune & set(terms.taught.labels))


def unseen_logits(student: ClassFit, tried: Sequence[Terms]) -> Array:
    """Return cross-fitted logits ``(len(tried), n)`` on all photos of ``tune``, under each of the
    terms ``tried``."""
    rows = student.store.rows(TUNE)
    folds = stratified_folds(student.store.label[rows, student.k][:, None], FOLDS, seed=0)
    problem = student, tried, student.lower, student.upper
    return held_out_logits(*problem, rows, folds, _TOLERANCE)
