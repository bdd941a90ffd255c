"""Tables of concept scores: products and moments in float64 for any stored type; correlations."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import cached_property, partial
from itertools import pairwise
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeAlias

import array_api_compat
import numpy as np
from numpy.typing import ArrayLike, NDArray

from inficond_panel.common.arrays import Sliced, empty, single
from inficond_panel.distill.compiled import LEAST_VALUES, Loops, loops
from inficond_panel.distill.sources import (
    Array,
    ArraySource,
    DaskSource,
    SlicedSource,
    Source,
    beside,
    block_values,
    check_dense,
    in_order,
    namespace,
    thread_count,
    to_host,
)

if TYPE_CHECKING:
    from collections.abc import Iterable


class Columns:
    """Cache of the columns of a table of scores X; each column is a contiguous row in memory.

    It has float32 values, or float64 where float32 would round. Memory grows as columns are read.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self._place = np.full(source.shape[1], -1)
        self._used = 0
        self._lock = Lock()
        self._blocks: list[Any] = []  # for each BLOCK_IMAGES images (C, n), filled from the top

    @cached_property
    def loops(self) -> Loops | None:
        """Compiled loops (compiled.py), for large tables of float32 on the host; else None."""
        large = self.source.shape[0] * self.source.shape[1] >= LEAST_VALUES
        return loops() if large and self.source.on_host and self.narrow else None

    @cached_property
    def narrow(self) -> bool:
        """True if the scores are float32."""
        return _is_narrow(self.source.first(1))

    def gather(self, columns: NDArray[np.intp]) -> bool:
        """Read the ``columns`` (indices) that are not in memory; return True if any was read."""
        with self._lock:
            new = columns[self._place[columns] < 0]
            if not new.size:
                return False
            first, end = 0, self._used + len(new)
            for part in self.source.map(partial(_take, columns=new)):
                if not self._blocks:
                    self._blocks = _column_blocks(self.source.shape, part)
                self._fill(first, end, part)
                first += part.shape[0]
            self._place[new] = np.arange(self._used, end)
            self._used = end
            return True

    def _fill(self, first: int, end: int, part: Any) -> None:
        """Write the new columns (n, new) of the images from ``first`` on; ``end`` is their last
        row in a block, excluded."""
        done = 0
        while done < part.shape[0]:
            number, at = divmod(first + done, self._blocks[0].shape[1])
            more = min(self._blocks[0].shape[1] - at, part.shape[0] - done)
            self._blocks[number][self._used : end, at : at + more] = part[done : done + more, :].T
            done += more

    def product(self, columns: NDArray[np.intp], weights: Array) -> Array:
        """Return the product X[:, columns] @ weights (N,) of the scores X, for weights (p,)."""
        if not len(columns):
            return np.zeros(self.source.shape[0])
        product = partial(_row_product, weights=weights, loops=self.loops)
        return np.concatenate(list(self.map(product, columns, taken=False)))

    def gradient(self, columns: NDArray[np.intp], residuals: Array) -> Array:
        """Return the gradient X[:, columns]'u (p,) of the scores X, for residuals u (N,)."""
        total = np.zeros(len(columns))
        for part in self.map(_row_gradient, columns, residuals):
            total += part
        return total

    def gram(self, columns: NDArray[np.intp], curvature: Array, exact: bool) -> tuple[Array, Array]:
        """Return the Gram matrix (p, p) of columns centred at their means, and the means (p,).

        Both are weighted by ``curvature`` h (N,): X'diag(h)X - (X'h)(X'h)' / sum(h), which
        eliminates the intercept. Blocks are computed in float32 if ``exact`` is false and the
        columns are float32, and always added up in float64.
        """
        gram, moment = np.zeros((len(columns), len(columns))), np.zeros(len(columns))
        pivot = self.pivot(columns)  # near the mean: centring cancels few digits
        block = partial(_gram, pivot=pivot, exact=exact, loops=self.loops)
        for part in self.map(block, columns, curvature, taken=False):
            gram += part[0]
            moment += part[1]
        mean = moment / curvature.sum()
        gram -= np.outer(mean, moment)
        return gram, mean + pivot

    def pivot(self, columns: NDArray[np.intp]) -> Array:
        """Return a number near the mean of each of ``columns`` (p,), to centre the scores."""
        if not len(columns):
            return np.empty(0)  # nothing was read if no student has a weight
        few = to_host(self._blocks[0][: self._used, :64])[self._place[columns]]
        return few.mean(axis=1, dtype=np.float64)

    def map(
        self,
        function: Callable[..., Any],
        columns: NDArray[np.intp],
        *aligned: Array,
        taken: bool = True,
    ) -> Iterator[Any]:
        """Yield ``function(block, *parts)`` per block (p, n) of n images of these columns; parts
        are the entries of ``aligned`` for these images.

        If not ``taken``, yield ``function(block, rows, *parts)``: the columns are the ``rows``
        (p,) of the block (C, n)."""
        held_rows = self._place[columns]

        def apply(block: Any, *parts: Array) -> Any:
            held = block[: self._used, :]
            if taken:
                return function(_rows(held, held_rows), *parts)
            return function(held, held_rows, *parts)

        threads = thread_count((self.source.shape[0], len(columns)))
        return in_order(apply, self._jobs(aligned), threads)

    def _jobs(self, aligned: tuple[Array, ...]) -> Iterable[tuple[Any, ...]]:
        first = 0
        for block in self._blocks:
            last = first + block.shape[1]
            yield block, *(a[first:last] for a in aligned)
            first = last


#: Images in a block of columns: a working set of 60 columns then fits into a core's cache. A GPU
#: takes all columns of larger blocks.
BLOCK_IMAGES = 4096


def _column_blocks(shape: tuple[int, int], like: Any) -> list[Any]:
    """Return empty blocks (C, n) for the columns of a table of ``shape`` (N, C), of the library,
    the type and the device of ``like``."""
    (images, concepts), xp, step = shape, namespace(like), BLOCK_IMAGES
    if xp is np:
        room = empty((images * concepts,), like.dtype)
    else:
        room = xp.empty(images * concepts, dtype=like.dtype, device=like.device)
        step = max(block_values(like) // concepts, BLOCK_IMAGES)
    ends = [*range(0, images, step), images]
    return [
        xp.reshape(room[first * concepts : last * concepts], (concepts, last - first))
        for first, last in pairwise(ends)
    ]


def _take(block: Any, columns: NDArray[np.intp]) -> Any:
    xp = namespace(block)
    double = block.dtype == xp.float64 or not xp.isdtype(block.dtype, "real floating")
    part = xp.take(block, beside(columns, block), axis=1)
    return xp.astype(_no_half(part), xp.float64 if double else xp.float32)


def _wide(rows: Any) -> Any:
    xp = namespace(rows)
    return xp.astype(rows, xp.float64)


def _rows(block: Any, rows: NDArray[np.intp]) -> Any:
    return namespace(block).take(block, beside(rows, block), axis=0)


def _row_product(block: Any, rows: NDArray[np.intp], weights: Array, loops: Loops | None) -> Array:
    if loops:
        return loops.product(block, rows, weights)
    taken = _rows(block, rows)
    return to_host(beside(weights, taken) @ _wide(taken))


def _row_gradient(rows: Any, residuals: Array) -> Array:
    return to_host(_wide(rows) @ beside(residuals, rows))


def _gram(
    block: Any,
    rows: NDArray[np.intp],
    curvature: Array,
    pivot: Array,
    exact: bool,
    loops: Loops | None,
) -> tuple[Array, Array]:
    if loops and not exact:
        root = np.sqrt(curvature).astype(np.float32)
        centred = loops.centred(block, rows, pivot, root)
        return to_host(centred @ centred.T), to_host(centred @ root)
    taken, xp = _rows(block, rows), namespace(block)
    wide = xp.astype(taken, xp.float64) if exact else taken
    kind = np.float64 if wide.dtype == xp.float64 else np.float32
    root = beside(np.sqrt(curvature).astype(kind), taken)
    centred = wide  # a copy: changed in place
    centred -= beside(pivot.astype(kind)[:, None], taken)
    centred *= root
    return to_host(centred @ centred.T), to_host(centred @ root)


ScoreLike: TypeAlias = "Scores | Source | Sliced | ArrayLike"


class Scores:
    """Table of concept scores X (N images, C concepts), with products and moments that read it.

    ``values`` is a numpy or torch array (or any that follows the array API standard), a Zarr array
    (or anything that returns numpy arrays when sliced), a dask array, or a ``Source`` (sources.py).
    Columns read by a fit stay in memory, so pass the same Scores to fit the same scores again.
    ``passes`` counts the passes over the whole table. Raises DataError if the values are not a
    finite table of numbers; values that are not in memory are checked when first read.
    """

    def __init__(self, values: ScoreLike) -> None:
        self.source = _as_source(values)
        self.shape = self.source.shape
        self.columns = Columns(self.source)
        self.passes = 0

    @classmethod
    def of(cls, values: ScoreLike) -> Scores:
        """Return the values as ``Scores``; ``Scores`` are returned unchanged, with their cache."""
        return values if isinstance(values, cls) else cls(values)

    def gradient(self, residuals: Array, rough: bool = False) -> Array:
        """Return the gradient X'u (C, K) for residuals u (N, K) that sum to 0 up to rounding.

        The rounding error of the sums is removed, as if the columns were centred at ``pivot``. If
        ``rough``, products of scores that are float32 are computed in float32.
        """
        self.passes += 1
        total = -np.outer(self.pivot, residuals.sum(axis=0))
        block = partial(_gradient, rough=rough, loops=self.columns.loops)
        for part in self.source.map(block, residuals):
            total += part
        return total

    def logits(self, weights: Array, intercepts: Array) -> Array:
        """Return logits X @ weights + intercepts (N, K), for weights (C, K), intercepts (K,).

        Computed class by class from the columns of its nonzero weights, so that a student's logits
        have the same bits whatever other students are computed in the same call.
        """
        used = weights != 0
        self.gather(np.flatnonzero(used.any(axis=1)))
        logits = empty((weights.shape[1], self.shape[0]), np.float64)
        for k, concepts in enumerate(map(np.flatnonzero, used.T)):
            logits[k] = self.columns.product(concepts, weights[concepts, k]) + intercepts[k]
        return logits.T

    @cached_property
    def narrow(self) -> bool:
        """True if a pass in float32 costs less: the scores are at hand, and float32. Of float16 the
        conversion takes most of a pass."""
        return not self.source.slow and self.columns.narrow

    def reads_few(self, residuals: int) -> bool:
        """Return True if an exact pass for so many columns of residuals costs no more than one in
        float32."""
        return self.columns.loops is not None and residuals <= _FEW

    @cached_property
    def pivot(self) -> Array:
        """Number near the mean of each column (C,), to centre the scores."""
        return self.source.first(64).mean(axis=0, dtype=np.float64)

    def gather(self, columns: NDArray[np.intp]) -> None:
        """Read the ``columns`` (indices) that are not in memory yet, all in one pass."""
        self.passes += self.columns.gather(columns)

    def moments(self, sample_weight: Array) -> tuple[Array, Array]:
        """Return the weighted mean and variance of each column, (C,) each; weights (N,) sum to 1.

        With M columns of weights (N, M) both results are (M, C). A variance is at least the
        rounding error of a column that is constant where it has weight: its size is that of the
        mean, or of the difference to the pivot if that is larger.
        """
        self.passes += 1
        shape = (*sample_weight.shape[1:], self.shape[1])
        first, second = np.zeros(shape), np.zeros(shape)
        for part in self.source.map(partial(_moments, pivot=self.pivot), sample_weight):
            first += part[0]
            second += part[1]
        mean = self.pivot + first
        return mean, np.maximum(second - first**2, 1e-16 * (mean**2 + second))


#: Number of float64 values that stay near a core beside the sums; with more, a pass waits.
_CACHED_VALUES = 1 << 16


def _is_narrow(values: Any) -> bool:
    return bool(values.dtype == namespace(values).float32)


def _no_half(values: Any) -> Any:
    """Return NumPy's float16 values in float32, and others unchanged."""
    half = isinstance(values, np.ndarray) and values.dtype == np.float16
    return single(values) if half else values


#: Most columns of residuals that are multiplied one by one, the scores that are taken at one time
#: then, and the concepts to a multiple of which zeros are added: without these BLAS computes its
#: last columns in another way, and two equal concepts would differ.
_FEW, _FEW_VALUES, _LANES = 3, 1 << 16, 64
#: Most columns of residuals that compiled loops multiply: of more, BLAS is quicker.
_MOST_COMPILED = 16


def _few_gradients(block: NDArray, residuals: NDArray) -> Array:
    images, concepts = block.shape
    total = np.zeros((residuals.shape[1], -(-concepts // _LANES) * _LANES))
    room = np.zeros((min(max(_FEW_VALUES // concepts, 1), images), total.shape[1]), residuals.dtype)
    columns = np.ascontiguousarray(residuals.T)
    for first in range(0, images, len(room)):
        part = room[: images - first]
        part[:, :concepts] = _no_half(block[first : first + len(part)])
        for k, column in enumerate(columns):
            total[k] += column[first : first + len(part)] @ part
    return total[:, :concepts].T


def _gradient(block: Any, residuals: Array, rough: bool, loops: Loops | None) -> Array:
    if loops and not rough and residuals.shape[1] <= _MOST_COMPILED:
        return loops.gradient(block, residuals)
    total, xp = np.zeros((block.shape[1], residuals.shape[1])), namespace(block)
    # the sums are not in the cache for many classes: then each addition has more products
    step = max(_CACHED_VALUES // block.shape[1], 3 * residuals.shape[1], 16)
    step = step if xp is np else block.shape[0]
    narrow = rough and _is_narrow(block)
    kind = xp.float32 if narrow else xp.float64
    residuals = residuals.astype(np.float32 if narrow else np.float64, copy=False)
    if xp is np and residuals.shape[1] <= _FEW:
        with np.errstate(over="ignore", invalid="ignore"):  # of float32, which is seen later
            return _few_gradients(block, residuals)
    for first in range(0, block.shape[0], step):
        rows = slice(first, min(first + step, block.shape[0]))
        # a copy in any case: bits depend on the alignment
        part = xp.astype(_no_half(block[rows, :]), kind)
        with np.errstate(over="ignore", invalid="ignore"):  # of float32, which is seen later
            total += to_host(part.T @ beside(residuals[rows], block))
    return total


def _moments(block: Any, sample_weight: Array, pivot: Array) -> tuple[Array, Array]:
    xp = namespace(block)
    centred = xp.astype(_no_half(block), xp.float64) - beside(pivot, block)
    weight = beside(np.ascontiguousarray(sample_weight.T), block)
    return to_host(weight @ centred), to_host(weight @ centred**2)


def _as_source(values: Any) -> Source:
    """Wrap ``values`` in a ``Source``; raise DataError if they are not a table of numbers."""
    check_dense(scores=values)
    if hasattr(values, "map"):
        return values
    if "dask" in sys.modules and hasattr(values, "__dask_graph__"):
        return DaskSource(values)
    if array_api_compat.is_array_api_obj(values):
        return ArraySource(values)
    if hasattr(values, "shape") and hasattr(values, "dtype"):
        return SlicedSource(values)
    return ArraySource(np.asarray(values))
