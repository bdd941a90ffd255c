"""Write a store, or add arrays to a store: completely or not at all, one process at a time."""

from __future__ import annotations

import os
import socket
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import zarr
from filelock import FileLock, Timeout
from zarr.codecs import BloscCodec, ZstdCodec

from inficond_panel.common.files import replacing
from inficond_panel.common.places import create, has_store, is_remote, place_of, reaching, upload
from inficond_panel.errors import Remedy, StoreError, StoreFormatError
from inficond_panel.store.checks import attributes_hash
from inficond_panel.store.schema import (
    ADDED_LATER,
    ARRAYS,
    ATTRIBUTES,
    CONVENTIONS,
    FORMAT_VERSION,
    PIECEWISE,
    ArrayHash,
    Variable,
    content_hash,
    part_faults,
)
from inficond_panel.store.store import Store


def lock_of(store: Path) -> Path:
    """Return the path of a store's lock file, which names the process that writes the store."""
    return store.with_name(f"{store.name}.lock")


@contextmanager
def only_run(store: Path) -> Iterator[None]:
    """Hold the lock file ``<store>.lock`` while the ``with`` block runs, so that no other process
    writes the store; raise ``StoreError`` if another process holds the lock.

    The lock ends with its process, also after a crash; at an address it is an object, which remains
    after a crash. It names the process and its host.
    """
    path = lock_of(store)
    if is_remote(store):
        with _only_run_at(path, store):
            yield
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise _being_written(store, _holder(path)) from None
    try:
        with suppress(OSError):  # Windows forbids to write a locked file
            path.write_text(_this_process(), "utf-8")
        yield
    finally:
        with suppress(OSError):  # on Windows ``release`` removes the file
            path.unlink()  # while the lock is held, so that no other process has the file
        lock.release()


@contextmanager
def _only_run_at(lock: Path, store: Path) -> Iterator[None]:
    """As ``only_run``, by an object at an address that one process alone can create."""
    mine = _this_process().encode()
    try:
        create(lock, mine)
    except FileExistsError:
        more = f" If that process is gone, remove {lock}."
        raise _being_written(store, _holder(lock), more) from None
    try:
        yield
    finally:
        with suppress(OSError, StoreError), reaching(lock):
            if lock.read_bytes() == mine:  # not removed by hand, and taken by another since
                lock.unlink()


def _being_written(store: Path, holder: str, more: str = "") -> StoreError:
    return StoreError(
        f"{store} is being written by {holder}.",
        "Wait until it is done, stop it, or choose another path with " + _STORE + f".{more}",
    )


def _this_process() -> str:
    began = time.strftime("%Y-%m-%d %H:%M:%S")
    return f"process {os.getpid()} on {socket.gethostname()}, since {began}"


def _holder(path: Path) -> str:
    with suppress(OSError):  # Windows forbids to read a locked file
        return path.read_text("utf-8") or "another process"
    return "another process"


_STORE = Remedy("--store", "path=FOLDER")
_ELSEWHERE = "Choose another name with " + _STORE
#: Most values in a chunk; fewer for arrays read in pieces, so that a chunk is a few images.
_CHUNK_VALUES = 1 << 20
_PIECE_VALUES = 1 << 18
#: Arrays of already compressed files. The bytes of numeric arrays are shuffled before compression:
#: the first bytes of all values, then the second bytes, and so on, which are more alike.
_COMPRESSED = frozenset({"thumbnail"})
_PACKED = ZstdCodec()
_BY_BYTE = BloscCodec(cname="zstd", clevel=5, shuffle="shuffle")


def write_store(path: Path, arrays: Mapping[str, Any], attrs: Mapping[str, Any]) -> str:
    """Write ``arrays`` (names as in the schema) to ``path`` and return the content hash.

    An array may be any object with ``shape`` and ``dtype`` that returns rows when sliced, such as
    an array on disk; it is read once, by chunks. An existing store is replaced only when the new
    store is complete; at an address it is not replaced. Raises ``StoreFormatError`` for arrays or
    attributes that do not fit the schema, and ``StoreError`` for an existing store at an address.
    """
    path = place_of(path)
    needed = {name for name, variable in ARRAYS.items() if variable.required}
    wrong = [f"missing array {name!r}" for name in sorted(needed - set(arrays))]
    wrong += [f"unknown array {name!r}" for name in sorted(set(arrays) - set(ARRAYS))]
    wrong += part_faults(arrays)
    wrong += [f"missing attribute {name!r}" for name in ATTRIBUTES if name not in attrs]
    wrong = wrong or _ill_shaped(arrays)
    if wrong:
        raise StoreFormatError("These arrays do not make a store: " + ", ".join(wrong) + ".")
    if not is_remote(path):
        with replacing(path, alone=True) as writing:
            return _write_all(writing, arrays, attrs)
    check_free(path)
    with TemporaryDirectory() as folder:
        digest = _write_all(Path(folder), arrays, attrs)
        try:
            upload(Path(folder), path, last="zarr.json", names=ARRAYS)
        except FileExistsError:
            raise _not_replaced(path) from None
        except FileNotFoundError as error:  # of the bucket
            raise StoreError(f"{path} cannot be written: {error}.", _ELSEWHERE) from error
    return digest


def check_free(path: Path) -> None:
    """Raise ``StoreError`` for an address that no store can be written to: of a web server, or with
    a store, since object storage cannot replace many objects at once, and sessions may read them.
    """
    if not is_remote(path):
        return
    if str(path).startswith("http"):
        raise StoreError(f"{path} cannot be written: a web server takes no files.", _ELSEWHERE)
    if has_store(path):
        raise _not_replaced(path)


def _not_replaced(path: Path) -> StoreError:
    why = f"There is another store at {path}, and a store at an address is not replaced."
    return StoreError(why, _ELSEWHERE + ", or remove the store.")


def _write_all(writing: Path, arrays: Mapping[str, Any], attrs: Mapping[str, Any]) -> str:
    """Write the folder of a store, and return its content hash."""
    group = zarr.open_group(writing, mode="w", zarr_format=3)
    hashes = {
        name: _write(group, name, arrays[name], variable)
        for name, variable in ARRAYS.items()
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
    with warnings.catch_warnings():  # not in Zarr's specification yet; only addresses need it
        warnings.simplefilter("ignore", UserWarning)
        zarr.consolidate_metadata(group.store, zarr_format=3)
    return digest


def _ill_shaped(arrays: Mapping[str, Any]) -> list[str]:
    sizes: dict[str, tuple[int, str]] = {}
    wrong = []
    for name, variable in ARRAYS.items():
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
        compressors=_PACKED if text or name in _COMPRESSED else _BY_BYTE,
        dimension_names=variable.dims,
        config={"write_empty_chunks": True},  # a server may answer "forbidden" for a missing one
        attributes=variable.attributes,
    )
    digest = ArrayHash("string" if text else variable.dtype, values.shape)
    for start in range(0, values.shape[0], chunks[0]):
        part = np.asarray(values[start : start + chunks[0]])
        with np.errstate(over="ignore"):  # opening the store reports values that are too large
            part = part.astype(np.dtypes.StringDType() if text else variable.dtype, copy=False)
        array[start : start + chunks[0]] = part
        digest.update(part)
    return digest.hexdigest()


def _chunks(name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    limit = _PIECE_VALUES if name in PIECEWISE else _CHUNK_VALUES
    row = max(1, int(np.prod(shape[1:])))
    rows = max(1, min(shape[0], limit // row))
    return (rows, *(max(1, n) for n in shape[1:]))


class Stored:
    """Array of a store that is read from disk when it is sliced."""

    def __init__(self, store: Store, name: str) -> None:
        self.name = name
        self._store = store
        array = store.dataset[name]
        self.shape, self.dtype, self.ndim = array.shape, array.dtype, array.ndim

    def __len__(self) -> int:
        return int(self.shape[0])

    def __getitem__(self, rows: slice) -> np.ndarray:
        return self._store.stored.load(self.name, rows)


def add_arrays(store: Store, arrays: Mapping[str, Any], attrs: Mapping[str, Any]) -> None:
    """Write the store again, with ``arrays`` and ``attrs`` added or replaced.

    The names must be in ``ADDED_LATER``; ``content_hash`` stays. The present arrays are checked
    first, then copied by chunks. Raises ``StoreError`` for a damaged store, and ``ValueError`` for
    a name that is not in ``ADDED_LATER``.
    """
    if wrong := set(arrays) - ADDED_LATER:
        allowed = ", ".join(sorted(ADDED_LATER))
        raise ValueError(f"{', '.join(sorted(wrong))} cannot be added to a store, only {allowed}.")
    store.verify()
    copied = {name: Stored(store, name) for name in ARRAYS if store.has(name)}
    write_store(store.path, {**copied, **arrays}, {**store.attrs, **attrs})
