"""A store seen with some other arrays, such as further concepts; nothing is written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import xarray as xr

from inficond_panel.store.schema import (
    ARRAYS,
    COORDINATES,
    PIECEWISE,
    VARIABLES,
    array_hash,
    content_hash,
)
from inficond_panel.store.store import Store


class StoreView(Store):
    """The store ``base`` with ``arrays`` in place of its own, by name, and without those ``left
    out``; ``facts`` are further attributes.

    All other arrays are shared with ``base``. ``content_hash`` covers all arrays, as for any store.
    """

    def __init__(
        self,
        base: Store,
        arrays: Mapping[str, np.ndarray],
        facts: Mapping[str, Any] | None = None,
        left_out: Iterable[str] = (),
    ) -> None:
        self.base = base
        own = {  # without ``fastpath`` and with an index of names, dask would be imported
            name: xr.Variable(ARRAYS[name].dims, values, fastpath=True)
            for name, values in arrays.items()
        }
        names = xr.Coordinates({name: own.pop(name) for name in COORDINATES & own.keys()}, {})
        dataset = base.dataset.drop_vars([*arrays, *left_out]).assign(own).assign_coords(names)
        hashes = {name: array_hash(values) for name, values in arrays.items()}
        hashes = {**base.attrs["variable_hashes"], **hashes}
        hashes = {name: each for name, each in hashes.items() if name not in left_out}
        dataset.attrs = {
            **base.attrs,
            **(facts or {}),
            "content_hash": content_hash(hashes),
            "variable_hashes": hashes,
        }
        for values in arrays.values():
            values.setflags(write=False)
        self._own = dict(arrays)
        super().__init__(base.path, dataset, base.stored.written)

    def check_current(self) -> None:
        """Raise ``StoreReplacedError`` if the store of ``base`` was removed or replaced."""
        self.base.check_current()

    @property
    def near_group(self) -> np.ndarray:
        """Groups ``(image,)`` of near-equal images, as in ``base``."""
        return self.base.near_group

    def _read(self, name: str) -> np.ndarray:
        if name in self._own:
            return self._own[name]
        shared = name in VARIABLES and name not in PIECEWISE
        return getattr(self.base, name) if shared else self.base._read(name)
