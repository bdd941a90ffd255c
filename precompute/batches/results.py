"""Cached results of stages and of batches of photos, in the folder of a run or in nearby stores.

A result's key is the hash of its name and of all its inputs: plain values, among them the keys of
earlier results. So a result with unchanged inputs is reused. A store's attribute ``stages`` records
the inputs of its results.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from inficond_panel.common.arrays import Sliced
from inficond_panel.common.files import replacing
from inficond_panel.common.places import stores_in
from inficond_panel.errors import StoreError, precompute_command
from inficond_panel.store import Store, open_store
from inficond_panel.store.schema import array_hash
from inficond_panel.store.write import Stored

Arrays = dict[str, np.ndarray]
#: Keys of the photos that are computed together.
Batch = tuple[str, ...]

#: Digest of a photo that cannot be read.
UNREADABLE = "unreadable"
#: Longest list (values) or text (characters) that a store's attributes record in full.
_LONG = 2000
#: Digits of a key in the name of a folder.
_DIGITS = 32
#: Bytes from which an array's file is memory-mapped instead of read.
_MAPPED = 1 << 16
#: Large arrays, with the name of the array that counts their rows per image. They stay on disk.
_LARGE = {"embedding": "segments", "mask": "mask_pixels", "thumbnail": "thumbnail_length"}
#: Name of the array (n, P) of picture properties, which results of older versions lack.
PICTURE_ARRAY = "picture_property"
#: Largest number of files open at a time.
_OPEN = 256


def key_of(name: str, inputs: object) -> str:
    """Return a result's key: the SHA-256 of its name and of its inputs (plain values for JSON)."""
    text = json.dumps([name, inputs], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def plain(value: object) -> Any:
    """Return inputs in the form that a store records: a long list or text as length and hash."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | str) and len(value) > _LONG:
        return {"count": len(value), "sha256": key_of("list", value)}
    return list(value) if isinstance(value, tuple) else value


def photo_keys(ids: Iterable[str], digests: Iterable[str]) -> list[str]:
    """Return a key per photo: the SHA-256 of its digest, or of its id if the photo is unreadable.

    Photos with equal content have equal keys, and are encoded once.
    """
    return [
        hashlib.sha256(
            (digest if digest != UNREADABLE else f"{UNREADABLE} {image}").encode()
        ).hexdigest()
        for image, digest in zip(ids, digests, strict=True)
    ]


def batches_of(keys: Iterable[str], size: int) -> list[Batch]:
    """Group photo keys into batches of at most ``size`` keys, by the leading bits of the keys.

    Batches depend only on the set of keys: a new or removed key changes only the batch that holds
    it (or splits this batch, or merges it with the next). On average batches are two thirds full.
    """
    batches: list[Batch] = []
    groups = [(sorted(set(keys)), 0)]
    while groups:
        group, bit = groups.pop()
        if len(group) > size:
            ones = [key for key in group if int(key[bit // 4], 16) >> (3 - bit % 4) & 1]
            groups += [(ones, bit + 1), (group[: len(group) - len(ones)], bit + 1)]
        elif group:
            batches.append(tuple(group))
    return batches


class Results:
    """Saved results in a folder: the arrays of a result are files ``<name>-<key>/<array>.npy``.

    A result is written completely or not at all. With ``folder`` None nothing is saved.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder

    def get(self, name: str, key: str) -> Arrays | None:
        """Return a saved result's arrays by name; None if the result is missing or unreadable."""
        if self.folder is None:
            return None
        try:
            return {file.stem: _read(file) for file in sorted(self.place(name, key).iterdir())}
        except (OSError, ValueError, EOFError):
            return None

    def open(self, name: str, key: str) -> Arrays:
        """Return the arrays of a result that was saved; raise ``OSError`` if it was removed."""
        arrays = self.get(name, key)
        if arrays is None:
            raise OSError(f"{self.place(name, key)} was removed during the run")
        return arrays

    def has(self, name: str, key: str) -> bool:
        """Return True if a result with this name and key is saved."""
        return self.place(name, key).is_dir()

    def put(self, name: str, key: str, arrays: Mapping[str, Any]) -> None:
        """Save a result's arrays by name; each is an object that returns rows when sliced."""
        if self.folder is None:
            return
        with self._writing(name, key) as folder:
            for array, values in arrays.items():
                save(folder / f"{array}.npy", values)

    def take(self, store: Store, reasons: Sequence[str] = ()) -> str:
        """Copy a store's images and segments into this folder, as one batch; return its key.

        Large arrays are copied in parts. ``reasons`` state why the store's skipped images were
        skipped; their rows come last. Raises ``StoreError`` if the store is damaged.
        """
        key = key_of("taken", [store.content_hash, list(reasons)])
        if not self.has("taken", key):
            with self._writing("taken", key) as folder:
                _copy(store, folder, reasons)
        return key

    @contextmanager
    def _writing(self, name: str, key: str) -> Iterator[Path]:
        with replacing(self.place(name, key), alone=True) as folder:
            folder.mkdir()
            yield folder

    def place(self, name: str, key: str) -> Path:
        """Return the path of a result's folder; raise ``ValueError`` if results are not saved."""
        if self.folder is None:
            raise ValueError(
                f"no folder for the result {name!r}: Results(folder=None) saves nothing"
            )
        return self.folder / f"{name}-{key[:_DIGITS]}"


def save(path: Path, values: Sliced) -> None:
    """Write an array to a .npy file in parts, so that a full disk raises instead of crashing."""
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


def _copy(store: Store, folder: Path, reasons: Sequence[str]) -> None:
    arrays: dict[str, Sliced] = {
        "reason": np.array([""] * len(store.images) + list(reasons)),
        "segments": np.bincount(store.segment_image, minlength=len(store.images)),
        "box": store.segment_box,
        "thumbnail_length": np.diff(store.thumbnail_offset),
        "thumbnail_shape": store.thumbnail_shape,
        "embedding": Stored(store, "segment_embedding"),
        "mask": Stored(store, "mask"),
        "thumbnail": Stored(store, "thumbnail"),
    }
    if store.has(PICTURE_ARRAY):
        arrays[PICTURE_ARRAY] = store.picture_property
    for name, values in arrays.items():
        save(folder / f"{name}.npy", values)
        if isinstance(values, Stored):
            copied = np.load(folder / f"{name}.npy", mmap_mode="r" if len(values) else None)
            if array_hash(copied) != store.attrs["variable_hashes"][values.name]:
                raise StoreError(
                    f"{store.path} is damaged, or changed while it was read.",
                    "Restore the store from a copy, or make it again: " + precompute_command(),
                )


def stores_near(path: Path) -> Iterator[Store]:
    """Yield the readable stores among ``path`` and other stores (``*.zarr``) in its folder."""
    for folder in (path, *(other for other in stores_in(path.parent) if other != path)):
        try:
            yield open_store(folder)
        except StoreError:
            continue


def stage_of(store: Store | None, name: str) -> Mapping[str, Any]:
    """Return a store's record of a stage (inputs, key, time); {} if the store has no record."""
    stages = store.attrs.get("stages") if store else None
    stage = stages.get(name) if isinstance(stages, dict) else None
    return stage if isinstance(stage, dict) and "inputs" in stage else {}


def keys_in(store: Store) -> list[str] | None:
    """Return the keys of a store's photos, then of the photos that were skipped as unreadable.

    Returns None if the store does not record them. Raises ``StoreError`` if the store is damaged.
    """
    if not store.has("image_digest"):
        return None
    skipped = stage_of(store, "segments").get("skipped", [])
    ids = [*store.images, *(image for image, _, _ in skipped)]
    digests = [*map(str, store.image_digest), *(digest for _, _, digest in skipped)]
    return photo_keys(ids, digests)


def batches_in(store: Store, encoding: str) -> set[Batch]:
    """Return the batches of photo keys that a store has results for, as a set. The set is empty
    unless the store was encoded with settings of hash ``encoding``."""
    stage = stage_of(store, "segments")
    if stage.get("encoding") != encoding:
        return set()
    try:
        keys = keys_in(store)
    except StoreError:
        return set()
    return set(batches_of(keys, int(stage["inputs"]["batch"]))) if keys else set()


class Concatenated:
    """Array made of row ranges of other arrays; rows are read only when this array is sliced."""

    def __init__(
        self, source: Callable[[int], np.ndarray], part: np.ndarray, first: np.ndarray,
        count: np.ndarray,
    ) -> None:  # fmt: skip
        self._source = lru_cache(maxsize=_OPEN)(source)
        self._part, self._first = part, first
        self._edge = np.concatenate([[0], np.cumsum(count, dtype=np.int64)])
        some = self._source(int(part[0]))
        self.dtype = some.dtype
        self.shape = (int(self._edge[-1]), *some.shape[1:])
        self.ndim = some.ndim

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice) -> np.ndarray:
        start, stop, _ = rows.indices(self.shape[0])
        values = np.empty((max(0, stop - start), *self.shape[1:]), self.dtype)
        piece = int(np.searchsorted(self._edge, start, "right")) - 1
        while start < stop:
            end = min(stop, int(self._edge[piece + 1]))
            row = int(self._first[piece] + start - self._edge[piece])
            values[len(values) - (stop - start) :][: end - start] = self._source(
                int(self._part[piece])
            )[row : row + end - start]
            start, piece = end, piece + 1
        return values

    def __array__(self, dtype: object = None, copy: object = None) -> np.ndarray:
        return np.asarray(self[:], dtype=dtype)  # type: ignore[call-overload]


class Segmented:
    """Segments of a data set's photos, in the data set's order, read from many batches' results.

    ``parts`` has a pair per result: the keys of its photos, and a function that opens the result.
    ``keys`` are the keys of the data set's photos. ``reason`` states per photo why it was skipped,
    "" if it was not. Only a few numbers per image and segment are in memory.
    """

    def __init__(
        self, parts: Sequence[tuple[Sequence[str], Callable[[], Arrays]]], keys: Sequence[str]
    ) -> None:
        self._parts = [opened for _, opened in parts]
        index = {key: (p, i) for p, (of, _) in enumerate(parts) for i, key in enumerate(of)}
        part, row = np.array([index[key] for key in keys], dtype=np.int64).reshape(-1, 2).T
        del index
        counts, self.reason = _counted(self._parts, part, row)
        #: Positions in ``keys`` of the images that could be read.
        self.read: np.ndarray = np.flatnonzero([not reason for reason in self.reason])
        self._part = part[self.read]
        self._counts = {name: value[self.read] for name, value in counts.items()}

    @cached_property
    def arrays(self) -> dict[str, np.ndarray | Concatenated]:
        """Arrays of the readable images by name; ``segments`` counts the segments per image."""
        counts = self._counts
        arrays: dict[str, np.ndarray | Concatenated] = {
            "segments": counts["segments"],
            "thumbnail_length": counts["thumbnail_length"],
            "thumbnail_shape": np.stack([counts["height"], counts["width"]], 1).astype(np.int32),
            "box": self._pieces("box", "segments")[:],
        }
        return arrays | {name: self._pieces(name, by) for name, by in _LARGE.items()}

    @property
    def pictures(self) -> np.ndarray | None:
        """Picture properties (n, P) of the readable images; None if an older result has none."""
        parts = [opened() for opened in self._parts]
        if not all(PICTURE_ARRAY in arrays for arrays in parts if "segments" in arrays):
            return None
        return self._pieces(PICTURE_ARRAY, "read")[:]

    def _pieces(self, name: str, by: str) -> Concatenated:
        return Concatenated(
            lambda part: self._parts[part]()[name],
            self._part,
            self._counts[f"{by}_first"],
            self._counts[by],
        )


def _counted(
    parts: Sequence[Callable[[], Arrays]], part: np.ndarray, row: np.ndarray
) -> tuple[Mapping[str, np.ndarray], list[str]]:
    """Return, per image, counts and first rows in its part by array, and why it was skipped."""
    names = ("segments", "thumbnail_length", "mask_pixels", "read")
    counts = {
        name: np.zeros(len(part), dtype=np.int64)
        for name in (*names, *(f"{name}_first" for name in names), "height", "width")
    }
    reasons = np.full(len(part), "", dtype=object)
    order = np.argsort(part, kind="stable")
    edges = np.searchsorted(part[order], np.arange(len(parts) + 1))
    for p, opened in enumerate(parts):
        images = order[edges[p] : edges[p + 1]]
        if not len(images):
            continue
        arrays = opened()
        reason = arrays["reason"]
        reasons[images] = reason[row[images]].tolist()
        if "segments" not in arrays:
            continue
        read = reason == ""
        rank = np.cumsum(read) - 1
        good = images[read[row[images]]]
        at = rank[row[good]]
        height, width = np.asarray(arrays["thumbnail_shape"]).T
        of_part = {
            "segments": np.asarray(arrays["segments"]),
            "thumbnail_length": np.asarray(arrays["thumbnail_length"]),
            "mask_pixels": height.astype(np.int64) * width,
            "read": np.ones(len(height), dtype=np.int64),
        }
        for name, count in of_part.items():
            counts[name][good] = count[at]
            counts[f"{name}_first"][good] = (np.cumsum(count) - count)[at]
        counts["height"][good], counts["width"][good] = height[at], width[at]
    return counts, reasons.tolist()
