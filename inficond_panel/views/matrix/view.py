"""Matrix view: influences of all students at once, shown with details for no selected class."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from html import escape
from pathlib import Path
from typing import Any
from weakref import WeakMethod

import holoviews as hv
import numpy as np
import panel as pn
import param
from numpy.typing import NDArray
from panel.viewable import Viewable, Viewer

from inficond_panel.common.near_words import listed
from inficond_panel.common.numbers import count, signed
from inficond_panel.common.ordering import strongest
from inficond_panel.plots.concept_matrix import NAMES_WIDTH, Cells, Tapped, make_matrix, take_cells
from inficond_panel.results.concept_rows import ORDERS, order_concepts
from inficond_panel.state import AppState, Job
from inficond_panel.ui import browser
from inficond_panel.ui.drawing import close_plots, dress, make_plot_pane
from inficond_panel.vocabulary.intents import DIRECTIONS

TOP = 30  #: number of concepts drawn, the first in the chosen order
NAMED = 8  #: number of students that the table names per concept
SLOW = "similar"  #: the order that takes long to compute, so that the worker does
_MARGIN = (0, 16, 0, 0)  #: of the matrix and its heads, in pixels
_LABELS = {
    "strongest": "Strongest first",
    "marked": "Suspects first",
    "similar": "Similar together",
    "name": "Name",
}


def make_table(cells: Cells) -> str:
    """Return the matrix as an HTML table: students per concept, strongest influence first."""
    rows = "".join(
        f"<tr><th scope='row'>{_link(concept, concept)}</th><td>{_students(cells, row)}</td></tr>"
        for row, concept in enumerate(cells.concepts)
    )
    heads = "<tr><th scope='col'>Concept</th><th scope='col'>Influence on students</th></tr>"
    return f"<details><summary>The same as a table</summary><table>{heads}{rows}</table></details>"


def make_heads(classes: Sequence[str]) -> str:
    """Return the names of the classes as HTML, to stay above the matrix: each opens its student."""
    names = "".join(_link(name, "", name) for name in classes)
    return f"<div class='heads' style='padding-left: {NAMES_WIDTH}px'>{names}</div>"


def _students(cells: Cells, row: int) -> str:
    values = cells.influence[row]
    order = [at for at in strongest(values).tolist() if values[at]]
    links = {at: _link(cells.classes[at], cells.concepts[row], cells.classes[at]) for at in order}
    return listed([f"{links[at]} {signed(float(values[at]), 2)}" for at in order], NAMED)


def _link(name: str, concept: str, student: str = "") -> str:
    """Return a button that opens what it names; the browser sends its data (table.js)."""
    data = f'data-concept="{escape(concept)}" data-student="{escape(student)}"'
    return f'<button class="link" {data}>{escape(name)}</button>'


def make_words(cells: Cells, known: int) -> str:
    """Return the matrix's heading and how to read it, as HTML; ``known`` counts all concepts."""
    shown = len(cells.concepts)
    if not shown:
        text = "No concept matches."
    else:
        marked = "; suspects have an outline" if cells.marked else ""
        text = (
            f"{count(shown)} of {count(known)} concepts. Blue counts for the class, orange against "
            f"it{marked}. Click a cell or name to open it."
        )
    return f"<h2>All students</h2><p role='status'>{escape(text)}</p>"


def _without_holding(method: Callable[[float, float], None]) -> Tapped:
    """Return a call of a method that does not hold its object: HoloViews keeps a plot's hooks."""
    held = WeakMethod(method)
    return lambda x, y: (call := held()) and call(x, y)


class MatrixView(Viewer):
    """View of all students of the iteration shown; not redrawn while a class is selected."""

    order: param.Selector[str] = param.Selector(
        default="strongest", objects={_LABELS[key]: key for key in ORDERS}, label="Order"
    )
    find = param.String("", regex=r"(?s).{0,200}$", label="Search concepts")
    marked = param.ClassSelector(
        class_=frozenset, default=frozenset(), doc="Suspects, as pairs of class and concept."
    )
    cells: param.ClassSelector[Cells] = param.ClassSelector(  # type: ignore[assignment]
        class_=Cells, doc="Cells that are drawn; the previous cells while no concept matches."
    )

    def __init__(self, app: AppState) -> None:
        self.app = app
        self._positions: NDArray[np.intp] = np.arange(len(app.store.concepts))
        sheets = browser.styles(Path(__file__).with_name("matrix.css"))
        html = partial(pn.pane.HTML, stylesheets=sheets, sizing_mode="stretch_width")
        self._words, self._table = html(margin=0), html(margin=0)
        names = make_heads(app.store.classes)
        sticky = {"position": "sticky", "top": "0", "z-index": "1"}
        self._heads = html(names, styles=sticky, margin=_MARGIN)
        super().__init__()
        self._mark()
        self._arrange()
        draw = partial(self._draw, tapped=_without_holding(self._open))
        plot = hv.DynamicMap(pn.bind(draw, self.param.cells, app.param.theme))
        self._plot = make_plot_pane(plot, sizing_mode="stretch_width")
        some = pn.bind(lambda cells: bool(cells.concepts), self.param.cells)
        self._plot.param.update(visible=some, margin=_MARGIN)
        self._heads.visible = some
        look: dict[str, Any] = {"stylesheets": sheets, "margin": (0, 8, 4, 0), "width": 180}
        self._panel = pn.Column(
            self._words,
            pn.FlexBox(
                pn.widgets.TextInput.from_param(
                    self.param.find, placeholder="Search concepts", **look
                ),
                pn.widgets.Select.from_param(self.param.order, **look),
                margin=(8, 16),
                sizing_mode="stretch_width",
            ),
            self._heads,
            self._plot,
            self._table,
            sizing_mode="stretch_width",
            margin=0,
        )

    def __panel__(self) -> Viewable:
        return self._panel

    def close(self) -> None:
        """Release the plot, at the end of the session."""
        close_plots(self._plot)

    @property
    def _on_screen(self) -> bool:
        return not self.app.selection.class_name or self.cells is None

    @staticmethod
    def _draw(cells: Cells, theme: str, tapped: Tapped) -> hv.Image:
        dark = theme == "dark"
        return dress(make_matrix(cells, dark, responsive=True, tapped=tapped), dark)

    @param.depends("app.selection.class_name", "app.students.snapshot", "order", watch=True)
    def _arrange(self) -> None:
        self.app.jobs.cancel("matrix")
        if not self._on_screen:
            return
        weights, concepts = self.app.students.node.weights, self.app.store.concepts
        find = partial(order_concepts, weights, concepts, self.order, self.marked)

        def done(positions: NDArray[np.intp]) -> None:
            if self.order == SLOW:  # else another order was chosen meanwhile
                self._take_order(positions)

        if self.order == SLOW:
            self.app.jobs.submit(Job("matrix", lambda _: find(), done, self.app.tuning.tell))
        else:
            self._take_order(find())

    @param.depends(
        "app.shifts.by_class", "app.reliance.repaired", "app.selection.class_name", watch=True
    )
    def _mark(self) -> None:
        """Outline the suspect concepts, once they are computed for all students."""
        if self._on_screen and self.app.shifts.complete:
            names, suspects = self.app.store.classes, self.app.shifts.suspects
            self.marked = frozenset((name, c) for name in names for c in suspects(name))

    def _take_order(self, positions: NDArray[np.intp]) -> None:
        self._positions = positions
        self._show()

    @param.depends("find", "marked", "app.tuning.pending", watch=True)
    def _show(self) -> None:
        app = self.app
        if not self._on_screen:
            return
        waiting = {thumb.key: DIRECTIONS[thumb.direction].glyph for thumb in app.tuning.thumbs}
        cells = take_cells(
            app.store, app.students.node, self._positions, self.find, TOP, self.marked, waiting
        )
        self._words.object = make_words(cells, len(app.store.concepts))
        self._table.object = make_table(cells)
        if cells.concepts or self.cells is None:
            self.cells = cells

    def _open(self, x: float | None, y: float | None) -> None:
        """Open what was clicked at column ``x`` and height ``y``: student and concept of a cell,
        or the concept that is named beside the cells."""
        if x is None or y is None:
            return
        names, concepts, selection = self.cells.classes, self.cells.concepts, self.app.selection
        name = names[int(x)] if 0 <= x < len(names) else ""
        if 0 < y <= len(concepts):
            selection.open_concept(concepts[int(len(concepts) - y)], name)
