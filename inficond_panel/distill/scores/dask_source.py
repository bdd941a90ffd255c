"""Scores in a dask array: each pass runs where its blocks are, on threads or on a cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import dask
import numpy as np
from numpy.typing import NDArray

from inficond_panel.common.blas_threads import one_thread
from inficond_panel.distill.scores.array_api import count_not_finite
from inficond_panel.distill.scores.sources import BLOCK_VALUES, checked_shape
from inficond_panel.errors import DataError

_TASKS_AT_ONCE = 256
_LARGEST_BLOCK = 8 * BLOCK_VALUES


class DaskSource:
    """A dask array. Its chunks of rows are the blocks; persist it to keep it in the workers."""

    slow = True

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
        """As in Source."""
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
                        "Find the images that they belong to and drop them.",
                    )
                yield result
        self._checked = True

    def first(self, images: int) -> NDArray:
        """As in Source."""
        return np.asarray(self._blocks[0][:images].compute())


def _apply(
    function: Callable[..., Any], check: bool, block: NDArray, *parts: NDArray
) -> tuple[int, Any]:
    """Number of values that are not finite, or else 0 and the function's result."""
    bad = count_not_finite(block) if check else 0
    with one_thread():
        return bad, None if bad else function(block, *parts)
