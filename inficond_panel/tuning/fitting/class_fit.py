"""Student of one class with bounds and terms; its refits, also without held-out photos.

A student that learned from photos of ``tune`` is evaluated on each photo by a refit without the
photo's fold. All refits share one score matrix: held-out photos have weight 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray

from inficond_panel.common.arrays import empty
from inficond_panel.distill import Fit, FitProblem, decision_function, solve
from inficond_panel.distill.metrics.bootstrap import FOLDS, stratified_folds
from inficond_panel.distill.metrics.outcome import Cutoff, Cutoffs
from inficond_panel.distill.scores import ScoreLike
from inficond_panel.distill.solver.exact import made_of
from inficond_panel.distill.solver.joint import joint_students
from inficond_panel.distill.sources import Array
from inficond_panel.store import Store
from inficond_panel.tuning.fitting.fit_data import FitData
from inficond_panel.tuning.fitting.terms import Terms
from inficond_panel.vocabulary.splits import TUNE
from inficond_panel.vocabulary.tasks import SIGMOID, SINGLE_LABEL, SOFTMAX

#: Gap at which the solver stops, relative to the objective at w = 0: enough to rank photos.
TOLERANCE = 1e-4
#: Lower and upper bounds of weights, ``(C, 1)`` each for one class.
Box = tuple[Array, Array]


class ClassFit:
    """Student of class ``k`` under ``terms``, within the bounds ``box``.

    ``data`` is the data without terms. ``start`` is a warm start; if ``ready``, the solution.
    """

    link = SIGMOID

    def __init__(
        self,
        store: Store,
        data: FitData,
        k: int,
        box: Box,
        start: Fit,
        terms: Terms | None = None,
        *,
        ready: bool = False,
    ) -> None:
        self.store, self.k, self.box = store, k, box
        self.terms = terms or Terms()
        self._plain, self._start, self._ready = data, start, ready

    def under(self, terms: Terms, box: Box | None = None) -> ClassFit:
        """Return the student of the same class under ``terms`` and bounds (None: its bounds)."""
        other, start = copy(self), self.base
        for name in ("data", "base"):
            other.__dict__.pop(name, None)
        other.terms, other.box = terms, box or self.box
        other._start, other._ready = start, False
        return other

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

    def l1_under(self, terms: Terms) -> float | NDArray:
        """Return the L1 penalty under ``terms``: one number, or one per concept ``(C,)``."""
        return self._plain.penalties_under(self.k, terms).l1_of(self.k)

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

    def fitted_without_each(self, outside: NDArray[np.bool_]) -> list[Fit]:
        """Return the student refitted without the training images of each mask ``(m, n)``."""
        data, inside = self.data, self.rows_without(outside)
        l1 = np.broadcast_to(data.penalties.l1_of(0), len(self.box[0]))[:, None].repeat(
            len(outside), axis=1
        )
        weights = inside * data.weight(0)[:, None]
        start = self.base.at(np.zeros(len(outside), dtype=np.intp))
        fits = _fit_columns(data, l1, self.box, weights, start, TOLERANCE)
        return [fits.at(np.array([number])) for number in range(len(outside))]

    def rows_without(self, outside: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return masks of all fitted images, in columns, each without the training images of one
        mask of ``outside`` ``(m, n)``."""
        inside = np.ones((len(self.data.images), len(outside)), dtype=bool)
        inside[: outside.shape[1]] = ~outside.T
        return inside

    def solve(
        self,
        start: Fit | None = None,
        rows: NDArray[np.bool_] | None = None,
        box: Box | None = None,
    ) -> Fit:
        """Solve the fit, optionally on the images of the mask ``rows`` or within other bounds."""
        lower, upper = box or self.box
        problem = self.data.problem([0], rows).within(lower, upper)
        return solve(problem, start=start or self.base, tolerance=TOLERANCE)


class JointClassFit(ClassFit):
    """Like ``ClassFit``, for a softmax student.

    ``every`` has the bounds ``(C, K)`` of all classes, ``box`` those of class ``k``. Fits have all
    K classes: class ``k`` in column 0, then the others in order.
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
        every: Box,
        start: Fit,
        terms: Terms | None = None,
        *,
        ready: bool = False,
    ) -> None:
        others = [column for column in range(len(store.classes)) if column != k]
        self._order = np.array([k, *others])
        self._others = [side[:, others] for side in every]
        box = every[0][:, [k]], every[1][:, [k]]
        super().__init__(store, data, k, box, start.at(self._order), terms, ready=ready)

    def solve(
        self,
        start: Fit | None = None,
        rows: NDArray[np.bool_] | None = None,
        box: Box | None = None,
    ) -> Fit:
        """Solve the joint fit, optionally on ``rows`` or within other bounds of class ``k``."""
        lower, upper = (
            np.hstack(sides) for sides in zip(box or self.box, self._others, strict=True)
        )
        problem = self.data.joint_problem(rows)
        targets, l1 = problem.targets[:, self._order], np.asarray(problem.l1)[self._order]
        given = replace(problem, targets=targets, l1=l1).within(lower, upper)
        return joint_students(given, start=(start or self.base).weights, tolerance=TOLERANCE)

    def fitted_without_each(self, outside: NDArray[np.bool_]) -> list[Fit]:
        """Return the student refitted without the training images of each mask ``(m, n)``."""
        return [self.solve(rows=inside) for inside in self.rows_without(outside).T]

    def logits_of_each(self, students: Sequence[Fit], scores: ScoreLike) -> Array:
        """Return logits ``(len(students), n)`` on images with ``scores`` ``(n, C)``."""
        return np.stack([self.logits_of(student, scores) for student in students])

    def cutoff_of(self, student: Fit, scores: NDArray, held: Cutoff) -> Cutoff:
        """Return the cutoff of class ``k`` from the fit's logits of all classes on ``scores``."""
        logits = decision_function(scores, student.weights, student.intercepts, self.link)
        in_order = logits[:, np.argsort(self._order)]
        return Cutoffs(in_order, task=SINGLE_LABEL, link=self.link).of(self.k)


_NONE = np.zeros(0, dtype=np.intp)
#: Gap at which the solver stops, relative to the objective at w = 0: for choices, for evaluation.
_ROUGH, _TOLERANCE = 1e-3, 1e-4


def fit_each(
    student: ClassFit,
    tried: Sequence[Terms],
    outside: Sequence[NDArray[np.intp]] = (_NONE,),
    box: Box | None = None,
    tolerance: float = _TOLERANCE,
) -> Fit:
    """Return students for all pairs of terms, ``tried``, and sets of left-out photos,
    ``outside``.

    ``outside`` are rows of the store; ``box`` are bounds (None: the student's). Column o ·
    len(tried) + t is under ``tried[t]`` without ``outside[o]``. Terms may differ only in penalties,
    learned photos and the weights that effects have for all images.
    """
    data, box = student.under(_widest(tried)).data.only(student.column), box or student.box
    each = np.stack([_weights(data, terms) for terms in tried], axis=1)
    inside = np.stack([data.images.without(rows) for rows in outside], axis=1)
    l1, start = _penalties(student, tried), student.base.at(np.zeros(len(tried), dtype=np.intp))
    if len(outside) > 1 < len(tried):  # a student without a few photos is near to that with all
        start = _fit_columns(data, l1, box, each, start, tolerance)
    start = start.at(np.tile(np.arange(len(tried)), len(outside)))
    l1 = np.tile(l1, (1, len(outside)))
    weights = empty((len(each), l1.shape[1]), np.float64)
    np.multiply(
        inside[:, :, None], each[:, None, :], out=weights.reshape(len(each), -1, len(tried))
    )
    return _fit_columns(data, l1, box, weights, start, tolerance)


#: Largest number of students that are fitted at one time, times the images.
_KEPT_VALUES = 1 << 22


def _fit_columns(
    data: FitData, l1: Array, box: Box, weights: Array, start: Fit, tolerance: float
) -> Fit:
    """Return m students of the one class of ``data``, which differ in L1 penalties ``(C, m)`` and
    image weights ``(n, m)``, from m starts."""
    size, fits = max(_KEPT_VALUES // len(weights), 1), []
    for first in range(0, l1.shape[1], size):
        some = slice(first, first + size)
        column = np.zeros(l1[:, some].shape[1], dtype=np.intp)
        fits.append(
            solve(
                FitProblem(
                    data.images.gathered,
                    data.targets.values[:, column],
                    l1[:, some],
                    float(data.penalties.l2[0]),
                    weights[:, some],
                    box[0][:, column],
                    box[1][:, column],
                ),
                start=start.at(np.arange(first, first + len(column))),
                tolerance=tolerance,
            )
        )
    return made_of(fits, partial(np.concatenate, axis=-1))


def _widest(tried: Sequence[Terms]) -> Terms:
    """Return terms that learn from the sources of all ``tried`` terms, with weight 1."""
    kinds = {type(effect) for terms in tried for effect in terms.effects}
    widest = tried[0]
    for kind in kinds:
        widest = widest.having(kind.widest([e for terms in tried if (e := terms.get(kind))]))
    return widest


def _weights(data: FitData, terms: Terms) -> Array:
    """Return image weights ``(n,)`` under ``terms``; ``data`` has weight 1 for learned images, and
    no weights that terms have for all images."""
    weight_of, weight = terms.source_weights, data.weight(0).copy()
    for source, block in data.images.learned.items():
        weight[block] *= weight_of.get(source, 0.0)
    factors = terms.image_factors(data.images)
    return weight if factors is None else np.asarray(weight * factors)


def _penalties(student: ClassFit, tried: Sequence[Terms]) -> Array:
    """Return the L1 penalties ``(C, len(tried))``, one column for each of the terms ``tried``."""
    columns = [student.l1_under(terms) for terms in tried]
    return np.stack([np.broadcast_to(each, len(student.box[0])) for each in columns], axis=1)


def logits_of_each(fitted: Fit, scores: NDArray) -> Array:
    """Return logits ``(m, n)`` of m students on photos with ``scores`` ``(n, C)``."""
    return decision_function(scores, fitted.weights, fitted.intercepts).T


def held_out_logits(
    student: ClassFit,
    tried: Sequence[Terms],
    rows: NDArray[np.intp],
    folds: NDArray[np.intp],
    box: Box | None = None,
    tolerance: float = _ROUGH,
) -> Array:
    """Return cross-fitted logits ``(len(tried), n)`` under each of the terms ``tried``, on the
    photos at ``rows`` of ``tune``, which have the fold numbers ``folds`` ``(n,)``."""
    return logits_by_fold(
        student.store, fit_without_each(student, tried, rows, folds, box, tolerance), rows, folds
    )


def fit_without_each(
    student: ClassFit,
    tried: Sequence[Terms],
    rows: NDArray[np.intp],
    folds: NDArray[np.intp],
    box: Box | None = None,
    tolerance: float = _ROUGH,
) -> list[Fit]:
    """Return for each fold the students under each of the terms ``tried``, fitted without the
    photos of the fold; arguments as in ``held_out_logits``."""
    parts = [rows[folds == fold] for fold in range(FOLDS)]
    fits = fit_each(student, tried, parts, box, tolerance)
    return [fits.at(np.arange(len(tried)) + fold * len(tried)) for fold in range(FOLDS)]


def logits_by_fold(
    store: Store, fits: Sequence[Fit], rows: NDArray[np.intp], folds: NDArray[np.intp]
) -> Array:
    """Return logits ``(m, n)`` of m students of each fold, ``fits``, on the photos of the fold."""
    logits = np.empty((len(fits[0].gap), len(rows)))
    for fold, of_fold in enumerate(fits):
        out = folds == fold
        logits[:, out] = logits_of_each(of_fold, store.concept_score[rows[out]])
    return logits


def unseen_logits(student: ClassFit, tried: Sequence[Terms]) -> Array:
    """Return cross-fitted logits ``(len(tried), n)`` on all photos of ``tune``, under each of the
    terms ``tried``."""
    rows, label = student.store.rows(TUNE), student.store.label
    group = student.store.groups_on(TUNE)
    folds = stratified_folds(label[rows, student.k][:, None], FOLDS, 0, group)
    return held_out_logits(student, tried, rows, folds, tolerance=_TOLERANCE)
