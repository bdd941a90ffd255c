"""A concept as the aggregate of its segments (InFiConD, section 4.2), on the concept map."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from inficond_panel.common.numbers import count
from inficond_panel.plots.cloud import segment_positions
from inficond_panel.results.patches import assigned_segments
from inficond_panel.store import Store

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
        told = f"{count(self.total)} segment{'s' * (self.total != 1)} assigned to {self.concept}"
        if self.placed < self.total:
            told += f", {count(self.placed)} of them on the map"
        if len(self.xy) < self.placed:
            told += f", {count(len(self.xy))} drawn"
        return f"{told}; + is their centre." if self.placed else f"{told}."


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
