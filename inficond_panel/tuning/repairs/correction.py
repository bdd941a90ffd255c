"""Correction of the teacher by a person's labels, for photos without labels too.

With t the teacher's log-odds on a photo, the corrected log-odds are slope * t + constant + the sum
of weight * score over a few concepts: a logistic regression on the labelled photos (as Platt 1999,
"Probabilistic outputs for support vector machines", with more inputs). The mean of the prior is the
uncorrected teacher: slope 1, all other coefficients 0. So few labels change little, and their
effect extends to photos without labels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from inficond_panel.distill.sources import Array
from inficond_panel.distill.spread import divisor

#: Prior variance of each coefficient, for scores in standard deviations.
VARIANCE = 2.0


@dataclass(frozen=True)
class Correction:
    """Correction of the teacher's log-odds: slope, constant, and weights of concept scores."""

    slope: float
    constant: float
    concepts: Mapping[str, float]

    def log_odds(self, teacher: Array, scores: NDArray, names: Sequence[str]) -> Array:
        """Return corrected log-odds ``(n,)``, from the teacher's ``(n,)`` and scores ``(n, C)`` of
        the concepts ``names``."""
        columns = [names.index(name) for name in self.concepts]
        moved = np.asarray(scores[:, columns], dtype=np.float64) @ list(self.concepts.values())
        return np.asarray(self.slope * teacher + self.constant + moved)

    @classmethod
    def from_json(cls, item: Mapping[str, Any]) -> Correction:
        """Return the correction that was written as ``item``, its fields; ``ValueError`` for a
        coefficient that is not a finite number."""
        weights = {str(name): float(value) for name, value in item["concepts"].items()}
        correction = cls(float(item["slope"]), float(item["constant"]), weights)
        if not np.isfinite([correction.slope, correction.constant, *weights.values()]).all():
            raise ValueError("a coefficient of its corrected teacher is not a finite number")
        return correction


def corrected(
    teacher: Array,
    scores: Mapping[str, Array],
    answered: NDArray[np.intp],
    present: NDArray[np.bool_],
) -> Correction:
    """Fit a ``Correction`` of the teacher's log-odds ``(n,)`` to labels ``present`` ``(m,)`` of the
    photos at ``answered`` ``(m,)``; inputs are also the ``scores`` ``(n,)`` by concept."""
    values = np.array(list(scores.values())).reshape(len(scores), len(teacher))
    mean, spread = values.mean(axis=1), divisor(values.T)
    standard = (values - mean[:, None]) / spread[:, None]
    inputs = np.stack([teacher, np.ones_like(teacher), *standard], axis=1)[answered]
    coefficients = _most_probable(inputs, present)
    weights = coefficients[2:] / spread
    return Correction(
        float(coefficients[0]),
        float(coefficients[1] - weights @ mean),
        dict(zip(scores, map(float, weights), strict=True)),
    )


def _most_probable(inputs: Array, present: NDArray[np.bool_]) -> Array:
    """Return the coefficients ``(d,)`` of ``inputs`` ``(m, d)`` at the posterior mode."""
    from scipy.optimize import minimize  # noqa: PLC0415 - slow to load

    sign, prior = np.where(present, 1.0, -1.0), np.eye(1, inputs.shape[1])[0]

    def loss(coefficients: Array) -> tuple[float, Array]:
        margin, away = sign * (inputs @ coefficients), coefficients - prior
        value = np.logaddexp(0, -margin).sum() + away @ away / (2 * VARIANCE)
        return value, away / VARIANCE - inputs.T @ (sign * expit(-margin))

    return np.asarray(minimize(loss, prior, jac=True, method="BFGS").x)
