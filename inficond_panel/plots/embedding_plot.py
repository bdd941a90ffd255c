"""Concept map of a student as one HoloViews overlay, of the layers that the page draws."""

from __future__ import annotations

from collections.abc import Sequence

import holoviews as hv
import numpy as np

from inficond_panel.common.near_words import unknown
from inficond_panel.errors import DataError
from inficond_panel.plots.assigned import Assigned, take_assigned
from inficond_panel.plots.cloud import (
    NOTHING,
    WHOLE,
    concept_positions,
    projections,
    segment_density,
)
from inficond_panel.plots.concept_map import Frame, Shown, place_names, spread
from inficond_panel.plots.map_layers import (
    draw_dots,
    make_centre,
    make_cloud,
    make_dots,
    make_leaders,
    make_marks,
    make_segments,
    make_texts,
)
from inficond_panel.store import Store
from inficond_panel.vocabulary.palette import INK_3

_FRAME = Frame(size=(640.0, 320.0))


def make_embedding(
    store: Store,
    influence: np.ndarray | None = None,
    method: str = "",
    concept: str = "",
    named: Sequence[str] = (),
) -> hv.Overlay:
    """Concepts of the projection ``method`` over the cloud of all segments.

    Without one the first of ``projections(store, named)``.

    With the influences ``(C,)`` of a student its ten strongest concepts have marks and labels. The
    segments assigned to a ``concept`` are lit, with a cross at their centre; the title counts them.
    Raises ``DataError`` where the store has no map, or none of that name, or no segments to light.
    """
    if not store.holds("maps"):
        raise DataError(store.lacks("maps"), "All other plots are there.")
    if concept and not store.holds("segments"):
        raise DataError(store.lacks("segments"), "Leave the concept out.")
    known = projections(store, named)
    if method and method not in known:
        raise DataError(*unknown("projection", method, known))
    chosen = method or known[0]
    shown = Shown(influence)
    xy = spread(concept_positions(store, chosen), shown, _FRAME)
    density = segment_density(store, chosen) if store.holds("segments") else NOTHING
    lit = take_assigned(store, chosen, concept) if concept else Assigned()
    dots = make_dots(xy, shown, (), {"name": store.concepts}, dark=False)
    layers = [
        make_cloud(density, dark=False),
        draw_dots(dots).opts(size="diameter", color="shade", tools=["hover"]),
        *(_assigned(lit) if concept else []),
        *(_names(store, xy, shown) if shown.marked else []),
    ]
    return hv.Overlay(layers).opts(
        xlim=WHOLE,
        ylim=WHOLE,
        xaxis=None,
        yaxis=None,
        width=int(_FRAME.size[0]),
        height=int(_FRAME.size[1]),
        show_legend=False,
        title=lit.words(),
    )


def _assigned(assigned: Assigned) -> list[hv.Element]:
    """Segments of a concept, and their centre."""
    segments, centre = make_segments(assigned, dark=False), make_centre(assigned, dark=False)
    return [
        hv.Points(segments, ["x", "y"], ["across", "fill"]).opts(
            size="across", color="fill", alpha=0.6
        ),
        hv.Points(centre, ["x", "y"], ["across", "line", "width"]).opts(
            marker="cross", size="across", line_color="line", line_width="width"
        ),
    ]


def _names(store: Store, xy: np.ndarray, shown: Shown) -> list[hv.Element]:
    """Leaders, marks and labels over the dots."""
    names = place_names(xy, store.concepts, shown, _FRAME)
    leaders, texts = make_leaders(names, dark=False), make_texts(names, dark=False)
    marks = make_marks(xy, shown, dark=False)
    place, *looks = ["x", "y"], "across", "fill", "line", "width"
    return [
        hv.Segments(leaders, ["x0", "y0", "x1", "y1"], []).opts(color=INK_3.light),
        hv.Points(marks, place, looks).opts(
            size="across", color="fill", line_color="line", line_width="width"
        ),
        hv.Labels(texts, place, ["name", "ink"]).opts(text_color="ink", text_font_size="12px"),
    ]
