"""Write a store: whole, or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from inficond_panel.common.whole_file import replacing
from inficond_panel.errors import StoreFormatError
from inficond_panel.store.attribute_checks import attributes_hash
from inficond_panel.store.hashing import ArrayHash, content_hash
from inficond_panel.store.schema import (
    ATTRIBUTES,
    CONVENTIONS,
    COORDINATES,
    FORMAT_VERSION,
    PIECEWISE,
    VARIABLES,
    Variable,
    attributes_of,
    part_faults,
)

#: Upper limit of values in a chunk; of arrays read a piece at a time a chunk is a few images.
_CHUNK_VALUES = 1 << 20
_PIECE_VALUES = 1 << 18


def write_store(path: Path, arrays: Mapping[str, Any], attrs: Mapping[str, Any]) -> str:
    """Write ``arrays`` (names as in the schema) to ``path`` and return the content hash.

    An array may be anything with ``shape`` and ``dtype`` that gives its rows when sliced, such as
    one on disk; it is read once, a chunk at a time. A store that is there is replaced only when the
    new one is complete. Raises ``StoreFormatError`` for arrays or attributes that do not fit the
    schema.
    """
    _check_complete(arrays, attrs)
    with replacing(Path(path), alone=True) as writing:
        return _write_all(writing, arrays, attrs)


def _write_all(writing: Path, arrays: Mapping[str, Any], attrs: Mapping[str, Any]) -> str:
    """Write the folder of a store, and return its content hash."""
    group = zarr.open_group(writing, mode="w", zarr_format=3)
    hashes = {
        name: _write(group, name, arrays[name], variable)
        for name, variable in {**COORDINATES, **VARIABLES}.items()
        if name in arrays
    }
    digest = content_hash(hashes)
    facts = {
        "Conventions": CONVENTIONS,
        "format": "inficond-store",
        "format_version": FORMAT_VERSION,
        **attrs,
        "content_hash": digest,
        "variable_hashes": hashes,
    }
    group.update_attributes({**facts, "attributes_hash": attributes_hash(facts)})
    return digest


def _check_complete(arrays: Mapping[str, Any], attrs: Mapping[str, Any]) -> None:
    known = {**COORDINATES, **VARIABLES}
    needed = {name for name, variable in known.items() if variable.required}
    wrong = [f"missing array {name!r}" for name in sorted(needed - set(arrays))]
    wrong += [f"unknown array {name!r}" for name in sorted(set(arrays) - set(known))]
    wrong += part_faults(arrays)
    wrong += [f"missing attribute {name!r}" for name in ATTRIBUTES if name not in attrs]
    wrong = wrong or _ill_shaped(arrays)
    if wrong:
        raise StoreFormatError("This is no store: " + ", ".join(wrong) + ".")


def _ill_shaped(arrays: Mapping[str, Any]) -> list[str]:
    sizes: dict[str, tuple[int, str]] = {}
    wrong = []
    for name, variable in {**COORDINATES, **VARIABLES}.items():
        if name not in arrays:
            continue
        shape = arrays[name].shape
        if len(shape) != len(variable.dims):
            wrong.append(f"{name!r} has {len(shape)} dimensions, expected {variable.dims}")
            continue
        for dim, size in zip(variable.dims, shape, strict=True):
            expected, by = sizes.setdefault(dim, (size, name))
            if size != expected:
                wrong.append(f"{name!r} has {size} of {dim}, but {by!r} has {expected}")
    return wrong


def _write(group: zarr.Group, name: str, values: Any, variable: Variable) -> str:
    """Write one array and return its hash."""
    text = variable.dtype == "string"
    chunks = _chunks(name, values.shape)
    array = group.create_array(
        name,
        shape=values.shape,
        dtype=str if text else variable.dtype,
        chunks=chunks,
        dimension_names=variable.dims,
        attributes=attributes_of(name),
    )
    digest = ArrayHash("string" if text else variable.dtype, values.shape)
    for start in range(0, values.shape[0], chunks[0]):
        part = np.asarray(values[start : start + chunks[0]])
        with np.errstate(over="ignore"):  # what is too large is told when the store is opened
            part = part.astype(np.dtypes.StringDType() if text else variable.dtype, copy=False)
        array[start : start + chunks[0]] = part
        digest.update(part)
    return digest.hexdigest()


def _chunks(name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    limit = _PIECE_VALUES if name in PIECEWISE else _CHUNK_VALUES
    row = max(1, int(np.prod(shape[1:])))
    rows = max(1, min(shape[0], limit // row))
    return (rows, *(max(1, n) for n in shape[1:]))
