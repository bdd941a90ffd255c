"""Loops over float32 scores that numba compiles: sums in float64, without a copy in float64.

NumPy would first copy the scores to float64, which takes longer than the products. The loops add
row by row, and numba may not change this order, so that a sum has the same bits on every machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Scores in a table from which on loops are compiled: loading numba takes as long as hundreds of
#: passes over a smaller table.
LEAST_VALUES = 1 << 20

Array = NDArray[np.float64]
#: Scores (n, C) or columns of scores (C, n), float32.
Block = NDArray[np.float32]


@dataclass(frozen=True)
class Loops:
    """The compiled loops."""

    _gradient: Any
    _product: Any
    _centred: Any

    def gradient(self, block: Block, residuals: Array) -> Array:
        """Return X'u (C, K) for scores X (n, C) and residuals u (n, K)."""
        total = np.zeros((residuals.shape[1], block.shape[1]))
        columns = np.ascontiguousarray(residuals.T, dtype=np.float64)
        self._gradient(np.ascontiguousarray(block), columns, total)
        return total.T

    def product(self, block: Block, rows: NDArray[np.intp], weights: Array) -> Array:
        """Return the product (n,) of ``weights`` (p,) and the columns at ``rows`` (p,) of
        ``block`` (C, n)."""
        total = np.zeros(block.shape[1])
        self._product(block, rows, np.ascontiguousarray(weights), total)
        return total

    def centred(
        self, block: Block, rows: NDArray[np.intp], pivot: NDArray, root: NDArray
    ) -> NDArray[np.float32]:
        """Return (x - pivot) * root (p, n) in float32, for the columns x at ``rows`` (p,) of
        ``block`` (C, n), ``pivot`` (p,) and ``root`` (n,)."""
        values = np.empty((len(rows), block.shape[1]), np.float32)
        self._centred(block, rows, pivot.astype(np.float32), root.astype(np.float32), values)
        return values


@cache
def loops() -> Loops | None:
    """Compile the loops, or load them from numba's cache; return None without numba."""
    try:
        import numba  # noqa: PLC0415 - slow to load, and small tables need it not
    except ImportError:
        return None
    kinds = numba.types

    def read(kind: Any, dimensions: int) -> Any:
        return kinds.Array(kind, dimensions, "C", readonly=True)  # writable arrays do, too

    table, rows, sums = read(kinds.float32, 2), read(kinds.intp, 1), kinds.float64[::1]
    narrow, wide = read(kinds.float32, 1), read(kinds.float64, 1)
    types: dict[Any, tuple[Any, ...]] = {
        _gradient: (table, read(kinds.float64, 2), kinds.float64[:, ::1]),
        _product: (table, rows, wide, sums),
        _centred: (table, rows, narrow, narrow, kinds.float32[:, ::1]),
    }
    made = []
    for function, arguments in types.items():
        kind = kinds.void(*arguments)
        try:
            made.append(numba.njit(kind, nogil=True, cache=True)(function))
        except RuntimeError:  # no folder for the cache can be written
            made.append(numba.njit(kind, nogil=True)(function))
    return Loops(*made)


def _gradient(x: Block, u: Array, total: Array) -> None:
    n, concepts = x.shape
    for i in range(0, n - 3, 4):  # four rows at once: a fourth of the loads and stores of sums
        for k in range(len(u)):
            a, b, c, d = u[k, i], u[k, i + 1], u[k, i + 2], u[k, i + 3]
            for j in range(concepts):
                one = (total[k, j] + a * x[i, j]) + b * x[i + 1, j]
                total[k, j] = (one + c * x[i + 2, j]) + d * x[i + 3, j]
    for i in range(n - n % 4, n):
        for k in range(len(u)):
            for j in range(concepts):
                total[k, j] += u[k, i] * x[i, j]


def _product(x: Block, rows: NDArray[np.intp], w: Array, total: Array) -> None:
    count = len(rows)
    for r in range(0, count - 3, 4):
        a, b, c, d = w[r], w[r + 1], w[r + 2], w[r + 3]
        one, two, three, four = rows[r], rows[r + 1], rows[r + 2], rows[r + 3]
        for i in range(x.shape[1]):
            half = (total[i] + a * x[one, i]) + b * x[two, i]
            total[i] = (half + c * x[three, i]) + d * x[four, i]
    for r in range(count - count % 4, count):
        for i in range(x.shape[1]):
            total[i] += w[r] * x[rows[r], i]


def _centred(
    x: Block, rows: NDArray[np.intp], pivot: NDArray, root: NDArray, values: NDArray
) -> None:
    for r in range(len(rows)):
        for i in range(x.shape[1]):
            values[r, i] = (x[rows[r], i] - pivot[r]) * root[i]
