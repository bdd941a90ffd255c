"""Bounds on the centred weights of a softmax: w_kc less the mean over the classes of w_jc.

A softmax does not change when all classes' weights of a concept grow alike, so that a bound on w_kc
itself is undone by shifting. What the softmax depends on are the centred weights v_c = A w_c,
A = I - 11'/K. For one concept the bounds are lower <= v <= upper, and v adds up to 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from inficond_panel.distill.scores.array_api import Array

_SWEEPS = 60
#: Bounds hold to this, relative to the larger of 1 and the bound.
ACCURACY = 1e-12


def centred(weights: Array) -> Array:
    """Weights (C, K) less the mean of each concept's over the classes."""
    return weights - weights.mean(axis=1, keepdims=True)


@dataclass(frozen=True)
class CentredBounds:
    """Bounds (C, K) of the centred weights; infinite where there is none."""

    lower: Array
    upper: Array

    @cached_property
    def bounded(self) -> NDArray[np.bool_]:
        """Mask (C, K) of the weights that have a bound."""
        return np.isfinite(self.lower) | np.isfinite(self.upper)

    @cached_property
    def concepts(self) -> NDArray[np.intp]:
        """Positions of the concepts with a bound."""
        return np.flatnonzero(self.bounded.any(axis=1))

    @cached_property
    def infeasible(self) -> NDArray[np.intp]:
        """Positions of the concepts whose bounds no weights of sum 0 keep."""
        with np.errstate(invalid="ignore"):
            low, high = self.lower.sum(axis=1), self.upper.sum(axis=1)
        slack = ACCURACY * np.maximum(1, np.abs(np.nan_to_num(low, posinf=0, neginf=0)))
        return np.flatnonzero((low > slack) | (high < -slack))

    def excess(self, weights: Array) -> Array:
        """Centred weights less their nearest allowed values (C, K)."""
        v = centred(weights)
        return v - np.clip(v, self.lower, self.upper)

    def repaired(self, weights: Array) -> Array:
        """Weights within the bounds, near to these and as sparse where they nearly were.

        A weight is moved by itself until its centred value is allowed, which moves the others' by
        little; where that goes on, the concept is projected.
        """
        weights, limit = weights.copy(), self._limit
        share = 1 - 1 / weights.shape[1]
        for _ in range(_SWEEPS):
            excess = self.excess(weights)
            out = np.flatnonzero((np.abs(excess) > limit).any(axis=1))
            if not len(out):
                return weights
            chosen = np.abs(excess[out]).argmax(axis=1)
            weights[out, chosen] -= excess[out, chosen] / share
        for c in map(int, out):
            weights[c] = weights[c].mean() + self._projected(c, weights[c] - weights[c].mean())
        return weights

    @cached_property
    def _limit(self) -> Array:
        return ACCURACY * np.maximum(
            1, np.maximum(np.abs(_finite(self.lower)), np.abs(_finite(self.upper)))
        )

    def projected(self, weights: Array) -> Array:
        """The allowed weights nearest to these, with the same mean of each concept."""
        weights = weights.copy()
        for c in map(int, np.flatnonzero((self.excess(weights) != 0).any(axis=1))):
            mean = weights[c].mean()
            weights[c] = mean + self._projected(c, weights[c] - mean)
        return weights

    def _projected(self, c: int, v: Array) -> Array:
        """Nearest vector of sum 0 in the box: clip(v + t) for the t where that adds up to 0."""
        low, high = self.lower[c], self.upper[c]
        width = np.abs(v).max() + np.abs(_finite(low)).max() + np.abs(_finite(high)).max() + 1
        below, above = -width * len(v), width * len(v)
        for _ in range(200):
            t = (below + above) / 2
            total = np.clip(v + t, low, high).sum()
            below, above = (t, above) if total < 0 else (below, t)
        return np.clip(v + above, low, high)

    def support(self, multipliers: Array) -> float:
        """Sum of the largest multiplier x centred weight that the box allows (C, K)."""
        with np.errstate(invalid="ignore"):
            each = np.where(multipliers > 0, multipliers * self.upper, multipliers * self.lower)
        return float(each[multipliers != 0].sum())

    def allowed(self, multipliers: Array) -> Array:
        """Multipliers (C, K) without those that push to an open side."""
        kept = np.where(np.isinf(self.upper), np.minimum(multipliers, 0), multipliers)
        return np.where(np.isinf(self.lower), np.maximum(kept, 0), kept)


def at_bound(weights: Array, bound: Array) -> NDArray[np.bool_]:
    """Mask of the centred weights that lie at a bound of the same shape, to what bounds hold to."""
    near = 10 * ACCURACY * np.maximum(1.0, np.abs(_finite(bound)))
    return np.isfinite(bound) & (np.abs(weights - _finite(bound)) <= near)


def free_range(lower: Array, upper: Array, k: int) -> tuple[float, float]:
    """Least and largest centred weight of the class at ``k`` that the bounds (K,) of the others
    leave room for: the weights of a concept add up to 0."""
    others = np.arange(len(lower)) != k
    return -float(upper[others].sum()), -float(lower[others].sum())


def _finite(values: Array) -> Array:
    return np.where(np.isfinite(values), values, 0.0)
