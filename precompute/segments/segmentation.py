"""Segments of one image, each with its embedding."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from precompute.segments.label_maps import boxes, shares, unit, upsample
from precompute.segments.methods import MethodInput, divide
from precompute.segments.settings import SegmentSettings


@dataclass(frozen=True)
class Segments:
    """Segments of one image, in the order of their numbers.

    ``embedding`` is ``(n, embed)`` of unit length; ``box`` is ``(n, 4)``: x0, y0, x1, y1 as shares
    of width and height; ``mask`` is ``(H, W)`` uint8: the number of each pixel's segment, from 1.
    """

    embedding: np.ndarray
    box: np.ndarray
    mask: np.ndarray


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
    labels = divide(MethodInput(cells, image, shape, image_id), settings)
    cover = shares(labels, cells.shape[:2])
    mean = cover @ cells.reshape(-1, cells.shape[-1]) / cover.sum(1, keepdims=True)
    mask = labels if labels.shape == shape else upsample(labels, shape)
    return Segments(unit(mean), boxes(labels), (mask + 1).astype(np.uint8))
