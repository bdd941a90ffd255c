"""Photos of fit and of tune to compare one class on, by concept scores or by labels.

A concept score detects an object with errors, and so the correlation of the concept with the class
is measured with error. If the object is a class of the data set, its labels have no such error, and
a good teacher's decisions a smaller one. Labels, or decisions, are used on both splits: decisions
on fit and labels on tune would differ by themselves.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from inficond_panel.common.arrays import rows_of
from inficond_panel.concepts.own_words import classes_by_word
from inficond_panel.distill import Fit, Outcome, Scores
from inficond_panel.distill.metrics.bootstrap import FOLDS, stratified_folds
from inficond_panel.distill.metrics.groups import counted_once, distinct, first_of, parts_of
from inficond_panel.distill.metrics.outcome import decided
from inficond_panel.distill.shift_kinds import cross_fitted_model
from inficond_panel.distill.sources import Array
from inficond_panel.distill.spread import support
from inficond_panel.distill.suspects import (
    LEAST_SUPPORT,
    Photos,
    Presence,
    Suspicion,
    UnseenLogits,
    Verdict,
    lost_bond,
    presence,
    side_means,
    suspicion,
    verdict,
)
from inficond_panel.store.more_photos import part_hashes
from inficond_panel.tuning.fitting.class_fit import ClassFit, held_out_logits, learns_from_tune
from inficond_panel.tuning.fitting.images import scores_on
from inficond_panel.tuning.student import thresholds_by_class
from inficond_panel.vocabulary.pictures import PICTURE_PROPERTIES, PROPERTY_OF
from inficond_panel.vocabulary.splits import FIT, TUNE

#: Least number of positives, and of negatives, of a split to compare a class by it: two per fold.
LEAST_LABELLED = 2 * FOLDS
#: Least number of positives, and of negatives, of tune to choose by AP: of all, without a fold.
LEAST_TUNE, LEAST_OUTSIDE_FOLD = 5, 4
#: Cached properties that depend on the photos of tune.
_KEPT_OF_TUNE = ["tune_scores", "_of_tune", "tune_photos", "tune_logits"]
_KEPT_OF_TUNE += ["model_of_tune", "model_of_fit", "one_of_each"]
#: Cached properties that depend on the photos of fit, too.
_KEPT = [*_KEPT_OF_TUNE, "fit_scores", "_of_fit"]


class ClassPhotos:
    """Labelled photos of ``fit`` and ``tune`` for one class.

    ``fit`` and ``tune`` are rows of the store, ``fit_label`` and ``tune_label`` their labels in {1,
    0}; ``seen`` are the rows of ``tune`` with and without label. If ``fit`` has no label of the
    class, the teacher's decisions replace the labels (``by_teacher``), with ``thresholds`` (logits
    by class, default 0). With ``decided`` the teacher's decisions replace the labels of both
    splits. ``parts`` are the content hashes of the added photos that can be learned; None: all.
    ``fit_group`` and ``tune_group`` are the groups of near-equal photos, which are in one fold and
    in one draw (``metrics.groups``).
    """

    def __init__(
        self,
        student: ClassFit,
        rows: NDArray[np.intp],
        thresholds: Mapping[str, float] | None = None,
        seed: int = 0,
        parts: Sequence[str] | None = None,
        *,
        decided: bool = False,
    ) -> None:
        store, k = student.store, student.k
        self.decided = decided
        self.student, self._store, self._parts = student, store, parts
        self._thresholds = np.array(thresholds_by_class(thresholds or {}, store))
        every = store.rows(FIT)
        label = np.asarray(store.label[every, k])
        self.by_teacher = decided or not (label >= 0).any()
        if self.by_teacher:
            label = self._decisions(every, [k])[:, 0]
        self._known = np.flatnonzero(label >= 0)
        self.fit_size = len(every)  #: number of photos of fit, with and without label
        self.fit, self.fit_label = every[self._known], label[self._known]
        self._look_at(rows)
        self._seed, self.fit_group = seed, store.groups_at(self.fit)
        self._folds = stratified_folds(self.fit_label[:, None], FOLDS, seed, self.fit_group)
        self._of_folds: list[Fit] = []

    def on(self, rows: NDArray[np.intp]) -> ClassPhotos:
        """Return a copy with the photos of ``tune`` at ``rows``; it shares the folds' students."""
        other = copy(self)
        for name in _KEPT_OF_TUNE:
            other.__dict__.pop(name, None)
        other._look_at(rows)
        return other

    def _look_at(self, rows: NDArray[np.intp]) -> None:
        k = self.student.k
        label = self._decisions(rows, [k])[:, 0] if self.decided else self._store.label[rows, k]
        self.seen, self.tune, self.tune_label = rows, rows[label >= 0], label[label >= 0]
        self.tune_group = self._store.groups_at(self.tune)

    @cached_property
    def one_of_each(self) -> ClassPhotos:
        """These photos with one photo of each group of near-equal photos with equal labels, for
        tests that take photos to be independent. It shares the folds' students."""
        if self.fit_group is None and self.tune_group is None:
            return self
        students, other = self._students, copy(self)
        for name in _KEPT:
            other.__dict__.pop(name, None)
        some = first_of(parts_of(self.fit_group, self.fit_label))
        other._of_folds, other._folds, other._known = students, self._folds[some], self._known[some]
        other.fit, other.fit_label = self.fit[some], self.fit_label[some]
        other.fit_group = self._store.groups_at(other.fit)
        at = first_of(parts_of(self.tune_group, self.tune_label))
        other._look_at(self.tune[at])
        other.__dict__["tune_logits"] = self.tune_logits[:, at]
        return other

    def shown(self, split: str) -> tuple[int, int]:
        """Return the numbers of positives and of negatives of fit or of tune; near-equal photos
        count once."""
        of_fit = split == FIT
        group, label = (
            (self.fit_group, self.fit_label) if of_fit else (self.tune_group, self.tune_label)
        )
        return distinct(group, label == 1), distinct(group, label == 0)

    @property
    def lacking(self) -> str:
        """Reason why the class cannot be compared between the splits; "" if it can."""
        for split in (FIT, TUNE):
            positives, negatives = self.shown(split)
            if min(positives, negatives) < LEAST_LABELLED:
                group = self.fit_group if split == FIT else self.tune_group
                return (
                    f"{split} has {positives} positive and {negatives} negative photos; "
                    f"{LEAST_LABELLED} of each are needed{counted_once(group)}"
                )
        return ""

    def verdict(self) -> Verdict:
        """Return the verdict whether the student is worse on tune than on fit."""
        each = self.student.logits_of_each(self._students, self._of_fit)
        inside = each[self._folds, np.arange(len(self.fit))]
        fit = UnseenLogits(self.fit_label, inside[None], self.fit_group)
        return verdict(fit, UnseenLogits(self.tune_label, self.tune_logits, self.tune_group))

    def teacher_verdict(self) -> Verdict:
        """Return the verdict whether the teacher is worse on tune than on fit."""
        fit, tune = self.teacher_log_odds(FIT), self.teacher_log_odds(TUNE)
        return self._verdict(fit, tune)

    def label_verdict(self) -> Verdict:
        """Return the verdict whether a model of the labels of fit is worse on tune than on fit,
        where it is cross-fitted. No teacher has a part in it."""
        return self._verdict(*self.model_of_fit)

    def _verdict(self, fit: Array, tune: Array) -> Verdict:
        """Return the verdict on one model, from its logits (n,) on the photos of fit and of tune,
        to which it was not fitted."""
        return verdict(
            UnseenLogits(self.fit_label, fit[None], self.fit_group),
            UnseenLogits(self.tune_label, tune[None], self.tune_group),
        )

    def suspicion(self) -> Suspicion:
        """Return the suspect scores of all concepts, with reliance and lost correlation.

        A concept that fewer than ``LEAST_SUPPORT`` photos of ``fit`` carry is not tested: it has
        no reliance, and a p-value of 1. Near-equal photos count once.
        """
        return self.one_of_each._suspicion()

    def _suspicion(self) -> Suspicion:
        folds = side_means(self._of_fit, self.fit_label, self._folds)
        measured = suspicion(folds, self.tune_photos, self.tune_logits, self._weights.T)
        tested = support(self.fit_scores) >= LEAST_SUPPORT
        reliance, p = np.where(tested, measured.reliance, 0.0), np.where(tested, measured.p, 1.0)
        return replace(measured, reliance=reliance, p=p)

    @cached_property
    def fit_scores(self) -> NDArray:
        """Concept scores (n, C) of the photos of fit."""
        return rows_of(self._store.scores_of(FIT), self._known)

    @cached_property
    def _of_fit(self) -> Scores:
        every = len(self._known) == self.fit_size
        return scores_on(self._store, FIT) if every else Scores(self.fit_scores)

    @property
    def pictures(self) -> tuple[NDArray, NDArray] | None:
        """Image properties (n, P) of fit and of tune; None if the store has none."""
        if not self._store.holds("pictures"):
            return None
        values = self._store.picture_property
        return values[self.fit], values[self.tune]

    def columns(self, names: Sequence[str]) -> tuple[NDArray, NDArray]:
        """Return values (n, len(names)) on the photos of fit and of tune: scores of concepts, and
        image properties by the names of ``PROPERTY_OF``."""
        return self._columns(names, self.fit), self._columns(names, self.tune)

    def _columns(self, names: Sequence[str], rows: NDArray[np.intp]) -> NDArray:
        columns = []
        for name in names:
            if name in self.concepts:
                values = self._store.concept_score[rows, self.concepts.index(name)]
            else:
                at = PICTURE_PROPERTIES.index(PROPERTY_OF[name])
                values = self._store.picture_property[rows, at]
            columns.append(values)
        return np.stack(columns, axis=1)

    @property
    def parts(self) -> tuple[str, ...]:
        """Content hashes of the parts (added photos of one time) that can be learned."""
        return part_hashes(self._store) if self._parts is None else tuple(self._parts)

    def spread_over_fit(self, weights: NDArray) -> NDArray:
        """Return weights for all images of ``fit``: ``weights`` for labelled images, else 1."""
        every = np.ones(self.fit_size)
        every[self._known] = weights
        return every

    @cached_property
    def tune_scores(self) -> NDArray:
        """Concept scores (n, C) of the photos of tune."""
        at = np.searchsorted(self._store.rows(TUNE), self.tune)
        return rows_of(self._store.scores_of(TUNE), at)

    @cached_property
    def _of_tune(self) -> Scores:
        every = len(self.tune) == len(self._store.rows(TUNE))
        return scores_on(self._store, TUNE) if every else Scores(self.tune_scores)

    @cached_property
    def tune_photos(self) -> Photos:
        """Photos of tune with their labels."""
        return Photos(self._of_tune, self.tune_label)

    @cached_property
    def model_of_tune(self) -> tuple[Array, Array]:
        """Cross-fitted logits on ``tune`` and on ``fit`` of a logistic regression on ``tune``."""
        given = self._of_tune, self.tune_label, self._of_fit, self._seed
        return cross_fitted_model(*given, self.tune_group)

    @cached_property
    def model_of_fit(self) -> tuple[Array, Array]:
        """Cross-fitted logits on ``fit`` and on ``tune`` of a logistic regression on ``fit``."""
        given = self._of_fit, self.fit_label, self._of_tune, self._seed
        return cross_fitted_model(*given, self.fit_group)

    def labels(self, classes: Sequence[int]) -> list[NDArray]:
        """Return labels (n, len(classes)) on ``fit`` and on ``tune``; -1: unknown."""
        columns = np.asarray(classes, dtype=np.intp)
        return [self._store.label[np.ix_(rows, columns)] for rows in (self.fit, self.tune)]

    def decisions(self, classes: Sequence[int]) -> list[NDArray[np.int8]]:
        """Return the teacher's decisions (n, len(classes)) on ``fit`` and ``tune``, in {1, 0}."""
        return [self._decisions(rows, classes) for rows in (self.fit, self.tune)]

    def _decisions(self, rows: NDArray[np.intp], classes: Sequence[int]) -> NDArray[np.int8]:
        present = decided(self._store.teacher_log_odds[rows], self._thresholds, self._store.task)
        return present[:, list(classes)].astype(np.int8)

    @property
    def teacher(self) -> Outcome:
        """Labels of the photos of tune with the teacher's logits and decisions (``Outcome``)."""
        return Outcome(self.tune_label, self.teacher_log_odds(TUNE), group=self.tune_group)

    def teacher_log_odds(self, split: str) -> NDArray:
        """Return the teacher's log-odds (n,) on the photos of ``fit`` or of ``tune``."""
        rows = self.fit if split == FIT else self.tune
        return np.asarray(self._store.teacher_log_odds[rows, self.student.k])

    @property
    def concepts(self) -> list[str]:
        """Names of the concepts."""
        return self._store.concepts

    @property
    def spread(self) -> NDArray:
        """Standard deviation of each concept's score on fit (C,)."""
        return self.student.data.images.spread

    @property
    def _students(self) -> list[Fit]:
        """Students fitted without one fold of fit, one per fold."""
        if not self._of_folds:
            every = self._store.rows(FIT)
            parts = (self.fit[self._folds == fold] for fold in range(FOLDS))
            outside = [np.isin(every, self._store.with_near(part)) for part in parts]
            self._of_folds += self.student.fitted_without_each(np.array(outside))
        return self._of_folds

    @property
    def tune_folds(self) -> NDArray[np.intp]:
        """Numbers (n,) of the folds of tune, for students that learn from its photos."""
        return stratified_folds(self.tune_label[:, None], FOLDS, 0, self.tune_group)

    @cached_property
    def tune_logits(self) -> NDArray:
        """Logits (FOLDS, n) on tune, one row per student fitted without one fold of fit.

        If the student learned from tune, all rows are the same cross-fitted logits.
        """
        student = self.student
        if not learns_from_tune(student.terms, self._store):
            return student.logits_of_each(self._students, self._of_tune)
        logits = held_out_logits(student, [student.terms], self.tune, self.tune_folds)
        return np.broadcast_to(logits, (FOLDS, len(self.tune)))

    @cached_property
    def _weights(self) -> NDArray:
        """Weights (C, FOLDS) of the students that were fitted without one fold of fit each."""
        return np.stack([student.weights[:, 0] for student in self._students], axis=1)


@dataclass(frozen=True)
class Labelled:
    """Labels of another class, ``name``, on the compared photos.

    ``fit`` and ``tune`` (n,) are this class's labels (-1: unknown), or the teacher's decisions.
    """

    name: str
    by_teacher: bool
    fit: NDArray
    tune: NDArray

    def presence(self, photos: ClassPhotos) -> Presence:
        """Return how often the class is present in the photos with known labels."""
        fit, tune = self.fit >= 0, self.tune >= 0
        return presence(
            self.fit[fit], photos.fit_label[fit], self.tune[tune], photos.tune_label[tune]
        )


def measured_by_labels(
    photos: ClassPhotos, measured: Suspicion
) -> tuple[Suspicion, dict[int, Labelled]]:
    """Return suspect measures that use labels for concepts that name another class of the store.

    Also returns the labels, by index of the concept. Reliance is the larger of reliance by labels
    and by scores: a student may rely on a class that ``tune`` seldom shows. The teacher's
    decisions are used only if they show more weakening than the scores. Weights and lost
    separation are not changed.
    """
    names, photos = ("reliance", "z", "p", "weakening"), photos.one_of_each
    values, used = np.stack([getattr(measured, name) for name in names]), dict[int, Labelled]()
    labelled = _labelled(photos, measured.reliance)
    for fit, tune, known, concepts in _labelled_alike(photos, labelled):
        by_label = tune.partial_correlation(photos.tune_logits[:, known]).mean(axis=0)
        by_score = measured.reliance[concepts]
        reliance = np.where(np.abs(by_label) > np.abs(by_score), by_label, by_score)
        z, p, weakening = lost_bond(np.sign(reliance)[None], [fit], tune)
        for c, *measures in zip(concepts, reliance, z, p, weakening, strict=True):
            if not labelled[c].by_teacher or measures[-1] > measured.weakening[c]:
                values[:, c], used[c] = measures, labelled[c]
    return replace(measured, **dict(zip(names, values, strict=True))), used


def _labelled(photos: ClassPhotos, reliance: Array) -> dict[int, Labelled]:
    """Return other classes that occur together with this class on ``fit``, by index of a concept.

    The concept is named like the class; of several the concept with the largest reliance. Classes
    that never occur together are left out, and so are classes that fewer than ``LEAST_SUPPORT``
    photos of ``fit`` show, or do not show.
    """
    store = photos.student.store
    named = classes_by_word(store)
    ascending = sorted(named, key=lambda c: abs(reliance[c]))
    concept_of = {named[c]: c for c in ascending if named[c] != photos.student.k}
    fit, tune, by_teacher = _known(photos, list(concept_of))
    beside = (fit[photos.fit_label == 1] == 1).any(axis=0)
    beside &= np.minimum((fit == 1).sum(axis=0), (fit == 0).sum(axis=0)) >= LEAST_SUPPORT
    return {
        c: Labelled(store.classes[k], bool(by_teacher[at]), fit[:, at], tune[:, at])
        for at, (k, c) in enumerate(concept_of.items())
        if beside[at]
    }


def _known(photos: ClassPhotos, classes: list[int]) -> tuple[NDArray, NDArray, NDArray[np.bool_]]:
    """Return labels (n, K) on ``fit`` and on ``tune``, and a mask (K,) of classes with decisions.

    The teacher's decisions replace labels if less than half of the photos have labels, since then
    labels are no more certain than scores.
    """
    fit, tune = photos.labels(classes)
    enough = _enough(photos.fit_label, fit, LEAST_LABELLED)
    by_teacher = ~(enough & _enough(photos.tune_label, tune, LEAST_TUNE))
    if by_teacher.any():
        pairs = zip(photos.decisions(classes), (fit, tune), strict=True)
        fit, tune = (np.where(by_teacher, *pair) for pair in pairs)
    return fit, tune, by_teacher


def _enough(label: NDArray, other: NDArray, least: int) -> NDArray[np.bool_]:
    """Return a mask (K,) of classes labelled on most photos, incl. ``least`` of each ``label``."""
    known = other >= 0
    sides = np.minimum(known[label == 1].sum(axis=0), known[label == 0].sum(axis=0))
    return np.asarray((2 * known.sum(axis=0) > len(label)) & (sides >= least))


def _labelled_alike(
    photos: ClassPhotos, labelled: dict[int, Labelled]
) -> Iterator[tuple[Photos, Photos, NDArray[np.bool_], list[int]]]:
    """Yield photos of ``fit`` and ``tune`` with labels in place of scores, in groups.

    Concepts whose classes are labelled on the same photos form one group. Also yields the mask of
    photos of ``tune`` (n,) with labels, and the concepts.
    """
    alike: dict[bytes, list[int]] = {}
    for concept, of in labelled.items():
        alike.setdefault((of.fit >= 0).tobytes() + (of.tune >= 0).tobytes(), []).append(concept)
    for concepts in alike.values():
        fit, tune = labelled[concepts[0]].fit >= 0, labelled[concepts[0]].tune >= 0
        yield (
            _photos([labelled[c].fit for c in concepts], photos.fit_label, fit),
            _photos([labelled[c].tune for c in concepts], photos.tune_label, tune),
            tune,
            concepts,
        )


def _photos(labels: list[NDArray], label: NDArray, known: NDArray[np.bool_]) -> Photos:
    return Photos(np.stack(labels, axis=1)[known].astype(np.float32), label[known])
