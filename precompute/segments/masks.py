"""Segments from files: a PNG label map (mask) per image."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

from PIL import Image

from inficond_panel.store.images import UnreadableImage
from precompute.datasets import Dataset
from precompute.segments.settings import SegmentSettings

_MODES = {"1", "L", "P", "I", "I;16"}


def read_mask(folder: Path, image_id: str, size: tuple[int, int]) -> Image.Image:
    """Read the label map ``<folder>/<image_id>.png`` of an image of ``size`` (width, height).

    Raises ``UnreadableImage`` for a file that is missing, damaged, in colours, or of another size.
    """
    path = folder / f"{image_id}.png"
    try:
        with Image.open(path, formats=("PNG",)) as mask:
            if mask.mode not in _MODES:  # checked before decoding, as the size is
                fault = f"is {mask.mode}; labels are grey or palette values"
            elif mask.size != size:
                fault = f"is {mask.width} x {mask.height}, the image {size[0]} x {size[1]}"
            else:
                mask.load()
                return mask.copy()
    except FileNotFoundError:
        raise UnreadableImage(f"there is no mask {path.name} in {folder}") from None
    except Exception as error:  # Pillow's readers raise many kinds for a damaged file
        raise UnreadableImage(f"the mask {path.name} cannot be read: {error}") from error
    raise UnreadableImage(f"the mask {path.name} {fault}")


def with_masks(dataset: Dataset, settings: SegmentSettings) -> Dataset:
    """Return the data set so that images without a valid mask file are unreadable.

    The data set is unchanged if segments do not come from files.
    """
    if settings.method != "file":
        return dataset
    folder = Path(settings.masks)

    def load(i: int) -> Image.Image:
        image = dataset.load(i)
        read_mask(folder, dataset.ids[i], image.size)
        return image

    def digest(i: int) -> str:
        try:
            content = (folder / f"{dataset.ids[i]}.png").read_bytes()
        except OSError:
            content = b""
        return dataset.digest(i) + hashlib.sha256(content).hexdigest()

    return replace(dataset, load=load, digest=digest)
