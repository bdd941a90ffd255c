"""Read image files as upright 8-bit RGB images; raise ``UnreadableImage`` for all others."""

from __future__ import annotations

import hashlib
import io
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from inficond_panel.store.dicom import dicom_image, is_dicom
from inficond_panel.store.grey_levels import Grey, Window, window_of, windowed

#: Formats that are read. Pillow's other readers are never used: some of them start programs.
_READ = ("JPEG", "MPO", "PNG", "WEBP", "AVIF", "GIF", "BMP", "TIFF", "PPM", "JPEG2000")
#: Suffixes of image files in a folder. HEIC files are listed too, and reported as unreadable.
SUFFIXES = (
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".avif", ".gif", ".bmp", ".tif", ".tiff",
    ".ppm", ".pgm", ".pbm", ".jp2", ".heic", ".heif", ".dcm", ".dicom",
)  # fmt: skip
#: Most pixels of an image, twice Pillow's limit for its warning of decompression bombs.
MOST_PIXELS = 2 * (1024 * 1024 * 1024 // 4 // 3)
#: Bytes per pixel that decoding takes, measured, where it is more than six; an image of such a
#: format may have as many pixels fewer.
_BYTES = {"WEBP": 16, "AVIF": 9}
#: Longest side of an image, in pixels; JPEG's own limit. A longer strip could not be reduced.
MOST_SIDE = 65_535
#: Most pixels of a JPEG2000 image that is decoded whole, which takes 20 bytes per pixel.
_MOST_WHOLE = MOST_PIXELS // 6
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


def decode(source: Path | bytes, grey: Grey = None) -> Image.Image:
    """Return the image of a file, or of a file's bytes, in RGB and rotated by its EXIF tag.
    ``grey`` says how levels of more than 8 bits are shown.

    Only the first page is read. Transparent parts become white. Colour profiles are ignored, as in
    the training of encoders. An image of 4 × ``DETAIL`` pixels or more is reduced by a whole
    factor, JPEG and large JPEG2000 while they are decoded. Raises ``UnreadableImage`` for files
    that are missing, truncated, too large, or no image.
    """
    try:
        with _opened(source, grey) as image:
            return _decoded(image, grey)
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


@dataclass(frozen=True)
class TakenAt:
    """Camera (make, model and serial number) and time, in seconds, of a photo by its EXIF data."""

    camera: str
    seconds: float


def taken_at(path: Path) -> TakenAt | None:
    """Return when and by which camera a photo was taken; None if its file does not say."""
    try:
        with Image.open(_file(path), formats=_formats()) as image:
            exif = image.getexif()
            details = exif.get_ifd(ExifTags.IFD.Exif)
            when = str(details[ExifTags.Base.DateTimeOriginal])
            seconds = datetime.strptime(when, "%Y:%m:%d %H:%M:%S").timestamp()
            tags = (ExifTags.Base.Make, ExifTags.Base.Model)
            names = [exif[tag] for tag in tags]
    except Exception:  # Pillow's readers raise many kinds; EXIF data are often damaged
        return None
    return TakenAt(
        " ".join([*names, str(details.get(ExifTags.Base.BodySerialNumber, ""))]), seconds
    )


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


def _opened(source: Path | bytes, grey: Grey) -> Image.Image:
    """Return an image of a file in one of the formats that Pillow reads, or in DICOM."""
    file = _file(source)
    try:
        return Image.open(file, formats=_formats())
    except UnidentifiedImageError:
        if isinstance(file, Path) and is_dicom(file):
            return dicom_image(file, grey, _check_size)
        raise


def _decoded(image: Image.Image, grey: Grey) -> Image.Image:
    _check_size(*image.size, MOST_PIXELS * 6 // _BYTES.get(image.format or "", 6))
    if image.format == "TIFF":
        tags: Any = image.tag_v2  # type: ignore[attr-defined]
        _check_size(*(_number(tags.get(tag)) for tag in _TILE))
    if image.format in ("JPEG", "MPO") and _scans(image) > MOST_SCANS:
        raise UnreadableImage(f"more than {MOST_SCANS} scans")
    factor = _factor(image)
    if factor > 1:  # decodes at 1/2, 1/4 or 1/8 where the format can (JPEG), else does nothing
        image.draft(None, (image.width // factor, image.height // factor))
    if image.format == "JPEG2000" and image.width * image.height > _MOST_WHOLE:
        image.reduce = factor.bit_length() - 1  # type: ignore[method-assign, assignment]
    image.load()
    return ImageOps.exif_transpose(_small_rgb(image, _window(image, grey)))


def _window(image: Image.Image, grey: Grey) -> Window | None:
    """Return the levels of an image that become black and white, None for the usual ones."""
    return window_of(np.asarray(image), grey) if is_deep(image) else None


def is_deep(image: Image.Image) -> bool:
    """Return True for one channel of more than 8 bits per pixel."""
    return image.mode.startswith("I;16") or image.mode in ("I", "F")


#: Tags of the width and height of the tiles of a TIFF file, which are decoded whole.
_TILE = (322, 323)


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0


def _check_size(width: int, height: int, most: int = MOST_PIXELS) -> None:
    """Raise ``UnreadableImage`` for an image, or a part of one, that takes too much memory."""
    if width * height > most:
        raise UnreadableImage(f"more than {most:,} pixels")
    if max(width, height) > MOST_SIDE:
        raise UnreadableImage(f"more than {MOST_SIDE:,} pixels on a side")


def _scans(image: Image.Image) -> int:
    """Return the number of scans of a JPEG before decoding, including scans of its previews."""
    file = image.fp  # type: ignore[attr-defined]
    position = file.tell()
    file.seek(0)
    count: int = file.read().count(b"\xff\xda")
    file.seek(position)
    return count


def _small_rgb(image: Image.Image, window: Window | None) -> Image.Image:
    """Return the image in RGB, reduced by the whole number ``_factor``, with its EXIF orientation.

    Strips of ``DETAIL`` pixels are converted one after the other, since a whole copy in RGB could
    take much more memory than the image."""
    factor = _factor(image)
    small = Image.new("RGB", (-(-image.width // factor), -(-image.height // factor)))
    rows = factor * max(1, DETAIL // (image.width * factor))
    for top in range(0, image.height, rows):
        strip = image.crop((0, top, image.width, min(image.height, top + rows)))
        if image.format == "PPM" and image.mode == "I":  # scaled to 16 bits by Pillow
            strip = strip.convert("I;16")
        small.paste(_reduced_rgb(strip, factor, window), (0, top // factor))
    small.info.update({key: image.info[key] for key in _ORIENTED if key in image.info})
    small.getexif().update(image.getexif())
    return small


#: Entries that may hold the orientation, as ``ImageOps.exif_transpose`` looks for it.
_ORIENTED = ("exif", "Raw profile type exif", "XML:com.adobe.xmp", "xmp")


def _reduced_rgb(image: Image.Image, factor: int, window: Window | None) -> Image.Image:
    """Return an image in RGB, reduced by ``factor``. Palettes and key colours have no mean, so such
    images are converted first."""
    if image.mode in ("L", "LA", "RGB", "RGBA", "CMYK") and "transparency" not in image.info:
        return to_rgb(image.reduce(factor))
    return to_rgb(image, window).reduce(factor)


def _factor(image: Image.Image) -> int:
    """Return the largest whole factor that leaves ``DETAIL`` pixels."""
    return max(1, math.isqrt(image.width * image.height // DETAIL))


def _unidentified(source: Path | bytes) -> str:
    with io.BytesIO(source) if isinstance(source, bytes) else source.open("rb") as file:
        start = file.read(16)
    if not start:
        return "the file is empty"
    if start[4:8] == b"ftyp" and start[8:12] in _HEIC:
        return "HEIC is not supported; convert it to JPEG"
    return f"not an image of a known format (it starts with {start[:8]!r})"


def to_rgb(image: Image.Image, window: Window | None = None) -> Image.Image:
    """Convert to 8-bit RGB: scale 16-bit grey, put alpha on white, convert CMYK and palettes. The
    levels ``window`` of a grey image of more than 8 bits become black and white."""
    if window is not None and is_deep(image):
        return windowed(np.asarray(image), window).convert("RGB")
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) // 257).astype(np.uint8)).convert("RGB")
    if image.mode in ("I", "F"):  # whose white may be 1, 255, 65535 or anything else
        kind = "integers of more than 16 bits" if image.mode == "I" else "floating point images"
        raise UnreadableImage(f"{kind} need dataset.grey in the spec, or save them as PNG")
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, "white")
        return Image.alpha_composite(white, rgba).convert("RGB")
    return image.convert("RGB")


def highest_level(path: Path) -> int | None:
    """Return the highest level of a 16-bit grey image file; None for other or unreadable files."""
    try:
        with Image.open(_file(path), formats=_formats()) as image:
            _check_size(*image.size)
            return int(np.asarray(image).max()) if image.mode.startswith("I;16") else None
    except Exception:  # Pillow's readers raise many kinds; loading the photo reports the fault
        return None


def thumbnail(
    image: Image.Image, size: int, quality: int, subsampling: int = -1
) -> tuple[bytes, tuple[int, int]]:
    """Return a JPEG of the image, reduced to at most ``size`` pixels on its longer side, and the
    JPEG's (height, width). ``subsampling`` is Pillow's: 0 keeps colours at full size."""
    small = image.copy()
    small.thumbnail((size, size), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=quality, subsampling=subsampling)
    return buffer.getvalue(), (small.height, small.width)


def thumbnail_arrays(
    files: Mapping[str, Any], size: int, quality: int
) -> tuple[dict[str, np.ndarray], list[str]]:
    """Return the store's arrays of thumbnails of photos, which are paths by image id, and a
    message per unreadable photo; such a photo has no place in the arrays."""
    jpegs, shapes, wrong = [], [], []
    for image, file in files.items():
        try:
            jpeg, shape = thumbnail(decode(Path(file)), size, quality)
            jpegs.append(jpeg)
            shapes.append(shape)
        except (UnreadableImage, TypeError) as error:
            wrong.append(f"the photo of {image!r} cannot be read: {file}: {error}")
    return {
        "thumbnail": np.frombuffer(b"".join(jpegs), np.uint8),
        "thumbnail_offset": np.cumsum([0, *map(len, jpegs)], dtype=np.int64),
        "thumbnail_shape": np.array(shapes, dtype=np.int32),
    }, wrong
