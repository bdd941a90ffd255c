"""Two views of each training image: the whole, and a crop of other colours, maybe mirrored."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from PIL import Image, ImageEnhance
from scipy.ndimage import maximum_filter, minimum_filter

from inficond_panel.errors import CancelledError
from inficond_panel.store.images import UnreadableImage
from precompute.segments.head import Layout, colours_of, untrained
from precompute.segments.methods import cluster_graph, to_edges
from precompute.segments.regions import shares, unit

#: Segments of a training image, the weight of place in them, and their pixels for one embedding's.
SEGMENTS, SPATIAL, FINER = 16, 0.1, 4
#: Pixel embeddings from a segment's outline that its rim is wide.
RIM = 2
SMALLEST_CROP, JITTER = 0.5, 0.3
_WHOLE = (0.0, 0.0, 1.0, 1.0)


class DenseEncoder(Protocol):
    """Encoder of images that gives a vector for each place."""

    def prepare(self, image: Image.Image) -> np.ndarray:
        """RGB image as the encoder takes it, ``(3, height, width)`` float32."""

    def dense(self, images: np.ndarray) -> np.ndarray:
        """Embeddings ``(B, h, w, embed)`` of images ``(B, 3, height, width)``, not normalised."""


@dataclass(frozen=True)
class ViewOfImage:
    """One view: the encoder's ``cells`` (h, w, embed), ``colours`` (3, 2H, 2W), ``labels`` (H, W)
    the segment of each pixel embedding, ``member`` (n, H·W) each segment's mean as weights (zeros
    where it is not in the view), ``dense`` (n, embed) the encoder's unit embedding of it."""

    cells: np.ndarray
    colours: np.ndarray
    labels: np.ndarray
    member: np.ndarray
    dense: np.ndarray


@dataclass(frozen=True)
class Example:
    """Two views of one image, with segments of the same numbers."""

    views: tuple[ViewOfImage, ViewOfImage]


@dataclass(frozen=True)
class Views:
    """Makes examples of images; image i looks alike whatever the others are."""

    encoder: DenseEncoder
    layout: Layout
    seed: int

    def example(self, image: Image.Image, i: int) -> Example:
        """Both views of an image."""
        rng = np.random.default_rng((self.seed, i))
        box, mirror = _crop(rng), bool(rng.random() < 0.5)
        other = _jittered(_cut(image, box, mirror), rng)
        pixels = np.stack([self.encoder.prepare(view) for view in (image, other)])
        cells = self.encoder.dense(pixels)
        grid = self.layout.grid(*cells.shape[1:3])
        labels = self.segments(image, cells[0], grid)
        maps = _cut_labels(labels, grid, _WHOLE, False), _cut_labels(labels, grid, box, mirror)
        count = int(labels.max()) + 1
        return Example(
            (
                _view(cells[0], colours_of(image, grid), maps[0], count),
                _view(cells[1], colours_of(other, grid), maps[1], count),
            )
        )

    def segments(self, image: Image.Image, cells: np.ndarray, grid: tuple[int, int]) -> np.ndarray:
        """Segments that the pixels are to agree on: clusters of the untrained head's pixel
        embeddings, carried to edges of colour, finer than the grid."""
        embedded = untrained(self.layout, self.seed).embed(cells, image)
        size = FINER * grid[1], FINER * grid[0]
        pixels = np.asarray(image.resize(size, Image.Resampling.BOX))
        return to_edges(cluster_graph(embedded, SEGMENTS, SPATIAL), pixels)


def examples(
    views: Views,
    photos: Sequence[Callable[[], Image.Image]],
    progress: Callable[[str], None],
    cancelled: Callable[[], bool],
) -> Iterator[Example]:
    """Examples of the photos that can be read; each of ``photos`` loads one."""
    for i, load in enumerate(photos):
        if cancelled():
            raise CancelledError("The training was stopped.", "Start it again.")
        if i % 50 == 0:
            progress(f"Head: two views of photo {i + 1} of {len(photos)}")
        try:
            yield views.example(load(), i)
        except UnreadableImage:
            continue


def rim_of(labels: np.ndarray) -> np.ndarray:
    """Places ``(H, W)`` of a label map that have another label within ``RIM``; all, if none has."""
    across = 2 * RIM + 1
    rim = maximum_filter(labels, across) != minimum_filter(labels, across)
    return rim if rim.any() else ~rim


def _view(cells: np.ndarray, colours: np.ndarray, labels: np.ndarray, count: int) -> ViewOfImage:
    member = np.eye(count, dtype=np.float32)[labels.ravel()].T
    area = np.maximum(member.sum(1, keepdims=True), 1)
    there = np.unique(labels)
    dense = np.zeros((count, cells.shape[-1]), dtype=np.float32)
    inside = np.searchsorted(there, labels)
    flat = cells.reshape(-1, cells.shape[-1])
    dense[there] = unit(shares(inside, cells.shape[:2]) @ flat)
    return ViewOfImage(cells, colours, labels, member / area, dense)


def _crop(rng: np.random.Generator) -> tuple[float, float, float, float]:
    """Left, top, right, bottom as shares of the sides."""
    wide, high = rng.uniform(SMALLEST_CROP, 1, 2)
    left, top = rng.uniform(0, 1 - wide), rng.uniform(0, 1 - high)
    return left, top, left + wide, top + high


def _cut(image: Image.Image, box: tuple[float, float, float, float], mirror: bool) -> Image.Image:
    sides = (image.width, image.height) * 2
    left, top, right, bottom = (round(at * side) for at, side in zip(box, sides, strict=True))
    part = image.crop((left, top, max(left + 1, right), max(top + 1, bottom)))
    return part.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if mirror else part


def _cut_labels(
    labels: np.ndarray, grid: tuple[int, int], box: tuple[float, float, float, float], mirror: bool
) -> np.ndarray:
    """Labels of the same part of the image, at the places of a grid."""
    left, top, right, bottom = box
    rows = top + (np.arange(grid[0]) + 0.5) / grid[0] * (bottom - top)
    columns = left + (np.arange(grid[1]) + 0.5) / grid[1] * (right - left)
    part = labels[
        (rows * labels.shape[0]).astype(int)[:, None], (columns * labels.shape[1]).astype(int)
    ]
    return np.ascontiguousarray(part[:, ::-1]) if mirror else part


def _jittered(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    for kind in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
        image = kind(image).enhance(float(rng.uniform(1 - JITTER, 1 + JITTER)))
    return image
