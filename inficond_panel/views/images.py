"""Pictures as data URIs: they need no route, so they show in a notebook and in a saved page too."""

from __future__ import annotations

import base64
import io
from functools import lru_cache
from typing import TYPE_CHECKING

from PIL import Image

if TYPE_CHECKING:
    from inficond_panel.state import Store

#: Longest side of a patch in pixels: twice what a row shows.
PATCH_SIZE = 112


def data_uri(jpeg: bytes) -> str:
    """A JPEG as the ``src`` of an image."""
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode("ascii")


@lru_cache(maxsize=8192)
def patch_uri(store: Store, segment: int) -> str:
    """The patch of a segment, scaled down to at most ``PATCH_SIZE``."""
    return data_uri(_small(store.patch(segment)))


def _small(jpeg: bytes) -> bytes:
    image = Image.open(io.BytesIO(jpeg))
    if max(image.size) <= PATCH_SIZE:
        return jpeg
    image.thumbnail((PATCH_SIZE, PATCH_SIZE))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=80)
    return buffer.getvalue()
