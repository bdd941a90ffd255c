"""The joint student with tempered logits (f / T): the paper's loss for a softmax.

Lee et al. (BMVC 2023, eq. 3, 4): with the class y_i of each image, where it is known (k_i = 1), the
teacher's softmax s_i at the temperature T, and logits f_i = W'x_i + b,

    P(W, b) = sum_i a_i [k_i CE(f_i; y_i) + alpha CE(f_i / T; s_i)] + sum_ck l1_k |w_ck|,

CE(f; t) = log sum_k exp(f_k) - t'f. Certificate as in ``joint_objective.py`` and ``tempered.py``:
distributions p_i, q_i of each part give the residuals

    u_i = a_i [k_i (p_i - y_i) + (alpha / T) (q_i - s_i)]

and the bound a_i [k_i H(p_i) + alpha H(q_i)]. Probabilities are (2, N, K) here.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inficond_panel.distill.solver.joint_objective import (
    NO_SUM,
    FittedSoftmax,
    JointPoint,
    JointProblem,
    entropies,
    flat_solve,
    inside_scale,
    intercept_curvature,
)
from inficond_panel.distill.sources import Array

_STEPS = 300
_SMALL = 1e-17


class TemperedSoftmax:
    """Logits f (N, K), with the terms of the loss's two parts: labels (f) and teacher (f / T)."""

    def __init__(self, logit: Array, temperature: float) -> None:
        self.logit = logit
        self.parts = FittedSoftmax(logit), FittedSoftmax(logit / temperature)

    @cached_property
    def probability(self) -> Array:
        """Probabilities softmax(f) and softmax(f / T), stacked (2, N, K)."""
        return np.stack([part.probability for part in self.parts])


@dataclass(frozen=True)
class TemperedJointProblem(JointProblem):
    """Objective of a softmax student with tempered logits; ``target`` (N, K) are the teacher's
    distributions at ``temperature``, ``label`` (N, K) is 1, 0 or -1, ``alpha`` weighs the teacher.
    """

    label: NDArray
    alpha: float
    temperature: float

    @cached_property
    def _parts(self) -> tuple[tuple[Array, Array, float], ...]:
        """Sample weights (N,), targets (N, K), divisor of the logits: of label and teacher part."""
        known = self.sample_weight * (self.label[:, 0] >= 0)
        label = np.maximum(self.label, 0).astype(np.float64)
        return (known, label, 1.0), (self.alpha * self.sample_weight, self.target, self.temperature)

    @cached_property
    def reference(self) -> float:
        """Objective at W = 0 with the best intercepts, the unit of the relative gap."""
        flat = np.zeros_like(self.target)
        return self.best_point(
            np.zeros((1, flat.shape[1])), flat, np.zeros(flat.shape[1])
        ).objective

    def fitted(self, logit: Array) -> TemperedSoftmax:  # type: ignore[override]
        """Return logits (N, K) with the terms of the loss, as ``TemperedSoftmax``."""
        return TemperedSoftmax(logit, self.temperature)

    def loss(self, fitted: TemperedSoftmax) -> float:  # type: ignore[override]
        """Return the loss of fitted logits: the sum of its label part and its teacher part."""
        pairs = zip(self._parts, fitted.parts, strict=True)
        return sum(part.loss(target, weight) for (weight, target, _), part in pairs)

    def best_point(self, weights: Array, linear: Array, guess: Array) -> JointPoint:
        """Return the point with the best intercepts, of sum 0, by damped Newton from ``guess``."""
        b, damping = guess - guess.mean(), 0.0
        fitted: Any = self.fitted(linear + b)
        loss = self.loss(fitted)
        for _ in range(_STEPS):
            slope = self.residuals(fitted.probability).sum(axis=0)
            size = float(np.abs(slope).max())
            if size <= _SMALL or damping > 1:
                break
            bend = self._bend(fitted.probability)
            step = -flat_solve(bend + damping * np.eye(len(b)), slope)
            moved = self.fitted(linear + b + step)
            value = self.loss(moved)
            smaller = np.abs(self.residuals(moved.probability).sum(axis=0)).max() < size
            if value < loss or (value <= loss + 1e-14 * (1 + abs(loss)) and smaller):
                b, fitted, loss = b + step, moved, value
                damping = damping / 10 if damping > 1e-8 else 0.0
            else:
                damping = max(10 * damping, 1e-8)
        return self.point(weights, b, fitted)

    def residuals(self, probability: Array) -> Array:
        """Return the loss's derivative by each logit (N, K), from both parts' probabilities."""
        return np.sum(
            [
                (w / by)[:, None] * (p - t)
                for (w, t, by), p in zip(self._parts, probability, strict=True)
            ],
            axis=0,
        )

    def curvatures(  # type: ignore[override]
        self, fitted: TemperedSoftmax
    ) -> list[tuple[Array, Array]]:
        """Return one pair (probabilities (N, K), weights (N,)) per part, for second derivatives."""
        return [
            self.curvature_of(part.probability, weight / by**2)
            for (weight, _, by), part in zip(self._parts, fitted.parts, strict=True)
        ]

    def outlook(self, fitted: TemperedSoftmax, change: Array) -> Array:  # type: ignore[override]
        """Predict both parts' probabilities (2, N, K) after a change (N, K) of the logits, to first
        order, such that their residuals sum to 0."""
        bend = self._bend(fitted.probability)
        first = self._moved(fitted, change)
        rest = self.residuals(first).sum(axis=0)
        return self._moved(fitted, change - flat_solve(bend, rest))

    def _bend(self, probability: Array) -> Array:
        """Return the loss's second derivatives by the intercepts (K, K)."""
        pairs = zip(self._parts, probability, strict=True)
        curvatures = [intercept_curvature(p, weight) / by**2 for (weight, _, by), p in pairs]
        return np.sum(curvatures, axis=0)

    def _moved(self, fitted: TemperedSoftmax, change: Array) -> Array:
        """Return both parts' probabilities (2, N, K) after a change of logits, to first order."""
        moved = []
        for (_, _, by), p in zip(self._parts, fitted.probability, strict=True):
            mean = np.einsum("ik,ik->i", p, change)[:, None]
            moved.append(p + p * (change - mean) / by)
        return np.stack(moved)

    def unbalanced(self, probability: Array) -> bool:
        """Return whether the residuals of any class do not add up to 0."""
        return bool(np.abs(self.residuals(probability).sum(axis=0)).max() > NO_SUM)

    def dual_loss(self, probability: Array, scale: float) -> float:
        """Return the entropy term of the dual bound, for residuals scaled by ``scale``."""
        return sum(
            float(weight @ entropies(target + scale * (p - target)))
            for (weight, target, _), p in zip(self._parts, probability, strict=True)
        )

    def inside(self, probability: Array) -> float:
        """Return the largest scale of the residuals, in [0, 1], that keeps probabilities >= 0."""
        return min(
            inside_scale(p[weight > 0], target[weight > 0])
            for (weight, target, _), p in zip(self._parts, probability, strict=True)
        )
