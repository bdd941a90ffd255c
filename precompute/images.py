"""Reading photos: whatever Pillow opens becomes an upright 8-bit RGB image; the rest is told."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm")


class UnreadableImage(Exception):  # noqa: N818 - an image is skipped for it, nothing fails
    """A photo that cannot be used, with the reason as its text."""


def decode(path: Path) -> Image.Image:
    """Image of a file, upright by its EXIF tag, RGB; of an animation the first frame.

    Transparent parts become white. Raises ``UnreadableImage`` for files that are missing,
    truncated, or no image.
    """
    try:
        with Image.open(path) as image:
            image.load()
            return to_rgb(ImageOps.exif_transpose(image))
    except UnreadableImage:
        raise
    except FileNotFoundError:
        raise UnreadableImage("no such file") from None
    except Exception as error:  # Pillow's readers raise many kinds for a damaged file
        reason = str(error).replace(str(path), path.name) or type(error).__name__
        raise UnreadableImage(reason) from error


def to_rgb(image: Image.Image) -> Image.Image:
    """8-bit RGB: 16-bit grey is scaled, alpha laid on white, CMYK and palettes converted."""
    if image.mode.startswith("I"):
        values = np.clip(np.asarray(image).astype(np.int64), 0, 65535) // 257
        return Image.fromarray(values.astype(np.uint8)).convert("RGB")
    if image.mode == "F":
        raise UnreadableImage("32-bit floating point images are not supported")
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, "white")
        return Image.alpha_composite(white, rgba).convert("RGB")
    return image.convert("RGB")


def thumbnail(image: Image.Image, size: int, quality: int) -> tuple[bytes, tuple[int, int]]:
    """JPEG bytes of the image with its longer side at most ``size``, and (height, width)."""
    small = image.copy()
    small.thumbnail((size, size), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue(), (small.height, small.width)
