"""Segments of cells carried to the photo's edges."""

from __future__ import annotations

import numpy as np

from precompute.segments.regions import connect, memberships
from precompute.segments.superpixels import superpixels

#: SLIC superpixels of one image, and SLIC's balance of place and colour.
SUPERPIXELS, COMPACTNESS = 600, 10.0


def to_edges(labels: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """Label map of cells as one of ``pixels`` (H, W, 3) whose outlines follow edges of colour.

    Membership in the segments is interpolated to pixels and averaged over superpixels, each of
    which goes to the segment with the largest. Of a segment that falls apart the largest part
    stays; one that is smaller than a superpixel may vanish.
    """
    member = memberships(labels, pixels.shape[:2])
    region = superpixels(pixels, SUPERPIXELS, COMPACTNESS)
    flat = region.ravel()
    mean = np.stack([np.bincount(flat, column) for column in member.reshape(flat.size, -1).T], 1)
    return connect(mean.argmax(1)[region])
