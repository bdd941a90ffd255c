"""Knowledge points of one image as a picture that is laid over it."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from inficond_panel.common.numbers import number

if TYPE_CHECKING:
    from inficond_panel.store import Store

_POINT = (255, 150, 30, 90)  #: red, green, blue, opacity of a point: the image shows through
_OTHER = (0, 0, 0, 165)  #: all else is dimmed, so that points can be told without colour


def make_heat(store: Store, row: int) -> dict[str, str]:
    """``source`` of the overlay and ``text`` on it; {} where the store has no map of the image."""
    contrast = store.knowledge_contrast(row)
    if contrast is None:
        return {}
    facts = store.attrs["knowledge"]
    points = contrast > facts["b"]
    pixels = np.where(points[..., None], _POINT, _OTHER).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels, "RGBA").save(buffer, "PNG")
    layer = f"layer {facts['layer']}" if facts["layer"] else "output"
    return {
        "source": "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii"),
        "text": f"Lit: what the {layer} of {facts['network']} keeps, more than "
        f"{number(facts['b'], 2)} nats below the entropy of the background "
        f"({number(float(points.mean()) * 100, 0)} % of the image).",
    }
