"""Places of objects in files of COCO: the boxes of each image, read when first asked for."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from precompute.datasets.coco_file import entries, fault, load_document
from precompute.datasets.files import without_suffix

_MOST_PIXELS = 2**28


@dataclass(frozen=True)
class Boxes:
    """Boxes of one file: ``size`` (width, height) of each image, and (class, x, y, width, height)
    of its objects, in pixels from 0."""

    path: Path
    size: dict[str, tuple[int, int]]
    of: dict[str, list[tuple[str, float, float, float, float]]]

    def mask(self, image: str, classes: Collection[str]) -> np.ndarray:
        """Mask ``(height, width)`` of an image: the union of the boxes of ``classes``.

        A pixel is inside where a part of it is in a box.
        """
        width, height = self.size[image]
        mask = np.zeros((height, width), dtype=bool)
        for name, x, y, wide, high in self.of.get(image, []):
            if name in classes and wide > 0 and high > 0:
                left, top = max(math.floor(x), 0), max(math.floor(y), 0)
                right, bottom = max(math.ceil(x + wide), 0), max(math.ceil(y + high), 0)
                mask[top:bottom, left:right] = True
        return mask


@lru_cache(maxsize=4)
def boxes_of(path: Path, by_number: bool) -> Boxes:
    """Boxes of a file whose labels have been read; images are named as there.

    Raises ``DataError`` for an image without a size and for a box that is none.
    """
    document = load_document(path, frozenset({"bbox", "width", "height"}))
    names = {c["id"]: str(c["name"]).strip() for c in entries(path, document, "categories", ["id"])}
    size: dict[str, tuple[int, int]] = {}
    image_of: dict[Any, str] = {}
    for image in entries(path, document, "images", ["id", "width", "height"]):
        name = str(image["id"]) if by_number else without_suffix(str(image["file_name"]))
        wide, high = image["width"], image["height"]
        if not (isinstance(wide, int) and isinstance(high, int) and 0 < wide * high < _MOST_PIXELS):
            raise fault(path, f"the image {name!r} has no size: width {wide!r}, height {high!r}")
        size[name], image_of[image["id"]] = (wide, high), name
    of: dict[str, list[tuple[str, float, float, float, float]]] = {}
    for annotation in entries(path, document, "annotations", ["image_id", "category_id"]):
        shown, box = image_of[annotation["image_id"]], annotation.get("bbox")
        if not isinstance(box, list) or not _is_box(box):
            raise fault(path, f"an object of the image {shown!r} has no box (bbox): {box!r}")
        x, y, wide, high = map(float, box)
        of.setdefault(shown, []).append((names[annotation["category_id"]], x, y, wide, high))
    return Boxes(path, size, of)


def _is_box(box: list[Any]) -> bool:
    return len(box) == 4 and all(isinstance(v, int | float) and math.isfinite(v) for v in box)
