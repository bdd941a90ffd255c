"""Images of a data set whose files are equal: copies, found before anything is encoded."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from inficond_panel.store.images import UnreadableImage, decode, photo_digest
from inficond_panel.store.near_images import (
    NearImages,
    contradiction_text,
    contradictions,
    joined,
    near_images,
)
from inficond_panel.store.near_scores import Pairs
from precompute.datasets.dataset import Dataset

K = TypeVar("K")
#: Bytes at the beginning of a file that are compared before the whole file is read.
_HEAD = 1 << 14


@dataclass(frozen=True)
class EqualImages:
    """Images of a data set with equal files: their groups, and the sentence on groups whose labels
    contradict each other; "" without any."""

    near: NearImages
    contradictions: str


def equal_images(dataset: Dataset) -> EqualImages:
    """Return the images with equal files; no group if the images have no files."""
    ids = dataset.ids
    group = joined([equal_files(len(ids), dataset.file)], None, len(ids))
    return EqualImages(
        near_images(group, np.array(dataset.split), ids),
        contradiction_text(contradictions(group, dataset.label, ids, dataset.classes)),
    )


def equal_files(images: int, file: Callable[[int], Path] | None) -> Pairs:
    """Return each copy's pair with the first image whose file is equal, as indices.

    Files are compared by size, then by their first bytes, and read whole only if these are equal.
    Files that are no images, such as empty ones, equal no other.
    """
    if file is None:
        return np.empty((0, 2), np.intp)
    left = [list(range(images))]
    for key_of in (_size, _head, photo_digest):
        left = [part for parts in left for part in _equal(parts, file, key_of)]
    pairs = [(part[0], i) for part in left if _is_image(file(part[0])) for i in part[1:]]
    return np.array(pairs, dtype=np.intp).reshape(-1, 2)


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
