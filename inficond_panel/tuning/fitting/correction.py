"""The teacher of one class, corrected by the answers of a person on a few photos.

Its log-odds t of a photo become slope * t + constant + the sum of weight * score over a few
concepts: a logistic regression on the answered photos (as Platt 1999, "Probabilistic outputs for
support vector machines", with more inputs). The prior is the teacher as it is: slope 1, all else 0.
So few answers change little, and what they change reaches photos that nobody was asked about.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

from inficond_panel.distill.scores.scores import Array

#: Variance of the prior of each coefficient, for scores in standard deviations.
VARIANCE = 2.0


@dataclass(frozen=True)
class Correction:
    """Coefficients of the teacher's log-odds, of 1, and of the score of each of some concepts."""

    slope: float
    constant: float
    concepts: Mapping[str, float]

    def log_odds(self, teacher: Array, scores: NDArray, names: Sequence[str]) -> Array:
        """Corrected log-odds ``(n,)``, by the teacher's ``(n,)`` and scores ``(n, C)`` of the
        concepts ``names``."""
        columns = [names.index(name) for name in self.concepts]
        moved = np.asarray(scores[:, columns], dtype=np.float64) @ list(self.concepts.values())
        return np.asarray(self.slope * teacher + self.constant + moved)

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "slope": self.slope,
            "constant": self.constant,
            "concepts": dict(self.concepts),
        }

    @classmethod
    def from_json(cls, item: Mapping[str, Any]) -> Correction:
        """The correction that ``to_json`` wrote. Raises ``ValueError`` for what is no number."""
        weights = {str(name): float(value) for name, value in item["concepts"].items()}
        found = cls(float(item["slope"]), float(item["constant"]), weights)
        if not np.isfinite([found.slope, found.constant, *weights.values()]).all():
            raise ValueError("a coefficient of its corrected teacher is no number")
        return found


def corrected(
    teacher: Array,
    scores: Mapping[str, Array],
    answered: NDArray[np.intp],
    present: NDArray[np.bool_],
) -> Correction:
    """The teacher's log-odds ``(n,)``, corrected by the answers ``present`` ``(m,)`` on the photos
    at ``answered`` ``(m,)``, and the ``scores`` ``(n,)`` of each of some concepts."""
    values = np.array(list(scores.values())).reshape(len(scores), len(teacher))
    mean, spread = values.mean(axis=1), values.std(axis=1)
    spread[spread == 0] = 1.0
    standard = (values - mean[:, None]) / spread[:, None]
    inputs = np.stack([teacher, np.ones_like(teacher), *standard], axis=1)[answered]
    found = _most_probable(inputs, present)
    weights = found[2:] / spread
    return Correction(
        float(found[0]),
        float(found[1] - weights @ mean),
        dict(zip(scores, map(float, weights), strict=True)),
    )


def _most_probable(inputs: Array, present: NDArray[np.bool_]) -> Array:
    """Coefficients ``(d,)`` of inputs ``(m, d)`` with the highest posterior density."""
    sign, prior = np.where(present, 1.0, -1.0), np.eye(1, inputs.shape[1])[0]

    def loss(coefficients: Array) -> tuple[float, Array]:
        margin, away = sign * (inputs @ coefficients), coefficients - prior
        value = np.logaddexp(0, -margin).sum() + away @ away / (2 * VARIANCE)
        return value, away / VARIANCE - inputs.T @ (sign * expit(-margin))

    return np.asarray(minimize(loss, prior, jac=True, method="BFGS").x)
