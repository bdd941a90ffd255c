"""Suspect measures by labels of other classes, or by columns of metadata, in place of scores of
the concepts that name them.

A concept score detects an object with errors, and so the correlation of the concept with the class
is measured with error. If the object is a class of the data set, its labels have no such error, and
a good teacher's decisions a smaller one. Labels, or decisions, are used on both splits: decisions
on fit and labels on tune would differ by themselves. A column that is named like the concept and
says *yes* or *no*, or a value of a column that is named like it, is as good as a label.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from inficond_panel.common.cache import once
from inficond_panel.concepts.own_words import class_words, classes_by_word
from inficond_panel.distill.sources import Array
from inficond_panel.distill.suspects import (
    LEAST_SUPPORT,
    Photos,
    Presence,
    Suspicion,
    lost_bond,
    presence,
)
from inficond_panel.store import Store
from inficond_panel.tuning.belonging import value_name
from inficond_panel.tuning.repairs.evidence import LEAST_LABELLED, LEAST_TUNE, Evidence
from inficond_panel.vocabulary.presence import ABSENT, PRESENT
from inficond_panel.vocabulary.splits import TUNE
from inficond_panel.vocabulary.things import MOST_VALUES

#: Least loss of a concept's score that labels let expect, in standard errors, to hold them against
#: it, and the largest share of it at which the score denies it.
EXPECTED, DENIED = 4.0, 0.25
#: Least reliance by labels, in standard errors, that is more than chance (1 %, two-sided).
RELIED = 2.58


@dataclass(frozen=True)
class Labelled:
    """Labels of another class, or of a value of a column, ``name``, on the compared photos.

    ``fit`` and ``tune`` (n,) are these labels (-1: unknown), or the teacher's decisions.
    ``by_column``: they are of a column. ``reliance`` is that of the student by these labels, and
    ``tells_more`` whether it is larger than by the concept's score; ``teacher_reliance`` is the
    same as ``reliance`` of the teacher's log-odds. ``bonds`` on fit and on tune are the shares of
    positives less those of negatives that have it, in standard deviations of the label.
    """

    name: str
    by_teacher: bool
    fit: NDArray
    tune: NDArray
    by_column: bool = False
    reliance: float = 0.0
    tells_more: bool = False
    teacher_reliance: float = 0.0
    bonds: tuple[float, float] = (0.0, 0.0)

    @property
    def relied_on(self) -> bool:
        """Whether labels show that the student relies on the thing, by more than chance."""
        photos = int(np.count_nonzero(self.tune >= 0))
        return not self.by_teacher and abs(self.reliance) * np.sqrt(photos) >= RELIED

    def presence(self, evidence: Evidence) -> Presence:
        """Return how often the thing is present in the photos with known labels."""
        fit, tune = self.fit >= 0, self.tune >= 0
        return presence(
            self.fit[fit], evidence.fit_label[fit], self.tune[tune], evidence.tune_label[tune]
        )


def measured_by_labels(
    evidence: Evidence, measured: Suspicion
) -> tuple[Suspicion, dict[int, Labelled]]:
    """Return suspect measures that use labels for concepts that name another class of the store, or
    what a column of metadata knows.

    Also returns the labels, by index of the concept. Reliance is the larger of reliance by labels
    and by scores: a student may rely on a class that ``tune`` seldom shows. The teacher's
    decisions are used only if they show more weakening than the scores. Labels whose loss the
    scores deny are not used: another class may be labelled by another rule on one split. Weights
    and lost separation are not changed.
    """
    names, evidence = ("reliance", "z", "p", "weakening"), evidence.one_of_each
    values, used = np.stack([getattr(measured, name) for name in names]), dict[int, Labelled]()
    of_classes, of_columns = _labelled(evidence, measured.reliance), _in_columns(evidence)
    by_label = {c: of for c, of in of_classes.items() if not of.by_teacher}
    labelled = {**of_classes, **of_columns, **by_label}  # decisions are less certain than columns
    labelled = {c: of for c, of in labelled.items() if not _denied(evidence, c, of)}
    for fit, tune, known, concepts in _labelled_alike(evidence, labelled):
        logits = np.vstack([evidence.tune_logits, evidence.teacher_log_odds(TUNE)])[:, known]
        *of_students, by_teacher = tune.partial_correlation(logits)
        by_known = np.mean(of_students, axis=0)
        by_score = measured.reliance[concepts]
        more = np.abs(by_known) > np.abs(by_score)
        reliance = np.where(more, by_known, by_score)
        z, p, weakening = lost_bond(np.sign(reliance)[None], [fit], tune)
        bonds = np.stack([fit.bond, tune.bond], axis=1) / _deviation(fit, tune)[:, None]
        told = zip(by_known, more, by_teacher, bonds.tolist(), strict=True)
        rows = zip(concepts, told, reliance, z, p, weakening, strict=True)
        for c, (own, tells, teachers, bond), *measures in rows:
            if not labelled[c].by_teacher or measures[-1] > measured.weakening[c]:
                used[c] = replace(
                    labelled[c],
                    reliance=float(own),
                    tells_more=bool(tells),
                    teacher_reliance=float(teachers),
                    bonds=(bond[0], bond[1]),
                )
                values[:, c] = measures
    return replace(measured, **dict(zip(names, values, strict=True))), used


def _denied(evidence: Evidence, c: int, of: Labelled) -> bool:
    """Return whether a concept's score denies the loss of its correlation by the labels of another
    class: it tells these labels on fit, so that it would lose much by them, and loses little."""
    if of.by_teacher or of.by_column:
        return False
    bonds, variance, told = [], 0.0, 0.0
    for scores, label, other in (
        (evidence.fit_scores, evidence.fit_label, of.fit),
        (evidence.tune_scores, evidence.tune_label, of.tune),
    ):
        score = np.asarray(scores[:, c], dtype=np.float64)
        sides = [(label == side) & (other >= 0) for side in (1, 0)]
        bonds.append(
            [each[sides[0]].mean() - each[sides[1]].mean() for each in (score, other == 1)]
        )
        variance += sum(score[side].var() / side.sum() for side in sides)
        if other is of.fit:
            with_, without = (score[sides[1] & (other == value)] for value in (1, 0))
            told = with_.mean() - without.mean() if len(with_) and len(without) else 0.0
    (fit_score, fit_label), (tune_score, tune_label) = bonds
    expected, lost = told * (fit_label - tune_label), fit_score - tune_score
    sure = abs(expected) >= EXPECTED * np.sqrt(variance)
    return bool(sure and lost * np.sign(expected) < DENIED * abs(expected))


def _labelled(evidence: Evidence, reliance: Array) -> dict[int, Labelled]:
    """Return other classes that occur together with this class on ``fit``, by index of a concept.

    The concept is named like the class; of several the concept with the largest reliance. Classes
    that never occur together are left out, and so are classes that fewer than ``LEAST_SUPPORT``
    photos of ``fit`` show, or do not show.
    """
    store = evidence.student.store
    named = classes_by_word(store)
    ascending = sorted(named, key=lambda c: abs(reliance[c]))
    concept_of = {named[c]: c for c in ascending if named[c] != evidence.student.k}
    fit, tune, by_teacher = _known(evidence, list(concept_of))
    beside = _beside(evidence, fit)
    return {
        c: Labelled(store.classes[k], bool(by_teacher[at]), fit[:, at], tune[:, at])
        for at, (k, c) in enumerate(concept_of.items())
        if beside[at]
    }


def _beside(evidence: Evidence, fit: NDArray) -> NDArray[np.bool_]:
    """Return a mask (K,) of the labels (n, K) that occur together with the class on ``fit``, and
    that enough photos have, and have not."""
    together = (fit[evidence.fit_label == 1] == 1).any(axis=0)
    support = np.minimum((fit == 1).sum(axis=0), (fit == 0).sum(axis=0))
    return np.asarray(together & (support >= LEAST_SUPPORT))


def _in_columns(evidence: Evidence) -> dict[int, Labelled]:
    """Return what columns of metadata know, by index of the concept that is named like it."""
    found = dict[int, Labelled]()
    store = evidence.student.store
    for name, words, label in _known_values(store):
        fit, tune = label[evidence.fit, None], label[evidence.tune, None]
        enough = _enough(evidence.fit_label, fit, LEAST_LABELLED)
        enough &= _enough(evidence.tune_label, tune, LEAST_TUNE)
        if (enough & _beside(evidence, fit))[0]:
            of_column = Labelled(name, False, fit[:, 0], tune[:, 0], by_column=True)
            found |= dict.fromkeys(class_words(store, words), of_column)
    return found


@once(8)
def _known_values(store: Store) -> tuple[tuple[str, str, NDArray], ...]:
    """Return each value that a column of metadata may have: its name, the words for it, and its
    labels (n,): 1, 0, or -1 where the column is empty. Upper and lower case are equal.

    Of a column that says *yes* and *no* it is the *yes*, and the words are the column's name.
    """
    return tuple(value for column in store.metadata_columns for value in _values(store, column))


def _values(store: Store, column: str) -> Iterator[tuple[str, str, NDArray]]:
    texts = store.column(column)
    if len(set(texts) - {""}) > MOST_VALUES:
        return
    lowered = np.array([text.strip().lower() for text in texts])
    written = {text.strip().lower(): text for text in texts if text.strip()}
    if len(written) < 2:
        return
    answers = written.keys() <= {*PRESENT, *ABSENT}
    for value in sorted(written.keys() & {*PRESENT})[:1] if answers else sorted(written):
        there = np.isin(lowered, PRESENT) if answers else lowered == value
        label = np.where(lowered == "", -1, there).astype(np.int8)
        yield value_name(column, written[value]), column if answers else written[value], label


def _known(evidence: Evidence, classes: list[int]) -> tuple[NDArray, NDArray, NDArray[np.bool_]]:
    """Return labels (n, K) on ``fit`` and on ``tune``, and a mask (K,) of classes with decisions.

    The teacher's decisions replace labels if less than half of the photos have labels, since then
    labels are no more certain than scores.
    """
    fit, tune = evidence.labels(classes)
    enough = _enough(evidence.fit_label, fit, LEAST_LABELLED)
    by_teacher = ~(enough & _enough(evidence.tune_label, tune, LEAST_TUNE))
    if by_teacher.any():
        pairs = zip(evidence.decisions(classes), (fit, tune), strict=True)
        fit, tune = (np.where(by_teacher, *pair) for pair in pairs)
    return fit, tune, by_teacher


def _enough(label: NDArray, other: NDArray, least: int) -> NDArray[np.bool_]:
    """Return a mask (K,) of classes labelled on most photos, incl. ``least`` of each ``label``."""
    known = other >= 0
    sides = np.minimum(known[label == 1].sum(axis=0), known[label == 0].sum(axis=0))
    return np.asarray((2 * known.sum(axis=0) > len(label)) & (sides >= least))


def _labelled_alike(
    evidence: Evidence, labelled: dict[int, Labelled]
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
            _photos([labelled[c].fit for c in concepts], evidence.fit_label, fit),
            _photos([labelled[c].tune for c in concepts], evidence.tune_label, tune),
            tune,
            concepts,
        )


def _deviation(fit: Photos, tune: Photos) -> Array:
    """Return the standard deviation (C,) of labels over the photos of both splits; inf if they are
    all equal, so that nothing is lost."""
    counts = np.concatenate([fit.counts, tune.counts])
    share = counts @ np.concatenate([fit.means, tune.means]) / counts.sum()
    spread = np.sqrt(share * (1 - share))
    return np.asarray(np.where(spread > 0, spread, np.inf))


def _photos(labels: list[NDArray], label: NDArray, known: NDArray[np.bool_]) -> Photos:
    return Photos(np.stack(labels, axis=1)[known].astype(np.float32), label[known])
