"""The cloud of all segments behind the concepts: one neutral image."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import gaussian_filter

from inficond_panel.state import among_neighbours
from inficond_panel.views.theme import tokens

if TYPE_CHECKING:
    from inficond_panel.state import Store

WIDTH, HEIGHT = 640, 320
_BLUR = 4.0
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
    """Segments in the unit square of the concepts, ``(segment, 2)``; nan for those not placed.

    Taken from the store's ``segment_projection``; where it has none, each segment lies among its
    nearest concepts.
    """
    row = store.methods.index(method)
    if store.has("segment_projection"):
        return unit_square(store.segment_projection[row], store.concept_projection[row])
    return unit_square(_among_concepts(store)[:, row], store.concept_projection[row])


@lru_cache(maxsize=4)
def _among_concepts(store: Store) -> np.ndarray:
    """Segments on all maps of the concepts, ``(segment, method, 2)``."""
    maps = np.moveaxis(store.concept_projection, 0, 1)
    return among_neighbours(store.segment_embedding, store.concept_text_embedding, maps)


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
