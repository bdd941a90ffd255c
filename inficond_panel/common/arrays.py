"""Large arrays in temporary files, which the system moves out of memory when it needs the room; and
the protocol of an array with slices of rows."""

from __future__ import annotations

import math
import os
import tempfile
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import DTypeLike, NDArray

#: Number of bytes from which on an array is in a file.
LARGE = 1 << 27


def empty(shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """Return an array as ``np.empty``; a large one is a file in the system's temporary folder.

    The file ends with the array. The array is in memory if the disk has no room, or if the folder
    is in memory itself (tmpfs).
    """
    size = math.prod(shape) * np.dtype(dtype).itemsize
    if size < LARGE or _is_memory(tempfile.gettempdir()):
        return np.empty(shape, dtype)
    try:
        with tempfile.TemporaryFile() as file:
            if hasattr(os, "posix_fallocate"):  # a full disk is an error now, not a crash later
                os.posix_fallocate(file.fileno(), 0, size)
            return np.asarray(np.memmap(file, dtype, "w+", shape=shape))
    except OSError:
        return np.empty(shape, dtype)


@cache
def _is_memory(folder: str) -> bool:
    """Return True if the file system of ``folder`` is known to be in memory (Linux)."""
    try:
        lines = Path("/proc/mounts").read_text("utf-8").splitlines()
    except OSError:
        return False
    kinds = {Path(place): kind for _, place, kind, *_ in map(str.split, lines)}
    path = Path(folder).resolve()
    mount = next((each for each in (path, *path.parents) if each in kinds), None)
    return mount is not None and kinds[mount] in {"tmpfs", "ramfs"}


def rows_of(values: NDArray[Any], rows: NDArray[np.intp]) -> NDArray[Any]:
    """Return ``values[rows]`` for ascending indices: a view of consecutive rows, else a copy, which
    is as ``empty``."""
    if len(rows) and rows[-1] - rows[0] == len(rows) - 1:
        return values[rows[0] : rows[-1] + 1]
    taken = empty((len(rows), *values.shape[1:]), values.dtype)
    return np.take(values, rows, axis=0, out=taken, mode="clip")  # "raise" copies twice


def single(values: NDArray[Any]) -> NDArray[np.float32]:
    """Return the values in float32; of float16 from a table, since NumPy's conversion takes three
    times as long."""
    if values.dtype != np.float16:
        return np.asarray(values, np.float32)
    return np.take(_singles(), values.view(np.uint16), mode="wrap")  # "raise" copies the result


@cache
def _singles() -> NDArray[np.float32]:
    """Return all float16 numbers in float32, at the indices that their bits are."""
    with np.errstate(invalid="ignore"):  # signalling NaNs become quiet
        return np.arange(1 << 16, dtype=np.uint16).view(np.float16).astype(np.float32)


class Sliced(Protocol):
    """Array in memory, on disk or on a cluster: numpy, torch, Zarr, dask, or a store's own."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each dimension."""

    @property
    def dtype(self) -> Any:
        """Type of the values, as the array's library names it."""

    def __getitem__(self, rows: slice, /) -> Any:
        """Return rows as an array of the same library or of numpy."""
