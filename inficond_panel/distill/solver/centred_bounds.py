"""Bounds on a softmax's centred weights (w_kc less the mean over the classes); shadow prices.

A softmax does not change when all classes' weights of a concept grow alike, so that a bound on w_kc
itself is undone by shifting. The softmax depends on the centred weights v_c = A w_c,
A = I - 11'/K. For one concept the bounds are lower <= v <= upper, and v adds up to 0.

Let V(beta) be the least objective (joint_objective.py) as a function of one bound beta. It is
convex, and its subdifferential is {-m : m a multiplier of the bound at the optimum}. The residuals
are unique at the optimum, so that the multipliers m (K,) of one concept are those with

    s - A m in l1 times the subdifferential of |w|,   s = -X'u, A = I - 11'/K,

m_k = 0 where no bound is reached, >= 0 at an upper and <= 0 at a lower bound. The one-sided
derivatives of V are thus the ends of -m_k over a polyhedron of as many variables as the concept has
bounds that are reached: two small linear programs.

Error. The loss has curvature at most 1/2 in the logits of an image, so that within delta of the
optimum sum_i a_i |p_i - p_i*|^2 <= delta, and |s_k - s_k*| <= sd(X_c) sqrt(delta) as in
penalty.py. Each condition is relaxed by that; a multiplier moves by at most K times as much.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from inficond_panel.distill.solver.penalty import Price
from inficond_panel.distill.sources import Array

_SWEEPS = 60
#: Largest violation of a bound, relative to the larger of 1 and the bound.
CENTRED_ACCURACY = 1e-12


def centred(weights: Array) -> Array:
    """Return centred weights (C, K): weights less each concept's mean weight over the classes."""
    return weights - weights.mean(axis=1, keepdims=True)


@dataclass(frozen=True)
class CentredBounds:
    """Bounds (C, K) of a softmax's centred weights; infinite where there is no bound."""

    lower: Array
    upper: Array

    @cached_property
    def bounded(self) -> NDArray[np.bool_]:
        """Mask (C, K) of the centred weights that have a lower or upper bound."""
        return np.isfinite(self.lower) | np.isfinite(self.upper)

    @cached_property
    def concepts(self) -> NDArray[np.intp]:
        """Indices of the concepts that have a bound for any class."""
        return np.flatnonzero(self.bounded.any(axis=1))

    @cached_property
    def infeasible(self) -> NDArray[np.intp]:
        """Indices of the concepts whose bounds cannot be kept: centred weights sum to 0."""
        with np.errstate(invalid="ignore"):
            low, high = self.lower.sum(axis=1), self.upper.sum(axis=1)
        slack = CENTRED_ACCURACY * np.maximum(1, np.abs(np.nan_to_num(low, posinf=0, neginf=0)))
        return np.flatnonzero((low > slack) | (high < -slack))

    def excess(self, weights: Array) -> Array:
        """Return by how much each centred weight (C, K) is beyond its bounds; 0 within them."""
        v = centred(weights)
        return v - np.clip(v, self.lower, self.upper)

    def beyond(self, weights: Array) -> NDArray[np.bool_]:
        """Return the mask (C,) of concepts that break a bound by more than rounding."""
        return np.asarray((np.abs(self.excess(weights)) > self._limit).any(axis=1))

    def repaired(self, weights: Array) -> Array:
        """Return weights (C, K), changed in few entries so that the centred weights are within
        their bounds."""
        weights = weights.copy()
        share = 1 - 1 / weights.shape[1]
        for _ in range(_SWEEPS):
            out = np.flatnonzero(self.beyond(weights))
            if not len(out):
                return weights
            excess = self.excess(weights)
            chosen = np.abs(excess[out]).argmax(axis=1)
            weights[out, chosen] -= excess[out, chosen] / share
        for c in map(int, out):
            weights[c] = weights[c].mean() + self._projected(c, weights[c] - weights[c].mean())
        return weights

    @cached_property
    def _limit(self) -> Array:
        return CENTRED_ACCURACY * np.maximum(
            1, np.maximum(np.abs(_finite(self.lower)), np.abs(_finite(self.upper)))
        )

    def projected(self, weights: Array) -> Array:
        """Return the nearest weights (C, K) whose centred weights are within the bounds; the mean
        of each concept's weights does not change."""
        weights = weights.copy()
        for c in map(int, np.flatnonzero((self.excess(weights) != 0).any(axis=1))):
            mean = weights[c].mean()
            weights[c] = mean + self._projected(c, weights[c] - mean)
        return weights

    def _projected(self, c: int, v: Array) -> Array:
        """Return the vector (K,) of sum 0 within the bounds of concept ``c`` that is nearest to
        ``v``: clip(v + t), with the t at which it sums to 0."""
        low, high = self.lower[c], self.upper[c]
        width = np.abs(v).max() + np.abs(_finite(low)).max() + np.abs(_finite(high)).max() + 1
        below, above = -width * len(v), width * len(v)
        for _ in range(200):
            t = (below + above) / 2
            total = np.clip(v + t, low, high).sum()
            below, above = (t, above) if total < 0 else (below, t)
        return np.clip(v + above, low, high)

    def support(self, multipliers: Array) -> float:
        """Return the bounds' support function at the multipliers (C, K): the largest sum of
        multiplier times centred weight that the bounds allow."""
        with np.errstate(invalid="ignore"):
            products = np.where(multipliers > 0, multipliers * self.upper, multipliers * self.lower)
        return float(products[multipliers != 0].sum())

    def allowed(self, multipliers: Array) -> Array:
        """Return multipliers (C, K), set to 0 where they would push to a side without a bound."""
        kept = np.where(np.isinf(self.upper), np.minimum(multipliers, 0), multipliers)
        return np.where(np.isinf(self.lower), np.maximum(kept, 0), kept)


def at_bound(weights: Array, bound: Array) -> NDArray[np.bool_]:
    """Return the mask of centred weights that are at their bound (equal shape), within rounding."""
    near = 10 * CENTRED_ACCURACY * np.maximum(1.0, np.abs(_finite(bound)))
    return np.isfinite(bound) & (np.abs(weights - _finite(bound)) <= near)


def free_range(lower: Array, upper: Array, k: int) -> tuple[float, float]:
    """Return the least and largest centred weight of class ``k`` that the bounds (K,) of the other
    classes allow: a concept's centred weights add up to 0."""
    others = np.arange(len(lower)) != k
    return -float(upper[others].sum()), -float(lower[others].sum())


def _finite(values: Array) -> Array:
    return np.where(np.isfinite(values), values, 0.0)


_ROUNDING = 1e-10


@dataclass(frozen=True)
class ConceptAtOptimum:
    """One concept of the joint student at its optimum, for shadow prices; each array is (K,).

    ``gradient`` is the loss's derivative by the weights; ``weights`` have the least L1 term;
    ``multipliers`` come from the solver. ``spread`` is the standard deviation of the concept's
    score, ``delta`` an upper bound of the objective less the optimum."""

    gradient: Array
    weights: Array
    lower: Array
    upper: Array
    l1: Array
    multipliers: Array
    spread: float
    delta: float

    def price(self, k: int) -> Price:
        """Return the shadow price of the bound of class ``k``; all 0 if it is not active."""
        slack = self.spread * math.sqrt(max(self.delta, 0.0))
        error = len(self.weights) * slack
        if not self._reached[k]:
            return Price(0.0, 0.0, 0.0, 0.0, error)
        low, high = self._ends(k, slack + _ROUNDING)
        left, right = 0.0 - high, 0.0 - low
        if self.lower[k] == self.upper[k]:
            return Price(left, right, max(0.0, left, -right), math.nan, error)
        if np.isfinite(self.lower[k]):
            return Price(left, right, left, right, error)
        return Price(left, right, -right, -left, error)

    @cached_property
    def _reached(self) -> NDArray[np.bool_]:
        return self._at(self.lower) | self._at(self.upper)

    def _at(self, bound: Array) -> NDArray[np.bool_]:
        return at_bound(self.weights - self.weights.mean(), bound)

    def _ends(self, k: int, slack: float) -> tuple[float, float]:
        """Return the least and largest multiplier of class ``k``, by two linear programs."""
        from scipy.optimize import linprog  # noqa: PLC0415 - slow to load

        active = np.flatnonzero(self._reached)
        centring = np.eye(len(self.weights)) - 1 / len(self.weights)
        sign = np.sign(self.weights)
        most = np.where(sign < 0, -self.l1, self.l1) + slack  # of s - A m
        least = np.where(sign > 0, self.l1, -self.l1) - slack
        s, part = -self.gradient, centring[:, active]
        limits = [
            (None if at_low else 0.0, None if at_high else 0.0)
            for at_low, at_high in zip(
                self._at(self.lower)[active], self._at(self.upper)[active], strict=True
            )
        ]
        cost = (active == k).astype(np.float64)
        solutions = [
            linprog(
                direction * cost,
                A_ub=np.vstack([-part, part]),
                b_ub=np.concatenate([most - s, s - least]),
                bounds=limits,
            )
            for direction in (1, -1)
        ]
        multiplier = float(self.multipliers[k])
        ends = [
            direction * solution.fun if solution.status == 0 else multiplier
            for direction, solution in zip((1, -1), solutions, strict=True)
        ]
        return min(ends), max(ends)
