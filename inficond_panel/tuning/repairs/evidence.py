"""Evidence on the student of one class: labelled photos of fit and of tune, and added photos.

It is what repairs are resolved by, and answers what they ask of the store.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from inficond_panel.common.arrays import rows_of
from inficond_panel.common.cache import once
from inficond_panel.concepts.own_words import class_words
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
    Suspicion,
    UnseenLogits,
    Verdict,
    shown_share,
    side_means,
    suspicion,
    verdict,
)
from inficond_panel.errors import Remedy, TuningError
from inficond_panel.store import Store
from inficond_panel.store.more_photos import AllImages, more_photos, part_hashes
from inficond_panel.store.shown import shown_counts
from inficond_panel.tuning.cells import GroupCells, group_texts, known_groups
from inficond_panel.tuning.fitting.class_fit import ClassFit, held_out_logits
from inficond_panel.tuning.fitting.images import scores_on
from inficond_panel.tuning.repairs.correction import Correction, corrected
from inficond_panel.tuning.thresholds import thresholds_by_class
from inficond_panel.vocabulary.intents import ANSWERS, MORE
from inficond_panel.vocabulary.picture_properties import PICTURE_PROPERTIES, PROPERTY_OF
from inficond_panel.vocabulary.splits import FIT, TUNE

#: Least share of the photos of fit that show a class whose photos can be why all others differ.
FREQUENT = 0.02
#: Least number of positives, and of negatives, of a split to compare a class by it: two per fold.
LEAST_LABELLED = 2 * FOLDS
#: Least number of positives, and of negatives, of tune to choose by AP: of all, without a fold.
LEAST_TUNE, LEAST_OUTSIDE_FOLD = 5, 4
#: Cached properties that depend on the photos of tune.
_KEPT_OF_TUNE = ["tune_scores", "_of_tune", "tune_photos", "tune_logits"]
_KEPT_OF_TUNE += ["model_of_tune", "model_of_fit", "one_of_each"]
#: Cached properties that depend on the photos of fit, too.
_KEPT = [*_KEPT_OF_TUNE, "fit_scores", "_of_fit", "fit_logits", "shown_shares"]


@once(4)
def _support_of_fit(store: Store) -> Array:
    """Return the ``support`` (C,) of each concept in all images of ``fit``."""
    return support(store.scores_of(FIT))


@once(4)
def _frequent(store: Store) -> NDArray[np.intp]:
    """Return the indices of the classes that ``FREQUENT`` of the photos of fit show, or more."""
    shown = np.asarray(store.label)[store.rows(FIT)] == 1
    return np.flatnonzero(shown.mean(axis=0) >= FREQUENT)


class Evidence:
    """Labelled photos of ``fit`` and ``tune`` for one class, with its ``student``.

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
        self.seed, self.fit_group = seed, store.groups_at(self.fit)
        self._folds = stratified_folds(self.fit_label[:, None], FOLDS, seed, self.fit_group)
        self._of_folds: list[Fit] = []

    def on(self, rows: NDArray[np.intp]) -> Evidence:
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
    def one_of_each(self) -> Evidence:
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

    @property
    def other_labels(self) -> tuple[NDArray, NDArray]:
        """Labels (n, K) of the other classes that are frequent (``FREQUENT``), on fit and on
        tune."""
        frequent = _frequent(self._store)
        others, label = frequent[frequent != self.student.k], np.asarray(self._store.label)
        return label[np.ix_(self.fit, others)], label[np.ix_(self.tune, others)]

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
                    f"{split} has {positives} positive and {negatives} negative images; "
                    f"{LEAST_LABELLED} of each are needed{counted_once(group)}"
                )
        return ""

    @property
    def held_at_zero(self) -> NDArray[np.bool_]:
        """Mask (C,) of the concepts that are removed: both bounds of their influence are 0."""
        return np.asarray(~np.hstack(self.student.box).any(axis=1))

    def verdict(self) -> Verdict:
        """Return the verdict whether the student is worse on tune than on fit."""
        fit = UnseenLogits(self.fit_label, self.fit_logits[None], self.fit_group)
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
        every = len(self._known) == self.fit_size
        carried = _support_of_fit(self._store) if every else support(self.fit_scores)
        tested = carried >= LEAST_SUPPORT
        reliance, p = np.where(tested, measured.reliance, 0.0), np.where(tested, measured.p, 1.0)
        return replace(measured, reliance=reliance, p=p)

    @cached_property
    def shown_shares(self) -> Array | None:
        """Shares (2, C) of the photos of fit that show each concept: of those with the class, and
        of those without it. A photo shows a concept if one of its segments is nearest to it; None
        in a store without segments."""
        if not self._store.holds("segments"):
            return None
        sides = [self.fit[self.fit_label == side] for side in (1, 0)]
        return np.stack([shown_share(shown_counts(self._store, at), len(at)) for at in sides])

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

    @property
    def tables(self) -> tuple[Scores, Scores]:
        """Tables of the concept scores of the photos of fit and of tune."""
        return self._of_fit, self._of_tune

    @cached_property
    def tune_photos(self) -> Photos:
        """Photos of tune with their labels."""
        return Photos(self._of_tune, self.tune_label)

    @cached_property
    def model_of_tune(self) -> tuple[Array, Array]:
        """Cross-fitted logits on ``tune`` and on ``fit`` of a logistic regression on ``tune``."""
        given = self._of_tune, self.tune_label, self._of_fit, self.seed
        return cross_fitted_model(*given, self.tune_group)

    @cached_property
    def model_of_fit(self) -> tuple[Array, Array]:
        """Cross-fitted logits on ``fit`` and on ``tune`` of a logistic regression on ``fit``."""
        given = self._of_fit, self.fit_label, self._of_tune, self.seed
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

    def cells(self, by: str, rows: NDArray[np.intp]) -> GroupCells:
        """Return the cells of the class's label and the groups by ``by`` (``cells.group_texts``) of
        the images at ``rows``; without a label the teacher's decision takes its place.

        The groups are those of all images of fit and tune. Raises ``DataError`` for an unknown
        ``by``.
        """
        store, k = self._store, self.student.k
        texts, label = np.array(group_texts(store, by)), np.asarray(store.label[rows, k])
        known = (label >= 0) & (not self.decided)
        present = np.where(known, label, self._decisions(rows, [k])[:, 0]) == 1
        both = np.concatenate([store.rows(FIT), store.rows(TUNE)])
        return GroupCells.made(present, texts[rows], list(known_groups(texts[both])))

    @property
    def teacher(self) -> Outcome:
        """Labels of the photos of tune with the teacher's logits and decisions (``Outcome``)."""
        return Outcome(self.tune_label, self.teacher_log_odds(TUNE), group=self.tune_group)

    def teacher_log_odds(self, split: str) -> NDArray:
        """Return the teacher's log-odds (n,) on the photos of ``fit`` or of ``tune``."""
        rows = self.fit if split == FIT else self.tune
        return np.asarray(self._store.teacher_log_odds[rows, self.student.k])

    @property
    def class_name(self) -> str:
        """Name of the class."""
        return self.student.name

    @property
    def images(self) -> Sequence[str]:
        """Names of all photos of the store, by row."""
        return self._store.images

    @property
    def own_words(self) -> list[int]:
        """Indices of the concepts that name the class."""
        return class_words(self._store, self.class_name)

    @property
    def sees_all_of_tune(self) -> bool:
        """True if ``seen`` are all photos of ``tune``."""
        return np.array_equal(self.seen, self._store.rows(TUNE))

    def parts_of(self, images: Iterable[str]) -> tuple[str, ...]:
        """Return the content hashes of the parts with added photos among ``images``, sorted."""
        named = set(images)
        if named <= set(self._store.images):
            return ()
        more = more_photos(self._store, self.parts)
        held = zip(more.parts, more.stores, strict=True)
        return tuple(sorted(part for part, one in held if not named.isdisjoint(one.images)))

    def added(self) -> tuple[tuple[str, ...], int]:
        """Return the sorted content hashes of the added photos' parts, and the number of photos.

        Raises ``TuningError`` without any."""
        parts = tuple(sorted(self.parts))
        if not parts:
            raise TuningError(
                f"learn on {self.class_name!r} is from {MORE}, but no photos were added to "
                f"{self._store.path}.",
                "Add photos: " + Remedy("inficond extend SPEC FOLDER", "students.extend(FOLDER)"),
            )
        return parts, len(more_photos(self._store, parts))

    def correction(self, labels: Mapping[str, int], parts: Sequence[str]) -> Correction:
        """Fit the correction of the teacher to ``labels`` of photos of tune and of added ``parts``,
        by the teacher's log-odds and the scores of the class's own words.

        Raises ``TuningError`` if no such photo has a label."""
        store, images = self._store, AllImages(self._store, parts)
        added = [row for row in images.added if images.names[row] in labels]
        rows = np.concatenate([store.rows(TUNE), np.array(added, dtype=np.intp)])
        answered = np.array([i for i, row in enumerate(rows) if images.names[row] in labels], int)
        if not answered.size:
            raise TuningError(
                f"learn on {self.class_name!r} is from {ANSWERS}, but no image of tune and no "
                "added photo has a taught label.",
                "Label images of tune, or added photos, first or in the same iteration.",
            )
        present = np.array([labels[images.names[row]] == 1 for row in rows[answered]])
        columns = images.scores(rows)[:, self.own_words].T.astype(np.float64)
        words = (store.concepts[c] for c in self.own_words)
        teacher = images.teacher_log_odds(rows)[:, self.student.k].astype(np.float64)
        return corrected(teacher, dict(zip(words, columns, strict=True)), answered, present)

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
            self._of_folds[:] = self.student.fitted_without_each(np.array(outside))
        return self._of_folds

    @property
    def tune_folds(self) -> NDArray[np.intp]:
        """Numbers (n,) of the folds of tune, for students that learn from its photos."""
        return stratified_folds(self.tune_label[:, None], FOLDS, 0, self.tune_group)

    @cached_property
    def fit_logits(self) -> NDArray:
        """Logits (n,) on fit, each of the student fitted without the fold of the photo."""
        each = self.student.logits_of_each(self._students, self._of_fit)
        return np.asarray(each[self._folds, np.arange(len(self.fit))])

    @cached_property
    def tune_logits(self) -> NDArray:
        """Logits (FOLDS, n) on tune, one row per student fitted without one fold of fit.

        If the student learned from tune, all rows are the same cross-fitted logits.
        """
        student = self.student
        if not student.terms.fit_to_tune(self._store):
            return student.logits_of_each(self._students, self._of_tune)
        logits = held_out_logits(student, [student.terms], self.tune, self.tune_folds)
        return np.broadcast_to(logits, (FOLDS, len(self.tune)))

    @cached_property
    def _weights(self) -> NDArray:
        """Weights (C, FOLDS) of the students that were fitted without one fold of fit each."""
        return np.stack([student.weights[:, 0] for student in self._students], axis=1)
