"""Pictures as data URIs, which need no route, made off the event loop when the browser asks."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterable
from functools import lru_cache
from itertools import count
from typing import TYPE_CHECKING, Any

from PIL import Image

from inficond_panel.analysis.images.photos import load_photo
from inficond_panel.state import Job

if TYPE_CHECKING:
    from panel.custom import JSComponent

    from inficond_panel.state import AppState
    from inficond_panel.store import Store

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


def send_photo(app: AppState, component: JSComponent, row: int) -> None:
    """Send ``{photo: {row, source, width, height}}``; without a source where there is no photo.

    Found and read on the session's worker; the newest question is the one that is answered.
    """

    def work(_: Job) -> dict[str, Any]:
        photo = load_photo(app.spec, app.store, row)
        if photo is None:
            return {"row": row}
        size = {"width": photo.width, "height": photo.height}
        return {"row": row, "source": data_uri(photo.jpeg), **size}

    def done(photo: dict[str, Any]) -> None:
        component._send_msg({"photo": photo})

    app.jobs.submit(Job("photo", work, done, app.tuning.tell))
