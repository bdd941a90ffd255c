"""Passes over the concept scores, block by block, in float64 whatever they are stored in.

The blocks depend on the shape alone, so the sums and their rounding are the same on every run.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from inficond_panel.errors import DataError

Array = NDArray[np.float64]

_BLOCK_VALUES = 1 << 18


class Scores:
    """Concept scores (N images, C concepts), read in blocks of rows.

    Raises DataError where they are not a finite table of numbers.
    """

    def __init__(self, values: ArrayLike) -> None:
        self.values = np.asarray(values)
        if self.values.ndim != 2 or self.values.dtype.kind not in "fiub" or not self.values.size:
            raise DataError(
                f"Scores must be a table of numbers (images, concepts), not {self.values.dtype} "
                f"of shape {self.values.shape}.",
                "Give one row for each image and one column for each concept.",
            )
        check_finite(self.values, "scores")

    @property
    def shape(self) -> tuple[int, int]:
        """Number of images N and of concepts C."""
        return self.values.shape[0], self.values.shape[1]

    def _blocks(self, width: int) -> Iterator[slice]:
        rows = max(64, _BLOCK_VALUES // max(width, 1))
        for first in range(0, self.shape[0], rows):
            yield slice(first, min(first + rows, self.shape[0]))

    def gradient(self, residuals: Array) -> Array:
        """X'u for residuals u (N, K): (C, K)."""
        total = np.zeros((self.shape[1], residuals.shape[1]))
        for rows in self._blocks(self.shape[1]):
            total += self.values[rows].astype(np.float64).T @ residuals[rows]
        return total

    def logits(self, weights: Array, intercepts: Array) -> Array:
        """X @ weights + intercepts for weights (C, K) and intercepts (K,): (N, K)."""
        out = np.empty((self.shape[0], weights.shape[1]))
        for rows in self._blocks(self.shape[1]):
            out[rows] = self.values[rows].astype(np.float64) @ weights + intercepts
        return out

    def product(self, columns: NDArray[np.intp], weights: Array) -> Array:
        """X[:, columns] @ weights for weights (p,): (N,)."""
        out = np.empty(self.shape[0])
        for rows in self._blocks(len(columns)):
            out[rows] = self._take(rows, columns) @ weights
        return out

    def gram(self, columns: NDArray[np.intp], curvature: Array) -> tuple[Array, Array]:
        """Weighted Gram matrix (p, p) with the intercept eliminated, and the weighted means (p,).

        With weights h (N,): X'diag(h)X - (X'h)(X'h)' / sum(h), which is the Gram matrix of the
        columns centred at their weighted means.
        """
        pivot = self._take(slice(0, 64), columns).mean(axis=0)
        gram = np.zeros((len(columns), len(columns)))
        moment = np.zeros(len(columns))
        for rows in self._blocks(len(columns)):
            block = self._take(rows, columns)
            block -= pivot  # near the mean: centring below then cancels no digits
            moment += curvature[rows] @ block
            block *= np.sqrt(curvature[rows])[:, None]
            gram += block.T @ block
        mean = moment / curvature.sum()
        gram -= np.outer(mean, moment)
        return gram, mean + pivot

    def variance(self, sample_weight: Array) -> Array:
        """Weighted variance of each column (C,), for weights (N,) that sum to 1.

        Never below what rounding makes of a constant column.
        """
        pivot = self.values[:64].astype(np.float64).mean(axis=0)
        first, second = np.zeros((2, self.shape[1]))
        for rows in self._blocks(self.shape[1]):
            block = self.values[rows].astype(np.float64) - pivot
            first += sample_weight[rows] @ block
            second += sample_weight[rows] @ block**2
        return np.maximum(second - first**2, (1e-8 * (pivot + first)) ** 2)

    def _take(self, rows: slice, columns: NDArray[np.intp]) -> Array:
        return np.take(self.values[rows], columns, axis=1).astype(np.float64)


def check_finite(values: NDArray, name: str) -> None:
    """Raise DataError that says how many of the values are NaN or infinite."""
    bad = np.count_nonzero(~np.isfinite(values))
    if bad:
        raise DataError(
            f"{bad} of {values.size} {name} are NaN or infinite.",
            "Find the images that they belong to and drop them, or compute the store again.",
        )
