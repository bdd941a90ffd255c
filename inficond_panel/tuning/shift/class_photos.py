"""Photos of fit and of tune on which one class is compared, and students that saw neither."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from inficond_panel.distill import Fit, Outcome
from inficond_panel.distill.folds import FOLDS, stratified_folds
from inficond_panel.distill.metrics.decisions import decided
from inficond_panel.distill.shift.suspects import Photos, Suspicion, suspicion
from inficond_panel.distill.shift.verdict import Judged, Verdict, verdict
from inficond_panel.store.more_photos import part_hashes
from inficond_panel.tuning.fitting.class_fit import ClassFit
from inficond_panel.tuning.fitting.held_out import held_out_logits, learns_from_tune
from inficond_panel.vocabulary.splits import FIT, TUNE

#: Photos of each kind without which a class cannot be compared: two in each fold of fit.
LEAST_FIT, LEAST_TUNE = 2 * FOLDS, 5


class ClassPhotos:
    """Labelled photos of ``fit``, and those of ``tune`` at ``rows`` of the store, for one class.

    ``fit`` and ``tune`` are rows of the store, ``fit_label`` and ``tune_label`` their labels in
    {1, 0}; ``seen`` are all ``rows``, labelled or not.
    Where ``fit`` has no label of the class, the teacher's decisions, by the ``thresholds``
    of the classes (logits; 0 where none is set), stand for them, and ``by_teacher`` is true.
    ``parts`` are the content hashes of the added photos that can be learned: of all that there are
    now, if None is given.
    """

    def __init__(
        self,
        student: ClassFit,
        rows: NDArray[np.intp],
        thresholds: Mapping[str, float] | None = None,
        seed: int = 0,
        parts: Sequence[str] | None = None,
    ) -> None:
        store, k = student.store, student.k
        self.student, self._store, self._parts = student, store, parts
        self._thresholds = np.array([(thresholds or {}).get(name, 0.0) for name in store.classes])
        every = store.rows(FIT)
        label = np.asarray(store.label[every, k])
        self.by_teacher = not (label >= 0).any()
        if self.by_teacher:
            label = self._decisions(every, [k])[:, 0]
        self._known = np.flatnonzero(label >= 0)
        self._size = len(every)
        self.fit, self.fit_label = every[self._known], label[self._known]
        self._look_at(rows)
        self._folds = stratified_folds(self.fit_label[:, None], FOLDS, seed)
        self._of_folds: list[Fit] = []

    def on(self, rows: NDArray[np.intp]) -> ClassPhotos:
        """The same student with other photos of ``tune``; students of folds are fitted once."""
        other = copy(self)
        for name in ("tune_scores", "tune_photos", "tune_logits"):
            other.__dict__.pop(name, None)
        other._look_at(rows)
        return other

    def _look_at(self, rows: NDArray[np.intp]) -> None:
        label = np.asarray(self._store.label[rows, self.student.k])
        self.seen, self.tune, self.tune_label = rows, rows[label >= 0], label[label >= 0]

    @property
    def lacking(self) -> str:
        """Reason why the class cannot be compared, or ""."""
        sides = ((FIT, self.fit_label, LEAST_FIT), (TUNE, self.tune_label, LEAST_TUNE))
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
            inside[out] = self.student.logits(student, self.fit[out])
        return verdict(
            Judged(self.fit_label, inside[None]), Judged(self.tune_label, self.tune_logits)
        )

    def suspicion(self) -> Suspicion:
        """Measures of all concepts against the student.

        A concept that is the same on all photos of ``fit`` goes with nothing there: no reliance.
        """
        parts = [self._folds == fold for fold in range(FOLDS)]
        folds = [Photos(self.fit_scores[part], self.fit_label[part]) for part in parts]
        found = suspicion(folds, self.tune_photos, self.tune_logits, self._weights.T)
        varies = np.ptp(self.fit_scores, axis=0) > 0
        return replace(found, reliance=np.where(varies, found.reliance, 0.0))

    @cached_property
    def fit_scores(self) -> NDArray:
        """Concept scores (n, C) of the photos of fit."""
        return self._scores(self.fit)

    @property
    def fit_size(self) -> int:
        """Number of the photos of fit, labelled or not."""
        return self._size

    @property
    def parts(self) -> tuple[str, ...]:
        """Content hashes of the added photos that can be learned."""
        return part_hashes(self._store) if self._parts is None else tuple(self._parts)

    def spread_over_fit(self, weights: NDArray) -> NDArray:
        """Weights of all photos of the split ``fit``, from those of ``fit`` here; 1 of the rest."""
        every = np.ones(self._size)
        every[self._known] = weights
        return every

    @cached_property
    def tune_scores(self) -> NDArray:
        """Concept scores (n, C) of the photos of tune."""
        return self._scores(self.tune)

    @cached_property
    def tune_photos(self) -> Photos:
        """Photos of tune with their labels."""
        return Photos(self.tune_scores, self.tune_label)

    def labels(self, split: str, classes: Sequence[int]) -> NDArray:
        """Labels (n, len(classes)) of the photos of ``fit`` or of ``tune``; -1 where unknown."""
        columns = np.asarray(classes, dtype=np.intp)
        return np.asarray(self._store.label[np.ix_(self._rows(split), columns)])

    def decisions(self, split: str, classes: Sequence[int]) -> NDArray[np.int8]:
        """Decisions (n, len(classes)) of the teacher on these photos, in {1, 0}."""
        return self._decisions(self._rows(split), classes)

    def _rows(self, split: str) -> NDArray[np.intp]:
        return self.fit if split == FIT else self.tune

    def _decisions(self, rows: NDArray[np.intp], classes: Sequence[int]) -> NDArray[np.int8]:
        present = decided(self._store.teacher_log_odds[rows], self._thresholds, self._store.task)
        return present[:, list(classes)].astype(np.int8)

    @property
    def teacher(self) -> Outcome:
        """Outcome of the teacher on the photos of tune."""
        logits = self._store.teacher_log_odds[self.tune, self.student.k]
        return Outcome(self.tune_label, logits)

    @property
    def concepts(self) -> list[str]:
        """Names of the concepts."""
        return self._store.concepts

    @property
    def spread(self) -> NDArray:
        """Standard deviation of each concept's score on fit (C,)."""
        return self.student.data.spread

    @property
    def _students(self) -> list[Fit]:
        """The student, fitted without each fold of fit."""
        for fold in range(len(self._of_folds), FOLDS):
            outside = np.zeros(self._size, dtype=bool)
            outside[self._known[self._folds == fold]] = True
            self._of_folds.append(self.student.fitted_without(outside))
        return self._of_folds

    @cached_property
    def tune_logits(self) -> NDArray:
        """Logits (FOLDS, n) of the photos of tune, of the student fitted without each fold.

        Of a student that learned from tune each row is of students that did not see the photo.
        """
        student = self.student
        if not learns_from_tune(student.terms, self._store):
            return student.logits_of_each(self._students, self.tune_scores)
        folds = stratified_folds(self.tune_label[:, None], FOLDS, seed=0)
        bounds = student.lower, student.upper
        logits = held_out_logits(student, [student.terms], *bounds, self.tune, folds)
        return np.broadcast_to(logits, (FOLDS, len(self.tune)))

    @cached_property
    def _weights(self) -> NDArray:
        """Weights (C, FOLDS) of the students."""
        return np.stack([student.weights[:, 0] for student in self._students], axis=1)

    def _scores(self, rows: NDArray[np.intp]) -> NDArray:
        return np.asarray(self._store.concept_score[rows])
