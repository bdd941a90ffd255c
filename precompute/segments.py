"""Segments of one image: cells of its dense embedding that look alike and lie together.

Spherical k-means on the cells' directions with a term for their position, so that a segment is
uniform in the encoder's space and comparable with a text vector, as in CLIP-S⁴ (He et al., 2023),
whose segments the paper uses (InFiConD, sec. 4.2).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import ndimage

#: Weight of the squared distance in the image (a side is 1) beside 1 - cosine.
SPATIAL_WEIGHT = 1.0
ITERATIONS = 10


@dataclass(frozen=True)
class Segments:
    """Segments of one image, numbered from 0.

    ``embedding`` is ``(n, embed)`` of unit length, ``box`` ``(n, 4)`` x0, y0, x1, y1 as shares of
    width and height, ``labels`` ``(h, w)`` the segment of each cell.
    """

    embedding: np.ndarray
    box: np.ndarray
    labels: np.ndarray


def segment(cells: np.ndarray, max_segments: int, seed: int) -> Segments:
    """Cut an image's cells ``(h, w, embed)`` into at most ``max_segments`` connected segments.

    The embedding of a segment is the mean of its cells, taken before normalising: a cell with
    little evidence (a short vector) then counts little.
    """
    labels = connect(cluster(cells, max_segments, seed))
    count = int(labels.max()) + 1
    member = np.eye(count, dtype=np.float32)[labels.ravel()]
    mean = member.T @ cells.reshape(-1, cells.shape[-1]) / member.sum(0)[:, None]
    return Segments(unit(mean), _boxes(labels, count), labels)


def unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors scaled to length 1 along the last axis; a vector of zeros stays."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.where(length > 0, length, 1)


def cluster(cells: np.ndarray, max_segments: int, seed: int) -> np.ndarray:
    """Spherical k-means of cells ``(h, w, embed)``: the cluster of each cell ``(h, w)``.

    Minimises Σ 1 - cos(cell, centre) + ``SPATIAL_WEIGHT``·(distance to the cluster's middle)².
    Seeded as k-means++ (Arthur and Vassilvitskii, 2007).
    """
    height, width, _ = cells.shape
    direction = unit(cells.reshape(height * width, -1).astype(np.float32))
    place = _places(height, width)
    labels = _first_labels(direction, place, min(max_segments, height * width), seed)
    for _ in range(ITERATIONS):
        member = np.eye(int(labels.max()) + 1, dtype=np.float32)[labels]
        member = member[:, member.any(0)]
        centre = unit(member.T @ direction)
        middle = member.T @ place / member.sum(0)[:, None]
        update = _cost(direction, place, centre, middle).argmin(1)
        if np.array_equal(update, labels):
            break
        labels = update
    return np.unique(labels, return_inverse=True)[1].reshape(height, width)


def _first_labels(direction: np.ndarray, place: np.ndarray, count: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    chosen = [int(rng.integers(len(direction)))]
    cost = np.empty((len(direction), count), dtype=np.float32)
    for j in range(count):
        at = chosen[j : j + 1]
        cost[:, j] = _cost(direction, place, direction[at], place[at])[:, 0]
        if j + 1 < count:
            nearest = np.maximum(cost[:, : j + 1].min(1), 0).astype(np.float64)
            nearest[chosen] = 0
            if not nearest.any():
                break
            chosen.append(int(rng.choice(len(nearest), p=nearest / nearest.sum())))
    return cost[:, : len(chosen)].argmin(1)


def _cost(
    direction: np.ndarray, place: np.ndarray, centre: np.ndarray, middle: np.ndarray
) -> np.ndarray:
    away = np.square(place[:, None] - middle[None]).sum(-1)
    return 1 - direction @ centre.T + np.float32(SPATIAL_WEIGHT) * away


def connect(labels: np.ndarray) -> np.ndarray:
    """Make every segment one connected region; labels ``(h, w)`` are renumbered without gaps.

    Of a segment in several parts the largest stays; the cells of the others go, from the rim
    inwards, to the segment that most of their neighbours belong to.
    """
    height, width = labels.shape
    keep = np.full_like(labels, -1)
    for value in np.unique(labels):
        parts, _ = ndimage.label(labels == value)
        largest = np.bincount(parts.ravel())[1:].argmax() + 1
        keep[parts == largest] = value
    while (keep < 0).any():
        before = keep.copy()
        for y, x in zip(*np.nonzero(before < 0), strict=True):
            around = [
                before[v, u]
                for v, u in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1))
                if 0 <= v < height and 0 <= u < width and before[v, u] >= 0
            ]
            if around:
                keep[y, x] = max(sorted(set(around)), key=around.count)
    return np.unique(keep, return_inverse=True)[1].reshape(height, width)


def upsample(labels: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Label map ``(h, w)`` of cells as one of pixels ``shape``, uint8 from 1, with smooth outlines.

    Each segment's membership is interpolated linearly between the cells' centres; a pixel goes to
    the segment with the largest.
    """
    height, width = labels.shape
    count = int(labels.max()) + 1
    member = np.eye(count, dtype=np.float32)[labels]
    rows = _interpolation(height, shape[0]) @ member.reshape(height, width * count)
    pixels = _interpolation(width, shape[1]) @ rows.reshape(shape[0], width, count)
    return (pixels.argmax(-1) + 1).astype(np.uint8)


@lru_cache(maxsize=256)
def _interpolation(cells: int, pixels: int) -> np.ndarray:
    """Weights ``(pixels, cells)`` of linear interpolation between cell centres."""
    at = np.clip((np.arange(pixels) + 0.5) * cells / pixels - 0.5, 0, cells - 1)
    return np.maximum(0, 1 - np.abs(at[:, None] - np.arange(cells))).astype(np.float32)


@lru_cache(maxsize=16)
def _places(height: int, width: int) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    place = np.stack([(y + 0.5) / height, (x + 0.5) / width], -1)
    return place.reshape(-1, 2).astype(np.float32)


def _boxes(labels: np.ndarray, count: int) -> np.ndarray:
    height, width = labels.shape
    boxes = np.empty((count, 4), dtype=np.float32)
    for j, (rows, columns) in enumerate(ndimage.find_objects(labels + 1, max_label=count)):
        boxes[j] = (
            columns.start / width,
            rows.start / height,
            columns.stop / width,
            rows.stop / height,
        )
    return boxes
