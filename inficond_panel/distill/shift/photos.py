"""Photos of one split as one class sees them, and the moments of their concept scores."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inficond_panel.distill.scores.array_api import Array, check_finite
from inficond_panel.distill.scores.scores import Scores
from inficond_panel.errors import DataError


@dataclass(frozen=True)
class Photos:
    """Concept scores (n, C), labels (n,) of one class in {1, 0}, probabilities (n,) of its student.

    Labels are given for every photo: those of unknown label are left out before. Raises DataError
    where the shapes do not fit, a label is neither 0 nor 1, or fewer than two photos show the
    class or its absence: no variance can be told from one.
    """

    scores: Any
    label: NDArray
    probability: NDArray

    def __post_init__(self) -> None:
        label = np.asarray(self.label)
        count = Scores.of(self.scores).shape[0]
        if not len(label) == len(self.probability) == count:
            raise DataError(
                f"{count} rows of scores, {len(label)} labels and {len(self.probability)} "
                "probabilities do not belong together.",
                "Give one of each per photo.",
            )
        if not np.isin(label, (0, 1)).all():
            raise DataError("A label is neither 0 nor 1.", "Leave out the photos without a label.")
        if min(np.count_nonzero(label == 1), np.count_nonzero(label == 0)) < 2:
            raise DataError(
                "Fewer than two photos show the class, or its absence.", "Give more photos."
            )
        check_finite(np.asarray(self.probability), "probabilities")

    @cached_property
    def residual(self) -> Array:
        """Label less probability (n,)."""
        return np.asarray(self.label, dtype=np.float64) - self.probability

    @cached_property
    def difference(self) -> tuple[Array, Array]:
        """Mean score of the positives less that of the negatives (C,), and its variance (C,)."""
        sides = [(np.asarray(self.label) == side).astype(np.float64) for side in (1, 0)]
        counts = np.array([side.sum() for side in sides])
        means, variances = self._data.moments(np.stack(sides, axis=1) / counts)
        return means[0] - means[1], (variances / (counts - 1)[:, None]).sum(axis=0)

    @cached_property
    def residual_correlation(self) -> Array:
        """Correlation (C,) of each concept with the residual; 0 where either is constant."""
        centred = self.residual - self.residual.mean()
        covariance = self._data.gradient(centred[:, None])[:, 0] / len(centred)
        variance = self._data.variance(np.full(len(centred), 1 / len(centred)))
        size = np.sqrt(variance * np.mean(centred**2))
        return np.divide(covariance, size, out=np.zeros_like(size), where=size > 0)

    @cached_property
    def _data(self) -> Scores:
        return Scores.of(self.scores)
