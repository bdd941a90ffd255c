"""Compute the picture properties of a photo (``vocabulary.picture_properties`` lists them)."""

from __future__ import annotations

import numpy as np
from PIL import Image

#: Longer side, in pixels, at which texture is measured, so that sharpness ignores the photo's size.
_SIDE = 512
#: Weights of red, green and blue in the brightness (ITU-R BT.601).
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
#: Largest standard deviation in a row of a plain border, and largest difference of rows, as a share
#: of the photo's brightness, and in 1/255: what is nearly black in a dark photo is no border.
_PLAIN, _MOST_PLAIN = 0.065, 8.0
#: Lines that are measured at one time: most photos have no border.
_LINES = 8
#: Letters: brightness step at an edge, as a share of the range of 98 % of the pixels; least number
#: of edges in a window; width of a window in pixels.
_STEP, _EDGES, _WINDOW = 0.25, 5, 24
#: Brightness, in 1/255, added to a measure's divisor, so that noise in black is no colour.
_DARK = 8.0
#: Saturation from which a pixel is in colour.
_COLOURED = 0.1


def picture_properties(image: Image.Image) -> np.ndarray:
    """Measure the properties ``PICTURE_PROPERTIES`` of an RGB photo of any size: ``(P,)`` float32.

    All but size and aspect are measured without a plain border. All but brightness are relative to
    the brightness, so that darkening a photo changes its brightness only.
    """
    border, pixels = _without_border(np.asarray(image, dtype=np.float32))
    luma = pixels @ _LUMA
    small = luma if max(luma.shape) <= _SIDE else _shrunk(luma)
    red, green, blue = np.moveaxis(pixels, 2, 0)  # faster than max and min over three values
    brightest = np.maximum(np.maximum(red, green), blue)
    darkest = np.minimum(np.minimum(red, green), blue)
    colour = (brightest - darkest) / (brightest + _DARK)
    return np.array(
        [
            luma.mean() / 255,
            luma.std() / (luma.mean() + _DARK),
            colour.mean(),
            np.mean(colour > _COLOURED),
            np.log((_laplacian(small).var() + 1) / (small.var() + 1)),
            np.log(image.width * image.height),
            np.log(image.width / image.height),
            _blocks(luma),
            border,
            _letters(small),
        ],
        dtype=np.float32,
    )


def _shrunk(luma: np.ndarray) -> np.ndarray:
    scale = _SIDE / max(luma.shape)
    height, width = (max(1, round(side * scale)) for side in luma.shape)
    return np.asarray(Image.fromarray(luma).resize((width, height), Image.Resampling.BOX))


def _laplacian(luma: np.ndarray) -> np.ndarray:
    if min(luma.shape) < 3:
        return np.zeros(1, np.float32)
    middle = luma[1:-1, 1:-1]
    return luma[:-2, 1:-1] + luma[2:, 1:-1] + luma[1:-1, :-2] + luma[1:-1, 2:] - 4 * middle


def _blocks(luma: np.ndarray) -> float:
    """Return how visible JPEG's 8-pixel blocks are: the log ratio of the mean brightness step at
    block edges to the mean of all other steps. The first block may start at any pixel."""
    ratios = []
    for steps in (np.abs(np.diff(luma, axis=1)), np.abs(np.diff(luma, axis=0)).T):
        if steps.shape[1] < 16:
            return 0.0
        mean = steps.mean(axis=0)[: steps.shape[1] // 8 * 8].reshape(-1, 8).mean(axis=0)
        largest = mean.max()
        others = (mean.sum() - largest) / 7
        ratios.append(np.log((largest + 0.5) / (others + 0.5)))
    return float(np.mean(ratios))


def _without_border(pixels: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the share of the photo that plain margins take, and the pixels without these margins.
    Opposite margins are as wide as the narrower; the larger share of height and width counts."""
    share, plain = 0.0, min(_MOST_PLAIN, _PLAIN * (float(pixels.mean()) + _DARK))
    for axis in (0, 1):
        lines = pixels.swapaxes(0, axis)
        margin, length = min(_margin(each, plain) for each in (lines, lines[::-1])), len(lines)
        share = max(share, 2 * margin / length)
        if 0 < 2 * margin < length:
            pixels = lines[margin:-margin].swapaxes(0, axis)
    return min(1.0, share), pixels


def _margin(lines: np.ndarray, plain: float) -> int:
    """Return the number of leading lines of pixels whose colour is that of the first one: they
    deviate from it by no more than ``plain`` (1/255)."""
    first = lines[0].mean(axis=0)
    for start in range(0, len(lines), _LINES):
        some = lines[start : start + _LINES]
        spread = some.std(axis=1).max(axis=1)
        differs = np.abs(some.mean(axis=1) - first).max(axis=1)
        other = (spread > plain) | (differs > plain)
        if other.any():
            return start + int(np.argmax(other))
    return len(lines)


def _letters(luma: np.ndarray) -> float:
    """Return the share of windows in which dark and light alternate as often as in text."""
    steps = np.diff(luma, axis=1)
    if steps.shape[1] < _WINDOW:
        return 0.0
    step = _STEP * (np.subtract(*np.percentile(luma, [99, 1])) + 1)
    up, down = steps > step, steps < -step
    sums = [np.cumsum(np.pad(s, ((0, 0), (1, 0))), axis=1, dtype=np.int32) for s in (up, down)]
    counts = [s[:, _WINDOW::8] - s[:, :-_WINDOW:8][:, : s[:, _WINDOW::8].shape[1]] for s in sums]
    return float(np.mean((counts[0] >= _EDGES // 2) & (counts[1] >= _EDGES // 2)))
