"""Read arrays of a store from where it is stored, never of two stores at one path.

A store on disk may be replaced, or removed, while a page shows it. What was read before stays. A
later read is refused, unless the store was written again with the same array.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from inficond_panel.common.places import is_remote, tried, unreachable, written_at
from inficond_panel.errors import Remedy, StoreFormatError, StoreReplacedError, precompute_command

#: Remedy for a store that cannot be read.
WRITE_AGAIN = "Write the store again: " + precompute_command()
_OPEN_AGAIN = Remedy("Load the page, or start the command, again.", "Open the store again.")


class StoredArrays:
    """Arrays of the store at ``path``, opened as ``dataset``.

    ``written`` is ``places.written_at`` of the path before the store was opened.
    """

    def __init__(self, path: Path, dataset: xr.Dataset, written: tuple[int, ...]) -> None:
        self.path = path
        self.written = written
        self._dataset = dataset
        self._written_of: dict[str, tuple[int, ...]] = {}  # of arrays that were written again

    def load(self, name: str, rows: slice = slice(None)) -> np.ndarray:
        """Return ``rows`` of the array ``name``, not compared with its hash.

        Raises ``StoreFormatError`` if it cannot be read, and ``StoreReplacedError`` if the store at
        the path has no such array any more, or another one.
        """
        try:
            values = tried(self.path, lambda: self._now(name, rows))
        except Exception as error:  # zarr raises many exception types for a damaged chunk
            if self._written_again(name):
                return self.load(name, rows)
            raise unreachable(self.path, error) or damaged(self.path, name) from error
        return self.load(name, rows) if self._written_again(name) else values

    def _now(self, name: str, rows: slice) -> np.ndarray:
        return np.asarray(self._dataset[name][rows].values)  # to_numpy would import dask

    def check_current(self, content_hash: str) -> None:
        """Raise ``StoreReplacedError`` if the store at the path has another content, or is gone."""
        if written_at(self.path) == self.written:
            return
        if self._attributes_now().get("content_hash") != content_hash:
            raise self._replaced()

    def _written_again(self, name: str) -> bool:
        """Return True if the store was written again with the same array ``name``: what was read
        may be of both. Raises ``StoreReplacedError`` if it has another array, or none."""
        now = written_at(self.path)
        if now == self._written_of.get(name, self.written):
            return False
        hashes = self._attributes_now().get("variable_hashes", {})
        if hashes.get(name) != self._dataset.attrs["variable_hashes"].get(name):
            raise self._replaced()
        self._written_of[name] = now
        return True

    def _attributes_now(self) -> dict[str, Any]:
        """Return the attributes of the store that is at the path now; {} without one."""
        try:
            attrs = json.loads((self.path / "zarr.json").read_bytes())["attributes"]
        except (OSError, ValueError, KeyError):
            return {}
        return dict(attrs)

    def _replaced(self) -> StoreReplacedError:
        how = "replaced by another store" if written_at(self.path) else "removed"
        return StoreReplacedError(f"{self.path} was {how} while it was in use.", _OPEN_AGAIN)


class ByRows:
    """The array ``name`` of a store, of which rows are loaded when it is sliced."""

    def __init__(self, stored: StoredArrays, name: str, array: xr.DataArray) -> None:
        self.dtype, self.shape = array.dtype, array.shape
        self._stored, self._name = stored, name

    def __getitem__(self, rows: slice) -> np.ndarray:
        return self._stored.load(self._name, rows)


def damaged(path: Path, name: str, fault: str = "differs from its hash") -> StoreFormatError:
    """Return the error for an array ``name`` of the store at ``path``."""
    return StoreFormatError(f"{path} is damaged: {name} {fault}.", write_again(path))


def write_again(path: Path) -> Remedy:
    """Return the remedy for a store at ``path`` that cannot be used; an address is not replaced."""
    return f"Remove {path}. " + WRITE_AGAIN if is_remote(path) else WRITE_AGAIN
