"""Photos, thumbnails and patches as data URIs, made off the event loop when the browser asks.

A store's photos are found at the paths of the spec, if they are still there.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from inficond_panel.spec import Spec
from inficond_panel.state import Job
from inficond_panel.store import Store
from inficond_panel.store.images import SUFFIXES, UnreadableImage, decode

if TYPE_CHECKING:
    from panel.custom import JSComponent

    from inficond_panel.state import AppState
    from inficond_panel.store import Store


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


_REQUESTS = count()

#: Longest side of a patch in pixels: twice what a row shows.
PATCH_SIZE = 112
#: Of an image in a gallery of a page without a server, which holds many.
TILE_SIZE = 128


def data_uri(content: bytes, kind: str = "jpeg") -> str:
    """A JPEG, or a picture of another ``kind``, as the ``src`` of an image."""
    return f"data:image/{kind};base64," + base64.b64encode(content).decode("ascii")


@lru_cache(maxsize=8192)
def patch_uri(store: Store, segment: int) -> str:
    """The patch of a segment, scaled down to at most ``PATCH_SIZE``.

    As WebP, since a click on a class sends fifty: a JPEG's tables alone are 600 bytes.
    """
    image = Image.open(io.BytesIO(store.patch(segment, quality=95)), formats=("JPEG",))
    image.thumbnail((PATCH_SIZE, PATCH_SIZE))
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=80)
    return data_uri(buffer.getvalue(), "webp")


def thumbnail_uri(store: Store, row: int) -> str:
    """The thumbnail of an image; empty without photos in the store."""
    return data_uri(store.thumbnail(row)) if store.holds("photos") else ""


@lru_cache(maxsize=2048)
def tile_uri(store: Store, row: int) -> str:
    """The thumbnail of an image, scaled down to at most ``TILE_SIZE``; empty without photos."""
    return data_uri(_small(store.thumbnail(row))) if store.holds("photos") else ""


def _small(jpeg: bytes) -> bytes:
    image = Image.open(io.BytesIO(jpeg), formats=("JPEG",))
    if max(image.size) <= TILE_SIZE:
        return jpeg
    image.thumbnail((TILE_SIZE, TILE_SIZE))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=80)
    return buffer.getvalue()


def send_pictures(
    app: AppState,
    component: JSComponent,
    keys: Iterable[int],
    make: Callable[[int], Any],
    **message: Any,
) -> None:
    """Make a picture for each key on the session's worker; send ``message`` with ``pictures``."""
    wanted = list(keys)

    def work(job: Job) -> dict[str, Any]:
        return {str(key): make(key) for key in wanted if not job.cancelled()}

    def done(pictures: dict[str, Any]) -> None:
        component._send_msg({**message, "pictures": pictures})

    # A key of its own: no request takes the place of another.
    app.jobs.submit(Job(f"pictures {next(_REQUESTS)}", work, done, app.tuning.tell))


def send_photo(app: AppState, component: JSComponent, row: int, *, or_small: bool = False) -> None:
    """Send ``{photo: {row, source, width, height}}``; without a source where there is no photo.

    With ``or_small`` the thumbnail stands in for a photo that is not there. Found and read on the
    session's worker; the newest question is the one that is answered.
    """

    def work(_: Job) -> dict[str, Any]:
        photo = load_photo(app.spec, app.store, row)
        if photo is None:
            return (
                {"row": row, "source": thumbnail_uri(app.store, row)} if or_small else {"row": row}
            )
        size = {"width": photo.width, "height": photo.height}
        return {"row": row, "source": data_uri(photo.jpeg), **size}

    def done(photo: dict[str, Any]) -> None:
        component._send_msg({"photo": photo})

    app.jobs.submit(Job("photo", work, done, app.tuning.tell))
