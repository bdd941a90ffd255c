"""Segments of an image: connected regions whose cells embed alike, with one embedding each.

    settings = SegmentSettings(method="graph", max_per_image=16)
    found = segment(cells, image, (192, 256), settings)
    found.embedding   # (n, embed), unit length, in the encoder's space
    found.box         # (n, 4)
    found.mask        # (192, 256) uint8: 1 ... n

The paper's segments are those of CLIP-S⁴ (He et al., 2023): pixels inside a segment embed alike and
a segment compares with a text vector (InFiConD, sec. 4.2). docs/measured.md compares the methods.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from PIL import Image

from precompute.segments.files import divide_by_mask
from precompute.segments.methods import (
    SegmentSettings,
    cluster_graph,
    cluster_kmeans,
    felzenszwalb,
    settings_of,
    slic,
    to_edges,
)
from precompute.segments.regions import boxes, connect, shares, unit, upsample

__all__ = [
    "SegmentSettings",
    "Segments",
    "connect",
    "divide",
    "segment",
    "settings_of",
    "unit",
    "upsample",
]


@dataclass(frozen=True)
class Segments:
    """Segments of one image, in the order of their numbers.

    ``embedding`` is ``(n, embed)`` of unit length, ``box`` ``(n, 4)`` x0, y0, x1, y1 as shares of
    width and height, ``mask`` ``(H, W)`` uint8 the segment of each pixel, from 1.
    """

    embedding: np.ndarray
    box: np.ndarray
    mask: np.ndarray


@dataclass(frozen=True)
class View:
    """One image as a method sees it.

    ``cells`` are its dense embeddings (h, w, embed), not normalised. ``pixels`` and the mask have
    ``shape`` (height, width).
    """

    cells: np.ndarray
    image: Image.Image
    shape: tuple[int, int]
    image_id: str

    @cached_property
    def pixels(self) -> np.ndarray:
        """RGB ``(height, width, 3)`` uint8."""
        size = self.shape[1], self.shape[0]
        return np.asarray(self.image.resize(size, Image.Resampling.LANCZOS))


def segment(
    cells: np.ndarray,
    image: Image.Image,
    shape: tuple[int, int],
    settings: SegmentSettings,
    image_id: str = "",
) -> Segments:
    """Divide an image with dense embeddings ``cells`` (h, w, embed) into connected segments.

    There are at most ``settings.max_per_image``. The embedding of a segment is the mean of the
    encoder's embeddings at its cells, weighted by the covered share of each cell, taken before
    normalising: a cell with little evidence (a short vector) then counts little. ``image_id`` names
    a mask.
    """
    labels = divide(View(cells, image, shape, image_id), settings)
    cover = shares(labels, cells.shape[:2])
    mean = cover @ cells.reshape(-1, cells.shape[-1]) / cover.sum(1, keepdims=True)
    mask = labels if labels.shape == shape else upsample(labels, shape)
    return Segments(unit(mean), boxes(labels), (mask + 1).astype(np.uint8))


def divide(view: View, settings: SegmentSettings) -> np.ndarray:
    """Segments of a view as a label map from 0: of its cells, its pixels or a grid between them."""
    labels = _METHODS[settings.method](view, settings)
    return to_edges(labels, view.pixels) if settings.refine == "edges" else labels


def _head(view: View, settings: SegmentSettings) -> np.ndarray:
    from precompute.segments.head import load_head

    embedded = load_head(settings.head).embed(view.cells, view.image)
    return cluster_graph(embedded, settings.max_per_image, settings.spatial)


_METHODS: dict[str, Callable[[View, SegmentSettings], np.ndarray]] = {
    "kmeans": lambda view, s: cluster_kmeans(view.cells, s.max_per_image, s.seed, s.spatial),
    "graph": lambda view, s: cluster_graph(view.cells, s.max_per_image, s.spatial),
    "felzenszwalb": lambda view, s: felzenszwalb(view.pixels, view.cells, s),
    "slic": lambda view, s: slic(view.pixels, view.cells, s),
    "file": lambda view, s: divide_by_mask(view.image, view.image_id, view.shape, view.cells, s),
    "head": _head,
}
