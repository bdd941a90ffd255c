"""Photos of different splits that are nearly the same: what is measured on one leaks to the other.

A photo stands for itself by its thumbnail at 16 x 16. Likeness is the correlation of two of these,
in grey and, where that is high, over all three colours; so another size, quality or brightness
leaves it near 1. A mirrored photo counts as the photo. Nothing is removed.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from PIL import Image

from inficond_panel.vocabulary.tasks import NEAR_DUPLICATES

#: Likeness from which two photos are told.
LIKENESS = 0.995
_SIDE = 16
#: Standard deviation of the grey levels below which a photo shows nothing to compare.
_FLAT = 4.0
_ROWS = 2048
_SHOWN = 5
_MOST = 100_000

#: Positions of two photos, and their likeness.
Pair = tuple[int, int, float]


def near_warnings(small: np.ndarray, ids: Sequence[str], split: np.ndarray) -> list[str]:
    """Warning of the pairs across splits, the likest first; none without any.

    ``small`` are the photos as ``small_photos`` gives them.
    """
    found = sorted(near_pairs(small, split), key=lambda pair: (-pair[2], pair[:2]))
    if not found:
        return []
    shown = "; ".join(
        f"{ids[a]} ({split[a]}) = {ids[b]} ({split[b]}), {likeness:.3f}"
        for a, b, likeness in found[:_SHOWN]
    )
    more = f"; and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    count = f"{len(found)} or more" if len(found) >= _MOST else f"{len(found)}"
    pairs = "pair" if len(found) == 1 else "pairs"
    told = f"{count} {pairs} of likeness {LIKENESS} and above: {shown}{more}"
    return [f"{NEAR_DUPLICATES}: {told}"]


def small_photos(jpeg_of: Callable[[int], bytes], count: int) -> np.ndarray:
    """Photos ``(count, 16, 16, 3)`` uint8 from the JPEG bytes of their thumbnails."""
    small = np.empty((count, _SIDE, _SIDE, 3), np.uint8)
    for i in range(count):
        with Image.open(io.BytesIO(jpeg_of(i)), formats=("JPEG",)) as image:
            image.draft("RGB", (4 * _SIDE, 4 * _SIDE))  # at a part of its size; edges stay in place
            rgb = image.convert("RGB").resize((_SIDE, _SIDE), Image.Resampling.BILINEAR)
        small[i] = np.asarray(rgb)
    return small


def near_pairs(small: np.ndarray, split: np.ndarray) -> list[Pair]:
    """Pairs of different splits that are alike, at most 100,000."""
    found: list[Pair] = []
    for pair in _pairs(small, split):
        found.append(pair)
        if len(found) >= _MOST:
            break
    return found


def _pairs(small: np.ndarray, split: np.ndarray) -> Iterator[Pair]:
    grey = small.reshape(len(small), -1, 3).mean(2, dtype=np.float32)
    seen = np.flatnonzero(grey.std(1) >= _FLAT)
    unit = _unit(grey[seen])
    mirrored = unit.reshape(len(unit), _SIDE, _SIDE)[:, :, ::-1].reshape(unit.shape)
    of = np.unique(split, return_inverse=True)[1][seen]
    for start in range(0, len(seen), _ROWS):
        rows = slice(start, start + _ROWS)
        alike = unit[rows] @ unit[start:].T >= LIKENESS
        alike |= unit[rows] @ mirrored[start:].T >= LIKENESS
        alike &= of[rows][:, None] != of[start:][None]
        for i, j in np.argwhere(alike):
            if j > i:
                a, b = int(seen[start + i]), int(seen[start + j])
                likeness = _likeness(small[a], small[b])
                if likeness >= LIKENESS:
                    yield a, b, likeness


def _likeness(first: np.ndarray, second: np.ndarray) -> float:
    three = np.stack([first, second, second[:, ::-1]]).reshape(3, -1).astype(np.float32)
    one, *others = _unit(three)
    return max(float(one @ other) for other in others)


def _unit(values: np.ndarray) -> np.ndarray:
    """Rows less their mean, of unit length."""
    centred = values - values.mean(1, keepdims=True)
    return np.asarray(centred / np.linalg.norm(centred, axis=1, keepdims=True))
