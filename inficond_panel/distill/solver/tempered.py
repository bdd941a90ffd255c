"""Students with tempered logits (f / T): the loss of Lee et al. (BMVC 2023, eq. 3, 4).

With labels y_i, the teacher's probabilities s_i at the temperature T, sample weights a_i of sum 1
and k_i = 1 where the label is known, else 0, the student minimises

    P(w, b) = sum_i a_i [k_i l(f_i; y_i) + alpha l(f_i / T; s_i)] + l1*|w|_1 + l2/2*|w|^2

for logits f_i = x_i'w + b and l of ``objective.py``. Without labels k_i = 0 and alpha = 1. The
divergence of eq. 3 differs from the second part by a constant. As in the paper, the loss has no
factor T^2; alpha can include that factor.

Certificate. As in ``objective.py``, with one probability per part: for any p_i and q_i in [0, 1]

    k_i l(f_i; y_i) + alpha l(f_i / T; s_i) >= [k_i (p_i - y_i) + (alpha / T) (q_i - s_i)] f_i
                                                + k_i H(p_i) + alpha H(q_i),

so u_i = a_i [k_i (p_i - y_i) + (alpha / T) (q_i - s_i)] replace the residuals of ``objective.py``,
and a_i [k_i H(p_i) + alpha H(q_i)] replace its entropies. Probabilities are (2, N) here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from inficond_panel.distill.solver.joint_objective import FittedSoftmax
from inficond_panel.distill.solver.objective import (
    CURVATURE_FLOOR,
    LEAST_REFERENCE,
    TINY,
    Fitted,
    Point,
    Problem,
    entropy,
    largest_scale,
    upper_curvature,
)
from inficond_panel.distill.sources import Array
from inficond_panel.errors import SolverError


@dataclass(frozen=True, eq=False)
class Tempered:
    """Targets of the tempered loss: labels and teacher's probabilities, indexed like an array.

    ``label`` is 1, 0 or -1 (unknown or not used), ``soft`` the teacher's probability at
    ``temperature``, both in the shape of targets; ``alpha`` weighs the teacher's part of the loss.
    """

    label: NDArray
    soft: Array
    alpha: float
    temperature: float

    def __post_init__(self) -> None:
        sizes = (self.alpha, self.temperature)
        if not (np.isfinite(sizes).all() and self.alpha >= 0 and self.temperature > 0):
            raise SolverError(
                f"alpha is {self.alpha} and the temperature {self.temperature}.",
                "Make both finite, alpha 0 or more and the temperature above 0.",
            )
        check_labels(self.label, self.soft)

    def __getitem__(self, item: Any) -> Tempered:
        return replace(self, label=self.label[item], soft=self.soft[item])

    def __len__(self) -> int:
        return len(self.soft)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the targets: (N, K), or (N,) of one class."""
        return self.soft.shape

    @property
    def mixed(self) -> Array:
        """Targets of the equal loss with T = 1: weighted means of label and teacher probability."""
        known = self.label >= 0
        total = known + np.float64(self.alpha)
        mean = known * np.maximum(self.label, 0) + self.alpha * self.soft
        return np.divide(mean, total, out=np.array(self.soft), where=total > 0)


def check_labels(label: NDArray, soft: Array) -> None:
    """Raise SolverError unless labels are 1, 0 or -1 in the shape of the soft targets."""
    if label.shape != soft.shape or not np.isin(label, (-1, 0, 1)).all():
        raise SolverError(
            f"Labels must be 1, 0 or -1 in the shape {soft.shape} of the targets, got shape "
            f"{label.shape} or other values.",
            "Give 1 for present, 0 for absent and -1 for ignored, for each image and class.",
        )


def mixed_of(targets: NDArray | Tempered) -> Array:
    """Return targets as a float64 array; ``Tempered`` targets are replaced by their ``mixed``."""
    return np.asarray(targets.mixed if isinstance(targets, Tempered) else targets, np.float64)


FittedPart = TypeVar("FittedPart", Fitted, FittedSoftmax)


class TwoParts(Generic[FittedPart]):
    """Logits f, with the terms of the loss's two parts: labels (f) and teacher (f / T)."""

    def __init__(self, logit: Array, *parts: FittedPart) -> None:
        self.logit = logit
        self.parts: tuple[FittedPart, ...] = parts

    @cached_property
    def probability(self) -> Array:
        """Probabilities of both parts, stacked: (2, N), or of a softmax (2, N, K)."""
        return np.stack([part.probability for part in self.parts])


@dataclass(frozen=True)
class TemperedProblem(Problem):
    """Objective of one student with tempered logits; ``target`` (N,) are the teacher's
    probabilities at ``temperature``, ``label`` (N,) is 1, 0 or -1, ``alpha`` weighs the teacher."""

    label: NDArray
    alpha: float
    temperature: float

    @cached_property
    def _parts(self) -> tuple[tuple[Array, Array, float], ...]:
        """Sample weights (N,), targets (N,), divisor of the logits: of label and teacher part."""
        known = self.sample_weight * (self.label >= 0)
        label = np.maximum(self.label, 0).astype(np.float64)
        return (known, label, 1.0), (self.alpha * self.sample_weight, self.target, self.temperature)

    @cached_property
    def _flat(self) -> Point[float]:
        size = np.shape(self.penalty.rest)
        return self.best_point(np.zeros(size), np.zeros(len(self.target)), 0.0)

    @cached_property
    def reference(self) -> float:
        """Objective at w = 0 with the best intercept, the unit of the relative gap; at least
        ``LEAST_REFERENCE``."""
        return max(self._flat.objective, LEAST_REFERENCE)

    @cached_property
    def target_spread(self) -> float:
        """Root mean square of the residuals at w = 0, weighted by sample weight."""
        slope = self.residuals(self._flat.fitted.probability)
        weight = np.maximum(self.sample_weight, TINY)
        return max(float(np.sqrt(np.sum(slope**2 / weight))), 1e-9)

    def fitted(self, logit: Array) -> TwoParts[Fitted]:  # type: ignore[override]
        """Return logits (N,) with the terms of the loss, as ``TwoParts``."""
        return TwoParts(logit, Fitted(logit), Fitted(logit / self.temperature))

    def loss(self, fitted: TwoParts[Fitted]) -> float:  # type: ignore[override]
        """Return the loss of fitted logits: the sum of its label part and its teacher part."""
        pairs = zip(self._parts, fitted.parts, strict=True)
        return sum(float(w @ (part.softplus - t * part.logit)) for (w, t, _), part in pairs)

    def best_point(self, weights: Array, linear: Array, guess: float) -> Point[float]:
        """Return the point of these weights with the best intercept, searched from ``guess`` by
        Newton's method in a bracket; ``linear`` is X @ weights (N,)."""
        low, high, b = -np.inf, np.inf, guess
        fitted: Any = None
        for _ in range(200):
            fitted = self.fitted(linear + b)
            slope = float(self.residuals(fitted.probability).sum())
            low, high = (b, high) if slope < 0 else (low, b)
            step = -slope / max(float(self.curvature(fitted, False).sum()), TINY)
            after = b + float(np.clip(step, -8 * self.temperature, 8 * self.temperature))
            if not low < after < high and np.isfinite(high - low):
                after = 0.5 * (low + high)
            if abs(after - b) <= 1e-15 * max(1.0, abs(b)) or slope == 0:
                break
            b = after
        return self.point(weights, b, fitted)

    def residuals(self, probability: Array) -> Array:
        """Return the derivative of the loss by each logit (N,), from both parts' probabilities."""
        return np.sum(
            [w / by * (p - t) for (w, t, by), p in zip(self._parts, probability, strict=True)],
            axis=0,
        )

    def curvature(self, fitted: TwoParts[Fitted], cautious: bool) -> Array:  # type: ignore[override]
        """Return the loss's second derivatives by each logit (N,); upper bounds if ``cautious``."""
        curvatures = [
            weight / by**2 * (upper_curvature(part.logit) if cautious else part.variance)
            for (weight, _, by), part in zip(self._parts, fitted.parts, strict=True)
        ]
        floor = CURVATURE_FLOOR * self.sample_weight
        return np.maximum(np.sum(curvatures, axis=0), floor)

    def outlook(self, fitted: TwoParts[Fitted], change: Array) -> Array:  # type: ignore[override]
        """Predict both parts' probabilities (2, N) after a change (N,) of the logits, to first
        order, such that their residuals sum to 0."""
        bend = self.curvature(fitted, False)
        rest = self.residuals(fitted.probability).sum() + bend @ change
        moved = change - rest / max(bend.sum(), TINY)
        return np.stack(
            [
                part.probability + part.variance * moved / by
                for (_, _, by), part in zip(self._parts, fitted.parts, strict=True)
            ]
        )

    def _dual(self, probability: Array, gradient: Array, scale: float) -> float:
        value = -float(self.penalty.conjugate(-scale * gradient).sum())
        for (weight, target, _), p in zip(self._parts, probability, strict=True):
            value += float(weight @ entropy(target + scale * (p - target)))
        return value

    def _largest_scale(self, probability: Array) -> float:
        return min(
            largest_scale(target[weight > 0], p[weight > 0])
            for (weight, target, _), p in zip(self._parts, probability, strict=True)
        )
