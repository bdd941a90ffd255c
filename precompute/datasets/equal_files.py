"""Images of a data set whose files are equal: copies, found before anything is encoded."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from inficond_panel.store.images import UnreadableImage, decode, photo_digest
from inficond_panel.store.near_images import (
    NearImages,
    contradiction_text,
    contradictions,
    joined,
    near_images,
)
from precompute.datasets.dataset import Dataset

K = TypeVar("K")
#: Bytes at the beginning of a file that are compared before the whole file is read.
_HEAD = 1 << 14


def equal_images(dataset: Dataset) -> NearImages:
    """Return the groups of images with equal files; none if the images have no files."""
    group = equal_groups(len(dataset.ids), dataset.file)
    return near_images(group, np.array(dataset.split), dataset.ids)


def contradiction_note(dataset: Dataset) -> str:
    """Return the sentence on images with equal files and other labels; "" without any."""
    group = equal_groups(len(dataset.ids), dataset.file)
    return contradiction_text(contradictions(group, dataset.label, dataset.ids, dataset.classes))


def equal_groups(images: int, file: Callable[[int], Path] | None) -> NDArray[np.int32]:
    """Return the group of each image: the index of the first image whose file is equal.

    Files are compared by size, then by their first bytes, and read whole only if these are equal.
    Files that are no images, such as empty ones, equal no other.
    """
    keys = [""] * images
    if file is not None:
        left = [list(range(images))]
        for key_of in (_size, _head, photo_digest):
            left = [part for parts in left for part in _equal(parts, file, key_of)]
        for part in left:
            if _is_image(file(part[0])):
                for i in part:
                    keys[i] = str(part[0])
    return joined([], keys, images)


def _equal(
    images: Iterable[int], file: Callable[[int], Path], key_of: Callable[[Path], K]
) -> list[list[int]]:
    """Return the images of equal keys, for keys that several images have."""
    found: dict[K, list[int]] = {}
    for i in images:
        try:
            found.setdefault(key_of(file(i)), []).append(i)
        except OSError:
            continue
    return [part for part in found.values() if len(part) > 1]


def _is_image(path: Path) -> bool:
    try:
        decode(path)
    except UnreadableImage:
        return False
    return True


def _size(path: Path) -> int:
    return os.path.getsize(path)  # noqa: PTH202 - of many files


def _head(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.sha256(stream.read(_HEAD)).hexdigest()
