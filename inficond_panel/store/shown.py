"""Which concepts an image shows: those to which its segments are nearest."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from inficond_panel.common.cache import once
from inficond_panel.store.store import Store


def shown_counts(store: Store, rows: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the number (C,) of the images at ``rows`` of the store that show each concept: one of
    their segments is nearest to its text. The store has segments."""
    chosen = np.zeros(len(store.images), dtype=np.bool_)
    chosen[rows] = True
    images, concepts = _shown(store)
    return np.bincount(concepts[chosen[images]], minlength=len(store.concepts))


@once(4)
def _shown(store: Store) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the images and concepts (P,) of all pairs of an image and a concept that it shows."""
    width = len(store.concepts)
    pairs = np.unique(store.segment_image.astype(np.int64) * width + store.segment_concept)
    return pairs // width, pairs % width
