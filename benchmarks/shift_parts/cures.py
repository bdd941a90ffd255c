"""Refits of one student that the labels of tune choose: balanced photos, lambda, suspicion."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from inficond_panel import distill
from inficond_panel.api.students import TunableStudents
from inficond_panel.concepts.texts import words_for
from inficond_panel.distill.shift.balance import balance

LAMBDAS = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2)
#: By how much the score of a suspect multiplies its L1 penalty: 1 + this times the score.
DOUBTS = (0.0, 0.3, 1.0, 3.0, 10.0)
_TOLERANCE = 1e-4


class Cure:
    """The only student of ``students``, refitted from its own weights."""

    def __init__(self, students: TunableStudents) -> None:
        self.tuner, self.store = students.tuner, students.tuner.store
        self.student = self.tuner.cures.class_fit(students.node, self.store.classes[0])
        self.photos = self.tuner.cures.photos(self.student)

    @cached_property
    def suspicion(self) -> NDArray:
        """Score of each concept (C,), 0 where it is no suspect, or a word for the class itself."""
        score = np.maximum(self.photos.suspicion().score, 0.0)
        name = self.store.classes[0]
        score[words_for(name, self.store.concepts, self.store.synonyms)] = 0.0
        return score

    def balanced(self, columns: list[int]) -> NDArray:
        """Weights (n,) of the photos of fit that balance the scores at these columns."""
        photos, scores = self.photos, self.store.concept_score
        fit, tune = scores[photos.fit][:, columns], scores[photos.tune][:, columns]
        found = balance(fit, photos.fit_label, tune, photos.tune_label)
        weights = np.ones(len(self.store.rows("fit")))
        weights[np.isin(self.store.rows("fit"), photos.fit)] = found.weights
        return weights

    def refit(
        self, suspicion: NDArray, lambdas: tuple[float, ...], weights: NDArray | None
    ) -> NDArray:
        """Logits of the holdout, of the student with the highest AP on tune."""
        data = self.tuner.fit_data
        best, chosen = -1.0, None
        for doubt in DOUBTS if suspicion.any() else DOUBTS[:1]:
            factor = (1 + doubt * suspicion)[:, None]
            targets = np.repeat(data.targets, len(lambdas), axis=1)
            l1 = factor * np.array(lambdas)
            found = distill.fit(
                data.gathered, targets, l1=l1, sample_weight=weights, tolerance=_TOLERANCE
            )
            logits = distill.decision_function(
                self.store.concept_score, found.weights, found.intercepts
            )
            for column in logits.T:
                value = distill.average_precision(self.photos.tune_label, column[self.photos.tune])
                if value > best:
                    best, chosen = value, column
        assert chosen is not None
        return chosen[self.store.rows("holdout")]
