"""Read image files as upright 8-bit RGB images; raise ``UnreadableImage`` for all others."""

from __future__ import annotations

import hashlib
import io
import math
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

#: Formats that are read. Pillow's other readers are never used: some of them start programs.
_READ = ("JPEG", "MPO", "PNG", "WEBP", "AVIF", "GIF", "BMP", "TIFF", "PPM", "JPEG2000")
#: Suffixes of image files in a folder. HEIC files are listed too, and reported as unreadable.
SUFFIXES = (
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".avif", ".gif", ".bmp", ".tif", ".tiff",
    ".ppm", ".pgm", ".pbm", ".jp2", ".heic", ".heif",
)  # fmt: skip
#: Most pixels of an image, twice Pillow's limit for its warning of decompression bombs.
MOST_PIXELS = 2 * (1024 * 1024 * 1024 // 4 // 3)
#: Most scans of a progressive JPEG; ten are usual. A scan can be as small as twelve bytes, and
#: takes a pass over all pixels.
MOST_SCANS = 100
#: An image is reduced by a whole factor as long as this many pixels are left.
DETAIL = 1024 * 1024

_HEIC = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")


class UnreadableImage(Exception):  # noqa: N818 - an image is skipped for it, nothing fails
    """Error of a photo that cannot be used; its text is the reason."""


@cache
def _formats() -> tuple[str, ...]:
    Image.init()  # loads all readers
    return tuple(name for name in _READ if name in Image.OPEN)


def decode(source: Path | bytes) -> Image.Image:
    """Return the image of a file, or of a file's bytes, in RGB and rotated by its EXIF tag.

    Only the first page is read. Transparent parts become white. Colour profiles are ignored, as in
    the training of encoders. An image of 4 × ``DETAIL`` pixels or more is reduced by a whole
    factor, JPEG while it is decoded. Raises ``UnreadableImage`` for files that are missing,
    truncated, too large, or no image.
    """
    try:
        with Image.open(_file(source), formats=_formats()) as image:
            return _decoded(image)
    except UnreadableImage:
        raise
    except FileNotFoundError:
        raise UnreadableImage("no such file") from None
    except UnidentifiedImageError:
        raise UnreadableImage(_unidentified(source)) from None
    except Image.DecompressionBombError:
        raise UnreadableImage(f"more than {MOST_PIXELS:,} pixels") from None
    except Exception as error:  # Pillow's readers raise many kinds for a damaged file
        reason = str(error) or type(error).__name__
        if isinstance(source, Path):
            reason = reason.replace(str(source), source.name)
        raise UnreadableImage(" ".join(reason.split())[:200]) from error


def photo_digest(path: Path) -> str:
    """Return the SHA-256 of a photo's file; the text "unreadable" if the file cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return "unreadable"


def _file(source: Path | bytes) -> Path | io.BytesIO:
    """Return the path ``source``, or the bytes ``source`` as a stream; raise ``UnreadableImage``
    for a pipe, which would block."""
    if isinstance(source, bytes):
        return io.BytesIO(source)
    if source.exists() and not source.is_file():
        raise UnreadableImage("not a file")
    return source


def _decoded(image: Image.Image) -> Image.Image:
    if image.width * image.height > MOST_PIXELS:
        raise UnreadableImage(f"more than {MOST_PIXELS:,} pixels")
    if image.format in ("JPEG", "MPO") and _scans(image) > MOST_SCANS:
        raise UnreadableImage(f"more than {MOST_SCANS} scans")
    factor = _factor(image)
    if factor > 1:  # decodes at 1/2, 1/4 or 1/8 where the format can (JPEG), else does nothing
        image.draft(None, (image.width // factor, image.height // factor))
    image.load()
    # Reduce before converting to RGB, which takes memory; palettes and key colours have no mean.
    if image.mode in ("L", "LA", "RGB", "RGBA", "CMYK") and "transparency" not in image.info:
        image = _reduced(image)
    if image.format == "PPM" and image.mode == "I":  # scaled to 16 bits by Pillow
        image = image.convert("I;16")
    return _reduced(to_rgb(ImageOps.exif_transpose(image)))


def _scans(image: Image.Image) -> int:
    """Return the number of scans of a JPEG before decoding, including scans of its previews."""
    file = image.fp  # type: ignore[attr-defined]
    position = file.tell()
    file.seek(0)
    count: int = file.read().count(b"\xff\xda")
    file.seek(position)
    return count


def _reduced(image: Image.Image) -> Image.Image:
    """Return the image reduced by the whole number ``_factor``, with its EXIF orientation."""
    factor = _factor(image)
    if factor == 1:
        return image
    small = image.reduce(factor)
    small.info.update(image.info)
    small.getexif().update(image.getexif())
    return small


def _factor(image: Image.Image) -> int:
    """Return the largest whole factor that leaves ``DETAIL`` pixels, and 1 pixel per side."""
    factor = math.isqrt(image.width * image.height // DETAIL)
    return max(1, min(factor, image.width, image.height))


def _unidentified(source: Path | bytes) -> str:
    with io.BytesIO(source) if isinstance(source, bytes) else source.open("rb") as file:
        start = file.read(16)
    if not start:
        return "the file is empty"
    if start[4:8] == b"ftyp" and start[8:12] in _HEIC:
        return "HEIC is not supported; convert it to JPEG"
    return f"not an image of a known format (it starts with {start[:8]!r})"


def to_rgb(image: Image.Image) -> Image.Image:
    """Convert to 8-bit RGB: scale 16-bit grey, put alpha on white, convert CMYK and palettes."""
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) // 257).astype(np.uint8)).convert("RGB")
    if image.mode in ("I", "F"):  # whose white may be 1, 255, 65535 or anything else
        kind = "integers of more than 16 bits" if image.mode == "I" else "floating point images"
        raise UnreadableImage(f"{kind} are not supported; save as PNG")
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, "white")
        return Image.alpha_composite(white, rgba).convert("RGB")
    return image.convert("RGB")


def thumbnail(image: Image.Image, size: int, quality: int) -> tuple[bytes, tuple[int, int]]:
    """Return a JPEG of the image, reduced to at most ``size`` pixels on its longer side, and the
    JPEG's (height, width)."""
    small = image.copy()
    small.thumbnail((size, size), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue(), (small.height, small.width)
