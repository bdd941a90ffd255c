"""The cloud of all segments behind the concepts: one neutral image."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import gaussian_filter

from inficond_panel.views.theme import tokens

if TYPE_CHECKING:
    from inficond_panel.state import Store

NEIGHBOURS = 3
SCALE = 100.0  #: CLIP's logit scale: it turns cosines into probabilities
WIDTH, HEIGHT = 640, 320
_BLUR = 4.0
_BLOCK = 8192
_BEST = ("tsne", "umap", "pca")
MARGIN = 0.05  #: room around the unit square in which the concepts lie


def projections(store: Store) -> list[str]:
    """Projections of the store, those that spread the concepts best first."""
    return sorted(store.methods, key=[*_BEST, *store.methods].index)


def unit_square(xy: np.ndarray, reference: np.ndarray | None = None) -> np.ndarray:
    """Positions ``(n, 2)`` moved and stretched so that ``reference`` just fills [0, 1]²."""
    reference = xy if reference is None else reference
    low, high = reference.min(axis=0), reference.max(axis=0)
    return (xy - low) / np.where(high > low, high - low, 1.0)


def concept_positions(store: Store, method: str) -> np.ndarray:
    """Concepts of one projection in the unit square, ``(concept, 2)``."""
    return unit_square(store.concept_projection[store.methods.index(method)])


@lru_cache(maxsize=16)
def segment_positions(store: Store, method: str) -> np.ndarray:
    """Segments in the unit square of the concepts, ``(segment, 2)``.

    Taken from the store's ``segment_projection``; where it has none, each segment lies at the
    cosine-weighted mean of its three nearest concepts.
    """
    row = store.methods.index(method)
    if store.has("segment_projection"):
        return unit_square(store.segment_projection[row], store.concept_projection[row])
    nearest, weights = _nearest_concepts(store)
    return np.einsum("sn,snd->sd", weights, concept_positions(store, method)[nearest])


@lru_cache(maxsize=4)
def _nearest_concepts(store: Store) -> tuple[np.ndarray, np.ndarray]:
    """The concepts nearest to each segment ``(segment, 3)`` and their softmax weights."""
    count = min(NEIGHBOURS, len(store.concepts))
    blocks = [
        _nearest(store.segment_embedding[at : at + _BLOCK], store.concept_text_embedding, count)
        for at in range(0, len(store.segment_embedding), _BLOCK)
    ]
    nearest, cosine = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
    weights = np.exp(SCALE * (cosine - cosine.max(axis=1, keepdims=True)))
    return nearest, weights / weights.sum(axis=1, keepdims=True)


def _nearest(segments: np.ndarray, texts: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    cosine = segments.astype(np.float32) @ texts.T
    nearest = np.argpartition(-cosine, count - 1, axis=1)[:, :count]
    return nearest, np.take_along_axis(cosine, nearest, axis=1)


@lru_cache(maxsize=16)
def segment_density(store: Store, method: str) -> np.ndarray:
    """Density of the segments over the plot, ``(HEIGHT, WIDTH)`` in [0, 1], bottom row first."""
    # Here, in a worker's thread, since these take a second.
    import datashader as ds  # noqa: PLC0415 - see above
    import pandas as pd  # noqa: PLC0415 - see above

    span = (-MARGIN, 1 + MARGIN)
    canvas = ds.Canvas(plot_width=WIDTH, plot_height=HEIGHT, x_range=span, y_range=span)
    frame = pd.DataFrame(segment_positions(store, method), columns=["x", "y"])
    counts = canvas.points(frame, "x", "y").to_numpy().astype(np.float32)
    return _tone(gaussian_filter(counts, _BLUR))


def _tone(density: np.ndarray) -> np.ndarray:
    """Lift the thin parts, so that a few dense spots do not hide them."""
    if not density.any():
        return density
    typical = np.quantile(density[density > 0], 0.9)
    return 1 - np.exp(-density / typical)


def shade(density: np.ndarray, dark: bool) -> np.ndarray:
    """Density as an RGBA image ``(height, width, 4)`` uint8 in slate, alpha at most 0.5."""
    theme = tokens(dark)
    image = np.empty((*density.shape, 4), np.uint8)
    image[..., :3] = theme.cloud
    image[..., 3] = np.round(255 * theme.cloud_alpha * density)
    return image
