"""Foreground of images: masks of the classes' objects."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from inficond_panel.errors import DataError
from inficond_panel.store.images import UnreadableImage, decode
from precompute.datasets.dataset import Dataset

MaskOfImage = Callable[[int], np.ndarray]


def masks_of(dataset: Dataset, folder: Path | None = None) -> MaskOfImage | None:
    """Return a function from an image's position to its foreground ``(height, width)``, or None.

    ``folder`` holds a mask ``<image id>.png`` of the image's size for each image; every pixel that
    is not black is foreground. Without ``folder`` the data set's regions or boxes are used.
    """
    if folder is None:
        return dataset.foreground
    if not folder.is_dir():
        raise DataError(f"There is no folder {folder}.", "Correct the path of the masks.")
    return lambda i: _read_mask(folder / f"{dataset.ids[i]}.png", dataset.load(i).size)


def small_mask(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize a mask to ``size``; a pixel is foreground if at least half of its area is."""
    share = Image.fromarray(np.asarray(mask, dtype=np.float32)).resize(size, Image.Resampling.BOX)
    return np.asarray(share) >= 0.5


def _read_mask(path: Path, size: tuple[int, int]) -> np.ndarray:
    try:
        mask = decode(path)
    except UnreadableImage as error:
        raise DataError(
            f"The mask {path} cannot be read: {error}.", "Save a mask per image, as PNG."
        ) from error
    if mask.size != size:
        raise DataError(
            f"The mask {path} is {mask.width} × {mask.height} pixels, its image {size[0]} × "
            f"{size[1]}.",
            "Save the mask at the image's size.",
        )
    return np.asarray(mask).max(-1) > 0
