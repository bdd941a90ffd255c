"""Segments of cells carried to the photo's edges."""

from __future__ import annotations

import numpy as np

from precompute.segments.regions import connect, memberships
from precompute.segments.superpixels import even_regions

#: Scale of the regions of even colour.
SCALE = 100.0


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
