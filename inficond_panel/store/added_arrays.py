"""Arrays added to an existing store: whole, or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from inficond_panel.errors import StoreError
from inficond_panel.store.schema import ADDED_LATER, COORDINATES, VARIABLES
from inficond_panel.store.store import Store
from inficond_panel.store.write import write_store


class Stored:
    """An array of a store, read when it is sliced."""

    def __init__(self, store: Store, name: str) -> None:
        self.name = name
        self._array = store.dataset[name]
        self._store = store
        self.shape, self.dtype, self.ndim = self._array.shape, self._array.dtype, self._array.ndim

    def __len__(self) -> int:
        return int(self.shape[0])

    def __getitem__(self, rows: slice) -> np.ndarray:
        try:
            return self._array[rows].to_numpy()
        except Exception as error:  # zarr raises many kinds for a damaged chunk
            raise StoreError(f"{self._store.path} is damaged.") from error


def add_arrays(store: Store, arrays: Mapping[str, Any], attrs: Mapping[str, Any]) -> None:
    """Write the store anew with ``arrays`` and ``attrs`` added, or in place of such that it has.

    The names must be in ``ADDED_LATER``; ``content_hash`` stays. Everything that is there is read
    and checked first, then copied a part at a time. Raises ``StoreError`` for a damaged store, and
    ``ValueError`` for another name.
    """
    if wrong := set(arrays) - ADDED_LATER:
        raise ValueError(f"{', '.join(sorted(wrong))} cannot be added to a store.")
    store.verify()
    known = [name for name in {**COORDINATES, **VARIABLES} if store.has(name)]
    copied = {name: Stored(store, name) for name in known}
    write_store(store.path, {**copied, **arrays}, {**store.attrs, **attrs})
