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

import math
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from inficond_panel.distill.solver.joint_objective import (
    FittedSoftmax,
    JointProblem,
    entropies,
    flat_solve,
    inside_scale,
    intercept_curvature,
)
from inficond_panel.distill.solver.objective import LEAST_REFERENCE
from inficond_panel.distill.solver.tempered import TwoParts
from inficond_panel.distill.sources import Array


@dataclass(frozen=True)
class TemperedJointProblem(JointProblem):
    """Objective of a softmax student with tempered logits; ``target`` (N, K) are the teacher's
    distributions at ``temperature``, ``label`` (N, K) is 1, 0 or -1, ``alpha`` weighs the teacher.
    """

    longest: ClassVar[float] = math.inf

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
        """Objective at W = 0 with the best intercepts, the unit of the relative gap; at least
        ``LEAST_REFERENCE``."""
        flat = np.zeros_like(self.target)
        best = self.best_point(np.zeros((1, flat.shape[1])), flat, np.zeros(flat.shape[1]))
        return max(best.objective, LEAST_REFERENCE)

    def fitted(  # type: ignore[override]
        self, logit: Array
    ) -> TwoParts[FittedSoftmax]:
        """Return logits (N, K) with the terms of the loss, as ``TwoParts``."""
        return TwoParts(logit, FittedSoftmax(logit), FittedSoftmax(logit / self.temperature))

    def loss(self, fitted: TwoParts[FittedSoftmax]) -> float:  # type: ignore[override]
        """Return the loss of fitted logits: the sum of its label part and its teacher part."""
        pairs = zip(self._parts, fitted.parts, strict=True)
        return sum(part.loss(target, weight) for (weight, target, _), part in pairs)

    def slope(self, probability: Array) -> Array:
        """Return the loss's derivatives (K,) by the intercepts: the sums of the residuals."""
        return self.residuals(probability).sum(axis=0)

    def bend(self, probability: Array) -> Array:
        """Return the loss's second derivatives (K, K) by the intercepts."""
        pairs = zip(self._parts, probability, strict=True)
        curvatures = [intercept_curvature(p, weight) / by**2 for (weight, _, by), p in pairs]
        return np.sum(curvatures, axis=0)

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
        self, fitted: TwoParts[FittedSoftmax]
    ) -> list[tuple[Array, Array]]:
        """Return one pair (probabilities (N, K), weights (N,)) per part, for second derivatives."""
        return [
            self.curvature_of(part.probability, weight / by**2)
            for (weight, _, by), part in zip(self._parts, fitted.parts, strict=True)
        ]

    def outlook(  # type: ignore[override]
        self, fitted: TwoParts[FittedSoftmax], change: Array
    ) -> Array:
        """Predict both parts' probabilities (2, N, K) after a change (N, K) of the logits, to first
        order, such that their residuals sum to 0."""
        rest = self.slope(self._moved(fitted.probability, change))
        balanced = change - flat_solve(self.bend(fitted.probability), rest)
        return self._moved(fitted.probability, balanced)

    def _moved(self, probability: Array, change: Array) -> Array:
        """Return both parts' probabilities (2, N, K) after a change of logits, to first order."""
        moved = []
        for (_, _, by), p in zip(self._parts, probability, strict=True):
            mean = np.einsum("ik,ik->i", p, change)[:, None]
            moved.append(p + p * (change - mean) / by)
        return np.stack(moved)

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
