"""Data set of labelled images, read from photos or from the encoding of a store."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from PIL import Image

from inficond_panel.store.images import UnreadableImage
from inficond_panel.vocabulary.tasks import TASKS

if TYPE_CHECKING:
    from inficond_panel.store import Store


P = TypeVar("P")


V = TypeVar("V")


#: The store's arrays that come from encoding.
ENCODED = (
    "segment_image", "segment_embedding", "segment_box", "mask", "thumbnail", "thumbnail_shape",
)  # fmt: skip


@dataclass(frozen=True)
class Encoded:
    """Images whose encoding a store holds; ``rows`` are their rows in ``store``, ascending."""

    store: Store
    rows: np.ndarray

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the store's encoded arrays and of the images' rows."""
        hashes = [self.store.attrs["variable_hashes"][name] for name in ENCODED]
        return hashlib.sha256(repr([hashes, self.rows.tolist()]).encode()).hexdigest()


@dataclass(frozen=True)
class Dataset:
    """Images of all splits, in a fixed order, with their labels.

    ``label`` is ``(image, class)`` int8: 1 present, 0 absent, -1 ignored. ``load(i)`` returns image
    i as RGB or raises ``UnreadableImage``; ``digest(i)`` identifies its content. ``metadata`` holds
    texts (image, column), ``metadata_columns`` the columns' names. ``notes`` are lines to print.
    With ``encoded`` there are no photos, and ``load`` raises ``DataError``. ``foreground(i)``
    returns the mask ``(height, width)`` of the classes' objects in image i; ``foreground`` is None
    if unknown. With ``task`` "single_label" an image has exactly one class, or its label is
    unknown. ``function``: name and file's hash of the Python function that supplied the images.
    ``group`` (image,) are the texts of the column ``dataset.near_duplicates``, None without;
    ``file(i)`` is the path of image i; ``file`` is None if images have no files. ``captions`` are
    texts, one per image; None without ``dataset.captions``.
    """

    ids: tuple[str, ...]
    split: tuple[str, ...]
    classes: tuple[str, ...]
    label: np.ndarray
    load: Callable[[int], Image.Image]
    digest: Callable[[int], str]
    metadata_columns: tuple[str, ...] = ()
    metadata: np.ndarray | None = None
    notes: tuple[str, ...] = ()
    encoded: Encoded | None = None
    foreground: Callable[[int], np.ndarray] | None = None
    task: str = TASKS[0]
    function: tuple[str, ...] = ()
    group: tuple[str, ...] | None = None
    file: Callable[[int], Path] | None = None
    captions: tuple[str, ...] | None = None


def readable(load: Callable[[P], V], photos: Iterable[P]) -> tuple[list[V], list[str]]:
    """Return the values of ``load`` for the readable photos, and per photo the reason why it cannot
    be read, "" if it can."""
    values, faults = [], []
    for photo in photos:
        try:
            values.append(load(photo))
            faults.append("")
        except UnreadableImage as fault:
            faults.append(str(fault) or "unreadable")
    return values, faults


def small_photo(dataset: Dataset, i: int, size: tuple[int, int]) -> np.ndarray:
    """Return image i resized to ``size`` (width, height), as ``(height, width, 3)`` uint8."""
    image = dataset.load(i)
    return np.asarray(image.resize(size, Image.Resampling.BILINEAR))
