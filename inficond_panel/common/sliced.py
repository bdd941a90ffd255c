"""Protocol of an array with a shape, a dtype, and slices of rows."""

from __future__ import annotations

from typing import Any, Protocol


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
