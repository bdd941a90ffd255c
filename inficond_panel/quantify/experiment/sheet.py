"""A sheet of heat maps: images in rows; the image, its foreground and each network's map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

_POINT = np.array([230, 120, 0])
_SCALE, _GAP, _HEAD = 3, 6, 16


def heat_map(contrast: NDArray, b: float) -> NDArray[np.uint8]:
    """RGB ``(H, W, 3)`` of H̄ - H_i: grey from -1 to 1 nats; knowledge points orange, the stronger
    the lighter."""
    level = np.clip((np.nan_to_num(contrast) + 1) / 2, 0, 1)[..., None]
    grey = np.broadcast_to(220 * level, (*contrast.shape, 3))
    orange = _POINT + (255 - _POINT) * np.clip(2 * level - 1, 0, 1) ** 2
    return np.where((contrast > b)[..., None], orange, grey).round().astype(np.uint8)


def write_sheet(
    path: Path,
    images: NDArray[np.uint8],
    foreground: NDArray[np.bool_],
    maps: Mapping[str, Sequence[NDArray]],
    b: float,
) -> None:
    """Write a PNG of N images ``(N, H, W, 3)``, their masks and named maps ``(N, H, W)``."""
    masks = [np.repeat(mask[..., None], 3, -1).astype(np.uint8) * 255 for mask in foreground]
    columns = {"image": list(images), "foreground": masks}
    columns |= {name: [heat_map(each, b) for each in of_one] for name, of_one in maps.items()}
    height, width = (side * _SCALE for side in images.shape[1:3])
    sheet = Image.new(
        "RGB",
        (len(columns) * (width + _GAP) + _GAP, len(images) * (height + _GAP) + _GAP + _HEAD),
        "white",
    )
    pen = ImageDraw.Draw(sheet)
    for column, (name, cells) in enumerate(columns.items()):
        left = _GAP + column * (width + _GAP)
        pen.text((left, 3), name, fill="black")
        for row, cell in enumerate(cells):
            picture = Image.fromarray(cell).resize((width, height), Image.Resampling.NEAREST)
            sheet.paste(picture, (left, _HEAD + _GAP + row * (height + _GAP)))
    sheet.save(path)
