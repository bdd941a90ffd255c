"""All students as one picture: influences of concepts on classes, in colours of influences."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any

import holoviews as hv
import holoviews.plotting.bokeh
import numpy as np
from bokeh.models import ColumnDataSource, CustomJSHover, HoverTool, NoOverlap, Quad, Text
from numpy.typing import NDArray

from inficond_panel.common.numbers import MINUS, signed
from inficond_panel.common.ordering import strongest
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

STEPS = 128  #: colours of each sign
_INKS = ("#000000", "#ffffff")  # on any colour one of them has a contrast of 4.5


@cache
def make_colours(dark: bool) -> list[str]:
    """Colours from the strongest influence against a class to the strongest for it.

    They deepen with the square root of the influence, so that weak ones are told apart as well.
    """
    depths = np.sqrt((np.arange(STEPS) + 0.5) / STEPS)
    against = [_mixed((AGAINST_LEAST, AGAINST, AGAINST_MOST), depth, dark) for depth in depths]
    towards = [_mixed((FOR_LEAST, FOR, FOR_MOST), depth, dark) for depth in depths]
    return [*reversed(against), *towards]


def inks_on(influence: NDArray[np.float64], reach: float, dark: bool) -> list[str]:
    """Colours of the texts on cells with these influences: the one that stands out more.

    ``reach`` is the influence of the deepest colour.
    """
    steps = np.minimum((influence / reach + 1) * STEPS, 2 * STEPS - 1).astype(np.intp)
    return np.where(influence == 0, INK.of(dark), _all_inks(dark)[steps]).tolist()


@cache
def _all_inks(dark: bool) -> NDArray[np.str_]:
    """Colour of text on each of the colours."""
    grounds = make_colours(dark)
    return np.array([max(_INKS, key=partial(contrast, ground)) for ground in grounds])


def contrast(one: str, other: str) -> float:
    """Ratio of the luminances of two colours, as in WCAG 2."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _mixed(colours: tuple[Colour, Colour, Colour], depth: float, dark: bool) -> str:
    """Colour between the least, the middle and the most, at a depth of 0 to 1."""
    parts = np.array([_rgb(colour.of(dark)) for colour in colours])
    rgb = [np.interp(depth, (0, 0.6, 1), channel) for channel in parts.T]
    return "#" + "".join(f"{round(float(value)):02x}" for value in rgb)


def _luminance(colour: str) -> float:
    parts = np.array(_rgb(colour)) / 255
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


#: Cells with influence that have their number and sign written into them: the strongest ones.
WRITTEN = 10_000
_ROW, _NAMES = 22, 190  # pixels of a plot in a notebook: a row, the names of the concepts
_WIDE = 40  # pixels of a cell from which on its number is written


@dataclass(frozen=True, eq=False)
class Cells:
    """Influences to draw, ``(concepts, classes)``, with the names of rows and columns.

    ``reach`` is the influence of the deepest colour. ``marked`` are cells by class and concept;
    ``pending`` has the sign of the thumb that waits for a cell.
    """

    influence: NDArray[np.float64]
    concepts: Sequence[str]
    classes: Sequence[str]
    reach: float
    marked: Collection[Mark] = ()
    pending: Mapping[Mark, str] = field(default_factory=dict)

    def places(self, cells: Collection[Mark]) -> list[tuple[int, int]]:
        """Return row and column of ``cells``, without those of concepts that have no row."""
        row = {name: at for at, name in enumerate(self.concepts)}
        column = {name: at for at, name in enumerate(self.classes)}
        return [(row[concept], column[name]) for name, concept in cells if concept in row]


def take_cells(
    store: Store,
    node: Node,
    positions: NDArray[np.intp],
    find: str = "",
    top: int = 0,
    marked: Collection[Mark] = (),
    pending: Mapping[Mark, str] | None = None,
) -> Cells:
    """The influences of a node, on the concepts at ``positions`` that ``find`` finds.

    ``top`` keeps as many of those that have an influence; 0 keeps all. The deepest colour is of
    the strongest concept, whether it is listed or not.
    """
    rows = find_concepts(positions, store.concepts, find)
    strengths = strength(node.weights)
    if top:
        rows = rows[strengths[rows] > 0][:top]
    names = [store.concepts[c] for c in rows]
    reach = float(strengths.max(initial=0.0)) or 1.0
    return Cells(node.weights[rows], names, store.classes, reach, marked, pending or {})


def make_matrix(cells: Cells, dark: bool = False, responsive: bool = False) -> hv.Image:
    """Influence as colour: for a class blue, against it orange; a cell at 0 is blank.

    The scale is symmetric. Names of concepts and classes stand at the axes, a card under the
    pointer; cells that are marked have an outline. Numbers are written over the cells, or, where
    there is little room for them, a minus in those against their class. A ``responsive`` matrix is
    as wide as its place. ``class`` and ``concept`` count columns from the left and rows from the
    bottom.
    """
    rows, columns = cells.influence.shape
    cell = max(_WIDE // 2, min(72, 640 // max(columns, 1)))
    size = {"responsive": True} if responsive else {"width": _NAMES + cell * columns}
    texts = "number" if cell >= _WIDE and not responsive else "sign"
    shown = hv.Image(_blank(cells), ["class", "concept"], "influence", bounds=(0, 0, columns, rows))
    return shown.opts(
        cmap=make_colours(dark),
        clim=(-cells.reach, cells.reach),
        clipping_colors={"NaN": "transparent"},
        xticks=[(at + 0.5, name) for at, name in enumerate(cells.classes)],
        yticks=[(rows - at - 0.5, name) for at, name in enumerate(cells.concepts)],
        xlabel="",
        ylabel="",
        xrotation=90,
        xaxis="top",
        height=120 + _ROW * rows,
        tools=["hover"],
        hooks=[
            partial(_write, cells=cells, dark=dark, field=texts),
            partial(_name_cells, cells=cells),
        ],
        **size,
        backend="bokeh",
    )


def _write(plot: Any, _: hv.Element, cells: Cells, dark: bool, field: str) -> None:
    """Hook: texts and outlines. As layers of HoloViews they take 100 ms each."""
    figure, ink = plot.state, INK.of(dark)
    if len(figure.renderers) == 1:  # hooks are called again when the image changes
        texts = Text(x="class", y="concept", text_color="text_color")
        texts.update(text_align="center", text_baseline="middle", text_font_size="12px")
        figure.add_glyph(ColumnDataSource(), texts)
        boxes = Quad(left="left", bottom="bottom", right="right", top="top", fill_color=None)
        boxes.line_width = 2
        figure.add_glyph(ColumnDataSource(), boxes)
        plot.handles["xaxis"].major_label_policy = NoOverlap(min_distance=2)
    _, texts, boxes = figure.renderers
    texts.glyph.text, boxes.glyph.line_color = field, ink
    texts.data_source.data = make_texts(cells, dark)
    boxes.data_source.data = make_outlines(cells)


def _blank(cells: Cells) -> NDArray[np.float32]:
    """Influences as an image has them: nan, which is not drawn, for 0."""
    return np.where(cells.influence, cells.influence, np.nan).astype(np.float32)


def make_texts(cells: Cells, dark: bool) -> dict[str, Any]:
    """Columns of the texts: places, as ``class`` and ``concept``, ``number``, ``sign``, and colour.

    Of the ``WRITTEN`` strongest cells. A thumb that waits stands before the number, and in the
    place of the sign.
    """
    values, waiting = cells.influence, cells.pending
    thumbs = dict(zip(cells.places(waiting), waiting.values(), strict=False))
    order = strongest(values)[:WRITTEN]
    rows, columns = np.unravel_index(order[values.flat[order] != 0], values.shape)
    places = list(dict.fromkeys([*thumbs, *zip(rows.tolist(), columns.tolist(), strict=True)]))
    at = np.array(places, np.intp).reshape(-1, 2)
    influence = values[at[:, 0], at[:, 1]]
    shown = [(thumbs.get(cell, ""), v) for cell, v in zip(places, influence, strict=True)]
    return {
        "class": at[:, 1] + 0.5,
        "concept": len(values) - at[:, 0] - 0.5,
        "number": [f"{thumb} {_number(value)}".strip() for thumb, value in shown],
        "sign": [thumb or (MINUS if value < 0 else "") for thumb, value in shown],
        "text_color": inks_on(influence, cells.reach, dark),
    }


def _number(value: float) -> str:
    return signed(value, 1 if abs(value) >= 10 else 2) if value else ""


def make_outlines(cells: Cells) -> dict[str, NDArray[np.float64]]:
    """Columns of the outlines around the cells that are marked."""
    at = np.array(sorted(cells.places(cells.marked)), float).reshape(-1, 2)
    left, bottom = at[:, 1], len(cells.concepts) - at[:, 0] - 1
    return {"left": left, "bottom": bottom, "right": left + 1, "top": bottom + 1}


def _name_cells(plot: Any, _: hv.Element, cells: Cells) -> None:
    """Hook: the pointer's card names class and concept, of which the image has the places."""

    def named(names: Sequence[str], place: str) -> CustomJSHover:
        return CustomJSHover(args={"names": list(names)}, code=f"return names[{place}] ?? ''")

    for tool in plot.state.select({"type": HoverTool}):
        tool.tooltips = [("class", "$x{0}"), ("concept", "$y{0}"), ("influence", "@image{+0.00}")]
        tool.formatters = {
            "$x": named(cells.classes, "Math.floor(value)"),
            "$y": named(cells.concepts, "names.length - 1 - Math.floor(value)"),
        }
