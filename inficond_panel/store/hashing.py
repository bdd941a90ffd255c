"""Content hashes: of one array, and of a whole store."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping

import numpy as np

from inficond_panel.common.sliced import Sliced
from inficond_panel.store.schema import ADDED_LATER

#: Values read at a time: whole chunks of the large arrays of a store.
_PART = 1 << 20


class ArrayHash:
    """SHA-256 over type, shape and values in little-endian C order; strings as UTF-8 lines.

    Values come in parts, one after the other. ``dtype`` is "string", or of a number.
    """

    def __init__(self, dtype: np.dtype | str, shape: tuple[int, ...]) -> None:
        self._text = dtype == "string"
        self._dtype = None if self._text else np.dtype(dtype).newbyteorder("<")
        name = self._dtype.name if self._dtype else "string"
        self._digest = hashlib.sha256(f"{name}{tuple(map(int, shape))}".encode())

    def update(self, part: np.ndarray) -> None:
        """Add the rows that come next."""
        if self._dtype is None:
            for text in part.ravel():
                self._digest.update(str(text).encode() + b"\n")
        else:
            little = np.ascontiguousarray(part, dtype=self._dtype)
            self._digest.update(little.reshape(-1).view(np.uint8).data)

    def hexdigest(self) -> str:
        """The hash of all parts."""
        return self._digest.hexdigest()


def array_hash(values: Sliced) -> str:
    """Hash of an array, or of what gives its rows when sliced (an array on disk); see ArrayHash."""
    if values.dtype.kind in "OUT":
        digest = ArrayHash("string", values.shape)
        digest.update(np.asarray(values))
        return digest.hexdigest()
    digest = ArrayHash(values.dtype, values.shape)
    rows = max(1, _PART // max(1, math.prod(values.shape[1:])))
    for start in range(0, values.shape[0], rows):
        digest.update(np.asarray(values[start : start + rows]))
    return digest.hexdigest()


def content_hash(variable_hashes: Mapping[str, str]) -> str:
    """SHA-256 over the sorted names and hashes of the arrays that a store was written with."""
    names = sorted(set(variable_hashes) - ADDED_LATER)
    lines = (f"{name} {variable_hashes[name]}\n" for name in names)
    return hashlib.sha256("".join(lines).encode()).hexdigest()
