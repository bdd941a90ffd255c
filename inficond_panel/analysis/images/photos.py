"""Photos that a store was made from, if they are still at the paths of the spec."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from inficond_panel.spec import Spec
from inficond_panel.store import Store
from inficond_panel.store.images import SUFFIXES, UnreadableImage, decode

LONGEST = 1600  #: pixels of the longer side of a photo that is sent
#: Mean difference of a pixel from that of the thumbnail, of 255, up to which it is the same photo.
ALIKE = 16.0


@dataclass(frozen=True)
class Photo:
    """JPEG bytes of a photo, and its size in pixels."""

    jpeg: bytes
    width: int
    height: int


def find_photo(folders: Iterable[Path], image: str) -> Path | None:
    """The file called after an image; None if there is none, or it is a link out of its folder."""
    suffixes = ["", *SUFFIXES, *(suffix.upper() for suffix in SUFFIXES)]
    for folder in folders:
        for suffix in suffixes:
            file = folder / f"{image}{suffix}"
            try:
                if file.is_file() and file.resolve().is_relative_to(folder.resolve()):
                    return file
            except OSError:  # no name that a file can have
                return None
    return None


def load_photo(spec: Spec, store: Store, row: int) -> Photo | None:
    """The photo of the image at position ``row``, at most ``LONGEST`` wide and high.

    None where it is not found, cannot be read, or does not show what the thumbnail shows.
    """
    folders = spec.dataset.photo_folders() if spec.dataset else ()
    file = find_photo(folders, store.images[row])
    if file is None or not store.holds("photos"):
        return None
    try:
        photo = decode(file)
    except UnreadableImage:
        return None
    if not _alike(photo, store.picture(row)):
        return None
    photo.thumbnail((LONGEST, LONGEST), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    photo.save(buffer, "JPEG", quality=88)
    return Photo(buffer.getvalue(), *photo.size)


def _alike(photo: Image.Image, small: Image.Image) -> bool:
    """True if a thumbnail is one of this photo: of its shape, and about its pixels."""
    if abs(photo.width * small.height - photo.height * small.width) > max(photo.size):
        return False
    pixels = np.asarray(photo.resize(small.size, Image.Resampling.LANCZOS), float)
    return bool(np.abs(pixels - np.asarray(small, float)).mean() <= ALIKE)
