"""Segments of an image: connected regions of cells with similar embeddings, one embedding each.

    settings = SegmentSettings(method="graph", max_per_image=16)
    segments = segment(cells, image, (192, 256), settings)
    segments.embedding   # (n, embed), unit length, in the encoder's space
    segments.box         # (n, 4)
    segments.mask        # (192, 256) uint8: 1 ... n

The paper uses the segments of CLIP-S⁴ (He et al., 2023): pixels of a segment have similar
embeddings that can be compared with texts (InFiConD, sec. 4.2). docs/measured.md compares methods.
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
    even_regions,
    merged,
    settings_of,
    superpixels,
    to_edges,
)
from precompute.segments.regions import boxes, shares, unit, upsample

__all__ = ["SegmentSettings", "Segments", "divide", "segment", "settings_of"]


@dataclass(frozen=True)
class Segments:
    """Segments of one image, in the order of their numbers.

    ``embedding`` is ``(n, embed)`` of unit length; ``box`` is ``(n, 4)``: x0, y0, x1, y1 as shares
    of width and height; ``mask`` is ``(H, W)`` uint8: the number of each pixel's segment, from 1.
    """

    embedding: np.ndarray
    box: np.ndarray
    mask: np.ndarray


@dataclass(frozen=True)
class View:
    """One image as the input of a segmentation method.

    ``cells`` are the image's cell embeddings (h, w, embed), not normalised. ``pixels`` and the mask
    have ``shape`` (height, width).
    """

    cells: np.ndarray
    image: Image.Image
    shape: tuple[int, int]
    image_id: str

    @cached_property
    def pixels(self) -> np.ndarray:
        """Image resized to ``shape``: RGB ``(height, width, 3)`` uint8."""
        size = self.shape[1], self.shape[0]
        return np.asarray(self.image.resize(size, Image.Resampling.LANCZOS))


def segment(
    cells: np.ndarray,
    image: Image.Image,
    shape: tuple[int, int],
    settings: SegmentSettings,
    image_id: str = "",
) -> Segments:
    """Divide an image with cell embeddings ``cells`` (h, w, embed) into connected segments.

    A segment's embedding is the mean of its cells' embeddings, weighted by the covered share of
    each cell and taken before normalising, so that cells with little evidence (short vectors) count
    little. There are at most ``settings.max_per_image`` segments. ``image_id`` names the mask file
    of method ``file``.
    """
    labels = divide(View(cells, image, shape, image_id), settings)
    cover = shares(labels, cells.shape[:2])
    mean = cover @ cells.reshape(-1, cells.shape[-1]) / cover.sum(1, keepdims=True)
    mask = labels if labels.shape == shape else upsample(labels, shape)
    return Segments(unit(mean), boxes(labels), (mask + 1).astype(np.uint8))


def divide(view: View, settings: SegmentSettings) -> np.ndarray:
    """Return the segments of an image as a label map from 0, per cell, per pixel, or in between."""
    labels = _METHODS[settings.method](view, settings)
    return to_edges(labels, view.pixels) if settings.refine == "edges" else labels


def _head(view: View, settings: SegmentSettings) -> np.ndarray:
    from precompute.segments.head import load_head

    embedded = load_head(settings.head).embed(view.cells, view.image)
    return cluster_graph(embedded, settings.max_per_image, settings.spatial)


_METHODS: dict[str, Callable[[View, SegmentSettings], np.ndarray]] = {
    "kmeans": lambda view, s: cluster_kmeans(view.cells, s.max_per_image, s.seed, s.spatial),
    "graph": lambda view, s: cluster_graph(view.cells, s.max_per_image, s.spatial),
    "felzenszwalb": lambda view, s: merged(even_regions(view.pixels, s.scale), view.cells, s),
    "slic": lambda view, s: merged(
        superpixels(view.pixels, s.superpixels, s.compactness), view.cells, s
    ),
    "file": lambda view, s: divide_by_mask(view.image, view.image_id, view.shape, view.cells, s),
    "head": _head,
}
