"""Columns of the scores, gathered when a working set first needs them, and their Gram matrices."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from inficond_panel.distill.scores.array_api import Array, beside, namespace, to_host
from inficond_panel.distill.scores.sources import Source, in_order, thread_count

if TYPE_CHECKING:
    from collections.abc import Iterable


class Columns:
    """Gathered columns, one contiguous row each, in float32 or, where stored so, in float64.

    Both hold what is stored without rounding. Memory is taken as columns come.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self._place = np.full(source.shape[1], -1)
        self._used = 0
        self._lock = Lock()
        self._blocks: list[Any] = []  # for each block of n images (C, n), filled from the top

    def gather(self, columns: NDArray[np.intp]) -> bool:
        """Read the columns that are not here yet; False where all are."""
        with self._lock:
            return self._gather(columns)

    def _gather(self, columns: NDArray[np.intp]) -> bool:
        new = columns[self._place[columns] < 0]
        if not new.size:
            return False
        end = self._used + len(new)
        for number, part in enumerate(self.source.map(partial(_take, columns=new))):
            if number == len(self._blocks):
                xp = namespace(part)
                shape = self.source.shape[1], part.shape[0]
                self._blocks.append(xp.empty(shape, dtype=part.dtype, device=part.device))
            self._blocks[number][self._used : end, :] = part.T
        self._place[new] = np.arange(self._used, end)
        self._used = end
        return True

    def product(self, columns: NDArray[np.intp], weights: Array) -> Array:
        """X[:, columns] @ weights for weights (p,): (N,)."""
        if not len(columns):
            return np.zeros(self.source.shape[0])
        return np.concatenate(list(self.map(partial(_product, weights=weights), columns)))

    def gradient(self, columns: NDArray[np.intp], residuals: Array) -> Array:
        """X[:, columns]'u for residuals u (N,): (p,)."""
        total = np.zeros(len(columns))
        for part in self.map(_gradient, columns, residuals):
            total += part
        return total

    def gram(self, columns: NDArray[np.intp], curvature: Array, exact: bool) -> tuple[Array, Array]:
        """Weighted Gram matrix (p, p) with the intercept eliminated, and the weighted means (p,).

        With weights h (N,): X'diag(h)X - (X'h)(X'h)' / sum(h), which is the Gram matrix of the
        columns centred at their weighted means. In float32 where ``exact`` is false and the
        columns are held so; the blocks are added up in float64 all the same.
        """
        gram, moment = np.zeros((len(columns), len(columns))), np.zeros(len(columns))
        pivot = self.pivot(columns)  # near the mean: centring cancels few digits
        for part in self.map(partial(_gram, pivot=pivot, exact=exact), columns, curvature):
            gram += part[0]
            moment += part[1]
        mean = moment / curvature.sum()
        gram -= np.outer(mean, moment)
        return gram, mean + pivot

    def pivot(self, columns: NDArray[np.intp]) -> Array:
        """Something near the mean of each of these columns (p,)."""
        few = self._blocks[0][: self._used, :64]
        return to_host(few).mean(axis=1, dtype=np.float64)[self._place[columns]]

    def map(
        self, function: Callable[..., Any], columns: NDArray[np.intp], *aligned: Array
    ) -> Iterator[Any]:
        """As a source's map, of blocks (p, n) of these columns."""
        places = self._place[columns]

        def apply(block: Any, *parts: Array) -> Any:
            rows = namespace(block).take(block[: self._used, :], beside(places, block), axis=0)
            return function(rows, *parts)

        threads = thread_count((self.source.shape[0], len(columns)))
        return in_order(apply, self._jobs(aligned), threads)

    def _jobs(self, aligned: tuple[Array, ...]) -> Iterable[tuple[Any, ...]]:
        first = 0
        for block in self._blocks:
            last = first + block.shape[1]
            yield block, *(a[first:last] for a in aligned)
            first = last


def _take(block: Any, columns: NDArray[np.intp]) -> Any:
    xp = namespace(block)
    double = block.dtype == xp.float64 or not xp.isdtype(block.dtype, "real floating")
    part = xp.take(block, beside(columns, block), axis=1)
    return xp.astype(part, xp.float64 if double else xp.float32)


def _product(rows: Any, weights: Array) -> Array:
    xp = namespace(rows)
    return to_host(beside(weights, rows) @ xp.astype(rows, xp.float64))


def _gradient(rows: Any, residuals: Array) -> Array:
    xp = namespace(rows)
    return to_host(xp.astype(rows, xp.float64) @ beside(residuals, rows))


def _gram(rows: Any, curvature: Array, pivot: Array, exact: bool) -> tuple[Array, Array]:
    xp = namespace(rows)
    wide = xp.astype(rows, xp.float64) if exact else rows
    kind = np.float64 if wide.dtype == xp.float64 else np.float32
    root = beside(np.sqrt(curvature).astype(kind), rows)
    centred = (wide - beside(pivot.astype(kind)[:, None], rows)) * root
    return to_host(centred @ centred.T), to_host(centred @ root)


class JointGram(NamedTuple):
    """Second derivatives of a softmax's loss by weights (M, M), by intercepts (K, K) and both
    (K, M), the columns less ``pivot`` (M,)."""

    weights: Array
    intercepts: Array
    mixed: Array
    pivot: Array


def joint_gram(
    columns: Columns, used: Sequence[NDArray[np.intp]], probability: Array, weight: Array
) -> JointGram:
    """Sum over the images of a_i (diag(p_i) - p_i p_i') times x_i x_i', for probabilities (N, K)
    and weights a (N,).

    ``used`` are the columns of each class; weights are in the order of classes, then of columns.
    """
    union = np.unique(np.concatenate(list(used)))
    places = [np.searchsorted(union, each) for each in used]
    pivot = columns.pivot(union) if len(union) else np.empty(0)
    size = sum(map(len, places)) + len(places)
    total = np.zeros((size, size))
    for part in columns.map(
        partial(_joint_block, pivot=pivot, places=places), union, probability, weight
    ):
        total += part
    ends = np.cumsum([len(each) + 1 for each in places]) - 1  # each class's intercept is last
    inner = np.setdiff1d(np.arange(size), ends)
    return JointGram(
        total[np.ix_(inner, inner)],
        total[np.ix_(ends, ends)],
        total[np.ix_(ends, inner)],
        np.concatenate([pivot[each] for each in places]),
    )


def added(grams: list[JointGram]) -> JointGram:
    """Sum of Gram matrices of the same columns."""
    first = grams[0]
    for other in grams[1:]:
        first = first._replace(
            weights=first.weights + other.weights,
            intercepts=first.intercepts + other.intercepts,
            mixed=first.mixed + other.mixed,
        )
    return first


def _joint_block(
    rows: Any, probability: Array, weight: Array, pivot: Array, places: list[NDArray[np.intp]]
) -> Array:
    xp = namespace(rows)
    centred = to_host(xp.astype(rows, xp.float64)) - pivot[:, None]
    one = np.ones((1, centred.shape[1]))
    parts = [np.concatenate([centred[each], one]) for each in places]
    root = np.sqrt(weight)
    outer = np.concatenate(
        [part * (root * p) for part, p in zip(parts, probability.T, strict=True)]
    )
    total = -(outer @ outer.T)
    first = 0
    for part, p in zip(parts, probability.T, strict=True):
        own = slice(first, first + len(part))
        scaled = part * np.sqrt(weight * p)
        total[own, own] += scaled @ scaled.T
        first += len(part)
    return total
