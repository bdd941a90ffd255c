"""Photos and the masks of what is shown in them, at the size that a network sees."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from inficond_panel.errors import DataError
from inficond_panel.store.images import UnreadableImage, decode
from precompute.datasets import Dataset

Mask = Callable[[int], np.ndarray]


def masks_of(dataset: Dataset, folder: Path | None = None) -> Mask | None:
    """Function from an image's position to its foreground ``(height, width)``; None if unknown.

    ``folder`` holds a mask ``<image id>.png`` for each image, of its size, where what is not black
    is foreground; else the data set's own regions or boxes are taken.
    """
    if folder is None:
        return dataset.foreground
    if not folder.is_dir():
        raise DataError(f"There is no folder {folder}.", "Correct the path of the masks.")
    return lambda i: _read_mask(folder / f"{dataset.ids[i]}.png", dataset.load(i).size)


def small_photo(dataset: Dataset, i: int, size: tuple[int, int]) -> np.ndarray:
    """Image i squashed to ``size`` (width, height): ``(height, width, 3)`` uint8."""
    image = dataset.load(i)
    return np.asarray(image.resize(size, Image.Resampling.BILINEAR))


def small_mask(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A mask squashed to ``size``: a pixel is foreground where half of it is."""
    share = Image.fromarray(np.asarray(mask, dtype=np.float32)).resize(size, Image.Resampling.BOX)
    return np.asarray(share) >= 0.5


def _read_mask(path: Path, size: tuple[int, int]) -> np.ndarray:
    try:
        mask = decode(path)
    except UnreadableImage as error:
        raise DataError(
            f"The mask {path} cannot be read: {error}.", "Give each image a mask, as PNG."
        ) from error
    if mask.size != size:
        raise DataError(
            f"The mask {path} is {mask.width} × {mask.height} pixels, its image {size[0]} × "
            f"{size[1]}.",
            "Save it at the image's size.",
        )
    return np.asarray(mask).max(-1) > 0
