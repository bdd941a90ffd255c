"""Data sets without photo files: images of an existing store, and scenes drawn from a seed.

A store has the results of encoding (segments, their embeddings, label maps, thumbnails). So other
words, another teacher and other splits need no photos. Another encoder, other segments or other
thumbnails need the photos; thumbnails cannot replace photos.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from inficond_panel.common.installation import needs
from inficond_panel.errors import DataError, Remedy
from inficond_panel.spec import ScenesDataset
from inficond_panel.spec.sections.dataset import StoreDataset
from precompute.datasets.dataset import Dataset, Encoded
from precompute.datasets.listing import Listing
from precompute.datasets.table_files import Table

if TYPE_CHECKING:
    from inficond_panel.store import Store
    from precompute.recipes.scenes import SceneSet


def store_dataset(section: StoreDataset) -> Dataset:
    """Return the data set of ``kind: store``: images, labels and splits of an existing store.
    Raises ``StoreError`` and ``DataError``."""
    from inficond_panel.store import open_store

    store = open_store(Path(section.path))
    row = {image: position for position, image in enumerate(store.images)}
    split, notes = np.array(store.split.tolist()), tuple[str, ...]()
    if section.splits:
        listing = replace(_listing(store, row), near_duplicates=section.near_duplicates)
        split_of = listing.divide(section.splits)
        split = np.array([split_of.get(image, "") for image in store.images])
        notes = tuple(listing.notes)
    rows = np.flatnonzero(split != "")
    if np.any(np.diff(store.segment_image) < 0):
        raise DataError(
            f"The segments of {store.path} are not in the order of its images.",
            "Use a store that "
            + Remedy("inficond precompute", "build(...) or inficond precompute")
            + " has written.",
        )
    encoded = Encoded(store, rows)
    return Dataset(
        ids=tuple(store.images[i] for i in rows),
        split=tuple(map(str, split[rows])),
        classes=tuple(store.classes),
        label=store.label[rows],
        load=lambda _: _no_photo(store),
        digest=lambda i: f"{encoded.digest}:{i}",
        metadata_columns=tuple(store.metadata_columns),
        metadata=_texts(store)[rows] if store.metadata_columns else None,
        notes=notes,
        encoded=encoded,
    )


def _listing(store: Store, row: dict[str, int]) -> Listing:
    def labels(ids: Sequence[str], _: Sequence[str]) -> np.ndarray:
        return store.label[[row[image] for image in ids]]

    columns = tuple(store.metadata_columns)
    values = _texts(store) if columns else np.empty((len(row), 0))
    return Listing(
        known=store.images,
        list_of=lambda name: [store.images[i] for i in store.rows(name)],
        classes=lambda _: tuple(store.classes),
        labels=labels,
        paths=None,
        metadata=Table(store.path, tuple(row), columns, values),
    )


def _texts(store: Store) -> np.ndarray:
    return np.array(store.metadata.tolist())


def _no_photo(store: Store) -> Image.Image:
    raise DataError(
        f"{store.path} holds no photos, only thumbnails.",
        "Another encoder, other segments and a teacher network need the photos: set dataset in the "
        "spec to the photos' data set, or use a teacher of kind: logits.",
    )


def check_encoder(encoded: Encoded, digest: str) -> None:
    """Raise ``DataError`` if the store's images were encoded with another encoder than the spec's.

    ``digest`` is the digest of the spec's encoder.
    """
    if encoded.store.attrs.get("encoder_digest") != digest:
        raise DataError(
            f"{encoded.store.path} was made with {encoded.store.attrs['encoder']}, which is not "
            "the encoder of the spec.",
            "Set concepts.encoder to that encoder (same files), or dataset to data with photos.",
        )


def scenes_dataset(section: ScenesDataset) -> Dataset:
    """Return the data set of ``kind: scenes``: scenes drawn from the section's seed.

    Raises ``MissingExtraError`` if the recipe (not part of the wheel) or a package that it needs is
    missing.
    """
    section.check_recipe()
    with needs("Drawing scenes", "demo"):
        from precompute.recipes.scenes import SceneSet
    scenes = SceneSet(section.seed, section.images.values(), section.size, section.shortcuts)
    return Dataset(
        ids=tuple(scenes.image_ids),
        split=tuple(scenes.split),
        classes=tuple(scenes.classes),
        label=np.asarray(scenes.labels, dtype=np.int8),
        load=scenes.image,
        digest=lambda i: hashlib.sha256(scenes.image(i).tobytes()).hexdigest(),
        foreground=lambda i: foreground(scenes, i),
        metadata_columns=scenes.metadata_columns,
        metadata=scenes.metadata,
    )


def foreground(scenes: SceneSet, i: int) -> np.ndarray:
    """Return the mask ``(height, width)`` of a scene's objects that belong to a class."""
    scene, placements = scenes.regions(i), scenes.plan(i).placements
    pairs = zip(scene.placement, placements, strict=True)
    return np.isin(scene.labels, [label for label, placed in pairs if placed.thing.label])
