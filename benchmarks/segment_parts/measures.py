"""Fit of segments to what is known of an image: regions of a drawing, boxes of a photo."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from precompute.segments.label_maps import numbered, unit


def consistency(embedded: np.ndarray, truth: np.ndarray) -> float:
    """Share of places that embed most like their own region of the truth.

    ``embedded`` (h, w, embed) lies on a grid over the image of ``truth`` (H, W); of each region
    there is the mean direction of its places, and the nearest by cosine counts.
    """
    rows, columns = (
        ((np.arange(n) + 0.5) * side / n).astype(int)
        for n, side in zip(embedded.shape, truth.shape, strict=False)
    )
    own = numbered(truth[np.ix_(rows, columns)]).ravel()
    direction = unit(embedded.reshape(own.size, -1))
    mean = unit(np.eye(own.max() + 1)[own].T @ direction)
    return float(((direction @ mean.T).argmax(1) == own).mean())


def boundaries(labels: np.ndarray) -> np.ndarray:
    """Pixels ``(H, W)`` bool whose right or lower neighbour has another label."""
    found = np.zeros(labels.shape, dtype=bool)
    found[:, :-1] |= labels[:, :-1] != labels[:, 1:]
    found[:-1] |= labels[:-1] != labels[1:]
    return found


def boundary_recall(labels: np.ndarray, truth: np.ndarray, tolerance: int = 2) -> float:
    """Share of the truth's boundary with a boundary of ``labels`` within ``tolerance`` pixels.

    1 where the truth has none. With the arguments exchanged it is the boundary's precision.
    """
    wanted, found = boundaries(truth), boundaries(labels)
    near = ndimage.binary_dilation(found, np.ones((2 * tolerance + 1,) * 2, dtype=bool))
    return float(near[wanted].mean()) if wanted.any() else 1.0


def achievable_accuracy(labels: np.ndarray, truth: np.ndarray) -> float:
    """Share of pixels that are right when each segment takes the region it shares most with."""
    return float(_overlaps(labels, truth).max(1).sum() / labels.size)


def undersegmentation_error(labels: np.ndarray, truth: np.ndarray) -> float:
    """Pixels that leak over a region's rim, of all (Neubert and Protzel, 2012).

    Of each region and each segment that meets it, the smaller of the segment's parts inside and
    outside.
    """
    inside = _overlaps(labels, truth)
    outside = inside.sum(1, keepdims=True) - inside
    return float(np.minimum(inside, outside)[inside > 0].sum() / labels.size)


def innermost(mask: np.ndarray) -> tuple[int, int]:
    """Row and column of the pixel of a mask ``(H, W)`` that is farthest from its rim."""
    depth = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    row, column = np.unravel_index(depth.argmax(), mask.shape)
    return int(row), int(column)


def _overlaps(labels: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Pixels that segment s and region g have in common, ``(s, g)``."""
    s, g = numbered(labels), numbered(truth)
    count = int(g.max()) + 1
    return np.bincount((s * count + g).ravel(), minlength=count * (s.max() + 1)).reshape(-1, count)
