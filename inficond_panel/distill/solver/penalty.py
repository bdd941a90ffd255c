"""Penalty of a student's weights (L1, L2, bounds), and shadow prices of the bounds.

psi(w) = l1*|w|_1 + l2/2*|w|^2  on lower <= w <= upper, and infinite outside.

psi is a sum over the weights, so all is computed weight by weight: the kinks (0 where l1 > 0, and
the bounds), the least subgradient, the conjugate psi*(s) = max of s w - psi(w).

Shadow prices. Let P(w, b) = L(w, b) + l1*|w|_1 + l2/2*|w|^2 be the objective of a student
(objective.py), and

    phi(t) = min of P over b and the other weights in their boxes, with w_j held at t,
    V(beta) = min of phi(t) over t >= beta      (a lower bound beta on w_j).

P is jointly convex, so phi is convex, and so is V. Where the bound is active, that is
w_j = beta at the optimum, V = phi to the right of beta, and V'(beta) = max(0, phi'(beta)) on
each side: to the left the optimum follows the bound down only as long as phi falls that way.

phi' follows from the envelope theorem. L and the L2 term are smooth, and the L1 terms of the
other weights do not depend on t; the logits at the optimum are unique, since the loss is strictly
convex in them, and so is the loss's gradient g_j = X_j'u there (also where the weights are not
unique, as with duplicate concepts). Only |t| has a kink, at 0:

    phi'(t+) = g_j + l2*t + l1*(+1 if t >= 0 else -1),
    phi'(t-) = g_j + l2*t + l1*(+1 if t >  0 else -1).

So at beta = 0 the two sides differ by up to 2*l1. An upper bound is the mirror image:
V' = min(0, phi'). A weight that is fixed at beta has V = phi itself.

Error. Where the objective is within delta of the optimum, so are the probabilities: the loss has
curvature at most 1/4 in each logit, hence sum_i a_i (p_i - p_i*)^2 <= delta/2; with the intercepts
optimal the differences sum to 0, and by Cauchy-Schwarz |g_j - g_j*| <= sd(X_j) sqrt(delta/2).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from inficond_panel.distill.sources import Array


@dataclass(frozen=True)
class Penalty:
    """L1 and L2 penalty of weights (p,) within ``lower`` and ``upper``; infinite: no bound.

    ``l1`` is one number, or one for each weight (p,): the adaptive lasso (Zou 2006, JASA 101).
    """

    l1: float | Array
    l2: float = 0.0
    lower: float | Array = -np.inf
    upper: float | Array = np.inf

    def value(self, weights: Array) -> float:
        """Return the penalty's value, L1 and L2 terms, for weights that are within the bounds."""
        size = np.abs(weights)
        first = self.l1 @ size if isinstance(self.l1, np.ndarray) else self.l1 * size.sum()
        return float(first + 0.5 * self.l2 * weights @ weights)

    def clip(self, weights: Array) -> Array:
        """Return weights (p,) clipped into the bounds."""
        return np.minimum(np.maximum(weights, self.lower), self.upper)

    @cached_property
    def rest(self) -> Array:
        """Weights within the bounds that are nearest to 0."""
        return self.clip(np.zeros(np.shape(self.lower)))

    @cached_property
    def free(self) -> bool:
        """True if no weight has a bound. Most students have none, and cost less by that."""
        if isinstance(self.lower, float) and isinstance(self.upper, float):
            return self.lower == -np.inf and self.upper == np.inf
        return bool(np.all(np.isneginf(self.lower)) and np.all(np.isposinf(self.upper)))

    @cached_property
    def bounded(self) -> bool:
        """True if the conjugate psi* of each weight's penalty is finite near 0; then the dual bound
        D is finite too."""
        open_side = np.isinf(self.lower) | np.isinf(self.upper)
        return bool(self.l2 > 0 or np.all((np.asarray(self.l1) > 0) | ~open_side))

    def slopes(self, weights: Array | float, smooth: Array | float) -> tuple[Array, Array]:
        """Return the objective's left and right derivatives by each weight, without the bounds.

        ``smooth`` is the derivative of the objective without its L1 term.
        """
        left = smooth + np.where(weights > 0, self.l1, -self.l1)
        return left, smooth + np.where(weights >= 0, self.l1, -self.l1)

    def forces(self, weights: Array, smooth: Array) -> Array:
        """Return the objective's subgradient of least size, by each weight; 0 where moving that
        weight alone cannot lower the objective. ``smooth`` is as in ``slopes``."""
        left, right = self.slopes(weights, smooth)
        force = np.where(right < 0, right, np.maximum(left, 0.0))
        if self.free:
            return force
        force[(weights >= self.upper) & (force < 0)] = 0.0
        force[(weights <= self.lower) & (force > 0)] = 0.0
        return force

    def support(self, weights: Array, force: Array) -> NDArray[np.bool_]:
        """Return the mask of weights not at a kink (0 or a bound), or pulled away from it by their
        ``force``: the generalised support of Bertrand et al. 2022 (skglm)."""
        smooth = (weights != 0) | (self.l1 == 0)
        if self.free:
            return smooth | (force != 0)
        return (smooth & (weights > self.lower) & (weights < self.upper)) | (force != 0)

    def piece(self, weights: Array, force: Array) -> Penalty:
        """Return the penalty with its bounds narrowed to one side of 0, on which it is smooth: the
        side of each weight, or of -``force`` where the weight is 0."""
        side = np.where(weights != 0, weights, -force) * (self.l1 > 0)
        lower = np.where(side > 0, np.maximum(self.lower, 0.0), self.lower)
        upper = np.where(side < 0, np.minimum(self.upper, 0.0), self.upper)
        return Penalty(self.l1, self.l2, lower, upper)

    def conjugate(self, s: Array) -> Array:
        """Return the penalty's conjugate psi*(s) by each weight; infinite where s pulls to a side
        without a bound."""
        if self.free and not self.l2:
            return np.where(np.abs(s) <= self.l1, 0.0, np.inf)
        excess = np.sign(s) * np.maximum(np.abs(s) - self.l1, 0.0)
        far = excess / self.l2 if self.l2 > 0 else np.copysign(np.inf, s)
        w = np.clip(np.where(excess == 0, 0.0, far), self.lower, self.upper)
        with np.errstate(invalid="ignore"):
            value = s * w - self.l1 * np.abs(w) - 0.5 * self.l2 * w**2
        return np.where(np.isinf(w), np.inf, value)

    def feasible_scale(self, s: Array) -> float:
        """Return the largest c in [0, 1] at which the conjugate psi*(c s) is finite without L2."""
        pull, allowed = self._open_sides(s)
        over = pull > allowed
        if not over.any():
            return 1.0
        return float(np.min(allowed[over] / pull[over])) * (1 - 1e-15)  # rounding stays below

    def _open_sides(self, s: Array) -> tuple[Array, Array]:
        """Return the pulls on weights to a side without a bound, and what L1 allows there."""
        l1 = np.broadcast_to(self.l1, s.shape)
        if self.free:
            return np.abs(s), l1
        up, down = np.isinf(self.upper), np.isinf(self.lower)
        return np.concatenate([s[up], -s[down]]), np.concatenate([l1[up], l1[down]])

    def kinks(self, columns: NDArray[np.intp]) -> Penalty:
        """Return the penalty of the weights at ``columns`` (indices): L1 and bounds, without L2."""
        l1 = _at(self.l1, columns)
        if self.free:
            return Penalty(l1)
        return Penalty(l1, 0.0, _at(self.lower, columns), _at(self.upper, columns))

    def of(self, c: int, lower: float, upper: float) -> Penalty:
        """Return the penalty of the one weight at index ``c``, with bounds ``lower``, ``upper``."""
        l1 = self.l1[c] if isinstance(self.l1, np.ndarray) else self.l1
        return Penalty(float(l1), self.l2, lower, upper)

    def scaled(self, scale: Array | float) -> Penalty:
        """Return the same penalty as a function of ``scale`` times the weights; L2 must be 0."""
        if self.free:
            return Penalty(self.l1 / scale, self.l2)
        return Penalty(self.l1 / scale, self.l2, self.lower * scale, self.upper * scale)


def _at(value: float | Array, columns: NDArray[np.intp]) -> float | Array:
    return value[columns] if isinstance(value, np.ndarray) else value


@dataclass(frozen=True)
class Price:
    """Derivatives of the optimal objective by one bound, in nats per unit of weight.

    ``left`` and ``right`` are the derivatives to the left and right of the bound. ``gain`` is the
    fall of the objective per unit by which the bound is relaxed, ``cost`` the rise per unit by
    which it is tightened (nan for a fixed weight, which cannot be tightened). ``error`` is an upper
    bound of the error of each.
    """

    left: float
    right: float
    gain: float
    cost: float
    error: float


def shadow_price(gradient: float, weight: float, penalty: Penalty, error: float = 0.0) -> Price:
    """Return the shadow price of a weight's active bound; all 0 if no bound is active.

    ``gradient`` is the loss's derivative by this weight at the optimum; ``penalty`` is of this
    weight alone; ``error`` is passed on to the price."""
    lower, upper = penalty.lower, penalty.upper
    left, right = map(float, penalty.slopes(weight, gradient + penalty.l2 * weight))
    if lower == upper:
        return Price(left, right, max(0.0, left, -right), math.nan, error)
    if weight <= lower:
        left, right = max(left, 0.0), max(right, 0.0)
        return Price(left, right, left, right, error)
    if weight >= upper:
        left, right = min(left, 0.0), min(right, 0.0)
        return Price(left, right, -right, -left, error)
    return Price(0.0, 0.0, 0.0, 0.0, error)


def price_error(spread: float, delta: float) -> float:
    """Return an upper bound of a shadow price's error, from ``spread``, the standard deviation of
    the concept's score, and ``delta``, the objective less the optimum."""
    return spread * math.sqrt(max(delta, 0.0) / 2)
