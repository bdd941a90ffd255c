"""The loss of one softmax over K classes against soft targets, and its best intercepts."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from scipy.special import entr

from inficond_panel.distill.scores.array_api import Array

_STEPS = 300
_SMALL = 1e-17
_LONGEST = 50.0
_LEAST_DAMPING = 1e-8


class FittedSoftmax:
    """Logits (N, K) and what the loss and its derivatives need of them."""

    def __init__(self, logit: Array) -> None:
        self.logit = logit
        top = logit.max(axis=1, keepdims=True)
        self._odds = np.exp(logit - top)
        self._total = self._odds.sum(axis=1, keepdims=True)
        self._top = top

    @cached_property
    def probability(self) -> Array:
        """Softmax of each row (N, K)."""
        return self._odds / self._total

    @property
    def log_total(self) -> Array:
        """Logarithm of the sum of exp of each row (N,)."""
        return (self._top + np.log(self._total))[:, 0]

    def loss(self, target: Array, sample_weight: Array) -> float:
        """Weighted mean cross-entropy against targets (N, K) whose rows add up to 1."""
        return float(sample_weight @ (self.log_total - np.einsum("ik,ik->i", target, self.logit)))


def entropies(probability: Array) -> Array:
    """Entropy in nats of each row (N,)."""
    return np.asarray(entr(np.maximum(probability, 0.0)).sum(axis=1))


def fit_intercepts(
    linear: Array, target: Array, sample_weight: Array, guess: Array
) -> tuple[Array, FittedSoftmax]:
    """The intercepts (K,), of sum 0, of least loss of linear + b; and what is fitted with them.

    Damped Newton steps (Levenberg). Each class's residuals then sum to 0 up to rounding.
    """
    b, damping = guess - guess.mean(), 0.0
    fitted = FittedSoftmax(linear + b)
    loss = fitted.loss(target, sample_weight)
    longest = float(np.ptp(linear)) + _LONGEST
    for _ in range(_STEPS):
        slope = sample_weight @ (fitted.probability - target)
        size = float(np.abs(slope).max())
        if size <= _SMALL or damping > 1:
            break
        curvature = intercept_curvature(fitted.probability, sample_weight)
        step = -flat_solve(curvature + damping * np.eye(len(b)), slope)
        step *= min(1.0, longest / max(float(np.abs(step).max()), _SMALL))
        moved = FittedSoftmax(linear + b + step)
        value = moved.loss(target, sample_weight)
        smaller = np.abs(sample_weight @ (moved.probability - target)).max() < size
        if value < loss or (value <= loss + 1e-14 * (1 + abs(loss)) and smaller):
            b, fitted, loss = b + step, moved, value
            damping = damping / 10 if damping > _LEAST_DAMPING else 0.0
        else:
            damping = max(10 * damping, _LEAST_DAMPING)
    return b, fitted


def intercept_curvature(probability: Array, sample_weight: Array) -> Array:
    """Second derivatives of the loss by the intercepts (K, K): 0 along (1, ..., 1)."""
    weighted = probability * sample_weight[:, None]
    return np.asarray(np.diag(weighted.sum(axis=0)) - probability.T @ weighted)


def flat_solve(curvature: Array, right: Array) -> Array:
    """Solution of sum 0 of a system (K, K) that is 0 along (1, ..., 1), as its right side is."""
    scale = np.trace(curvature) / len(curvature)
    ones = np.full_like(curvature, max(scale, np.finfo(float).tiny))
    found = np.linalg.lstsq(curvature + ones, right, rcond=1e-15)[0]
    return np.asarray(found - found.mean(axis=0))
