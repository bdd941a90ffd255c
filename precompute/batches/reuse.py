"""Reuse of what an earlier store holds and this run needs as well.

A store's attribute ``stages`` records what made it. A stage of the same key is taken from it, and
of the photos the batches that are the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from inficond_panel.common.sliced import Sliced
from inficond_panel.errors import StoreError
from inficond_panel.store import Store, open_store
from inficond_panel.store.added_arrays import Stored
from inficond_panel.store.hashing import array_hash
from precompute.batches.batch_keys import batches_of, photo_keys
from precompute.batches.stages import Finished, save
from precompute.datasets import Encoded

_NONE: Mapping[str, Any] = {}


def stores_near(path: Path) -> Iterator[Store]:
    """The store at ``path``, then the others (``*.zarr``) of its folder, that can be opened."""
    for place in (path, *sorted(other for other in path.parent.glob("*.zarr") if other != path)):
        try:
            yield open_store(place)
        except StoreError:
            continue


def stage_of(store: Store | None, name: str) -> Mapping[str, Any]:
    """Record that a store has of one of its stages; empty where it has none."""
    stages = store.attrs.get("stages") if store else None
    stage = stages.get(name) if isinstance(stages, dict) else None
    return stage if isinstance(stage, dict) and "inputs" in stage else _NONE


def keys_in(store: Store) -> list[str] | None:
    """Keys of the photos that a store was made of, those that were skipped last; None if unknown.

    Raises ``StoreError`` where the store is damaged.
    """
    if not store.has("image_digest"):
        return None
    skipped = stage_of(store, "segments").get("skipped", [])
    ids = [*store.images, *(image for image, _, _ in skipped)]
    digests = [*map(str, store.image_digest), *(digest for _, _, digest in skipped)]
    return photo_keys(ids, digests)


def batches_in(store: Store, encoding: str) -> set[tuple[str, ...]]:
    """Batches of photos that a store holds, of the encoding with the key ``encoding``."""
    stage = stage_of(store, "segments")
    if stage.get("encoding") != encoding:
        return set()
    try:
        keys = keys_in(store)
    except StoreError:
        return set()
    return set(batches_of(keys, int(stage["inputs"]["batch"]))) if keys else set()


def take_photos(store: Store, finished: Finished) -> list[str] | None:
    """Put what a store holds of its photos into a folder, as if it were one batch.

    Returns the keys of these photos; None where the store is damaged. Large arrays are copied a
    part at a time.
    """
    try:
        keys = keys_in(store)
        if keys is None:
            return None
        if not finished.has("taken", store.content_hash):
            with finished.writing("taken", store.content_hash) as folder:
                skipped = stage_of(store, "segments").get("skipped", [])
                _copy(store, folder, [why for _, why, _ in skipped])
    except StoreError:
        return None
    return keys


def copy_given(given: Encoded, keys: list[str], finished: Finished) -> tuple[list[str], str]:
    """Put the images of ``datasets.Encoded`` into a folder; return the keys of its rows, and its
    own.

    ``keys`` are the data set's images'. Raises ``StoreError`` where the store is damaged.
    """
    store = given.store
    if not finished.has("given", store.content_hash):
        with finished.writing("given", store.content_hash) as folder:
            _copy(store, folder, [])
    of_row = [""] * len(store.images)
    for key, row in zip(keys, given.rows, strict=True):
        of_row[int(row)] = key
    return of_row, store.content_hash


def _copy(store: Store, folder: Path, skipped: Sequence[str]) -> None:
    """Write what a store holds of its images as one batch's arrays; ``skipped`` are reasons."""
    arrays: dict[str, Sliced] = {
        "reason": np.array([""] * len(store.images) + list(skipped)),
        "segments": np.bincount(store.segment_image, minlength=len(store.images)),
        "box": store.segment_box,
        "thumbnail_length": np.diff(store.thumbnail_offset),
        "thumbnail_shape": store.thumbnail_shape,
        "embedding": Stored(store, "segment_embedding"),
        "mask": Stored(store, "mask"),
        "thumbnail": Stored(store, "thumbnail"),
    }
    for name, values in arrays.items():
        save(folder / f"{name}.npy", values)
        if isinstance(values, Stored):
            copied = np.load(folder / f"{name}.npy", mmap_mode="r" if len(values) else None)
            if array_hash(copied) != store.attrs["variable_hashes"][values.name]:
                raise StoreError(f"{store.path} is damaged, or changed while it was read.")
