"""Passes over the concept scores, in float64 whatever they are stored in."""

from __future__ import annotations

import sys
from functools import cached_property, partial
from typing import Any, TypeAlias

import array_api_compat
import numpy as np
from numpy.typing import ArrayLike, NDArray

from inficond_panel.common.sliced import Sliced
from inficond_panel.distill.scores.array_api import Array, beside, namespace, to_host
from inficond_panel.distill.scores.gathered_columns import Columns
from inficond_panel.distill.scores.sources import ArraySource, DaskSource, SlicedSource, Source

__all__ = ["Array", "ScoreLike", "Scores"]


ScoreLike: TypeAlias = "Scores | Source | Sliced | ArrayLike"


class Scores:
    """Concept scores (N images, C concepts) and the passes over them.

    ``values`` is a numpy or torch array (or any that follows the array API standard), a Zarr array
    (or anything that gives numpy arrays when it is sliced), a dask array, or a source of the
    caller's own (sources.py). Columns that a fit gathers stay in memory: whoever fits the same
    scores again passes the same Scores. ``passes`` counts the passes over all of the table.

    Raises DataError where the values are not a finite table of numbers; those that are not in
    memory are checked when they are first read.
    """

    def __init__(self, values: ScoreLike) -> None:
        self.source = _as_source(values)
        self.shape = self.source.shape
        self.columns = Columns(self.source)
        self.passes = 0

    @classmethod
    def of(cls, values: ScoreLike) -> Scores:
        """The values as Scores, which they may be already."""
        return values if isinstance(values, cls) else cls(values)

    def gradient(self, residuals: Array) -> Array:
        """X'u for residuals u (N, K) that sum to 0 up to rounding: (C, K).

        What rounding left of the sums is taken off: as if the columns were centred.
        """
        self.passes += 1
        total = -np.outer(self.pivot, residuals.sum(axis=0))
        for part in self.source.map(_gradient, residuals):
            total += part
        return total

    def logits(self, weights: Array, intercepts: Array) -> Array:
        """X @ weights + intercepts for weights (C, K) and intercepts (K,): (N, K).

        Column by column, so that a student's logits have the same bits whichever others are asked
        for with it.
        """
        self.passes += 1
        product = partial(_product, weights=weights)
        return np.concatenate(list(self.source.map(product))) + intercepts

    @cached_property
    def pivot(self) -> Array:
        """Something near the mean of each column (C,)."""
        return self.source.first(64).mean(axis=0, dtype=np.float64)

    def gather(self, columns: NDArray[np.intp]) -> None:
        """Read the columns that are not in memory yet, all in one pass."""
        self.passes += self.columns.gather(columns)

    def variance(self, sample_weight: Array) -> Array:
        """Weighted variance of each column (C,), as ``moments``."""
        return self.moments(sample_weight)[1]

    def moments(self, sample_weight: Array) -> tuple[Array, Array]:
        """Weighted means and variances of each column, for weights (N,) that sum to 1: (C,) each.

        Weights (N, M) give those of each of their columns: (M, C). A variance is never below what
        rounding makes of a constant column's.
        """
        self.passes += 1
        shape = (*sample_weight.shape[1:], self.shape[1])
        first, second = np.zeros(shape), np.zeros(shape)
        for part in self.source.map(partial(_moments, pivot=self.pivot), sample_weight):
            first += part[0]
            second += part[1]
        mean = self.pivot + first
        return mean, np.maximum(second - first**2, (1e-8 * mean) ** 2)


def _wide(block: Any) -> Any:
    xp = namespace(block)
    return xp.astype(block, xp.float64)


def _gradient(block: Any, residuals: Array) -> Array:
    return to_host(_wide(block).T @ beside(residuals, block))


def _product(block: Any, weights: Array) -> Array:
    wide = _wide(block)
    columns = [to_host(wide @ beside(np.ascontiguousarray(w), block)) for w in weights.T]
    return np.stack(columns, axis=1) if columns else np.empty((block.shape[0], 0))


def _moments(block: Any, sample_weight: Array, pivot: Array) -> tuple[Array, Array]:
    centred = _wide(block) - beside(pivot, block)
    weight = beside(np.ascontiguousarray(sample_weight.T), block)
    return to_host(weight @ centred), to_host(weight @ centred**2)


def _as_source(values: Any) -> Source:
    """The source of what the caller has. Raises DataError where that is no table of numbers."""
    if hasattr(values, "map"):
        return values
    if "dask" in sys.modules and hasattr(values, "__dask_graph__"):
        return DaskSource(values)
    if array_api_compat.is_array_api_obj(values):
        return ArraySource(values)
    if hasattr(values, "shape") and hasattr(values, "dtype"):
        return SlicedSource(values)
    return ArraySource(np.asarray(values))
