"""What two clicks on a student can mean: a thumb up on one concept, ✕ on another, and a refit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from inficond_panel import distill
from inficond_panel.api.students import TunableStudents
from inficond_panel.tuning import Intent
from inficond_panel.vocabulary.intents import REMOVE, UP

#: Shares of the teacher's spread of log-odds: 👍 at a factor x by 0.5 (x - 1), 👎 by 0.6 (1 - 1/x).
RAISED, LOWERED = 0.5, 0.6
#: Shares of the student's own spread of logits, by which *held by own spread* moves two weights.
OWN_RAISED, OWN_LOWERED = 0.5, 0.3
#: Passes of the proximal gradient of *near*.
PASSES = 2000

#: A term of an adjusted target: its size in spreads of the teacher, and the concepts of its group.
Term = tuple[float, Sequence[int]]


@dataclass(frozen=True)
class Fitted:
    """The student of one class in numbers: what it was fitted to, and the photos that measure it.

    ``scores`` (n, C) and ``log_odds`` (n,) of the teacher are those of the photos of fit,
    ``shown`` (m, C) the scores of the photos that measure; ``student`` is its optimum.
    """

    scores: NDArray
    log_odds: NDArray
    shown: NDArray
    l1: float
    student: distill.Fit

    @classmethod
    def of(cls, students: TunableStudents, rows: NDArray[np.intp]) -> Fitted:
        """The student of the first class; ``rows`` of its store measure it."""
        tuner, store = students.tuner, students.tuner.store
        fit = store.rows("fit")
        scores = np.asarray(store.concept_score[np.arange(len(store.images))], dtype=np.float64)
        node = students.node
        student = distill.Fit(
            node.weights[:, :1],
            node.intercepts[:1],
            np.full(1, np.nan),
            np.array(node.gap[:1]),
            node.certificate[:1],
            np.zeros(1, dtype=np.int64),
            np.ones(1, dtype=bool),
        )
        teacher = np.asarray(store.teacher_log_odds[fit, 0], dtype=np.float64)
        return cls(scores[fit], teacher, scores[rows], tuner.penalties[0], student)

    @cached_property
    def spread(self) -> NDArray:
        """Standard deviation (C,) of each concept's score; 1 for a constant one."""
        found = self.scores.std(axis=0)
        return np.where(found > 0, found, 1.0)

    @property
    def weights(self) -> NDArray:
        """Weights (C,) of the student."""
        return self.student.weights[:, 0]

    def logits(self, weights: NDArray, intercept: float = 0.0) -> NDArray:
        """Logits (m,) of the photos that measure."""
        return self.shown @ weights + intercept

    def standard(self, group: Sequence[int], scores: NDArray | None = None) -> NDArray:
        """The largest standardised score (n,) of a group, standardised again."""
        every = self._largest(group, self.scores)
        given = every if scores is None else self._largest(group, scores)
        return (given - every.mean()) / max(every.std(), 1e-12)

    def _largest(self, group: Sequence[int], scores: NDArray) -> NDArray:
        columns = list(group)
        mean = self.scores[:, columns].mean(axis=0)
        return ((scores[:, columns] - mean) / self.spread[columns]).max(axis=1)

    def refit(
        self,
        log_odds: NDArray,
        *,
        zero: Sequence[int] = (),
        least: Mapping[int, float] = {},
        most: Mapping[int, float] = {},
    ) -> NDArray:
        """Logits (m,) of the student of these log-odds (n,), with limits of some weights."""
        lower = np.full_like(self.student.weights, -np.inf)
        upper = np.full_like(lower, np.inf)
        lower[list(least), 0], upper[list(most), 0] = list(least.values()), list(most.values())
        lower[list(zero)] = upper[list(zero)] = 0.0
        found = distill.fit(
            self.scores,
            expit(log_odds)[:, None],
            l1=self.l1,
            lower=lower,
            upper=upper,
            start=self.student,
        )
        return self.logits(found.weights[:, 0], float(found.intercepts[0]))


def raised(factor: float = 2.0) -> float:
    """Size of a thumb up."""
    return RAISED * (factor - 1)


def lowered(factor: float = 2.0) -> float:
    """Size of a thumb down, and of ✕ as one at 2."""
    return -LOWERED * (1 - 1 / factor)


def positive(z: NDArray) -> NDArray:
    """How a standardised score moves a target."""
    return np.maximum(z, 0.0)


def adjusted(
    of: Fitted,
    terms: Sequence[Term],
    zero: Sequence[int] = (),
    *,
    form: Callable[[NDArray], NDArray] = positive,
    most: float = np.inf,
) -> NDArray:
    """Logits (m,) of the student of the adjusted target: t + sd of t x the sum of g x form(z)."""
    moved = sum((g * form(of.standard(group)) for g, group in terms), np.zeros(len(of.log_odds)))
    target = of.log_odds + of.log_odds.std() * np.clip(moved, -most, most)
    return of.refit(target, zero=zero)


def bounds_of(students: TunableStudents, up: int, off: int, factor: float = 2.0) -> dict[int, Any]:
    """Bounds that a thumb up at the factor and ✕ set, by concept."""
    store = students.tuner.store
    name, names = store.classes[0], store.concepts
    thumbs = [
        Intent(name, names[up], UP.key, factor),
        Intent(name, names[off], REMOVE.key),
    ]
    found = students.tuner.resolve(students.node, thumbs)
    return {names.index(concept): limits for (_, concept), limits in found.items()}


def held(of: Fitted, moved: dict[int, float]) -> NDArray:
    """Logits (m,) with some weights at these values, all others as they are."""
    weights = of.weights.copy()
    for c, value in moved.items():
        weights[c] = value
    return of.logits(weights)


def own_size(of: Fitted, up: int, off: int) -> dict[int, float]:
    """Both weights moved by shares of the student's own spread of logits."""
    spread = float((of.scores @ of.weights).std())
    return {
        up: of.weights[up] + OWN_RAISED * spread / of.spread[up],
        off: of.weights[off] - OWN_LOWERED * spread / of.spread[off],
    }


def near(of: Fitted, moved: dict[int, float], rho: float) -> NDArray:
    """Logits (m,) of the student nearest to moved weights that the teacher leaves.

    Least mean loss + l1 |w| + rho / 2 x the sum of (spread x (w - a))^2, with ``a`` the weights of
    ``held``, and the moved ones fixed there; by an accelerated proximal gradient with restarts.
    """
    spread, mean = of.spread, of.scores.mean(axis=0)
    standard = (of.scores - mean) / spread
    goal = of.weights.copy()
    for c, value in moved.items():
        goal[c] = value
    goal *= spread
    fixed = list(moved)
    penalty, target = of.l1 / spread, expit(of.log_odds)
    step = 1 / (np.linalg.norm(standard, 2) ** 2 / (4 * len(standard)) + rho + 0.25)
    at, b = goal.copy(), float(logit(np.clip(target.mean(), 1e-6, 1 - 1e-6)))
    b = float(of.student.intercepts[0] + mean @ (goal / spread))
    ahead, ahead_b, t = at.copy(), b, 1.0
    for _ in range(PASSES):
        residual = (expit(standard @ ahead + ahead_b) - target) / len(target)
        slope = standard.T @ residual + rho * (ahead - goal)
        new = ahead - step * slope
        new = np.sign(new) * np.maximum(np.abs(new) - step * penalty, 0)
        new[fixed] = goal[fixed]
        new_b = ahead_b - step * residual.sum()
        change = new - at
        if (ahead - new) @ change + (ahead_b - new_b) * (new_b - b) > 0:
            t = 1.0
        after = (1 + np.sqrt(1 + 4 * t * t)) / 2
        ahead = new + (t - 1) / after * change
        ahead_b = new_b + (t - 1) / after * (new_b - b)
        done = np.abs(change).max() < 1e-6 and abs(new_b - b) < 1e-6
        at, b, t = new, new_b, after
        if done:
            break
    return of.logits(at / spread, b)


def average(of: Fitted, group: Sequence[int]) -> NDArray:
    """The mean (m,) of the standardised logits of the student and scores of a word."""
    own, shown = of.scores @ of.weights, of.shown @ of.weights
    return (shown - own.mean()) / own.std() + of.standard(group, of.shown)


def suspect(of: Fitted, own: Sequence[int]) -> list[int]:
    """Concepts by what the student makes of them beyond the class's own words, in one split.

    The correlation of each score with the student's logits, both less what the class's word says
    of them; words that the class is named by come last.
    """
    logits, word = of.scores @ of.weights, of.standard(own)
    standard = (of.scores - of.scores.mean(axis=0)) / of.spread
    bond = standard.T @ word / len(word)
    rest = standard - np.outer(word, bond)
    left = logits - logits.mean() - word * (word @ logits / len(word))
    score = rest.T @ left / np.maximum(np.linalg.norm(rest, axis=0), 1e-9)
    score[list(own)] = -np.inf
    return np.argsort(-score, kind="stable").tolist()


def with_noise(of: Fitted, c: int, size: float, rng: np.random.Generator) -> Fitted:
    """The same student of a store whose scores of concept ``c`` have noise, by its spreads."""
    scores, shown = of.scores.copy(), of.shown.copy()
    for each in (scores, shown):
        each[:, c] += size * of.spread[c] * rng.normal(size=len(each))
    targets = expit(of.log_odds)[:, None]
    student = distill.fit(scores, targets, l1=of.l1, start=of.student)
    return replace(of, scores=scores, shown=shown, student=student)
