"""Write a store: whole, or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from inficond_panel.errors import StoreFormatError
from inficond_panel.store.hashing import array_hash, content_hash
from inficond_panel.store.schema import (
    ATTRIBUTES,
    COORDINATES,
    FORMAT_VERSION,
    PIECEWISE,
    VARIABLES,
    Variable,
)

#: Upper limit of values in a chunk; of arrays read a piece at a time a chunk is a few images.
_CHUNK_VALUES = 1 << 22
_PIECE_VALUES = 1 << 18


def write_store(path: Path, arrays: Mapping[str, np.ndarray], attrs: Mapping[str, Any]) -> str:
    """Write ``arrays`` (names as in the schema) to ``path`` and return the content hash.

    A store that is there is replaced only when the new one is complete. Raises
    ``StoreFormatError`` for arrays or attributes that do not fit the schema.
    """
    _check_complete(arrays, attrs)
    dataset = xr.Dataset()
    for name, variable in {**COORDINATES, **VARIABLES}.items():
        if name in arrays:
            dataset[name] = (variable.dims, _cast(name, arrays[name], variable))
    hashes = {str(name): array_hash(dataset[name].values) for name in dataset.variables}
    digest = content_hash(hashes)
    dataset.attrs = {
        "format": "inficond-store",
        "format_version": FORMAT_VERSION,
        **attrs,
        "content_hash": digest,
        "variable_hashes": hashes,
    }
    _write_whole(dataset, Path(path))
    return digest


def _check_complete(arrays: Mapping[str, np.ndarray], attrs: Mapping[str, Any]) -> None:
    known = {**COORDINATES, **VARIABLES}
    needed = {name for name, variable in known.items() if variable.required}
    wrong = [f"missing array {name!r}" for name in sorted(needed - set(arrays))]
    wrong += [f"unknown array {name!r}" for name in sorted(set(arrays) - set(known))]
    if ("metadata" in arrays) != ("metadata_column" in arrays):
        wrong.append("'metadata' and 'metadata_column' belong together")
    wrong += [f"missing attribute {name!r}" for name in ATTRIBUTES if name not in attrs]
    if wrong:
        raise StoreFormatError("This is no store: " + ", ".join(wrong) + ".")


def _cast(name: str, values: np.ndarray, variable: Variable) -> np.ndarray:
    array = np.asarray(values)
    if array.ndim != len(variable.dims):
        raise StoreFormatError(f"{name!r} has {array.ndim} dimensions, expected {variable.dims}.")
    if variable.dtype == "string":
        return array.astype(np.dtypes.StringDType())
    return array.astype(variable.dtype, copy=False)


def _write_whole(dataset: xr.Dataset, path: Path) -> None:
    partial = path.with_name(path.name + ".writing")
    shutil.rmtree(partial, ignore_errors=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    encoding = {
        str(name): {"chunks": _chunks(str(name), dataset[name])} for name in dataset.variables
    }
    dataset.to_zarr(partial, mode="w", zarr_format=3, consolidated=False, encoding=encoding)
    replaced = path.with_name(path.name + ".replaced")
    shutil.rmtree(replaced, ignore_errors=True)
    if path.exists():
        path.rename(replaced)
    partial.rename(path)
    shutil.rmtree(replaced, ignore_errors=True)


def _chunks(name: str, array: xr.DataArray) -> tuple[int, ...]:
    limit = _PIECE_VALUES if name in PIECEWISE else _CHUNK_VALUES
    row = max(1, int(np.prod(array.shape[1:])))
    rows = max(1, min(array.shape[0], limit // row))
    return (rows, *(max(1, n) for n in array.shape[1:]))
