"""The logistic loss of all images at once, each exponential taken once."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from inficond_panel.distill.scores.array_api import Array


class Fitted:
    """Logits (N,) and what the loss, its derivatives and its dual need of them."""

    def __init__(self, logit: Array) -> None:
        self.logit = logit
        self._odds = np.exp(-np.abs(logit))
        self._total = 1 + self._odds

    @cached_property
    def probability(self) -> Array:
        """sigmoid(f), exact to rounding at both ends (N,)."""
        return np.where(self.logit >= 0, 1.0, self._odds) / self._total

    @property
    def softplus(self) -> Array:
        """log(1 + e^f) (N,)."""
        return np.maximum(self.logit, 0) + np.log1p(self._odds)

    @cached_property
    def variance(self) -> Array:
        """p (1 - p), the second derivative of the loss (N,)."""
        return self._odds / self._total**2


def entropy(probability: Array) -> Array:
    """Entropy in nats of coins that fall on heads with these probabilities."""
    other = 1 - probability
    tiny = np.finfo(np.float64).tiny  # 0 log 0 = 0
    return -(
        probability * np.log(np.maximum(probability, tiny))
        + other * np.log(np.maximum(other, tiny))
    )


def fit_intercept(
    linear: Array, target: Array, sample_weight: Array, guess: float
) -> tuple[float, Fitted]:
    """The b of least loss of linear + b, and what is fitted with it.

    Newton's method within a bracket. The residuals then sum to 0 up to rounding.
    """
    mean = float(sample_weight @ target)
    centre = float(np.log(mean) - np.log1p(-mean))
    low, high = centre - linear.max(), centre - linear.min()
    b = min(max(guess, low), high)
    goal = 1e-15 * min(mean, 1 - mean)
    for _ in range(100):
        fitted = Fitted(linear + b)
        slope = float(sample_weight @ (fitted.probability - target))
        if abs(slope) <= goal:
            return b, fitted
        low, high = (b, high) if slope < 0 else (low, b)
        curvature = float(sample_weight @ fitted.variance)
        proposal = b - slope / curvature if curvature > 0 else np.inf
        if not low <= proposal <= high:
            proposal = 0.5 * (low + high)
        if abs(proposal - b) <= 1e-15 * max(1.0, abs(b)):
            return b, fitted
        b = proposal
    return b, Fitted(linear + b)
