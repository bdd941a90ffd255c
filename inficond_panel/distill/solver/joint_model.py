"""Minimisers of the joint student's quadratic model: by its matrix, and by sweeps without one.

The matrix grows with the square of the number of weights, the time to solve it with the cube. A
sweep needs no more than each class alone. With the other classes held, the model in the weights of
one class is that of one student (newton.py): Gram matrix, intercept eliminated, under L1. A sweep
moves each class in turn, as in glmnet's multinomial lasso (Friedman, Hastie, Tibshirani 2010, J.
Stat. Softw. 33). Bounds of centred weights tie the classes' weights of one concept together, so a
concept with a bound is a block of its own, of K weights. No bound ties two blocks, and the sweeps
descend to the minimum (Tseng 2001, JOTA 109). After each sweep the model is minimised over the
plane of the last two steps, as in conjugate gradients (Knyazev 2001, SISC 23).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from inficond_panel.distill.scores import Scores
from inficond_panel.distill.solver.joint_objective import JointProblem
from inficond_panel.distill.solver.newton import solve_quadratic
from inficond_panel.distill.solver.objective import Point
from inficond_panel.distill.solver.penalty import Penalty
from inficond_panel.distill.sources import Array

_ROUNDS = 40
_STIFF = 1e3  # ratio of rho to the mean curvature of the weights
_MET = 1e-13


class Rows(NamedTuple):
    """Matrix (m, p) that maps p weights to the m centred weights with a bound; bounds (m,)."""

    matrix: Array
    lower: Array
    upper: Array


def solve_bounded(
    hessian: Array, linear: Array, l1: Array, rows: Rows, start: Array, multipliers: Array,
    last_gain: float,
) -> tuple[Array, Array]:  # fmt: skip
    """Minimise linear'z + z'Hz/2 + L1 under the bounds of ``rows``, by the augmented Lagrangian.

    Returns the minimiser z (p,) and multipliers (m,): > 0 at upper bounds, < 0 at lower bounds."""
    if not len(rows.lower):
        return solve_quadratic(hessian, linear, Penalty(l1), start, last_gain), multipliers
    matrix, m = rows.matrix, len(rows.lower)
    used = np.abs(matrix).any(axis=0)
    rho = _STIFF * max(float(np.mean(np.diag(hessian)[used])), 1e-3 * float(l1.mean()))
    whole = np.block(
        [[hessian + rho * matrix.T @ matrix, -rho * matrix.T], [-rho * matrix, rho * np.eye(m)]]
    )
    open_ = np.full(len(linear), np.inf)
    penalty = Penalty(
        np.concatenate([l1, np.zeros(m)]),
        0.0,
        np.concatenate([-open_, rows.lower]),
        np.concatenate([open_, rows.upper]),
    )
    at = np.concatenate([start, np.clip(matrix @ start, rows.lower, rows.upper)])
    for _ in range(_ROUNDS):
        pulled = np.concatenate([linear + matrix.T @ multipliers, -multipliers])
        at = solve_quadratic(whole, pulled, penalty, at, min(last_gain, 1e-8))
        apart = matrix @ at[:-m] - at[-m:]
        multipliers = multipliers + rho * apart
        if np.abs(apart).max() <= _MET * max(1.0, np.abs(at[-m:]).max()):
            break
    return at[:-m], multipliers


_SWEEPS = 40
_LAST_GAIN = 1e-3  # of a class's quadratic: the other classes move it anyway
_LAST_FORCE = 0.1  # share of the largest force that may be left
_LENGTHS = 1.0, 0.5, 0.25
_FAR = 100.0  # largest multiple of a step: its rounding grows alike
_HELD_VALUES = 1 << 24  # of the classes' columns, in float64
_FLAT = 1e-12  # curvature of a plane's axis, relative to the other axis, that may be rounding


class Place(NamedTuple):
    """Weights (C, K), changes of intercepts (K,) and logits (K, N) since the model's point; or a
    step between two places."""

    weights: Array
    intercept: Array
    logit: Array

    def plus(self, step: Place, length: float) -> Place:
        """Return the place after ``length`` times a step."""
        return Place(*(a + length * b for a, b in zip(self, step, strict=True)))


class Sweeps:
    """Quadratic model at a point, in the weights of the mask ``working`` (C, K), while its blocks
    move: ``place``, and ``multipliers`` (C, K) of the bounds.

    Its intercepts are those of the original scores. It keeps only the blocks' matrices, and the
    classes' columns where these are small."""

    def __init__(
        self, data: Scores, problem: JointProblem, start: Point[Array],
        working: NDArray[np.bool_], multipliers: Array,
    ) -> None:  # fmt: skip
        self.data, self.problem, self.multipliers = data, problem, multipliers.copy()
        self.residual = problem.residuals(start.fitted.probability).T.copy()
        parts = problem.curvatures(start.fitted)
        self._probability = np.stack([p.T for p, _ in parts])
        self._bend = self._probability * np.stack([weight for _, weight in parts])[:, None]
        self._curvature = (self._bend * (1 - self._probability)).sum(axis=0)
        none = np.zeros(len(self.residual)), np.zeros_like(self.residual)
        self._take(Place(start.weights.copy(), *none))
        alone = working.copy()
        alone[problem.bounds.concepts] = False
        self._used = list(map(np.flatnonzero, alone.T))
        pairs = zip(self._used, self._curvature, strict=True)
        self._grams = [data.columns.gram(used, h, exact=True) for used, h in pairs]
        small = data.shape[0] * sum(map(len, self._used)) <= _HELD_VALUES
        self._tables = [data.columns.table(used) for used in self._used] if small else []
        self._blocks = {int(c): self._block(int(c)) for c in problem.bounds.concepts}

    def solve(self, last_gain: float, check: Callable[[], object]) -> bool:
        """Move to the minimum, until a sweep gains less than ``last_gain`` of all gains; return
        False if no such sweep is reached. ``check`` is called before each, and may raise."""
        first = value = self._value(self.place)
        last: Place | None = None
        strongest = np.inf
        for _ in range(_SWEEPS):
            check()
            start, before = Place(*(a.copy() for a in self.place)), value
            force = self._sweep()
            strongest = force if last is None else strongest
            value = self._value(self.place)
            if last is not None:
                value = self._extrapolate(self.place.plus(start, -1.0), last, value)
            last = self.place.plus(start, -1.0)
            small = before - value <= last_gain * (first - value)
            if small and force <= _LAST_FORCE * strongest:
                return True
        return False

    def _take(self, place: Place) -> None:
        self.place = place
        self._mean = np.einsum("pki,ki->pi", self._probability, place.logit)

    def _sweep(self) -> float:
        """Move each block; return the largest force on a weight before its class moved."""
        force = max(map(self._move_class, range(len(self._used))))
        for c in self._blocks:
            self._move_concept(c)
        return force

    def _bent(self, logit: Array) -> Array:
        """Return the loss's second derivatives times a change (K, N) of the logits."""
        mean = np.einsum("pki,ki->pi", self._probability, logit)
        return np.asarray((self._bend * (logit - mean[:, None])).sum(axis=0))

    def _value(self, place: Place) -> float:
        pull = self.residual + self._bent(place.logit) / 2
        return float((pull * place.logit).sum()) + self.problem.size(place.weights)

    def _pull(self, k: int) -> Array:
        """Return the model's derivatives (N,) by the logits of class ``k``."""
        bent = (self._bend[:, k] * (self.place.logit[k] - self._mean)).sum(axis=0)
        return np.asarray(self.residual[k] + bent)

    def _move_class(self, k: int) -> float:
        """Move the weights of class ``k``, and its intercept, to the minimum over these; return the
        largest force on a weight before that, relative to L1."""
        used, (gram, mean), pull = self._used[k], self._grams[k], self._pull(k)
        weights, rest = self.place.weights[used, k], pull.sum()
        columns, table = self.data.columns, self._tables[k] if self._tables else None
        slope = columns.gradient(used, pull) if table is None else table @ pull
        slope = slope - mean * rest
        penalty = Penalty(np.full(len(used), self.problem.l1[k]))
        target = solve_quadratic(gram, slope - gram @ weights, penalty, weights, _LAST_GAIN)
        step = target - weights
        shift = -rest / self._curvature[k].sum() - mean @ step
        change = (columns.product(used, step) if table is None else step @ table) + shift
        self.place.weights[used, k] = target
        self.place.intercept[k] += shift
        self.place.logit[k] += change
        self._mean += self._probability[:, k] * change
        force = penalty.forces(weights, slope)
        return float(np.max(np.abs(force), initial=0.0)) / float(self.problem.l1[k])

    def _block(self, c: int) -> tuple[Array, Array]:
        """Return the second derivatives (K, K) by a concept's weights, and its mean score (K,) of
        each class, which is subtracted: the class's intercept moves with the weight."""
        score = self._score(c)
        mean = self._curvature @ score / self._curvature.sum(axis=1)
        score = score - mean[:, None]
        hessian = np.diag((self._bend * score**2).sum(axis=(0, 2)))
        for bend, p in zip(self._bend, self._probability, strict=True):
            outer = np.sqrt(bend * p) * score
            hessian -= outer @ outer.T
        return hessian, mean

    def _score(self, c: int) -> Array:
        return self.data.columns.product(np.array([c]), np.ones(1))

    def _move_concept(self, c: int) -> None:
        """Move the K weights of a bounded concept to the minimum over these."""
        (hessian, mean), bounds = self._blocks[c], self.problem.bounds
        weights = self.place.weights[c]
        score = self._score(c) - mean[:, None]
        pull = np.stack([self._pull(k) for k in range(len(weights))])
        on = np.flatnonzero(bounds.bounded[c])
        matrix = np.eye(len(weights))[on] - 1 / len(weights)
        rows = Rows(matrix, bounds.lower[c, on], bounds.upper[c, on])
        linear = (pull * score).sum(axis=1) - hessian @ weights
        target, self.multipliers[c, on] = solve_bounded(
            hessian, linear, self.problem.l1, rows, weights, self.multipliers[c, on], 1e-8
        )
        step, whole = np.zeros_like(self.place.weights), target - weights
        step[c] = whole
        change = Place(step, -mean * whole, score * whole[:, None])
        self._take(self.place.plus(change, 1.0))

    def _extrapolate(self, step: Place, last: Place, value: float) -> float:
        """Move towards the minimum over the plane of two steps, with the signs of the weights as
        they are, by the first of ``_LENGTHS`` that keeps the bounds and lowers the model's
        ``value``; return its value then."""
        at, problem = self.place, self.problem
        bent = [self._bent(each.logit) for each in (step, last)]
        sign = np.sign(np.where(at.weights == 0, step.weights, at.weights)) * problem.l1
        pull = self.residual + self._bent(at.logit)
        slope = [(pull * s.logit).sum() + (sign * s.weights).sum() for s in (step, last)]
        matrix = [[(s.logit * b).sum() for b in bent] for s in (step, last)]
        lengths = -np.linalg.lstsq(matrix, slope, rcond=_FLAT)[0]
        ahead, more = lengths * min(1.0, _FAR / max(1.0, np.abs(lengths).max()))
        whole = Place(*(ahead * a + more * b for a, b in zip(step, last, strict=True)))
        for length in _LENGTHS:
            moved = at.plus(whole, length)
            tried = self._value(moved)
            if tried < value and problem.bounds.keeps(moved.weights):
                self._take(moved)
                return tried
        return value
