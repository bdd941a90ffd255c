"""Baselines without an edit: the class's own word alone, and the average of student and word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inficond_panel.concepts.own_words import class_words, own_word
from inficond_panel.distill.sources import Array
from inficond_panel.distill.spread import centred, spread
from inficond_panel.tuning.fitting.class_fit import ClassFit
from inficond_panel.tuning.repairs.class_photos import ClassPhotos
from inficond_panel.tuning.repairs.resolution import ap_values
from inficond_panel.tuning.suggest.gain import Change
from inficond_panel.vocabulary.splits import FIT

#: Names of the baselines.
WORD_ALONE, AVERAGE = "the word alone", "average of student and word"


@dataclass(frozen=True)
class Baseline:
    """A way to rank photos without an edit: its AP on ``tune``, and the gain over the student.

    ``concepts`` is the number of scores that it takes, ``recipe`` says how to rank photos so.
    """

    name: str
    ap: float
    gain: Change
    concepts: int
    recipe: str


def baselines_of(photos: ClassPhotos, logits: Array, counts: NDArray) -> tuple[Baseline, ...]:
    """Return the baselines of a class; none if its own word is not known.

    ``logits`` (n,) are the student's on the labelled photos of ``tune``, ``counts`` (draws, n) the
    numbers of times that a draw has each photo: gains are paired.
    """
    student, store = photos.student, photos.student.store
    word = own_word(store, student.name)
    if word is None:
        return ()
    fit = store.rows(FIT)
    sd_word = float(spread(word.scores[fit][:, None])[0])
    sd_student = float(spread(student.logits(student.base, fit)[:, None])[0])
    if min(sd_word, sd_student) <= 0:
        return ()
    alone = word.scores[photos.tune].astype(np.float64)
    both = logits / sd_student + alone / sd_word
    draws = ap_values(photos.tune_label, np.stack([logits, alone, both]), counts)
    once = np.ones((1, len(logits)))
    ap = ap_values(photos.tune_label, np.stack([logits, alone, both]), once)[:, 0]
    of_word = f"score of “{word.name}”"
    used = int(np.count_nonzero(student.weights))
    ways = (
        (WORD_ALONE, 1, of_word),
        (AVERAGE, used + 1, f"sum of logit / {sd_student:.3g} and {of_word} / {sd_word:.3g}"),
    )
    return tuple(
        Baseline(name, float(ap[i]), Change(float(ap[i] - ap[0]), draws[i] - draws[0]), size, how)
        for i, (name, size, how) in enumerate(ways, start=1)
    )


@dataclass(frozen=True)
class Context:
    """The ``concept`` on which a student relies most beyond the words of its class; ``word`` is the
    class's own word, "" if it has none."""

    concept: str
    word: str


def context_of(student: ClassFit) -> Context | None:
    """Return the context of a student; None if no concept goes with its logits.

    That is the concept with the largest correlation, on ``fit``, of its score with the student's
    logits, both less what the own word tells of them. It needs neither labels nor a second split.
    """
    store, rows = student.store, student.store.rows(FIT)
    word = own_word(store, student.name)
    own = class_words(store, student.name)
    logits = student.logits(student.base, rows)
    known = [] if word is None else [word.scores[rows].astype(np.float64)]
    together = _along(store.scores_of(FIT), _without(logits, known), known)
    together[own] = -np.inf
    first = int(np.argmax(together)) if len(together) else 0
    if not len(together) or together[first] <= _FLAT:
        return None
    return Context(store.concepts[first], "" if word is None else word.name)


#: Share of a score's spread below which nothing but the own word is in it.
_FLAT = 1e-6


def _along(scores: NDArray, left: Array, known: Sequence[Array]) -> Array:
    """Return how far each score (C,), less what ``known`` tells of it, goes along with ``left``.

    It is their product over the norm of the rest; -inf without a rest. Scores (n, C) are read in
    blocks; ``left`` is (n,).
    """
    columns = np.stack([left, *(each - each.mean() for each in known)], axis=1)
    products, squares = np.zeros((scores.shape[1], columns.shape[1])), np.zeros(scores.shape[1])
    done = 0
    for block in centred(scores, scores.mean(axis=0, dtype=np.float64)):
        products += block.T @ columns[done : done + len(block)]
        squares += np.einsum("ij,ij->j", block, block)
        done += len(block)
    rest = squares.copy()
    if known and (norm := float(columns[:, 1] @ columns[:, 1])) > 0:
        rest -= products[:, 1] ** 2 / norm
    size = np.sqrt(np.maximum(rest, 0.0))
    inside = size > _FLAT * np.sqrt(squares)
    return np.divide(products[:, 0], size, out=np.full(len(size), -np.inf), where=inside)


def _without(values: Array, known: Sequence[Array]) -> Array:
    """Return values (n,), centred, less their regression on ``known`` (n,), at most one."""
    values = values - values.mean()
    for each in known:
        word = each - each.mean()
        norm = float(word @ word)
        values = values - word * (word @ values / norm) if norm > 0 else values
    return values
