"""Open a store and check that it is one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from inficond_panel.errors import StoreFormatError, StoreMissingError
from inficond_panel.store.hashing import content_hash
from inficond_panel.store.schema import (
    ATTRIBUTES,
    COORDINATES,
    FORMAT_VERSION,
    VARIABLES,
    Variable,
)
from inficond_panel.store.store import WRITE_AGAIN, Store


def open_store(path: Path | str) -> Store:
    """Open the store at ``path`` read-only.

    Raises ``StoreMissingError`` where there is none, and ``StoreFormatError`` for another format
    version, missing attributes, missing or ill-shaped arrays. Values are checked against their
    hashes when read.
    """
    path = Path(path)
    if not path.exists():
        raise StoreMissingError(f"There is no store at {path}.", WRITE_AGAIN)
    try:
        dataset = xr.open_zarr(path, chunks=None, consolidated=False)
    except Exception as error:  # zarr and xarray raise many kinds for one fact
        raise StoreFormatError(f"{path} cannot be read as a store: {error}", WRITE_AGAIN) from error
    _check(path, dataset)
    return Store(path, dataset)


def _check(path: Path, dataset: xr.Dataset) -> None:
    version = dataset.attrs.get("format_version")
    if dataset.attrs.get("format") != "inficond-store":
        raise StoreFormatError(f"{path} is a Zarr group, but not a store.", WRITE_AGAIN)
    if version != FORMAT_VERSION:
        raise StoreFormatError(
            f"{path} has format version {version}; this program reads {FORMAT_VERSION}.",
            WRITE_AGAIN,
        )
    wrong = [
        fault
        for name, variable in {**COORDINATES, **VARIABLES}.items()
        if (fault := _fault(name, variable, dataset))
    ]
    if ("metadata" in dataset.variables) != ("metadata_column" in dataset.variables):
        wrong.append("metadata or metadata_column is missing")
    wrong += _attribute_faults(dataset.attrs)
    if wrong:
        raise StoreFormatError(f"{path} is damaged: " + "; ".join(wrong) + ".", WRITE_AGAIN)


def _attribute_faults(attrs: Mapping[Any, Any]) -> list[str]:
    names = (*ATTRIBUTES, "content_hash", "variable_hashes")
    missing = [f"the attribute {name} is missing" for name in names if name not in attrs]
    hashes = attrs.get("variable_hashes", {})
    if missing or not isinstance(hashes, dict):
        return missing or ["the attribute variable_hashes is no mapping"]
    return [] if content_hash(hashes) == attrs["content_hash"] else ["its hashes differ"]


def _fault(name: str, variable: Variable, dataset: xr.Dataset) -> str:
    if name not in dataset.variables:
        return f"{name} is missing" if variable.required else ""
    array = dataset[name]
    if array.dims != variable.dims:
        return f"{name} has dimensions {array.dims}, expected {variable.dims}"
    if variable.dtype != "string" and array.dtype != np.dtype(variable.dtype):
        return f"{name} holds {array.dtype}, expected {variable.dtype}"
    return ""
