"""Open a store: check the folder's format, attributes and small arrays."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import xarray as xr

from inficond_panel.common.formats import other_format
from inficond_panel.common.places import (
    for_zarr,
    has_store,
    is_remote,
    place_of,
    reaching,
    size_of,
    tried,
    written_at,
)
from inficond_panel.errors import StoreError, StoreFormatError, StoreMissingError
from inficond_panel.store.checks import (
    MOST_SEGMENTS,
    Sizes,
    attribute_faults,
    pieces_fault,
    single_label_fault,
)
from inficond_panel.store.schema import (
    ARRAYS,
    COORDINATES,
    FIXED,
    FORMAT_VERSION,
    READ_ON_OPENING,
    Variable,
    part_faults,
)
from inficond_panel.store.store import Store
from inficond_panel.store.stored import WRITE_AGAIN, write_again
from inficond_panel.vocabulary.tasks import SINGLE_LABEL

#: Most names, or bytes of thumbnails, per byte on disk: no compression is better than this.
_MOST_PER_BYTE: dict[str, int] = {"thumbnail": 1000, **dict.fromkeys(COORDINATES, 20)}
#: Bytes of such an array that are assumed at an address, unless it lists more.
_MOST_UNLISTED = 1_000_000
_NEEDED = ("image", "concept", "class_name", "method")


def open_store(path: Path | str) -> Store:
    """Open the store at ``path`` read-only.

    Raises ``StoreMissingError`` if it does not exist, and ``StoreFormatError`` with all faults:
    another format version; missing, misshaped or wrongly typed attributes or arrays; invalid names,
    indices, labels, splits and sizes. Large arrays are checked against their hashes when they are
    read. If the store is replaced meanwhile, the new one is opened.
    """
    path = place_of(path)
    while True:
        written = written_at(path)
        try:
            return _opened(path, written)
        except StoreError:
            if written_at(path) == written:
                raise


def _opened(path: Path, written: tuple[int, ...]) -> Store:
    try:
        _check_there(path)
        with reaching(path):
            dataset = tried(path, lambda: _dataset(path))
    except StoreError:
        raise
    except Exception as error:  # zarr and xarray raise many exception types for one fault
        raise StoreFormatError(
            f"{path} cannot be read as a store: {error}", write_again(path)
        ) from error
    _check_version(path, dataset)
    wrong = [fault for name, kind in ARRAYS.items() if (fault := _fault(name, kind, dataset))]
    wrong += part_faults([str(name) for name in dataset.variables])
    wrong = wrong or list(_size_faults(path, dataset))
    _refuse(path, [*wrong, *attribute_faults(dataset.attrs)])
    store = Store(path, dataset, written)
    _refuse(path, list(_value_faults(store)))
    return store


def _dataset(path: Path) -> xr.Dataset:
    return xr.open_zarr(
        for_zarr(path),
        chunks=None,
        consolidated=None if is_remote(path) else False,
        zarr_format=3 if is_remote(path) else None,  # another is not looked for
        create_default_indexes=False,
    )


def _check_there(path: Path) -> None:
    """Raise ``StoreMissingError`` if there is nothing at ``path``, and ``StoreFormatError`` for
    files on disk that cannot belong to a store."""
    if not has_store(path):
        raise StoreMissingError(f"There is no store at {path}.", WRITE_AGAIN)
    if not is_remote(path):
        _refuse(path, list(odd_files(path)))


def _refuse(path: Path, faults: list[str]) -> None:
    if faults:
        raise StoreFormatError(f"{path} is damaged: {'; '.join(faults)}.", write_again(path))


def _check_version(path: Path, dataset: xr.Dataset) -> None:
    if dataset.attrs.get("format") != "inficond-store":
        raise StoreFormatError(
            f"{path} is a Zarr group, but not a store of InFiConD.", write_again(path)
        )
    version = dataset.attrs.get("format_version")
    if version != FORMAT_VERSION:
        raise StoreFormatError(*other_format(path, version, FORMAT_VERSION, write_again(path)))


def _fault(name: str, variable: Variable, dataset: xr.Dataset) -> str:
    if name not in dataset.variables:
        return f"{name} is missing" if variable.required else ""
    array = dataset[name]
    if array.dims != variable.dims:
        return f"{name} has dimensions {array.dims}, expected {variable.dims}"
    text = array.dtype.kind in "OUT"
    if (variable.dtype == "string") != text or not (text or array.dtype == variable.dtype):
        return f"{name} holds {array.dtype}, expected {variable.dtype}"
    return ""


def _size_faults(path: Path, dataset: xr.Dataset) -> Iterator[str]:
    """Yield faults of impossible sizes, before any data of such a size is read."""
    sizes = dataset.sizes
    yield from (f"it has no {dim}" for dim in _NEEDED if not sizes.get(dim, 1))
    for dim, size in {**FIXED, "image_edge": sizes["image"] + 1}.items():
        if sizes.get(dim, size) != size:
            yield f"it has {sizes[dim]} of {dim}, expected {size}"
    if sizes.get("segment", 0) > MOST_SEGMENTS * sizes["image"]:
        yield f"it has {sizes['segment']} segments for {sizes['image']} images"
    for name in _MOST_PER_BYTE.keys() & dataset.variables.keys():
        claimed, stored = math.prod(dataset[name].shape), _MOST_UNLISTED
        if claimed > _MOST_PER_BYTE[name] * stored or not is_remote(path):  # a list is a request
            listed = size_of(path / name)
            stored = stored if listed is None else listed
        if claimed > _MOST_PER_BYTE[name] * stored:
            yield f"{name} states {claimed} values but has only {stored} bytes"


def _value_faults(store: Store) -> Iterator[str]:
    """Yield faults of the values of all small arrays (``READ_ON_OPENING``)."""
    read: dict[str, np.ndarray] = {}
    for name in filter(store.has, READ_ON_OPENING):
        try:
            read[name] = store.read(name)
        except StoreFormatError as error:
            yield error.message.removeprefix(f"{store.path} is damaged: ").removesuffix(".")
    yield from _offset_faults(read, store.dataset.sizes)
    if store.task == SINGLE_LABEL and {"label", "image", "class_name"} <= read.keys():
        images, classes = read["image"].tolist(), read["class_name"].tolist()
        fault = single_label_fault(read["label"], images, classes)
        yield from [fault.removesuffix(".")] if fault else []
    method = store.attrs.get("scores", {}).get("method")
    needed = {"centred": "score_centre", "contrast": "segment_normaliser"}.get(method)
    if needed and not store.has(needed):
        yield f"{needed} is missing, which scores of the method {method} need"
    if store.has("knowledge_contrast") and "knowledge" not in store.attrs:
        yield "the attribute knowledge is missing"


def _offset_faults(read: Mapping[str, np.ndarray], sizes: Sizes) -> Iterator[str]:
    shape = read.get("thumbnail_shape")
    pixels = None if shape is None else shape.prod(axis=1, dtype=np.int64)
    for name, dim, lengths in (("thumbnail", "byte", None), ("mask", "pixel", pixels)):
        offset = read.get(f"{name}_offset")
        if offset is not None:
            fault = pieces_fault(name, offset, lengths, sizes[f"{name}_{dim}"])
            yield from [fault] if fault else []


def odd_files(folder: Path) -> Iterator[str]:
    """Yield a description of each entry in a store's folder that is not a regular file or folder.

    Reading a pipe or a device would never end. A link to a regular file is allowed, since tools
    that version data make such links; a link to a folder is not.
    """
    for entry in os.scandir(folder):
        if entry.is_dir(follow_symlinks=False):
            yield from odd_files(Path(entry.path))
        elif not entry.is_file():
            link = entry.is_symlink()
            what = "a link that leads to no file" if link else "neither a file nor a folder"
            yield f"{entry.path} is {what}"
