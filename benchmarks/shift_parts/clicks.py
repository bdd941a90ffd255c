"""What a click could mean that the product does not do: other forms of a thumb, in plain numbers.

👍 on one concept, ``up``, and ✕ on another, ``off``; all functions return the logits (m,) of the
photos that measure. Sizes are those of the product for the factor 2.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from inficond_panel import distill
from inficond_panel.api.students import TunableStudents
from inficond_panel.tuning import Intent
from inficond_panel.tuning.fitting.recipe import start_from
from inficond_panel.tuning.thumb_targets import gain_of
from inficond_panel.tuning.thumbs import resolve
from inficond_panel.vocabulary.intents import ALL, REMOVE, UP

#: Gains of 👍 and ✕, in standard deviations of the teacher's log-odds.
RAISED = gain_of(Intent("", "", UP.key, 2.0))
LOWERED = gain_of(Intent("", "", REMOVE.key))
#: Shares of the student's own spread of logits by which *hold, by own spread* moves two weights.
OWN_RAISED, OWN_LOWERED = 0.5, 0.3
#: Largest number of steps of ``near``, and the change of a weight at which it stops.
STEPS, SMALL = 1000, 1e-5


@dataclass(frozen=True)
class Fitted:
    """The student of one class in plain numbers.

    ``scores`` (n, C) and the teacher's ``log_odds`` (n,) are those of the photos of fit, ``shown``
    (m, C) the scores of the photos that measure; ``student`` is the optimum at the penalty ``l1``.
    """

    scores: NDArray
    log_odds: NDArray
    shown: NDArray
    l1: float
    student: distill.Fit

    @classmethod
    def of(cls, students: TunableStudents, rows: NDArray[np.intp]) -> Fitted:
        """The student of the first class; photos at ``rows`` of its store measure it."""
        tuner, store = students.tuner, students.tuner.store
        fit = store.rows("fit")
        scores, shown = (
            np.asarray(store.concept_score[some], dtype=np.float64) for some in (fit, rows)
        )
        taught = np.asarray(store.teacher_log_odds[fit, 0], dtype=np.float64)
        return cls(scores, taught, shown, tuner.penalties[0], start_from(students.node, [0]))

    @cached_property
    def spread(self) -> NDArray:
        """Standard deviation (C,) of each concept's score; 1 for a constant score."""
        found = self.scores.std(axis=0)
        return np.where(found > 0, found, 1.0)

    @property
    def weights(self) -> NDArray:
        """Weights (C,) of the student."""
        return self.student.weights[:, 0]

    @property
    def before(self) -> NDArray:
        """Logits of the student."""
        return self.logits(self.weights)

    def logits(self, weights: NDArray) -> NDArray:
        """Logits with these weights (C,) and the student's intercept, which no AP depends on."""
        return self.shown @ weights + self.student.intercepts[0]

    def standard(self, c: int, scores: NDArray | None = None) -> NDArray:
        """Standardised score (n,) of a concept, of the photos of fit or of other ``scores``."""
        every = self.scores[:, c]
        return ((every if scores is None else scores[:, c]) - every.mean()) / self.spread[c]

    def refit(
        self,
        log_odds: NDArray,
        *,
        zero: Sequence[int] = (),
        least: Mapping[int, float] = {},
        most: Mapping[int, float] = {},
    ) -> NDArray:
        """Logits of the student of log-odds (n,); ``zero`` weights are 0, some have limits."""
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
        return self.logits(found.weights[:, 0])


def positive(z: NDArray) -> NDArray:
    """How the product has a standardised score move a target."""
    return np.maximum(z, 0.0)


def adjusted(
    of: Fitted,
    gains: Mapping[int, float],
    zero: Sequence[int] = (),
    form: Callable[[NDArray], NDArray] = positive,
) -> NDArray:
    """The student of an adjusted target: t + sd of t x the sum of gain x form(z)."""
    moved = sum(gain * form(of.standard(c)) for c, gain in gains.items())
    return of.refit(of.log_odds + of.log_odds.std() * moved, zero=zero)


def bounded(
    students: TunableStudents, up: int, off: int, weights: NDArray | None = None
) -> dict[int, float]:
    """Where bounds of the paper's size have both weights; ``weights`` (C, 1) are those of the
    original student (None: its own)."""
    store, tuning = students.tuner.store, students.tuner.spec.tuning
    name, names = store.classes[0], store.concepts
    thumbs = Intent(name, names[up], UP.key, 2.0), Intent(name, names[off], REMOVE.key)
    first = students.node.weights if weights is None else weights
    how = {"reference": tuning.reference, "step": tuning.step, "refit": ALL}
    found = resolve(thumbs, store, parent=first, original=first, **how)
    low, _ = found[name, names[up]]
    assert low is not None
    return {up: low, off: 0.0}


def by_own_spread(of: Fitted, up: int, off: int) -> dict[int, float]:
    """Both weights moved by shares of the student's own spread of logits."""
    spread = float((of.scores @ of.weights).std())
    return {
        up: of.weights[up] + OWN_RAISED * spread / of.spread[up],
        off: of.weights[off] - OWN_LOWERED * spread / of.spread[off],
    }


def held(of: Fitted, moved: Mapping[int, float]) -> NDArray:
    """Some weights at other values, all others as they are."""
    weights = of.weights.copy()
    weights[list(moved)] = list(moved.values())
    return of.logits(weights)


def near(of: Fitted, moved: Mapping[int, float], rho: float) -> NDArray:
    """The refit that stays near the moved weights: ``held`` for a large rho, ``refit`` for 0.

    Least mean loss + l1 |w| + rho / 2 x the sum of (spread x (w - a))^2, with ``a`` the weights of
    ``held`` and the moved ones fixed there; by proximal gradient steps with momentum that starts
    again where it overshoots (O'Donoghue and Candes 2015).
    """
    mean, target = of.scores.mean(axis=0), expit(of.log_odds)
    inputs = np.column_stack([(of.scores - mean) / of.spread, np.ones(len(target))])
    goal = of.weights.copy()
    goal[list(moved)] = list(moved.values())
    goal = np.append(goal * of.spread, of.student.intercepts[0] + mean @ goal)
    pull, penalty = np.full(len(goal), rho), np.append(of.l1 / of.spread, 0.0)
    pull[-1] = 0.0
    step = 1 / (np.linalg.norm(inputs, 2) ** 2 / (4 * len(target)) + rho)
    at, ahead, t = goal.copy(), goal.copy(), 1.0
    for _ in range(STEPS):
        slope = inputs.T @ (expit(inputs @ ahead) - target) / len(target) + pull * (ahead - goal)
        new = ahead - step * slope
        new = np.sign(new) * np.maximum(np.abs(new) - step * penalty, 0.0)
        new[list(moved)] = goal[list(moved)]
        if (ahead - new) @ (new - at) > 0:
            t = 1.0
        later = (1 + np.sqrt(1 + 4 * t * t)) / 2
        ahead, change = new + (t - 1) / later * (new - at), np.abs(new - at).max()
        at, t = new, later
        if change < SMALL:
            break
    return of.logits(at[:-1] / of.spread)


def average(of: Fitted, up: int) -> NDArray:
    """The mean of the student and a word, both standardised on fit: no tool is needed."""
    own = of.scores @ of.weights
    return ((of.shown @ of.weights - own.mean()) / own.std() + of.standard(up, of.shown)) / 2


def with_noise(of: Fitted, c: int, size: float, rng: np.random.Generator) -> Fitted:
    """The student of scores of which concept ``c`` has noise, in its own standard deviations."""
    scores, shown = of.scores.copy(), of.shown.copy()
    for each in (scores, shown):
        each[:, c] += size * of.spread[c] * rng.normal(size=len(each))
    targets = expit(of.log_odds)[:, None]
    student = distill.fit(scores, targets, l1=of.l1, start=of.student)
    return replace(of, scores=scores, shown=shown, student=student)
