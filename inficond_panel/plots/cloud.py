"""Image of all segments' density below the map of concepts, and one concept's segments."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.spatial import KDTree

from inficond_panel.common.cache import once
from inficond_panel.common.numbers import count
from inficond_panel.concepts.scoring import among_neighbours
from inficond_panel.results.image_sets import assigned_segments
from inficond_panel.store import Store
from inficond_panel.vocabulary.palette import CLOUD
from inficond_panel.vocabulary.splits import HOLDOUT

#: Temporary folders, removed when the process ends.
_KEPT: list[TemporaryDirectory[str]] = []


@cache
def datashader_package() -> Any:
    """Import and return the package datashader; it takes a second, so call it in a worker thread.

    numba fails to import its compiled functions if it has no writable cache folder; it then gets a
    temporary folder (``upstream.NUMBA``).
    """
    try:
        import datashader  # noqa: PLC0415 - see above
    except RuntimeError as error:
        if "cannot cache function" not in str(error):
            raise
        _KEPT.append(TemporaryDirectory(prefix="inficond-numba-"))
        setattr(sys.modules["numba.core.config"], "CACHE_DIR", _KEPT[-1].name)  # noqa: B010 - types
        import datashader  # noqa: PLC0415 - see above
    return datashader


PIXELS = 640 * 320  #: pixels of the image of the density
LEVELS = 64  #: steps of density: no eye sees more, and an image takes half as many bytes
SHAPE = 2.0  #: default ratio of the plot's width to its height
_BLUR = 4.0
_BEST = ("tsne", "umap", "pca")
MARGIN = 0.05  #: margin around the unit square of the concepts

Span = tuple[float, float]
WHOLE_MAP: Span = (-MARGIN, 1 + MARGIN)  #: range of the whole map along each axis


def projections(store: Store, named: Sequence[str] = ()) -> list[str]:
    """Return the names of the store's projections: first ``named``, then in order of ``_BEST``."""
    return sorted(store.methods, key=[*named, *_BEST, *store.methods].index)


def unit_square(xy: np.ndarray, reference: np.ndarray | None = None) -> np.ndarray:
    """Return positions ``(n, 2)`` scaled so that ``reference`` (default: ``xy``) fills [0, 1]²."""
    reference = xy if reference is None else reference
    low, high = reference.min(axis=0), reference.max(axis=0)
    return (xy - low) / np.where(high > low, high - low, 1.0)


@once(16)
def concept_positions(store: Store, method: str) -> np.ndarray:
    """Return the positions of concepts in one projection, in the unit square, ``(concept, 2)``."""
    return unit_square(store.concept_projection[store.methods.index(method)])


@once(16)
def segment_positions(store: Store, method: str) -> np.ndarray:
    """Return the positions of segments on the map, ``(segment, 2)``; nan if a segment has none.

    They are read from the store's ``segment_projection``; without this array each segment lies
    among its nearest concepts.
    """
    row = store.methods.index(method)
    if store.has("segment_projection"):
        return unit_square(store.segment_projection[row], store.concept_projection[row])
    return unit_square(_among_concepts(store)[:, row], store.concept_projection[row])


@once(4)
def _among_concepts(store: Store) -> np.ndarray:
    """Return the positions of segments among their nearest concepts, ``(segment, method, 2)``."""
    maps = np.moveaxis(store.concept_projection, 0, 1)
    return among_neighbours(store.segment_embedding, store.concept_text_embedding, maps)


@once(16)
def segment_tree(store: Store, method: str) -> tuple[np.ndarray, KDTree]:
    """Return the segments that the pointer can select, and a k-d tree of their positions.

    These segments have a position, and are not of holdout images, which are shown only on request.
    """
    places = segment_positions(store, method)
    shown = (store.split != HOLDOUT)[store.segment_image] & np.isfinite(places[:, 0])
    segments = np.flatnonzero(shown)
    # Unbalanced and not compact: five times faster for a million positions, at the same look-up.
    return segments, KDTree(places[segments], balanced_tree=False, compact_nodes=False)


@dataclass(frozen=True, eq=False)
class Density:
    """Image of the density of the segments over one part of the map.

    ``values`` is ``(height, width)`` uint8, bottom row first; it covers the ranges ``x`` and ``y``.
    """

    values: np.ndarray
    x: Span = WHOLE_MAP
    y: Span = WHOLE_MAP


NOTHING = Density(np.zeros((1, 1), np.uint8))


@once(16)
def segment_density(store: Store, method: str, shape: float = SHAPE) -> Density:
    """Return the density of the segments over the whole map."""
    return density_within(store, method, WHOLE_MAP, WHOLE_MAP, shape)


def density_within(store: Store, method: str, x: Span, y: Span, shape: float = SHAPE) -> Density:
    """Return the density of the segments over the ranges ``x`` and ``y``, in ``PIXELS`` pixels.

    ``shape`` is the plot's width divided by its height, so that pixels are square.
    """
    width = round((PIXELS * shape) ** 0.5)
    counts = _counted(segment_positions(store, method), (width, PIXELS // width), x, y)
    density = gaussian_filter(counts, _BLUR)
    levels = np.zeros_like(density)
    if density.any():  # scaled so that sparse regions stay visible beside a few dense spots
        typical = np.quantile(density[density > 0], 0.9)
        levels = np.round((LEVELS - 1) * (1 - np.exp(-density / typical)))
    return Density(levels.astype(np.uint8), x, y)


def load_datashader() -> None:
    """Import datashader and compile its count, which takes seconds, once per process."""
    _counted(np.zeros((1, 2), np.float32), (2, 1), WHOLE_MAP, WHOLE_MAP)


def _counted(places: np.ndarray, size: tuple[int, int], x: Span, y: Span) -> np.ndarray:
    """Return numbers of positions per pixel, bottom row first; ``size`` is (width, height)."""
    # Imported here, in a worker's thread, since these take seconds.
    import pandas as pd  # noqa: PLC0415 - see above

    ds = datashader_package()
    canvas = ds.Canvas(plot_width=size[0], plot_height=size[1], x_range=x, y_range=y)
    counts = canvas.points(pd.DataFrame(places, columns=["x", "y"]), "x", "y")
    pixels: np.ndarray = counts.to_numpy().astype(np.float32)
    return pixels


def palette(dark: bool) -> list[str]:
    """Return the colours of the ``LEVELS``: slate, from transparent to opaque."""
    alpha = np.round(np.linspace(0, 128 if dark else 115, LEVELS)).astype(int)
    return [f"{CLOUD.of(dark)}{a:02x}" for a in alpha]


DRAWN = 1000  #: most segments to draw, so that little is sent to the browser


@dataclass(frozen=True, eq=False)
class DrawnSegments:
    """Segments assigned to ``concept``, with their positions on the projection ``method``.

    ``total`` is their number, ``placed`` the number with a position on the map, ``xy`` ``(n, 2)``
    the positions to draw, ``centre`` ``(2,)`` the mean of all positions, nan without any. ``known``
    is False while the positions are being computed.
    """

    concept: str = ""
    method: str = ""
    total: int = 0
    placed: int = 0
    xy: np.ndarray = field(default_factory=lambda: np.empty((0, 2)))
    centre: np.ndarray = field(default_factory=lambda: np.full(2, np.nan))
    known: bool = True

    def words(self) -> str:
        """Return a sentence with the number of segments; empty without a concept."""
        if not self.concept:
            return ""
        if not self.known:
            return f"The segments of {self.concept} are being found."
        if not self.total:
            return f"No segment is assigned to {self.concept}: each is nearer to another concept."
        sentence = f"{count(self.total, 'segment')} assigned to {self.concept}"
        if self.placed < self.total:
            sentence += f", {count(self.placed)} of them on the map"
        if len(self.xy) < self.placed:
            sentence += f", {count(len(self.xy))} drawn"
        return f"{sentence}; + is their centre." if self.placed else f"{sentence}."


def take_assigned(store: Store, method: str, concept: str, drawn: int = DRAWN) -> DrawnSegments:
    """Return the segments assigned to a concept, with at most ``drawn`` positions to draw.

    The drawn segments are chosen evenly from near to far.
    """
    segments = assigned_segments(store, store.concepts.index(concept))
    places = segment_positions(store, method)[segments]
    places = places[np.isfinite(places).all(axis=1)]
    if not len(places):
        return DrawnSegments(concept, method, len(segments))
    chosen = np.linspace(0, len(places) - 1, min(drawn, len(places))).round().astype(np.intp)
    return DrawnSegments(
        concept, method, len(segments), len(places), places[chosen], places.mean(axis=0)
    )
