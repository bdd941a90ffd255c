"""Layers of the concept map: cloud and dots as HoloViews elements, columns of what lies on them.

Dots, marks and labels are columns, since on the page they are sent to Bokeh as they change.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import holoviews as hv
import numpy as np

from inficond_panel.plots import labels
from inficond_panel.plots.assigned import Assigned
from inficond_panel.plots.cloud import Density, palette
from inficond_panel.plots.concept_map import RING, Names, Shown
from inficond_panel.vocabulary.directions import DIRECTIONS, DOWN, RELEASE, REMOVE, UP
from inficond_panel.vocabulary.palette import ASSIGNED, CONCEPT, FOCUS, INK, INK_3, SURFACE

Columns = dict[str, list[Any]]
_PLACES = 5  #: digits of places on the map: a hundredth of a pixel where it is a thousand wide
UNSEEN = "#0000"  #: black, of no opacity
_TRIANGLES = {UP.key: "triangle", DOWN.key: "inverted_triangle"}


def make_cloud(density: Density, dark: bool) -> hv.Image:
    """Segments as one slate image."""
    bounds = (density.x[0], density.y[0], density.x[1], density.y[1])
    return hv.Image(density.values[::-1], bounds=bounds).opts(cmap=palette(dark), clim=(0, 255))


def make_dots(
    xy: np.ndarray, shown: Shown, group: Sequence[int], facts: Mapping[str, Any], dark: bool
) -> dict[str, Any]:
    """All concepts as small gray dots; the selected group's larger, in ink. Columns.

    They are what the pointer and the lasso meet: ``facts`` has the tooltip's texts by column, and
    the dots of the top concepts are large and not seen: their marks stand for them.
    """
    chosen = np.isin(np.arange(len(xy)), np.array(group, int))
    size, color = np.where(chosen, 6.0, 4.0), np.where(chosen, INK.of(dark), CONCEPT.of(dark))
    size[shown.top], color[shown.top] = [shown.radius(c) for c in shown.top], UNSEEN
    return {"x": xy[:, 0], "y": xy[:, 1], "diameter": size, "shade": color, **facts}


def draw_dots(columns: Mapping[str, Any]) -> hv.Points:
    """The dots as HoloViews makes them first; ``update_dots`` changes them."""
    _, _, *others = columns
    return hv.Points(tuple(columns.values()), ["x", "y"], others).opts(
        line_alpha=0,
        fill_alpha=0.75,
        selection_fill_alpha=0.75,
        nonselection_fill_alpha=0.75,
        nonselection_line_alpha=0,
        hit_dilation=2.2,
    )


def make_leaders(names: Names, dark: bool) -> Columns:
    """Lines from marks to far labels, by their ends; also by length in pixels and angle."""
    ends = dict(zip(("x0", "y0", "x1", "y1"), names.leaders.T.tolist(), strict=True))
    right, down = names.ways.T
    way = {"length": np.hypot(right, down).tolist(), "angle": np.arctan2(-down, right).tolist()}
    return {**ends, **way, "ink": [INK_3.of(dark)] * len(names.leaders)}


def make_texts(names: Names, dark: bool) -> Columns:
    """The labels' texts by their centres, and by what they name and the pixels from there.

    The surface's colour is for the outline beneath them.
    """
    x, y = names.centres.T.tolist()
    at_x, at_y = names.marks.T.tolist()
    right, down = names.beside.T.tolist()
    return {
        "x": x,
        "y": y,
        "at_x": at_x,
        "at_y": at_y,
        "right": right,
        "down": down,
        "name": list(names.texts),
        "style": ["bold" if bold else "normal" for bold in names.bold],
        "size": [f"{labels.FONT_SIZE * names.scale:g}px"] * len(names.texts),
        "ink": [INK.of(dark)] * len(names.texts),
        "surface": [SURFACE.of(dark)] * len(names.texts),
    }


def make_segments(assigned: Assigned, dark: bool, scale: float = 1.0) -> Columns:
    """Segments of the concept opened, as small discs."""
    x, y = assigned.xy.astype(float).round(_PLACES).T.tolist()
    return {"x": x, "y": y, "across": [4.0 * scale] * len(x), "fill": [ASSIGNED.of(dark)] * len(x)}


def make_centre(assigned: Assigned, dark: bool, scale: float = 1.0) -> Columns:
    """Their centre: a cross on a larger one of the surface's colour. Empty where there is none."""
    looks = ((SURFACE, 17.0, 6.0), (ASSIGNED, 14.0, 3.0)) if assigned.placed else ()
    x, y = assigned.centre.tolist()
    return {
        "x": [x] * len(looks),
        "y": [y] * len(looks),
        "across": [across * scale for _, across, _ in looks],
        "line": [colour.of(dark) for colour, *_ in looks],
        "width": [width * scale for *_, width in looks],
    }


Look = tuple[str, float, str, str, float, float]  #: marker, size, fill, line, line width, opacity


def make_marks(xy: np.ndarray, shown: Shown, dark: bool, scale: float = 1.0) -> Columns:
    """Marks of the concepts marked.

    Pending: a triangle up or down, a cross, or a circle for a bound released. Influential: a disc,
    hollow if negative. The one opened has a ring, the one that the keyboard is at a blue one.
    """
    rows = [
        (*xy[c].tolist(), shape, scale * size, *colours)
        for c in shown.marked
        for shape, size, *colours in _looks(shown, c, dark)
    ]
    columns = ("x", "y", "shape", "across", "fill", "line", "width", "opacity")
    return {name: [row[at] for row in rows] for at, name in enumerate(columns)}


def _looks(shown: Shown, concept: int, dark: bool) -> Iterator[Look]:
    """Glyphs that make one mark, the lowest first."""
    ink, surface = INK.of(dark), SURFACE.of(dark)
    size, direction = 2 * shown.radius(concept), shown.pending.get(concept)
    if direction == REMOVE.key:
        yield "circle", 14.0, surface, surface, 1.0, 1.0
        yield "x", 8.0, REMOVE.colour.of(dark), REMOVE.colour.of(dark), 2.0, 1.0
    elif direction == RELEASE.key:
        yield "circle", 11.0, surface, RELEASE.colour.of(dark), 2.0, 1.0
    elif direction:
        yield _TRIANGLES[direction], 13.0, DIRECTIONS[direction].colour.of(dark), surface, 1.2, 1.0
    elif concept not in shown.top:
        yield "circle", size, CONCEPT.of(dark), surface, 1.2, 1.0
    elif shown.negative(concept):
        yield "circle", size, surface, ink, 2.0, 1.0
    else:
        yield "circle", size, ink, surface, 1.2, 1.0
    if concept == shown.opened:
        yield "circle", 2 * RING, surface, ink, 1.5, 0.0
    if concept == shown.cursor:
        yield "circle", 2 * RING + 4, surface, FOCUS.of(dark), 2.0, 0.0
