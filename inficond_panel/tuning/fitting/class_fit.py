"""The student of one class with its bounds and terms, to be fitted anew in part or otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from inficond_panel.distill import Fit, decision_function, fit
from inficond_panel.distill.scores.scores import Array
from inficond_panel.store import Store
from inficond_panel.tuning.fitting.fit_data import FitData
from inficond_panel.tuning.fitting.terms import Terms
from inficond_panel.vocabulary.tasks import SIGMOID

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

    def room(self) -> tuple[Array, Array]:
        """Least and largest weights ``(C,)`` that this class can have; here any."""
        size = len(self.lower)
        return np.full(size, -np.inf), np.full(size, np.inf)

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

    def fitted_without(self, outside: NDArray[np.bool_]) -> Fit:
        """The same student, fitted without the images ``outside`` ``(n,)`` of the split ``fit``."""
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
        problem = self.data.problem([self.k])
        if rows is not None:
            problem["scores"], problem["targets"] = self.data.scores[rows], problem["targets"][rows]
            if problem["sample_weight"] is not None:
                problem["sample_weight"] = problem["sample_weight"][rows]
        return fit(
            **problem,
            lower=self.lower if lower is None else lower,
            upper=self.upper if upper is None else upper,
            start=start or self.base,
            tolerance=TOLERANCE,
        )
