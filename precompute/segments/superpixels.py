"""Segments that follow the photo's edges: regions of colour, merged where they embed alike."""

from __future__ import annotations

import numpy as np

from precompute.segments.graph import features, merge
from precompute.segments.regions import connect, memberships, middles, neighbours, shares
from precompute.segments.settings import SegmentSettings

#: Smoothing before and smallest region of Felzenszwalb's method, in pixels.
SIGMA, SMALLEST = 0.8, 20
#: Scale of the regions of even colour.
SCALE = 100.0


def felzenszwalb(pixels: np.ndarray, cells: np.ndarray, settings: SegmentSettings) -> np.ndarray:
    """Regions of even colour by Felzenszwalb and Huttenlocher (2004), merged by embedding."""
    return merged(even_regions(pixels, settings.scale), cells, settings)


def even_regions(pixels: np.ndarray, scale: float) -> np.ndarray:
    """Connected regions ``(H, W)`` of even colour, from 0; larger with a larger ``scale``."""
    from skimage.segmentation import felzenszwalb as method

    if min(pixels.shape[:2]) < 2:  # it has no pairs of pixels to compare
        return np.zeros(pixels.shape[:2], dtype=int)
    return connect(method(pixels, scale=scale, sigma=SIGMA, min_size=SMALLEST))


def slic(pixels: np.ndarray, cells: np.ndarray, settings: SegmentSettings) -> np.ndarray:
    """Superpixels by SLIC (Achanta et al., 2012), merged by embedding."""
    found = superpixels(pixels, settings.superpixels, settings.compactness)
    return merged(found, cells, settings)


def superpixels(pixels: np.ndarray, count: int, compactness: float) -> np.ndarray:
    """About ``count`` connected superpixels ``(H, W)``, from 0."""
    from skimage.segmentation import slic as method

    found = method(pixels, n_segments=count, compactness=compactness, start_label=0)
    return connect(found)


def merged(labels: np.ndarray, cells: np.ndarray, settings: SegmentSettings) -> np.ndarray:
    """The connected regions merged, by Ward's rule on embedding and place, to the most allowed."""
    if labels.max() < settings.max_per_image:
        return labels
    cover = shares(labels, cells.shape[:2])
    area = cover.sum(1, keepdims=True)
    embedding = cover @ cells.reshape(-1, cells.shape[-1]) / area
    point = features(embedding, middles(labels), settings.spatial)
    return merge(point, area[:, 0], neighbours(labels), settings.max_per_image)[labels]


def to_edges(labels: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """Label map of cells as one of ``pixels`` (H, W, 3) whose outlines follow edges of colour.

    Membership in the segments is interpolated to pixels and averaged over regions of even colour,
    each of which goes to the segment with the largest. Of a segment that falls apart the largest
    part stays; one that has the most of no region vanishes.
    """
    member = memberships(labels, pixels.shape[:2])
    region = even_regions(pixels, SCALE)
    flat = region.ravel()
    total = np.stack([np.bincount(flat, of_one) for of_one in member.reshape(flat.size, -1).T], 1)
    return connect(total.argmax(1)[region])
