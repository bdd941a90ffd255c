"""Matrix of all students: the influences of concepts on classes, as colours."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any

import holoviews as hv
import numpy as np
from bokeh.events import Tap
from bokeh.models import ColumnDataSource, CustomJSHover, HoverTool, NoOverlap, Quad, Text
from numpy.typing import NDArray

from inficond_panel.common.numbers import MINUS, signed
from inficond_panel.common.ordering import strongest
from inficond_panel.common.upstream import bokeh_backend
from inficond_panel.results.concept_rows import Mark, find_concepts, strength
from inficond_panel.store import Store
from inficond_panel.tuning import Node
from inficond_panel.vocabulary.palette import (
    AGAINST,
    AGAINST_LEAST,
    AGAINST_MOST,
    FOR,
    FOR_LEAST,
    FOR_MOST,
    INK,
    Colour,
)

Tapped = Callable[[float, float], object] | None
STEPS = 128  #: colours of each sign
_INKS = ("#000000", "#ffffff")  # one of the two has a contrast of 4.5 or more on any colour


@cache
def make_colours(dark: bool) -> list[str]:
    """Return the colours of influences, from the strongest negative to the strongest positive.

    They deepen with the square root of the influence, so that weak influences differ visibly.
    """
    depths = np.sqrt((np.arange(STEPS) + 0.5) / STEPS)
    against = [_mixed((AGAINST_LEAST, AGAINST, AGAINST_MOST), depth, dark) for depth in depths]
    towards = [_mixed((FOR_LEAST, FOR, FOR_MOST), depth, dark) for depth in depths]
    return [*reversed(against), *towards]


@cache
def _inks(dark: bool) -> NDArray[np.str_]:
    """Return black or white for each of ``make_colours``, by the larger contrast."""
    grounds = make_colours(dark)
    return np.array([max(_INKS, key=partial(contrast, ground)) for ground in grounds])


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours by WCAG 2: the ratio of their luminances."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _mixed(colours: tuple[Colour, Colour, Colour], depth: float, dark: bool) -> str:
    """Return the colour at ``depth`` (0 to 1), interpolated between least, middle and most."""
    parts = np.array([_rgb(colour.of(dark)) for colour in colours])
    rgb = [np.interp(depth, (0, 0.6, 1), channel) for channel in parts.T]
    return "#" + "".join(f"{round(float(value)):02x}" for value in rgb)


def _luminance(colour: str) -> float:
    parts = np.array(_rgb(colour)) / 255
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


#: Most cells whose number and sign are written, the strongest first.
WRITTEN = 10_000
#: Width in pixels of the concept names.
NAMES_WIDTH = 190
_ROW = 22  # height of a row in pixels
_LONGEST = 26  #: characters of a concept's name that fit there
_WIDE = 40  # least width in pixels of a cell for its number to be written


@dataclass(frozen=True, eq=False)
class Cells:
    """Cells of the matrix to draw: influences ``(concepts, classes)``, names of rows and columns.

    ``reach`` is the influence that has the deepest colour. ``marked`` are the cells (class,
    concept) with an outline; ``pending`` has the glyph of a cell's pending thumb.
    """

    influence: NDArray[np.float64]
    concepts: Sequence[str]
    classes: Sequence[str]
    reach: float
    marked: Collection[Mark] = ()
    pending: Mapping[Mark, str] = field(default_factory=dict)

    def places(self, cells: Collection[Mark]) -> list[tuple[int, int]]:
        """Return (row, column) of the ``cells`` (class, concept) whose concept has a row."""
        row = {name: at for at, name in enumerate(self.concepts)}
        column = {name: at for at, name in enumerate(self.classes)}
        return [(row[concept], column[name]) for name, concept in cells if concept in row]


def take_cells(
    store: Store,
    node: Node,
    positions: NDArray[np.intp],
    find: str,
    top: int,
    marked: Collection[Mark],
    pending: Mapping[Mark, str] | None = None,
) -> Cells:
    """Return a node's influences on the concepts at ``positions`` whose name contains ``find``.

    ``top`` keeps only the first concepts that have an influence; 0 keeps all. The deepest colour is
    for the strongest concept, whether it is listed or not.
    """
    rows = find_concepts(positions, store.concepts, find)
    strengths = strength(node.weights)
    if top:
        rows = rows[strengths[rows] > 0][:top]
    names = [store.concepts[c] for c in rows]
    reach = float(strengths.max(initial=0.0)) or 1.0
    return Cells(node.weights[rows], names, store.classes, reach, marked, pending or {})


@bokeh_backend()
def make_matrix(
    cells: Cells, dark: bool = False, responsive: bool = False, tapped: Tapped = None
) -> hv.Image:
    """Draw influences as colours: positive blue, negative orange, 0 blank.

    The scale is symmetric. Names of concepts and classes are at the axes, and a tooltip shows the
    cell's; marked cells have an outline. Numbers are written in the cells, or if they do not fit, a
    minus in cells with a negative influence. A ``responsive`` matrix fills the width of its
    container, and has no names of classes: the page has them above it, in columns of equal width
    after ``NAMES_WIDTH`` pixels. ``class`` and ``concept`` count columns from the left and rows
    from the bottom; ``tapped`` is called with both for each click on the figure, also on names
    outside.
    """
    rows, columns = cells.influence.shape
    cell = max(_WIDE // 2, min(72, 640 // max(columns, 1)))
    named = _cut if responsive else str
    size = {"responsive": True} if responsive else {"width": NAMES_WIDTH + cell * columns}
    texts = "number" if cell >= _WIDE and not responsive else "sign"
    values = np.where(cells.influence, cells.influence, np.nan).astype(np.float32)  # 0: not drawn
    shown = hv.Image(values, ["class", "concept"], "influence", bounds=(0, 0, columns, rows))
    return shown.opts(
        cmap=make_colours(dark),
        clim=(-cells.reach, cells.reach),
        clipping_colors={"NaN": "transparent"},
        xticks=[(at + 0.5, name) for at, name in enumerate(cells.classes)],
        yticks=[(rows - at - 0.5, named(name)) for at, name in enumerate(cells.concepts)] or None,
        xlabel="",
        ylabel="",
        xrotation=90,
        xaxis=None if responsive else "top",
        height=_ROW * rows + (8 if responsive else 120),
        tools=["hover"],
        hooks=[
            partial(_write, cells=cells, dark=dark, field=texts, tapped=tapped),
            partial(_name_cells, cells=cells),
            *([_leave_room] if responsive else []),
        ],
        **size,
        backend="bokeh",
    )


def _cut(name: str) -> str:
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"


def _leave_room(plot: Any, _: hv.Element) -> None:
    """HoloViews hook that gives the names a fixed width, so that heads of columns can be above."""
    plot.state.update(min_border_left=NAMES_WIDTH, min_border_right=0, min_border_top=0)


def _write(plot: Any, _: hv.Element, cells: Cells, dark: bool, field: str, tapped: Tapped) -> None:
    """HoloViews hook that draws texts and outlines; as layers they would take 100 ms each."""
    figure, ink = plot.state, INK.of(dark)
    if len(figure.renderers) == 1:  # hooks are called again when the image changes
        texts = Text(x="class", y="concept", text_color="text_color")
        texts.update(text_align="center", text_baseline="middle", text_font_size="12px")
        figure.add_glyph(ColumnDataSource(), texts)
        boxes = Quad(left="left", bottom="bottom", right="right", top="top", fill_color=None)
        boxes.line_width = 2
        figure.add_glyph(ColumnDataSource(), boxes)
        plot.handles["xaxis"].major_label_policy = NoOverlap(min_distance=2)
        if tapped:  # HoloViews' stream leaves out clicks on the names
            figure.on_event(Tap, lambda event: tapped(event.x, event.y))
    _, texts, boxes = figure.renderers
    texts.glyph.text, boxes.glyph.line_color = field, ink
    texts.data_source.data = make_texts(cells, dark)
    boxes.data_source.data = make_outlines(cells)


def make_texts(cells: Cells, dark: bool) -> dict[str, Any]:
    """Return columns of the cells' texts: position (``class``, ``concept``), number, sign, colour.

    Only the ``WRITTEN`` strongest cells have a text. The glyph of a pending thumb precedes the
    number, and replaces the sign.
    """
    values, waiting = cells.influence, cells.pending
    thumbs = dict(zip(cells.places(waiting), waiting.values(), strict=False))
    order = strongest(values)[:WRITTEN]
    rows, columns = np.unravel_index(order[values.flat[order] != 0], values.shape)
    places = list(dict.fromkeys([*thumbs, *zip(rows.tolist(), columns.tolist(), strict=True)]))
    at = np.array(places, np.intp).reshape(-1, 2)
    influence = values[at[:, 0], at[:, 1]]
    shown = [(thumbs.get(cell, ""), v) for cell, v in zip(places, influence, strict=True)]
    steps = np.minimum((influence / cells.reach + 1) * STEPS, 2 * STEPS - 1).astype(np.intp)
    return {
        "class": at[:, 1] + 0.5,
        "concept": len(values) - at[:, 0] - 0.5,
        "number": [f"{thumb} {_number(value)}".strip() for thumb, value in shown],
        "sign": [thumb or (MINUS if value < 0 else "") for thumb, value in shown],
        "text_color": np.where(influence == 0, INK.of(dark), _inks(dark)[steps]).tolist(),
    }


def _number(value: float) -> str:
    return signed(value, 1 if abs(value) >= 10 else 2) if value else ""


def make_outlines(cells: Cells) -> dict[str, NDArray[np.float64]]:
    """Return columns (left, bottom, right, top) of the outlines around marked cells."""
    at = np.array(sorted(cells.places(cells.marked)), float).reshape(-1, 2)
    left, bottom = at[:, 1], len(cells.concepts) - at[:, 0] - 1
    return {"left": left, "bottom": bottom, "right": left + 1, "top": bottom + 1}


def _name_cells(plot: Any, _: hv.Element, cells: Cells) -> None:
    """HoloViews hook that shows class and concept in the tooltip; the image has only positions."""

    def named(names: Sequence[str], place: str) -> CustomJSHover:
        return CustomJSHover(args={"names": list(names)}, code=f"return names[{place}] ?? ''")

    for tool in plot.state.select({"type": HoverTool}):
        tool.tooltips = [("class", "$x{0}"), ("concept", "$y{0}"), ("influence", "@image{+0.00}")]
        tool.formatters = {
            "$x": named(cells.classes, "Math.floor(value)"),
            "$y": named(cells.concepts, "names.length - 1 - Math.floor(value)"),
        }
