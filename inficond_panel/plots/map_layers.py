"""Layers of the map of concepts, and the whole map for notebooks.

Dots, marks and labels are dicts of columns, which the page sends to Bokeh when they change.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import holoviews as hv
import numpy as np

from inficond_panel.common.near_words import unknown
from inficond_panel.common.numbers import share
from inficond_panel.common.upstream import bokeh_backend
from inficond_panel.errors import DataError
from inficond_panel.plots.cloud import (
    LEVELS,
    NOTHING,
    WHOLE_MAP,
    Density,
    DrawnSegments,
    concept_positions,
    palette,
    projections,
    segment_density,
    take_assigned,
)
from inficond_panel.plots.map_places import (
    FONT_SIZE,
    RING,
    Frame,
    MapNames,
    Shown,
    place_names,
    spread,
)
from inficond_panel.store import Store
from inficond_panel.vocabulary.intents import DIRECTIONS, DOWN, RELEASE, REMOVE, UP
from inficond_panel.vocabulary.palette import ASSIGNED, CONCEPT, FOCUS, INK, INK_3, LINE, SURFACE

LayerColumns = dict[str, list[Any]]
#: Pixels by which the dot of the concept in most of the picked images is larger.
_GROWTH = 10.0
_PLACES = 5  #: digits of positions on the map: 0.01 pixels if it is 1,000 pixels wide
UNSEEN = "#0000"  #: transparent black
_TRIANGLES = {UP.key: "triangle", DOWN.key: "inverted_triangle"}


@bokeh_backend()
def make_cloud(density: Density, dark: bool) -> hv.Image:
    """Draw the density of segments as one slate image."""
    bounds = (density.x[0], density.y[0], density.x[1], density.y[1])
    look = {"cmap": palette(dark), "clim": (0, LEVELS - 1)}
    return hv.Image(density.values[::-1], bounds=bounds).opts(**look, backend="bokeh")


class Shares(NamedTuple):
    """Shares (C,) of the images that show each concept: of the picked images, and of the others."""

    picked: np.ndarray
    others: np.ndarray

    def words(self, concept: int) -> str:
        """Return both shares, such as ``in 52 % of the picked images, 9 % of the others``."""
        picked, others = (float(each[concept]) for each in self)
        return f"in {share(picked)} of the picked images, {share(others)} of the others"


def make_dots(
    xy: np.ndarray,
    shown: Shown,
    group: Sequence[int],
    facts: Mapping[str, Any],
    dark: bool,
    shares: Shares | None = None,
) -> dict[str, Any]:
    """Return columns that draw a small gray dot per concept; dots of ``group`` are larger and dark.

    Pointer and lasso select dots. ``facts`` has the tooltip's texts by column. The dots of the top
    concepts are large and invisible, below their marks. With ``shares`` the area of dots grows
    with the share of the picked images, and those of concepts in none of these images are pale.
    """
    chosen = np.isin(np.arange(len(xy)), np.array(group, int))
    size, color = np.where(chosen, 6.0, 4.0), np.where(chosen, INK.of(dark), CONCEPT.of(dark))
    if shares is not None:
        known = np.nan_to_num(shares.picked)
        size = size + _GROWTH * np.sqrt(known / max(known.max(initial=0.0), 1e-9))
        color = np.where(~chosen & (shares.picked == 0), LINE.of(dark), color)
    size[shown.top], color[shown.top] = [shown.radius(c) for c in shown.top], UNSEEN
    return {"x": xy[:, 0], "y": xy[:, 1], "diameter": size, "shade": color, **facts}


@bokeh_backend()
def draw_dots(columns: Mapping[str, Any]) -> hv.Points:
    """Draw the dots whose columns ``make_dots`` returns, with HoloViews."""
    _, _, *others = columns
    return hv.Points(tuple(columns.values()), ["x", "y"], others).opts(
        line_alpha=0,
        fill_alpha=0.75,
        selection_fill_alpha=0.75,
        nonselection_fill_alpha=0.75,
        nonselection_line_alpha=0,
        hit_dilation=2.2,
        backend="bokeh",
    )


def make_leaders(names: MapNames, dark: bool) -> LayerColumns:
    """Return columns of the leader lines from marks to far labels: ends, length, angle, colour."""
    ends = dict(zip(("x0", "y0", "x1", "y1"), names.leaders.T.tolist(), strict=True))
    right, down = names.ways.T
    way = {"length": np.hypot(right, down).tolist(), "angle": np.arctan2(-down, right).tolist()}
    return {**ends, **way, "ink": [INK_3.of(dark)] * len(names.leaders)}


def make_texts(names: MapNames, dark: bool) -> LayerColumns:
    """Return columns of the labels: centre, mark, offset from the mark in pixels, text, style.

    ``surface`` is the colour of the outline below the text.
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
        "size": [f"{FONT_SIZE * names.scale:g}px"] * len(names.texts),
        "ink": [INK.of(dark)] * len(names.texts),
        "surface": [SURFACE.of(dark)] * len(names.texts),
    }


def make_segments(assigned: DrawnSegments, dark: bool, scale: float = 1.0) -> LayerColumns:
    """Return columns that draw the segments assigned to a concept as small discs."""
    x, y = assigned.xy.astype(float).round(_PLACES).T.tolist()
    return {"x": x, "y": y, "across": [4.0 * scale] * len(x), "fill": [ASSIGNED.of(dark)] * len(x)}


def make_centre(assigned: DrawnSegments, dark: bool, scale: float = 1.0) -> LayerColumns:
    """Return columns that draw the segments' centre as an outlined cross; empty without any."""
    looks = ((SURFACE, 25.0, 6.0), (ASSIGNED, 22.0, 3.0)) if assigned.placed else ()
    x, y = assigned.centre.tolist()
    return {
        "x": [x] * len(looks),
        "y": [y] * len(looks),
        "across": [across * scale for _, across, _ in looks],
        "line": [colour.of(dark) for colour, *_ in looks],
        "width": [width * scale for *_, width in looks],
    }


Look = tuple[str, float, str, str, float, float]  #: marker, size, fill, line, line width, opacity


def make_marks(xy: np.ndarray, shown: Shown, dark: bool, scale: float = 1.0) -> LayerColumns:
    """Return columns that draw the marks of the concepts ``shown.marked``.

    A pending thumb is a triangle up or down, a cross (remove) or a circle (release); an influence
    is a disc, hollow if negative. The opened concept has a ring, the focused one a blue ring.
    """
    rows = [
        (*xy[c].tolist(), shape, scale * size, *colours)
        for c in shown.marked
        for shape, size, *colours in _looks(shown, c, dark)
    ]
    columns = ("x", "y", "shape", "across", "fill", "line", "width", "opacity")
    return {name: [row[at] for row in rows] for at, name in enumerate(columns)}


def _looks(shown: Shown, concept: int, dark: bool) -> Iterator[Look]:
    """Yield the glyphs that draw a concept's mark, the lowest layer first."""
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


_FRAME = Frame(size=(640.0, 320.0))


@bokeh_backend()
def make_embedding(
    store: Store,
    influence: np.ndarray | None = None,
    method: str = "",
    concept: str = "",
    named: Sequence[str] = (),
) -> hv.Overlay:
    """Draw the concepts of the projection ``method`` over the density of all segments.

    If ``method`` is empty, the first of ``projections(store, named)`` is drawn.
    With the influences ``(C,)`` of a student its ten strongest concepts have marks and labels. The
    segments of ``concept`` are highlighted, with a cross at their centre; the title counts them.
    Raises ``DataError`` if the store has no maps, no map of that name, or no segments to show.
    """
    if not store.holds("maps"):
        raise DataError(store.lacks("maps"), "Use another plot, such as knowledge.")
    if concept and not store.holds("segments"):
        raise DataError(store.lacks("segments"), "Leave the concept out.")
    known = projections(store, named)
    if method and method not in known:
        raise DataError(*unknown("projection", method, known))
    chosen = method or known[0]
    shown = Shown(influence)
    xy = spread(concept_positions(store, chosen), shown, _FRAME)
    density = segment_density(store, chosen) if store.holds("segments") else NOTHING
    lit = take_assigned(store, chosen, concept) if concept else DrawnSegments()
    dots = make_dots(xy, shown, (), {"name": store.concepts}, dark=False)
    layers = [
        make_cloud(density, dark=False),
        draw_dots(dots).opts(size="diameter", color="shade", tools=["hover"], backend="bokeh"),
        *(_assigned(lit) if concept else []),
        *(_names(store, xy, shown) if shown.marked else []),
    ]
    return hv.Overlay(layers).opts(
        xlim=WHOLE_MAP,
        ylim=WHOLE_MAP,
        xaxis=None,
        yaxis=None,
        width=int(_FRAME.size[0]),
        height=int(_FRAME.size[1]),
        show_legend=False,
        title=lit.words(),
        backend="bokeh",
    )


@bokeh_backend()
def _assigned(assigned: DrawnSegments) -> list[hv.Element]:
    """Return layers that draw the segments of a concept, and their centre."""
    segments, centre = make_segments(assigned, dark=False), make_centre(assigned, dark=False)
    return [
        hv.Points(segments, ["x", "y"], ["across", "fill"]).opts(
            size="across", color="fill", alpha=0.6, backend="bokeh"
        ),
        hv.Points(centre, ["x", "y"], ["across", "line", "width"]).opts(
            marker="cross", size="across", line_color="line", line_width="width", backend="bokeh"
        ),
    ]


@bokeh_backend()
def _names(store: Store, xy: np.ndarray, shown: Shown) -> list[hv.Element]:
    """Return layers that draw leader lines, marks and labels over the dots."""
    names = place_names(xy, store.concepts, shown, _FRAME)
    leaders, texts = make_leaders(names, dark=False), make_texts(names, dark=False)
    marks = make_marks(xy, shown, dark=False)
    place, *looks = ["x", "y"], "across", "fill", "line", "width"
    return [
        hv.Segments(leaders, ["x0", "y0", "x1", "y1"], []).opts(color=INK_3.light, backend="bokeh"),
        hv.Points(marks, place, looks).opts(
            size="across", color="fill", line_color="line", line_width="width", backend="bokeh"
        ),
        hv.Labels(texts, place, ["name", "ink"]).opts(
            text_color="ink", text_font_size="12px", backend="bokeh"
        ),
    ]
