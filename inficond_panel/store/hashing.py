"""Content hashes: of one array, and of a whole store."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np


def array_hash(values: np.ndarray) -> str:
    """SHA-256 over type, shape and values in little-endian C order; strings as UTF-8 lines."""
    array = np.asarray(values)
    digest = hashlib.sha256()
    if array.dtype.kind in "OUT":
        digest.update(f"string{array.shape}".encode())
        for text in array.ravel():
            digest.update(str(text).encode() + b"\n")
    else:
        little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
        digest.update(f"{little.dtype.name}{little.shape}".encode())
        digest.update(little.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def content_hash(variable_hashes: Mapping[str, str]) -> str:
    """SHA-256 over the sorted names and hashes of all arrays of a store."""
    lines = (f"{name} {variable_hashes[name]}\n" for name in sorted(variable_hashes))
    return hashlib.sha256("".join(lines).encode()).hexdigest()
