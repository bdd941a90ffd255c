"""Stages, each named by a hash of all that it depends on, and the folder of their results.

The inputs of a stage are plain values; they may hold the keys of the stages before it. Its key is
the hash of its name and inputs, so that a stage whose inputs are unchanged has its result already.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from inficond_panel.common.sliced import Sliced
from inficond_panel.common.whole_file import replacing

Arrays = dict[str, np.ndarray]

#: Digits of a key in the name of a folder.
_DIGITS = 32
#: Bytes from which an array is mapped instead of read.
_MAPPED = 1 << 16


def key_of(name: str, inputs: object) -> str:
    """SHA-256 of a name and of plain values (what JSON can say)."""
    text = json.dumps([name, inputs], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Stage:
    """One stage: ``compute`` gives the arrays of its result from what ``inputs`` stand for."""

    name: str
    inputs: Mapping[str, Any]
    compute: Callable[[], Arrays]

    @cached_property
    def key(self) -> str:
        """Hash of name and inputs."""
        return key_of(self.name, self.inputs)


class Finished:
    """Results in a folder: ``<name>-<key>/<array>.npy``. Each appears whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, name: str, key: str) -> Arrays | None:
        """A result, large arrays mapped; None where it is not there or cannot be read."""
        try:
            return {file.stem: _read(file) for file in sorted(self.place(name, key).iterdir())}
        except (OSError, ValueError, EOFError):
            return None

    def has(self, name: str, key: str) -> bool:
        """True if the result exists."""
        return self.place(name, key).is_dir()

    def put(self, name: str, key: str, arrays: Mapping[str, Any]) -> None:
        """Keep a result; arrays may also be what gives rows when sliced."""
        with self.writing(name, key) as folder:
            for array, values in arrays.items():
                save(folder / f"{array}.npy", values)

    @contextmanager
    def writing(self, name: str, key: str) -> Iterator[Path]:
        """Yield a folder for the arrays of a result, which is kept when the block ends well."""
        with replacing(self.place(name, key), alone=True) as folder:
            folder.mkdir()
            yield folder

    def place(self, name: str, key: str) -> Path:
        """Folder of a result."""
        return self.folder / f"{name}-{key[:_DIGITS]}"


def save(path: Path, values: Sliced) -> None:
    """Write an array to a file, a part at a time: a full disk is an error, not a lost process."""
    rows = max(1, (1 << 22) // max(1, int(np.prod(values.shape[1:])) * values.dtype.itemsize))
    header = {
        "descr": np.lib.format.dtype_to_descr(values.dtype),
        "fortran_order": False,
        "shape": tuple(values.shape),
    }
    with path.open("wb") as file:
        np.lib.format.write_array_header_2_0(file, header)
        for start in range(0, values.shape[0] if values.shape else 0, rows):
            file.write(np.ascontiguousarray(values[start : start + rows]).tobytes())
        if not values.shape:
            file.write(np.asarray(values).tobytes())


def _read(path: Path) -> np.ndarray:
    large = path.stat().st_size >= _MAPPED
    return np.load(path, mmap_mode="r" if large else None, allow_pickle=False)
