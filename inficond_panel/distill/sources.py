"""Sources of concept scores: an array of any library, a file on disk, or a cluster.

A source maps a function over its blocks of rows and yields the results in the order of the blocks.
Blocks depend on the table alone, and callers add results in the order of the blocks, so that
neither the number of threads nor the number of workers changes a bit of a result.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from threading import local
from typing import Any, Protocol

import array_api_compat
import numpy as np
from numpy.typing import NDArray

from inficond_panel.common.arrays import Sliced
from inficond_panel.common.cluster import keep_memory
from inficond_panel.common.devices import product_device
from inficond_panel.common.tables import is_sparse, type_name
from inficond_panel.common.threads import one_thread, solver_threads
from inficond_panel.errors import DataError

Array = NDArray[np.float64]


def namespace(values: Any) -> Any:
    """Return the array API namespace of the library that made ``values``, such as numpy."""
    return np if isinstance(values, np.ndarray) else array_api_compat.array_namespace(values)


def to_host(values: Any) -> NDArray:
    """Return the values as a numpy array, which may share their memory."""
    if isinstance(values, np.ndarray):
        return values
    if array_api_compat.is_torch_array(values) or array_api_compat.is_cupy_array(values):
        values = array_api_compat.to_device(values, "cpu")
    return np.from_dlpack(values)


def beside(host: NDArray, values: Any) -> Any:
    """Convert the numpy array ``host`` to the array library and the device of ``values``."""
    if isinstance(values, np.ndarray):
        return host
    return namespace(values).asarray(host, device=array_api_compat.device(values))


def on_card(values: NDArray, device: str) -> Any:
    """Return the values as a torch tensor on the GPU named by ``device``; unchanged for a CPU.

    Passes over columns of a tensor are computed on its device; see ``common.devices``.
    """
    hardware = product_device(device)
    if hardware is None:
        return values
    import torch  # noqa: PLC0415 - an extra

    return torch.asarray(values, device=hardware, copy=True)


def check_dense(**arguments: object) -> None:
    """Raise ``DataError`` for an argument that is a sparse matrix of SciPy."""
    for name, value in arguments.items():
        if is_sparse(value):
            raise DataError(
                f"{name} is {type_name(value)}, a sparse matrix.",
                f"Pass an array: {name}.toarray().",
            )


def count_not_finite(values: Any) -> int:
    """Return the number of values that are NaN or infinite."""
    xp, bad = namespace(values), 0
    step = max(BLOCK_VALUES // max(array_api_compat.size(values[:1, ...]), 1), 1)
    for first in range(0, values.shape[0], step):  # a mask of all values may be large
        finite = xp.isfinite(values[first : min(first + step, values.shape[0]), ...])
        bad += 0 if bool(xp.all(finite)) else int(xp.sum(xp.astype(~finite, xp.int64)))
    return bad


def check_weights(weight: NDArray) -> None:
    """Raise DataError for sample weights (n,) or (n, K) that are not finite, or whose sum over- or
    underflows float64."""
    check_finite(weight, "sample weights")
    with np.errstate(over="ignore", under="ignore"):
        total = np.sum(weight, axis=0, dtype=np.float64)
    lost = ~((total >= np.finfo(np.float64).tiny) & (total < np.inf)) & (weight != 0).any(axis=0)
    if np.any(lost & ~(weight < 0).any(axis=0)):
        raise DataError(
            f"The sample weights add up to {np.extract(lost, total)[0]:g}, which float64 cannot "
            f"hold; they lie between {weight.min():g} and {weight.max():g}.",
            "Divide the sample weights by the largest.",
        )


def check_finite(values: Any, name: str) -> None:
    """Raise ``DataError`` for values that are NaN or infinite; ``name``: their plural noun."""
    bad = count_not_finite(values)
    if bad:
        raise DataError(
            f"{bad} of {array_api_compat.size(values)} {name} are NaN or infinite.",
            "Drop the images with such values, or compute the store again.",
        )


BLOCK_VALUES = 1 << 20
_CARD_VALUES = 1 << 26  # a GPU needs large products, and 0.5 GiB for their float64
_THREADED_VALUES = 1 << 26  # from here on, threads gain more than they cost
_KEPT_BYTES = 2 << 30
_TASKS_AT_ONCE = 256
_LARGEST_BLOCK = 8 * BLOCK_VALUES


class Source(Protocol):
    """Table of scores (N images, C concepts) that is read in blocks of rows."""

    shape: tuple[int, int]
    slow: bool  # True if a pass over all concepts costs more than several over a working set
    on_host: bool  # True if blocks are numpy arrays of this process

    def map(self, function: Callable[..., Any], *aligned: NDArray) -> Iterator[Any]:
        """Yield ``function(block, *parts)`` per block (n, C) of the scores; parts are the same
        rows of ``aligned``."""

    def first(self, images: int) -> NDArray:
        """Return the first rows (images, C), or fewer if there are no more."""


class ArraySource:
    """Scores in memory: a numpy or torch array, or any array of the array API standard."""

    slow = False

    def __init__(self, values: Any) -> None:
        self.values = values
        self.shape = checked_shape(values, _is_number(values))
        check_finite(values, "scores")
        self.on_host = isinstance(values, np.ndarray)
        self._threads = thread_count(self.shape) if self.on_host else 1
        self._rows = _row_slices(self.shape, 1, block_values(values))

    def map(self, function: Callable[..., Any], *aligned: NDArray) -> Iterator[Any]:
        """Yield ``function(block, *parts)`` per block of rows, as ``Source.map``."""
        jobs = ((self.values[rows, :], *(a[rows] for a in aligned)) for rows in self._rows)
        return in_order(function, jobs, self._threads)

    def first(self, images: int) -> NDArray:
        """Return the first rows (images, C), or fewer if there are no more."""
        return to_host(self.values[:images, :])


class SlicedSource:
    """Scores on disk: a table that returns numpy arrays when sliced, such as a Zarr array.

    Blocks that were read are cached in the stored type, if the table has at most ``keep`` bytes.
    """

    on_host = True

    def __init__(self, values: Sliced, keep: int = _KEPT_BYTES) -> None:
        self.values = values
        self.shape = checked_shape(values, np.dtype(values.dtype).kind in "fiub")
        size = self.shape[0] * self.shape[1] * np.dtype(values.dtype).itemsize
        self.slow = size > keep
        self._kept: dict[int, NDArray] = {}
        self._checked: set[int] = set()
        self._rows = _row_slices(self.shape, (getattr(values, "chunks", None) or (1,))[0])

    def map(self, function: Callable[..., Any], *aligned: NDArray) -> Iterator[Any]:
        """Yield ``function(block, *parts)`` per block of rows, as ``Source.map``."""

        def read_and_apply(number: int, *parts: NDArray) -> Any:
            return function(self._read(number), *parts)

        jobs = ((k, *(a[rows] for a in aligned)) for k, rows in enumerate(self._rows))
        return in_order(read_and_apply, jobs, thread_count(self.shape))

    def first(self, images: int) -> NDArray:
        """Return the first rows (images, C), or fewer if there are no more."""
        return self._read(0)[:images]

    def _read(self, number: int) -> NDArray:
        if number in self._kept:
            return self._kept[number]
        block = np.asarray(self.values[self._rows[number]])
        if number not in self._checked:
            check_finite(block, f"scores from image {self._rows[number].start} on")
            self._checked.add(number)
        if not self.slow:
            self._kept[number] = block
        return block


class DaskSource:
    """Scores as a dask array: each pass runs where the blocks are, on threads or on a cluster.

    The array's chunks of rows are the blocks; persist the array to keep it in the workers.
    """

    slow, on_host = True, False

    def __init__(self, values: Any) -> None:
        self.shape = checked_shape(values, np.dtype(values.dtype).kind in "fiub")
        rows = max(_LARGEST_BLOCK // self.shape[1], 1)
        values = values.rechunk({1: -1})
        if max(values.chunks[0]) > rows:
            values = values.rechunk({0: rows})
        ends = np.cumsum(values.chunks[0]).tolist()
        self._rows = [slice(a, b) for a, b in zip([0, *ends], ends, strict=False)]
        self._blocks = values.to_delayed()[:, 0].tolist()
        self._checked = False

    def map(self, function: Callable[..., Any], *aligned: NDArray) -> Iterator[Any]:
        """Yield ``function(block, *parts)`` per block of rows, as ``Source.map``."""
        import dask  # noqa: PLC0415 - an extra

        apply = dask.delayed(_apply, pure=False)
        tasks = (
            apply(function, not self._checked, block, *(a[rows] for a in aligned))
            for block, rows in zip(self._blocks, self._rows, strict=True)
        )
        while some := list(islice(tasks, _TASKS_AT_ONCE)):
            for bad, result in dask.compute(*some):
                if bad:
                    raise DataError(
                        f"{bad} of the scores in one chunk are NaN or infinite.",
                        "Drop the images with such scores.",
                    )
                yield result
        self._checked = True

    def first(self, images: int) -> NDArray:
        """Return the first rows (images, C), or fewer if there are no more."""
        return np.asarray(self._blocks[0][:images].compute())


_helper = local()


def in_order(
    function: Callable[..., Any], jobs: Iterable[tuple[Any, ...]], threads: int
) -> Iterator[Any]:
    """Yield ``function(*job)`` for each job, in the order of the jobs, computed by ``threads``."""
    if threads == 1 or hasattr(_helper, "of_pool"):  # a thread of a pool starts no pool
        for job in jobs:
            yield function(*job)
        return
    waiting: deque[Future[Any]] = deque()
    with ThreadPoolExecutor(threads, initializer=setattr, initargs=(_helper, "of_pool", 1)) as pool:
        for job in jobs:
            waiting.append(pool.submit(function, *job))
            if len(waiting) > 2 * threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def thread_count(shape: tuple[int, int]) -> int:
    """Return the number of threads for a pass over a table: 1 if it is small, else one per core."""
    return 1 if shape[0] * shape[1] < _THREADED_VALUES else solver_threads()


def checked_shape(values: Sliced, numbers: bool) -> tuple[int, int]:
    """Return the shape (N, C) of a table; raise DataError if it is empty or not two-dimensional,
    or if ``numbers`` is False (its type is not numeric)."""
    shape = tuple(values.shape)
    if len(shape) != 2 or 0 in shape or not numbers:
        raise DataError(
            f"Scores must be a table of numbers (images, concepts), not {values.dtype} "
            f"of shape {shape}.",
            "Give one row per image and one column per concept.",
        )
    return int(shape[0]), int(shape[1])


def block_values(values: Any) -> int:
    """Return the number of values of a block: more for arrays that numpy did not make."""
    return BLOCK_VALUES if isinstance(values, np.ndarray) else _CARD_VALUES


def _row_slices(shape: tuple[int, int], chunk: int, most: int = BLOCK_VALUES) -> list[slice]:
    """Return each block's rows: whole chunks of ``chunk`` rows, about ``most`` values."""
    rows = max(most // shape[1] // chunk, 1) * chunk
    rows = max(rows, 64)
    return [slice(a, min(a + rows, shape[0])) for a in range(0, shape[0], rows)]


def _is_number(values: Any) -> bool:
    if isinstance(values, np.ndarray):
        return values.dtype.kind in "fiub"
    return bool(namespace(values).isdtype(values.dtype, ("real floating", "integral", "bool")))


def _apply(
    function: Callable[..., Any], check: bool, block: NDArray, *parts: NDArray
) -> tuple[int, Any]:
    """Return (0, the function's result), or (number of values that are not finite, None)."""
    keep_memory()
    bad = count_not_finite(block) if check else 0
    with one_thread():
        return bad, None if bad else function(block, *parts)
