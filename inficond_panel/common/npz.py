"""Reading of npz files: what an array takes in memory is known before it is read.

A small file can claim large arrays, or hold them compressed. So the header of an array is read
first, its size is compared with what the archive holds and with what the caller expects, and only
then memory is taken. Pickled objects are refused.
"""

from __future__ import annotations

import io
import math
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from inficond_panel.common.files import open_file

#: Errors of reading a damaged npz file.
NPZ_FAULTS = (
    OSError, ValueError, KeyError, EOFError, RuntimeError, MemoryError, zipfile.BadZipFile,
    zlib.error,
)  # fmt: skip
#: Function that reads a header, and the number of bytes of its length, by version of npy.
_HEADERS = {
    (1, 0): (np.lib.format.read_array_header_1_0, 2),
    (2, 0): (np.lib.format.read_array_header_2_0, 4),
}
#: Most bytes of a header. numpy reads 10,000 characters; version 1 can hold 64 KiB.
_HEADER_BYTES = 1 << 16


@dataclass(frozen=True)
class Npz:
    """An open npz file; ``names`` are the names of its arrays."""

    archive: zipfile.ZipFile
    names: tuple[str, ...]

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of an array, without reading its values.

        Raises ``ValueError`` if the file holds fewer or more bytes than the header claims.
        """
        entry = self.archive.getinfo(f"{name}.npy")
        with self.archive.open(entry) as stream:
            version = np.lib.format.read_magic(stream)
            if version not in _HEADERS:
                raise ValueError(f"{name} has version {version} of npy")
            read_header, width = _HEADERS[version]
            size = stream.read(width)
            if (length := int.from_bytes(size, "little")) > _HEADER_BYTES:
                raise ValueError(f"{name} has a header of {length:,} bytes")
            shape, _, dtype = read_header(io.BytesIO(size + stream.read(length)))
            held = entry.file_size - stream.tell()
        if dtype.hasobject:
            raise ValueError(f"{name} holds objects")
        if math.prod(shape) * dtype.itemsize != held:
            raise ValueError(f"{name} claims the shape {shape}, and holds {held} bytes")
        return tuple(shape)

    def read(self, name: str, most: int | None = None) -> np.ndarray:
        """Return an array; raise ``ValueError`` if it takes more than ``most`` bytes."""
        entry = self.archive.getinfo(f"{name}.npy")
        if most is not None and entry.file_size > most:
            raise ValueError(f"{name} takes {entry.file_size:,} bytes, more than {most:,}")
        self.shape(name)
        with self.archive.open(entry) as stream:
            return np.lib.format.read_array(stream, allow_pickle=False)


@contextmanager
def open_npz(source: Path | bytes) -> Iterator[Npz]:
    """Open an npz file, or its content, for reading; raises ``NPZ_FAULTS`` if it is damaged."""
    stream = io.BytesIO(source) if isinstance(source, bytes) else open_file(source)
    with stream, zipfile.ZipFile(stream) as archive:
        entries = archive.namelist()
        if len(set(entries)) < len(entries):
            raise ValueError("several of its arrays have the same name")
        yield Npz(archive, tuple(name.removesuffix(".npy") for name in entries))
