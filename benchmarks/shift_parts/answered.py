"""Rows of answers on twenty photos: beside thumbs, and as what chooses the strength of thumbs.

The teacher is corrected by the answers, as in ``tuning.fitting.terms``, but with an offset, what
thumbs of some strength add: with slope 1 and all else 0, the prior's mean, the adjusted targets
stay. The likelihood of each answer by the other nineteen chooses the strength.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

from inficond_panel.distill import average_precision
from inficond_panel.tuning.answers import Answers, evaluated, photos_to_ask
from inficond_panel.tuning.edits import Edit
from inficond_panel.tuning.fitting.adjustments import Adjustment, added
from inficond_panel.tuning.fitting.terms import Terms
from inficond_panel.tuning.repairs.correction import VARIANCE, Correction
from inficond_panel.tuning.repairs.label import Taught
from inficond_panel.tuning.repairs.learn import Learned
from inficond_panel.vocabulary.intents import ANSWERS, ASKED, TARGET
from shift_parts.given import Clicks, Row, words_of_others

#: Strengths: the gain of 👍 in standard deviations of the teacher's log-odds; ✕ takes half of it.
STRENGTHS = (0.0, 0.2, 0.4, 0.8)
#: The strength of thumbs at the factor 2.
USUAL = 0.4


@dataclass(frozen=True)
class Asked:
    """Answers on photos at ``rows`` of the students' store, 1 or 0, given by the true labels."""

    given: Clicks
    rows: NDArray[np.intp]
    present: NDArray[np.bool_]

    @property
    def labels(self) -> dict[str, int]:
        """Answers by image."""
        images = self.given.students.tuner.store.images
        return {images[row]: int(one) for row, one in zip(self.rows, self.present, strict=True)}

    @property
    def edits(self) -> list[Edit]:
        """The answers as edits of the product."""
        return list(Answers(self.given.name, self.labels).edits)

    @cached_property
    def inputs(self) -> NDArray:
        """The teacher's log-odds, 1, and the standardised scores of the class's words (20, d)."""
        store, tune = self.given.students.tuner.store, self.given.students.tuner.store.rows("tune")
        words = self.given.words
        score = np.asarray(store.concept_score[:][:, words], dtype=np.float64)
        standard = (score - score[tune].mean(axis=0)) / score[tune].std(axis=0)
        every = np.column_stack([store.teacher_log_odds[:, 0], np.ones(len(score)), standard])
        return every[self.rows]

    def correction(self, offset: NDArray) -> Correction:
        """The teacher corrected by the answers, given the offset (20,)."""
        store, words = self.given.students.tuner.store, self.given.words
        score = np.asarray(store.concept_score[store.rows("tune")][:, words], dtype=np.float64)
        slope, constant, *weights = most_probable(self.inputs, offset, self.present)
        scaled = weights / score.std(axis=0)
        names = [store.concepts[c] for c in words]
        constant -= float(scaled @ score.mean(axis=0))
        return Correction(
            float(slope), float(constant), dict(zip(names, scaled.tolist(), strict=True))
        )

    def held_out(self, offset: NDArray) -> NDArray:
        """Log likelihood (20,) of each answer by the others, given the offset (20,)."""
        every = np.arange(len(self.rows))
        sign, found = np.where(self.present, 1.0, -1.0), np.empty(len(every))
        for i in every:
            kept = every != i
            coefficients = most_probable(self.inputs[kept], offset[kept], self.present[kept])
            found[i] = -np.logaddexp(0, -sign[i] * (self.inputs[i] @ coefficients + offset[i]))
        return found


def most_probable(inputs: NDArray, offset: NDArray, present: NDArray[np.bool_]) -> NDArray:
    """Coefficients (d,) at the posterior mode, as of ``terms.corrected``, with an offset (m,)."""
    sign, prior = np.where(present, 1.0, -1.0), np.eye(1, inputs.shape[1])[0]

    def loss(coefficients: NDArray) -> tuple[float, NDArray]:
        margin, away = sign * (inputs @ coefficients + offset), coefficients - prior
        value = np.logaddexp(0, -margin).sum() + away @ away / (2 * VARIANCE)
        return value, away / VARIANCE - inputs.T @ (sign * expit(-margin))

    return np.asarray(minimize(loss, prior, jac=True, method="BFGS").x)


@dataclass(frozen=True)
class Thumbs:
    """👍 on ``up`` and, unless it is None, ✕ on ``off``, at any strength; perhaps with answers."""

    asked: Asked
    up: int
    off: int | None

    def adjusted(self, strength: float) -> tuple[Adjustment, ...]:
        """What they add to the targets."""
        given, names = self.asked.given, self.asked.given.case.store.concepts
        gains = {self.up: strength} | ({} if self.off is None else {self.off: -strength / 2})
        source = given.students.tuner.fit_data.source
        made = [source.adjustment(given.name, (names[c],), gain) for c, gain in gains.items()]
        return tuple(made) if strength else ()

    def offset(self, strength: float) -> NDArray:
        """What they add to the log-odds (20,) of the answered photos."""
        store = self.asked.given.students.tuner.store
        return added(self.adjusted(strength), store.concept_score[self.asked.rows], store.concepts)

    @cached_property
    def likelihoods(self) -> NDArray:
        """Log likelihood (strengths, 20) of each answer by the others."""
        return np.stack([self.asked.held_out(self.offset(each)) for each in STRENGTHS])

    def chosen(self, usual: float | None = None) -> float:
        """The strength of the largest likelihood; with ``usual`` that one, unless another one's
        likelihood is larger by more than a standard error."""
        total = self.likelihoods.sum(axis=1)
        best = int(np.argmax(total))
        if usual is not None:
            first = STRENGTHS.index(usual)
            apart = self.likelihoods[best] - self.likelihoods[first]
            best = best if apart.sum() > np.sqrt(len(apart)) * apart.std(ddof=1) else first
        return STRENGTHS[best]

    def logits(self, strength: float, answers: bool) -> NDArray:
        """Logits of the student after these thumbs, and after the answers."""
        given = self.asked.given
        tuner, name, names = given.students.tuner, given.name, given.case.store.concepts
        terms = Terms(adjusted=self.adjusted(strength))
        if answers:
            learned = Learned(ANSWERS, 1.0, correction=self.asked.correction(self.offset(strength)))
            terms = replace(terms, taught=Taught(1.0, self.asked.labels), learned=(learned,))
        held = self.off is not None and strength > 0
        bounds = {(name, names[self.off]): (0.0, 0.0)} if held else {}
        student = tuner.repairs.class_fit(given.students.node, name, terms, bounds)
        return student.logits(student.base, given.rows)

    def each(self, answers: bool) -> dict[float, NDArray]:
        """Logits at each strength."""
        return {strength: self.logits(strength, answers) for strength in STRENGTHS}


def of_pair(given: Clicks, rng: np.random.Generator) -> Iterator[Row]:
    """All rows of a biased student."""
    label, context = _label(given, given.case.k), _label(given, given.case.pair.context)
    asked = _asked(given, label)
    yield from _rows(asked, given.up, given.off)
    apart = np.flatnonzero(label != context)
    images = given.students.tuner.store.images
    alike = _asked(given, label, [images[row] for row in apart])
    yield from _by_answers(Thumbs(alike, given.up, given.off), ", asked where both agree")
    free = [c for c in range(len(given.case.store.concepts)) if c not in (*given.own, given.off)]
    one, other = rng.choice(free, 2, replace=False).tolist()
    yield from _by_answers(Thumbs(asked, one, other), ", random word and culprit")


def of_class(given: Clicks, rng: np.random.Generator) -> Iterator[Row]:
    """All rows of a student without a bias; ✕ is on another class's word."""
    off = int(rng.choice(words_of_others(given.case.store, given.case.k)))
    yield from _rows(_asked(given, _label(given, given.case.k)), given.up, off)


def _rows(asked: Asked, up: int, off: int) -> Iterator[Row]:
    given = asked.given
    tuner, root, edits = given.students.tuner, given.students.node, asked.edits
    yield Row("answers", _logits(given, edits))
    helps = evaluated(tuner, root, Answers(given.name, asked.labels)).helps
    yield Row("answers, where they help", _logits(given, edits) if helps else given.of.before)
    both = given.edits([up], [off])
    yield Row("thumbs at the usual strength", _logits(given, both))
    yield Row("thumbs and answers, today's correction", _logits(given, [*both, *edits]))
    yield from _by_answers(Thumbs(asked, up, off), "")
    yield from _by_answers(Thumbs(asked, up, None), ", 👍 alone")


def _by_answers(thumbs: Thumbs, what: str) -> Iterator[Row]:
    """Thumbs whose strength is fixed, chosen by the answers, or the best by the holdout."""
    label = thumbs.asked.given.label
    known = label >= 0
    chosen, careful = thumbs.chosen(), thumbs.chosen(USUAL)
    for answers, title in ((False, "thumbs"), (True, "thumbs and answers")):
        each = thumbs.each(answers)
        yield Row(f"{title} at {USUAL:g}{what}", each[USUAL])
        told = {} if answers else {f"strength by likelihood{what}": chosen}
        yield Row(f"{title}, strength by likelihood{what}", each[chosen], told=told)
        yield Row(f"{title}, {USUAL:g} unless another is likelier{what}", each[careful])
        best = max(STRENGTHS, key=lambda one: average_precision(label[known], each[one][known]))
        yield Row(f"{title}, best strength by the holdout{what}", each[best])


def _asked(given: Clicks, label: NDArray, without: Sequence[str] = ()) -> Asked:
    """Answers on the photos that the product asks about, by the labels (N,)."""
    tuner = given.students.tuner
    student = tuner.repairs.class_fit(given.students.node, given.name)
    rows = photos_to_ask(student, ASKED, without).rows
    rows = rows[label[rows] >= 0]
    return Asked(given, rows, label[rows] == 1)


def _label(given: Clicks, k: int) -> NDArray:
    """Labels (N,) of a class of the case's store, of the photos of the students' own store."""
    place = {str(image): row for row, image in enumerate(given.case.store.images)}
    rows = [place[str(image)] for image in given.students.tuner.store.images]
    return np.asarray(given.case.store.label)[rows, k]


def _logits(given: Clicks, edits: Sequence[Edit]) -> NDArray:
    tuner = given.students.tuner
    node = tuner.fine_tune(given.students.node, edits, refit=TARGET)
    return tuner.logits(node, given.rows)[:, 0]
