"""Functions on label maps: connected regions, neighbours, boxes, centres, and resampling."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy import ndimage


def unit(vectors: np.ndarray) -> np.ndarray:
    """Scale vectors to length 1 along the last axis; zero vectors stay zero."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.where(length > 0, length, 1)


def numbered(labels: np.ndarray) -> np.ndarray:
    """Return a label map with its labels renumbered as 0, 1, ... in ascending order."""
    return np.unique(labels, return_inverse=True)[1].reshape(labels.shape)


def components(labels: np.ndarray) -> np.ndarray:
    """Return a label map from 0 in which each connected part of a region is its own region. Cells
    are connected if they share a side."""
    parts = np.empty(labels.shape, dtype=np.int64)
    count = 0
    regions = numbered(labels)
    for value, window in enumerate(ndimage.find_objects(regions + 1)):
        connected, number = ndimage.label(regions[window] == value)
        parts[window] = np.where(connected > 0, connected - 1 + count, parts[window])
        count += number
    return parts


def connect(labels: np.ndarray) -> np.ndarray:
    """Make every region connected; return labels ``(h, w)`` without gaps.

    A region in several parts keeps its largest part. Cells of the other parts are relabelled, from
    the rim inwards, with the label of most of their neighbours.
    """
    parts = components(labels)
    size = np.bincount(parts.ravel())
    region = np.empty(len(size), dtype=np.int64)
    region[parts] = numbered(labels)
    largest = np.lexsort((np.arange(len(size)), -size, region))
    stays = largest[np.unique(region[largest], return_index=True)[1]]
    keep = np.full(len(size), -1)
    keep[stays] = region[stays]
    return numbered(_filled(keep[parts]))


def _filled(labels: np.ndarray) -> np.ndarray:
    """Return a label map in which most of its neighbours' label replaces each -1."""
    full = np.pad(labels, 1, constant_values=-1)
    while True:
        y, x = np.nonzero(full[1:-1, 1:-1] < 0)
        if not len(y):
            return full[1:-1, 1:-1]
        around = np.stack(
            [full[y, x + 1], full[y + 2, x + 1], full[y + 1, x], full[y + 1, x + 2]], 1
        )
        votes = (around[:, :, None] == around[:, None]).sum(2) * (around >= 0)
        # the smallest label wins a tie
        winner = np.where(votes == votes.max(1, keepdims=True), around, labels.max() + 1).min(1)
        voted = votes.any(1)
        full[y[voted] + 1, x[voted] + 1] = winner[voted]


def neighbours(labels: np.ndarray) -> np.ndarray:
    """Return pairs ``(m, 2)`` of regions that share a side, each once, the smaller label first."""
    across = np.stack([labels[:, :-1].ravel(), labels[:, 1:].ravel()], 1)
    down = np.stack([labels[:-1].ravel(), labels[1:].ravel()], 1)
    pairs = np.sort(np.concatenate([across, down]), 1)
    return np.unique(pairs[pairs[:, 0] != pairs[:, 1]], axis=0)


def shares(labels: np.ndarray, grid: tuple[int, int]) -> np.ndarray:
    """Return the weight ``(n, h * w)`` of each cell of a grid in each region of a label map.

    A point of the map adds to its nearest cells by linear interpolation, so that the mean of cells
    with these weights is the region's mean of interpolated cells.
    """
    size, count = grid[0] * grid[1], int(labels.max()) + 1
    weight = np.zeros(count * size)
    rows, columns = (_corners(g, n) for g, n in zip(grid, labels.shape, strict=True))
    for row, by_row in rows:
        for column, by_column in columns:
            where = labels * size + row[:, None] * grid[1] + column
            value = by_row[:, None] * by_column
            weight += np.bincount(where.ravel(), value.ravel(), count * size)
    return weight.reshape(count, size).astype(np.float32)


@lru_cache(maxsize=256)
def _corners(cells: int, places: int) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    """Return the two nearest cells and their weights, for each of ``places`` points of a side."""
    at = np.clip((np.arange(places) + 0.5) * cells / places - 0.5, 0, cells - 1)
    first = np.floor(at).astype(np.int64)
    return (first, 1 - (at - first)), (np.minimum(first + 1, cells - 1), at - first)


def middles(labels: np.ndarray) -> np.ndarray:
    """Return the mean position ``(n, 2)`` of each region: y, x as shares of height and width."""
    at = places(*labels.shape)
    area = np.bincount(labels.ravel())
    return np.stack([np.bincount(labels.ravel(), axis) / area for axis in at.T], 1)


def boxes(labels: np.ndarray) -> np.ndarray:
    """Return boxes ``(n, 4)`` of the regions: x0, y0, x1, y1 as shares of width and height."""
    height, width = labels.shape
    windows = [
        (x.start / width, y.start / height, x.stop / width, y.stop / height)
        for y, x in ndimage.find_objects(labels + 1)
    ]
    return np.array(windows, dtype=np.float32)


def memberships(labels: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return the share ``(H, W, n)`` of each pixel in regions of cells, interpolated linearly."""
    height, width = labels.shape
    count = int(labels.max()) + 1
    member = np.eye(count, dtype=np.float32)[labels]
    rows = interpolation(height, shape[0]) @ member.reshape(height, width * count)
    return interpolation(width, shape[1]) @ rows.reshape(shape[0], width, count)


def upsample(labels: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Upsample a label map of cells ``(h, w)`` to pixels ``shape``, with smooth outlines.

    Memberships are interpolated linearly between the cells' centres; a pixel gets the region with
    the largest membership.
    """
    return memberships(labels, shape).argmax(-1)


@lru_cache(maxsize=256)
def interpolation(cells: int, pixels: int) -> np.ndarray:
    """Return weights ``(pixels, cells)`` that interpolate linearly between the centres of cells."""
    at = np.clip((np.arange(pixels) + 0.5) * cells / pixels - 0.5, 0, cells - 1)
    return np.maximum(0, 1 - np.abs(at[:, None] - np.arange(cells))).astype(np.float32)


@lru_cache(maxsize=16)
def places(height: int, width: int) -> np.ndarray:
    """Return the centres ``(h * w, 2)`` of cells: y and x, as shares of height and width."""
    y, x = np.mgrid[:height, :width]
    centres = np.stack([(y + 0.5) / height, (x + 0.5) / width], -1)
    return centres.reshape(-1, 2).astype(np.float32)
