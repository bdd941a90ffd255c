"""Measures of the properties of pictures (``inficond_panel.vocabulary.pictures``)."""

from __future__ import annotations

import numpy as np
from PIL import Image

#: Longer side at which texture is measured, so that large photos are no sharper than small ones.
_SIDE = 512
#: Weights of red, green and blue in the brightness (ITU-R BT.601).
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
#: Largest spread of a colour along a row or column of a border, and within it, in 1/255.
_PLAIN = 8.0
#: Step of brightness, in 1/255, at the edge of a letter; letters have at least so many in a window.
_STEP, _EDGES, _WINDOW = 50.0, 5, 24


def picture_properties(image: Image.Image) -> np.ndarray:
    """Values (P,) float32 of ``PICTURE_PROPERTIES``, in order, of an RGB image of any size."""
    pixels = np.asarray(image, dtype=np.float32)
    luma = pixels @ _LUMA
    width, height = image.size
    small = luma if max(image.size) <= _SIDE else np.asarray(_shrunk(image), np.float32) @ _LUMA
    colour = pixels.max(axis=2) - pixels.min(axis=2)
    return np.array(
        [
            luma.mean() / 255,
            luma.std() / 255,
            colour.mean() / 255,
            np.mean(colour > 16),
            np.log(_laplacian(small).var() + 1),
            np.log(width * height),
            np.log(width / height),
            _blocks(luma),
            _border(pixels),
            _letters(small),
        ],
        dtype=np.float32,
    )


def _shrunk(image: Image.Image) -> Image.Image:
    scale = _SIDE / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.BOX)


def _laplacian(luma: np.ndarray) -> np.ndarray:
    if min(luma.shape) < 3:
        return np.zeros(1, np.float32)
    middle = luma[1:-1, 1:-1]
    return luma[:-2, 1:-1] + luma[2:, 1:-1] + luma[1:-1, :-2] + luma[1:-1, 2:] - 4 * middle


def _blocks(luma: np.ndarray) -> float:
    """Steps of brightness at the edges of JPEG's blocks of 8 pixels, over those elsewhere, as a
    logarithm."""
    ratios = []
    for steps in (np.abs(np.diff(luma, axis=1)), np.abs(np.diff(luma, axis=0)).T):
        if steps.shape[1] < 16:
            return 0.0
        mean = steps.mean(axis=0)
        at_edge = np.arange(1, len(mean) + 1) % 8 == 0
        ratios.append(np.log((mean[at_edge].mean() + 0.5) / (mean[~at_edge].mean() + 0.5)))
    return float(np.mean(ratios))


def _border(pixels: np.ndarray) -> float:
    """Share of the height or width, whichever is larger, that plain margins on two opposite sides
    take, each at least as wide as the other is."""
    shares = []
    for lines in (pixels, pixels.transpose(1, 0, 2)):
        margins = [_margin(lines), _margin(lines[::-1])]
        shares.append(2 * min(margins) / len(lines))
    return min(1.0, max(shares))


def _margin(lines: np.ndarray) -> int:
    """Lines from the first on that are plain, and of its colour."""
    spread = lines.std(axis=1).max(axis=1)
    differs = np.abs(lines.mean(axis=1) - lines[0].mean(axis=0)).max(axis=1)
    other = (spread > _PLAIN) | (differs > _PLAIN)
    return int(np.argmax(other)) if other.any() else len(lines)


def _letters(luma: np.ndarray) -> float:
    """Share of the windows of a row that change between dark and light as often as letters do."""
    steps = np.diff(luma, axis=1)
    if steps.shape[1] < _WINDOW:
        return 0.0
    up, down = steps > _STEP, steps < -_STEP
    sums = [np.cumsum(np.pad(s, ((0, 0), (1, 0))), axis=1, dtype=np.int32) for s in (up, down)]
    counts = [s[:, _WINDOW::8] - s[:, :-_WINDOW:8][:, : s[:, _WINDOW::8].shape[1]] for s in sums]
    return float(np.mean((counts[0] >= _EDGES // 2) & (counts[1] >= _EDGES // 2)))
