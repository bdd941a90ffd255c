"""Content hashes: of one array, and of a whole store."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

#: Values read at a time: whole chunks of the large arrays of a store.
_PART = 1 << 22


def array_hash(values: Any) -> str:
    """SHA-256 over type, shape and values in little-endian C order; strings as UTF-8 lines.

    ``values`` is an array or what gives one when sliced (an array on disk): numbers are read a part
    at a time.
    """
    digest = hashlib.sha256()
    if values.dtype.kind in "OUT":
        digest.update(f"string{values.shape}".encode())
        for text in np.asarray(values).ravel():
            digest.update(str(text).encode() + b"\n")
        return digest.hexdigest()
    little = values.dtype.newbyteorder("<")
    digest.update(f"{little.name}{values.shape}".encode())
    rows = max(1, _PART // max(1, math.prod(values.shape[1:])))
    for start in range(0, values.shape[0], rows):
        part = np.ascontiguousarray(values[start : start + rows], dtype=little)
        digest.update(part.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def content_hash(variable_hashes: Mapping[str, str]) -> str:
    """SHA-256 over the sorted names and hashes of all arrays of a store."""
    lines = (f"{name} {variable_hashes[name]}\n" for name in sorted(variable_hashes))
    return hashlib.sha256("".join(lines).encode()).hexdigest()
