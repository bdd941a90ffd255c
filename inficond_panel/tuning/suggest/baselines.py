"""Baselines without an edit: the class's own word alone, and the average of student and word.

Where levers are compared by the worst group, also a model of group-balanced labels of tune (DFR).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inficond_panel.concepts.own_words import OwnWord, near_words, own_word
from inficond_panel.distill.group_balanced import dfr
from inficond_panel.distill.metrics.bootstrap import FOLDS, stratified_folds
from inficond_panel.distill.sources import Array
from inficond_panel.distill.spread import centred, spread
from inficond_panel.tuning.fitting.class_fit import ClassFit
from inficond_panel.tuning.repairs.choosing import Cell, ap_values, compared_values
from inficond_panel.tuning.repairs.evidence import Evidence
from inficond_panel.tuning.suggest.gain import NO_CHANGE, Change
from inficond_panel.vocabulary.splits import FIT

#: Names of the baselines.
WORD_ALONE, AVERAGE = "the word alone", "average of student and word"
BALANCED_LABELS = "DFR: balanced labels of tuning images"


@dataclass(frozen=True)
class Baseline:
    """A way to rank photos without an edit: its AP on ``tune``, and the gain over the student.

    ``concepts`` is the number of scores that it takes, ``recipe`` says how to rank photos so.
    ``ap_change`` is the gain in AP, ``worst`` the accuracy of the worst group (nan without groups).
    """

    name: str
    ap: float
    gain: Change
    concepts: int
    recipe: str
    ap_change: Change = NO_CHANGE
    worst: float = np.nan


#: Name, logits (n,) on tune, number of concepts and recipe of a baseline.
_Way = tuple[str, Array, int, str]


def baselines_of(
    evidence: Evidence, logits: Array, counts: NDArray, cell: Cell = None, seed: int = 0
) -> tuple[Baseline, ...]:
    """Return the baselines of a class; those with its own word only if it is known, that of groups
    only with the ``cell`` (n,) of each photo.

    ``logits`` (n,) are the student's on the labelled photos of ``tune``, ``counts`` (draws, n) the
    numbers of times that a draw has each photo: gains are paired.
    """
    ways = [*_by_word(evidence, logits)]
    ways += [] if cell is None else [_balanced(evidence, cell, seed)]
    if not ways:
        return ()
    label, each = evidence.tune_label, np.stack([logits, *(way[1] for way in ways)])
    once = np.ones((1, len(logits)))
    ap, ap_draws = ap_values(label, each, once)[:, 0], ap_values(label, each, counts)
    aimed, draws = np.full(len(ap), np.nan), ap_draws
    if cell is not None:
        aimed = compared_values(label, each, once, cell)[:, 0]
        draws = compared_values(label, each, counts, cell)
    by = ap if cell is None else aimed
    return tuple(
        Baseline(
            name,
            float(ap[i]),
            Change(float(by[i] - by[0]), draws[i] - draws[0]),
            size,
            how,
            Change(float(ap[i] - ap[0]), ap_draws[i] - ap_draws[0]),
            float(aimed[i]),
        )
        for i, (name, _, size, how) in enumerate(ways, start=1)
    )


def _by_word(evidence: Evidence, logits: Array) -> Iterator[_Way]:
    student, store = evidence.student, evidence.student.store
    word = own_word(store, student.name)
    if word is None:
        return
    fit = store.rows(FIT)
    sd_word = float(spread(word.scores[fit][:, None])[0])
    sd_student = float(spread(student.logits(student.base, fit)[:, None])[0])
    if min(sd_word, sd_student) <= 0:
        return
    alone = word.scores[evidence.tune].astype(np.float64)
    of_word, used = f"score of “{word.name}”", int(np.count_nonzero(student.weights))
    yield WORD_ALONE, alone, 1, of_word
    both = f"sum of logit / {sd_student:.3g} and {of_word} / {sd_word:.3g}"
    yield AVERAGE, logits / sd_student + alone / sd_word, used + 1, both


def _balanced(evidence: Evidence, cell: NDArray[np.intp], seed: int) -> _Way:
    """Return the DFR model of the labels of tune, cross-fitted."""
    scores, label, logits = evidence.tune_scores, evidence.tune_label, np.empty(len(cell))
    in_cell = cell[:, None] == np.arange(cell.max() + 1)
    folds = stratified_folds(in_cell, FOLDS, seed, evidence.tune_group)  # each has all cells
    for fold in range(FOLDS):
        out = folds == fold
        weights, intercept = dfr(scores[~out], label[~out], cell[~out], seed)
        logits[out] = scores[out] @ weights + intercept
    weights, _ = dfr(scores, label, cell, seed)
    how = "model that `dfr` of inficond_panel.distill.group_balanced fits to tune"
    return BALANCED_LABELS, logits, int(np.count_nonzero(weights)), how


@dataclass(frozen=True)
class Context:
    """The ``concept`` on which a student relies most beyond the words of its class; ``word`` is the
    class's own word, "" if it has none. ``high``: the concept is a number (``Store.numeric``)."""

    concept: str
    word: str
    high: bool = False


def contexts_of(students: Sequence[ClassFit]) -> list[Context | None]:
    """Return the contexts of students of one store; None if no concept goes with the logits, or a
    number goes against them by more.

    The context is the concept with the largest correlation, on ``fit``, of its score with the
    student's logits, both less what the own word tells of them. It needs neither labels nor a
    second split. The scores are read twice for all students, not for each; for more than
    ``_MOST`` numbers, twice for some students at a time.
    """
    if not students:
        return []
    rows, concepts = students[0].store.scores_of(FIT).shape
    size = max(1, _MOST // max(rows, concepts))
    parts = [students[first : first + size] for first in range(0, len(students), size)]
    return [found for part in parts for found in _contexts(part)]


#: Most logits, and most products of logits with scores, that are held at one time.
_MOST = 1 << 26
#: Share of a score's spread below which nothing but the own word is in it.
_FLAT = 1e-6


def _contexts(students: Sequence[ClassFit]) -> list[Context | None]:
    store, found = students[0].store, list[Context | None]()
    words = [own_word(store, each.name) for each in students]
    known = _centred(_words(words, store.rows(FIT)))
    left = _centred(_logits(students, store.scores_of(FIT)))
    slopes = _quotient(np.einsum("im,im->m", known, left), np.einsum("im,im->m", known, known))
    left -= known * slopes
    together = _along(store.scores_of(FIT), left, known)
    number = np.array([name in store.numeric for name in store.concepts], dtype=bool)
    for student, word, along in zip(students, words, together.T, strict=True):
        along[sorted(near_words(store, student.name))] = 0.0
        first = int(np.argmax(np.where(number, np.abs(along), along))) if len(along) else 0
        shown = len(along) and along[first] > _FLAT
        name = "" if word is None else word.name
        concept = store.concepts[first] if shown else ""
        found.append(Context(concept, name, concept in store.numeric) if shown else None)
    return found


def _words(words: Sequence[OwnWord | None], rows: NDArray[np.intp]) -> Array:
    """Return the scores (n, m) of words on the images at ``rows``; 0 for a missing word."""
    none = np.zeros(len(rows))
    scores = [none if word is None else word.scores[rows] for word in words]
    return np.stack(scores, axis=1).astype(np.float64)


def _logits(students: Sequence[ClassFit], scores: NDArray) -> Array:
    """Return the logits (n, m) of m students on images with ``scores`` (n, C), read in blocks."""
    nothing = np.zeros(scores.shape[1])
    parts = [
        np.stack([each.logits_of(each.base, block) for each in students], axis=1)
        for block in centred(scores, nothing)
    ]
    return np.concatenate(parts)


def _along(scores: NDArray, left: Array, known: Array) -> Array:
    """Return how far each score, less what the word of each class tells of it, goes along with what
    is left of the class's logits (C, m).

    It is their product over the norm of the rest; -inf without a rest. Scores (n, C) are read in
    blocks; ``left`` and ``known`` are (n, m) and centred, 0 for a class without a word.
    """
    columns, classes = np.hstack([left, known]), left.shape[1]
    products, squares = np.zeros((scores.shape[1], 2 * classes)), np.zeros(scores.shape[1])
    done = 0
    for block in centred(scores, scores.mean(axis=0, dtype=np.float64)):
        products += block.T @ columns[done : done + len(block)]
        squares += np.einsum("ij,ij->j", block, block)
        done += len(block)
    norms = np.einsum("im,im->m", known, known)
    told = _quotient(products[:, classes:] ** 2, norms)
    size = np.sqrt(np.maximum(squares[:, None] - told, 0.0))
    inside = size > _FLAT * np.sqrt(squares)[:, None]
    along = products[:, :classes]
    return np.divide(along, size, out=np.full(size.shape, -np.inf), where=inside)


def _centred(values: Array) -> Array:
    return np.asarray(values - values.mean(axis=0))


def _quotient(values: Array, norms: Array) -> Array:
    """Return ``values`` (..., m) over ``norms`` (m,); 0 for a norm of 0."""
    return np.divide(values, norms, out=np.zeros_like(values), where=norms > 0)
