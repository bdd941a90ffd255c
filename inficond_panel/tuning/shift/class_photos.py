"""Photos of fit and of tune on which one class is compared, and students that saw neither."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from inficond_panel.distill import Fit, decision_function
from inficond_panel.distill.folds import stratified_folds
from inficond_panel.distill.shift.suspects import Photos, Suspicion, suspicion
from inficond_panel.distill.shift.verdict import Judged, Verdict, verdict
from inficond_panel.tuning.suggest.trial import Trial

FOLDS = 5
#: Photos of each kind without which a class cannot be compared: two in each fold of fit.
LEAST_FIT, LEAST_TUNE = 2 * FOLDS, 5


class ClassPhotos:
    """Labelled photos of ``fit``, and those of ``tune`` at ``rows`` of the store, for one class.

    ``fit`` and ``tune`` are rows of the store, ``fit_label`` and ``tune_label`` their labels in
    {1, 0}. Where ``fit`` has no label of the class, the teacher's decisions stand for them, and
    ``by_teacher`` is true.
    """

    def __init__(self, trial: Trial, rows: NDArray[np.intp], seed: int = 0) -> None:
        store, k = trial.tuner.store, trial.k
        self.trial, self._store = trial, store
        every = store.rows("fit")
        label = np.asarray(store.label[every, k])
        self.by_teacher = not (label >= 0).any()
        if self.by_teacher:
            threshold = trial.tuner.threshold(store.classes[k])
            label = (store.teacher_logit[every, k] > threshold).astype(np.int8)
        self._known = np.flatnonzero(label >= 0)
        self._size = len(every)
        self.fit, self.fit_label = every[self._known], label[self._known]
        seen = np.asarray(store.label[rows, k])
        self.tune, self.tune_label = rows[seen >= 0], seen[seen >= 0]
        self._folds = stratified_folds(self.fit_label[:, None], FOLDS, seed)

    @property
    def lacking(self) -> str:
        """Reason why the class cannot be compared, or ""."""
        sides = (("fit", self.fit_label, LEAST_FIT), ("tune", self.tune_label, LEAST_TUNE))
        for split, label, least in sides:
            positives, negatives = np.count_nonzero(label == 1), np.count_nonzero(label == 0)
            if min(positives, negatives) < least:
                return (
                    f"{split} has {positives} positive and {negatives} negative photos; {least} of "
                    "each are needed"
                )
        return ""

    def verdict(self) -> Verdict:
        """Verdict on the class: it does worse on tune than on fit, or not."""
        inside = np.empty(len(self.fit))
        for fold, student in enumerate(self._students):
            out = self._folds == fold
            inside[out] = self.trial.logits(student, self.fit[out])
        return verdict(Judged(self.fit_label, inside[None]), Judged(self.tune_label, self._logits))

    def suspicion(self) -> Suspicion:
        """Measures of all concepts against the student."""
        parts = [self._folds == fold for fold in range(FOLDS)]
        folds = [Photos(self._scores(self.fit[part]), self.fit_label[part]) for part in parts]
        return suspicion(folds, self.tune_photos, self._logits, self._weights.T)

    @cached_property
    def tune_scores(self) -> NDArray:
        """Concept scores (n, C) of the photos of tune."""
        return self._scores(self.tune)

    @cached_property
    def tune_photos(self) -> Photos:
        """Photos of tune with their labels."""
        return Photos(self.tune_scores, self.tune_label)

    @property
    def concepts(self) -> list[str]:
        """Names of the concepts."""
        return self._store.concepts

    @property
    def spread(self) -> NDArray:
        """Standard deviation of each concept's score on fit (C,)."""
        return self.trial.tuner.fit_data.spread

    @cached_property
    def _students(self) -> list[Fit]:
        """The student, fitted without each fold of fit."""
        students = []
        for fold in range(FOLDS):
            outside = np.zeros(self._size, dtype=bool)
            outside[self._known[self._folds == fold]] = True
            students.append(self.trial.fitted_without(outside))
        return students

    @cached_property
    def _logits(self) -> NDArray:
        """Logits (FOLDS, n) of the photos of tune."""
        intercepts = np.concatenate([student.intercepts for student in self._students])
        return decision_function(self.tune_scores, self._weights, intercepts).T

    @cached_property
    def _weights(self) -> NDArray:
        """Weights (C, FOLDS) of the students."""
        return np.concatenate([student.weights for student in self._students], axis=1)

    def _scores(self, rows: NDArray[np.intp]) -> NDArray:
        return np.asarray(self._store.concept_score[rows])
