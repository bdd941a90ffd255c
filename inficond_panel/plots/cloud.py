"""The cloud of segments under the map of concepts, and the segments of one concept."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    from inficond_panel.store import Store

#: Removed when the process ends.
_KEPT: list[TemporaryDirectory[str]] = []


@cache
def datashader_package() -> Any:
    """The package datashader. Importing it takes a second, so a worker calls this.

    numba refuses to import its compiled functions where it finds no place to keep them; it then
    gets a folder of this process alone.
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


PIXELS = 640 * 320  #: of the cloud's image
SHAPE = 2.0  #: width of the plot by its height, unless it says otherwise
_BLUR = 4.0
_BEST = ("tsne", "umap", "pca")
MARGIN = 0.05  #: room around the unit square in which the concepts lie

Span = tuple[float, float]
WHOLE: Span = (-MARGIN, 1 + MARGIN)  #: the map along each axis


def projections(store: Store, named: Sequence[str] = ()) -> list[str]:
    """Projections of the store: those ``named`` in that order, then what spreads concepts best."""
    return sorted(store.methods, key=[*named, *_BEST, *store.methods].index)


def unit_square(xy: np.ndarray, reference: np.ndarray | None = None) -> np.ndarray:
    """Positions ``(n, 2)`` moved and stretched so that ``reference`` just fills [0, 1]²."""
    reference = xy if reference is None else reference
    low, high = reference.min(axis=0), reference.max(axis=0)
    return (xy - low) / np.where(high > low, high - low, 1.0)


def concept_positions(store: Store, method: str) -> np.ndarray:
    """Concepts of one projection in the unit square, ``(concept, 2)``."""
    return unit_square(store.concept_projection[store.methods.index(method)])


@once(16)
def segment_positions(store: Store, method: str) -> np.ndarray:
    """Segments in the unit square of the concepts, ``(segment, 2)``; nan for those not placed.

    Taken from the store's ``segment_projection``; where it has none, each segment lies among its
    nearest concepts.
    """
    row = store.methods.index(method)
    if store.has("segment_projection"):
        return unit_square(store.segment_projection[row], store.concept_projection[row])
    return unit_square(_among_concepts(store)[:, row], store.concept_projection[row])


@once(4)
def _among_concepts(store: Store) -> np.ndarray:
    """Segments on all maps of the concepts, ``(segment, method, 2)``."""
    maps = np.moveaxis(store.concept_projection, 0, 1)
    return among_neighbours(store.segment_embedding, store.concept_text_embedding, maps)


@once(16)
def segment_tree(store: Store, method: str) -> tuple[np.ndarray, KDTree]:
    """Segments that can be pointed at, and a tree of their places in the unit square.

    Those that are placed, but none of a holdout image: looking at the holdout is a deliberate act.
    """
    places = segment_positions(store, method)
    shown = (store.split != HOLDOUT)[store.segment_image] & np.isfinite(places[:, 0])
    segments = np.flatnonzero(shown)
    # Unbalanced and not compact: a million places take a fifth of the time, a look-up no longer.
    return segments, KDTree(places[segments], balanced_tree=False, compact_nodes=False)


@dataclass(frozen=True, eq=False)
class Density:
    """Density of the segments over one part of the map.

    ``values`` is ``(height, width)`` uint8, bottom row first; ``x`` and ``y`` are what it covers.
    """

    values: np.ndarray
    x: Span = WHOLE
    y: Span = WHOLE


NOTHING = Density(np.zeros((1, 1), np.uint8))


@once(16)
def segment_density(store: Store, method: str, shape: float = SHAPE) -> Density:
    """The segments over the whole map."""
    return density_within(store, method, WHOLE, WHOLE, shape)


def density_within(store: Store, method: str, x: Span, y: Span, shape: float = SHAPE) -> Density:
    """The segments over a part of the map, with the detail that it has room for.

    ``shape`` is the plot's width by its height, so that a spot is as wide as it is high.
    """
    width = round((PIXELS * shape) ** 0.5)
    counts = _counted(segment_positions(store, method), (width, PIXELS // width), x, y)
    return Density(_tone(gaussian_filter(counts, _BLUR)), x, y)


def load_datashader() -> None:
    """Have datashader imported and its count compiled, which takes seconds once in a process."""
    _counted(np.zeros((1, 2), np.float32), (2, 1), WHOLE, WHOLE)


def _counted(places: np.ndarray, size: tuple[int, int], x: Span, y: Span) -> np.ndarray:
    """Number of places in each pixel, ``(height, width)`` of ``size``, bottom row first."""
    # Here, in a worker's thread, since these take seconds.
    import pandas as pd  # noqa: PLC0415 - see above

    ds = datashader_package()
    canvas = ds.Canvas(plot_width=size[0], plot_height=size[1], x_range=x, y_range=y)
    counts = canvas.points(pd.DataFrame(places, columns=["x", "y"]), "x", "y")
    pixels: np.ndarray = counts.to_numpy().astype(np.float32)
    return pixels


def _tone(density: np.ndarray) -> np.ndarray:
    """Lift the thin parts, so that a few dense spots do not hide them."""
    if not density.any():
        return density.astype(np.uint8)
    typical = np.quantile(density[density > 0], 0.9)
    return np.round(255 * (1 - np.exp(-density / typical))).astype(np.uint8)


def palette(dark: bool) -> list[str]:
    """Colours of the densities 0 to 255: one slate, ever less transparent."""
    alpha = np.round((0.5 if dark else 0.45) * np.arange(256)).astype(int)
    return [f"{CLOUD.of(dark)}{a:02x}" for a in alpha]


DRAWN = 1000  #: segments that are drawn at most: what is sent to the browser stays small


@dataclass(frozen=True, eq=False)
class Assigned:
    """Segments whose best concept is ``concept``, on one projection.

    ``total`` is their number, ``placed`` that of those with a place on the map, ``xy`` ``(n, 2)``
    the places drawn, ``centre`` ``(2,)`` the mean of all places; nan where there is none. They are
    not ``known`` while they are looked for.
    """

    concept: str = ""
    method: str = ""
    total: int = 0
    placed: int = 0
    xy: np.ndarray = field(default_factory=lambda: np.empty((0, 2)))
    centre: np.ndarray = field(default_factory=lambda: np.full(2, np.nan))
    known: bool = True

    def words(self) -> str:
        """Sentence with the number of segments; empty without a concept."""
        if not self.concept:
            return ""
        if not self.known:
            return f"The segments of {self.concept} are being found."
        if not self.total:
            return f"No segment is assigned to {self.concept}: each is nearer to another concept."
        sentence = (
            f"{count(self.total)} segment{'s' * (self.total != 1)} assigned to {self.concept}"
        )
        if self.placed < self.total:
            sentence += f", {count(self.placed)} of them on the map"
        if len(self.xy) < self.placed:
            sentence += f", {count(len(self.xy))} drawn"
        return f"{sentence}; + is their centre." if self.placed else f"{sentence}."


def take_assigned(store: Store, method: str, concept: str, drawn: int = DRAWN) -> Assigned:
    """The segments of a concept; of more than ``drawn`` evenly many of near and of far ones."""
    segments = assigned_segments(store, store.concepts.index(concept))
    places = segment_positions(store, method)[segments]
    places = places[np.isfinite(places).all(axis=1)]
    if not len(places):
        return Assigned(concept, method, len(segments))
    chosen = np.linspace(0, len(places) - 1, min(drawn, len(places))).round().astype(np.intp)
    return Assigned(
        concept, method, len(segments), len(places), places[chosen], places.mean(axis=0)
    )
