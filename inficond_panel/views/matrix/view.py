"""Matrix of influences: all students at once, where no class is selected."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import holoviews as hv
import numpy as np
import panel as pn
import param
from bokeh.core.properties import value
from bokeh.models import Text
from numpy.typing import NDArray
from panel.viewable import Viewable, Viewer

from inficond_panel.common.numbers import count
from inficond_panel.plots.concept_matrix import (
    STEPS,
    Cells,
    make_cells,
    make_colours,
    make_image,
    take_cells,
    update_matrix,
)
from inficond_panel.results.concept_rows import order_concepts
from inficond_panel.state import Job
from inficond_panel.tuning import Intent
from inficond_panel.ui.browser import FONT
from inficond_panel.ui.component import RefitActions, action
from inficond_panel.ui.drawing import change_figure, close_plots, make_plot_pane
from inficond_panel.views.matrix.panel import (
    MatrixPanel,
    draw_picture,
    make_batch,
    make_bounds,
    make_effects,
    make_given,
    make_pending,
    make_suggesting,
    meant,
)
from inficond_panel.vocabulary.intents import DIRECTIONS
from inficond_panel.wording.suspects import leaning_sentence

if TYPE_CHECKING:
    from inficond_panel.state import AppState
    from inficond_panel.ui.drawing import Drawing

#: The order that takes long to find, so that the worker does.
SLOW = "similar"
LEGEND = 16  #: colours of the legend


def _bare(plot: Any, _: hv.Element) -> None:
    """Hook: no axes, no ground, our font; names and lines are the browser's."""
    for text in plot.state.select({"type": Text}):
        text.text_font = value(FONT)
    plot.state.update(
        left=[],
        below=[],
        center=[],
        background_fill_color=None,
        border_fill_color=None,
        outline_line_color=None,
        min_border=0,
        output_backend="canvas",
    )


def _draw(cells: Cells, dark: bool) -> hv.Image:
    """The matrix filling its place, without axes and tools."""
    return make_cells(cells, dark, _bare).opts(
        toolbar=None, default_tools=[], responsive=True, border=0, padding=0
    )


class MatrixView(RefitActions, Viewer):
    """All students of the node in view; while a class is selected nothing of it is drawn anew."""

    marked = param.ClassSelector(
        class_=frozenset, default=frozenset(), doc="Suspects, as pairs of class and concept."
    )

    def __init__(self, app: AppState, **params: Any) -> None:
        self.app = app
        self._positions: NDArray[np.intp] = np.arange(len(app.store.concepts))
        self._plot: pn.pane.HoloViews | None = None
        self.panel = MatrixPanel(
            classes=list(app.store.classes),
            known=len(app.store.concepts),
            suggests=app.spec.tuning.suggest and app.tuner.cures.refused is None,
            suggesting=pn.bind(
                make_suggesting, app.suggestion.param.running, app.suggestion.param.share
            ),
            theme=app.param.theme,
            extent=app.settings.param.show,
            intervals=app.spec.views.intervals,
            locked=app.tuning.param.locked,
            concept=app.selection.param.concept,
            sizing_mode="stretch_both",
            margin=0,
        )
        self.listen_to(self.panel)
        super().__init__(**params)
        self._mark()
        self._arrange()
        self._show_batch()
        self.panel.plot = self._plot = make_plot_pane(_draw(self._cells(), self._dark))

    def __panel__(self) -> Viewable:
        return self.panel

    def picture(self) -> Drawing:
        """Picture of the first rows and columns, without a browser."""
        return draw_picture(self._cells())

    def close(self) -> None:
        """Let go of the plot."""
        if self._plot is not None:
            close_plots(self._plot)

    @property
    def _on_screen(self) -> bool:
        return not self.app.selection.class_name

    @property
    def _dark(self) -> bool:
        return bool(self.app.theme == "dark")

    @param.depends(
        "app.selection.class_name", "app.students.snapshot", "panel.order", "marked", watch=True
    )
    def _arrange(self) -> None:
        """Put the rows in their order."""
        self.app.jobs.cancel("matrix")
        if not self._on_screen:
            return
        weights, concepts = self.app.students.node.weights, self.app.store.concepts
        find = partial(order_concepts, weights, concepts, self.panel.order, self.marked)
        if self.panel.order == SLOW:
            self.app.jobs.submit(
                Job("matrix", lambda _: find(), self._take_slow, self.app.tuning.tell)
            )
        else:
            self._take_order(find())

    @param.depends("app.shifts.by_class", "app.selection.class_name", watch=True)
    def _mark(self) -> None:
        """Outline the suspects, and say how many students rely on some."""
        shifts, classes = self.app.shifts, self.app.store.classes
        if not self._on_screen:
            return
        shown = self.app.spec.tuning.suspects
        sentence = leaning_sentence(shifts.by_class, len(classes), all_wanted=shifts.all_wanted)
        self.panel.leaning = sentence if shown else ""
        if shifts.complete or not (shifts.by_class and shifts.all_wanted):  # once, not for each
            self.marked = frozenset((name, c) for name in classes for c in shifts.suspects(name))

    def _take_slow(self, positions: NDArray[np.intp]) -> None:
        if self.panel.order == SLOW:  # another may have been chosen meanwhile
            self._take_order(positions)

    def _take_order(self, positions: NDArray[np.intp]) -> None:
        self._positions = positions
        self._redraw()

    def _cells(self) -> Cells:
        app = self.app
        pending = {thumb.key: DIRECTIONS[thumb.direction].glyph for thumb in self.app.tuning.thumbs}
        return take_cells(
            app.store,
            app.students.node,
            self._positions,
            self.panel.find,
            marked=self.marked,
            pending=pending,
        )

    @param.depends("app.theme", "app.tuning.pending", "panel.find", "panel.pixels", watch=True)
    def _redraw(self) -> None:
        if not self._on_screen:
            return
        cells, colours = self._cells(), make_colours(self._dark)
        self.panel.param.update(
            concepts=list(cells.concepts),
            marked=[list(cell) for cell in sorted(self.marked)],
            bounds=make_bounds(self.app.students.node),
            colours=colours[:: 2 * STEPS // LEGEND] + colours[-1:],
            reach=cells.reach,
        )
        if self.panel.pixels:
            wide, high = self.panel.pixels
            show, tell = partial(self._show_coarse, cells), self.app.tuning.tell
            work = partial(make_image, cells, (wide, high))
            self.app.jobs.submit(Job("coarse matrix", lambda _: work(), show, tell))
        else:
            self._show(cells, make_image(cells))

    def _show_coarse(self, cells: Cells, image: NDArray[np.float32]) -> None:
        if self.panel.pixels:  # the cells may be seen one by one again
            self._show(cells, image)

    def _show(self, cells: Cells, image: NDArray[np.float32]) -> None:
        for plot, _ in self._plot._plots.values() if self._plot else ():
            change = partial(update_matrix, plot.state, cells, image, self._dark)
            change_figure(plot.state, change)
        pn.io.push_notebook(self.panel)

    @param.depends(
        "app.selection.class_name",
        "app.students.snapshot",
        "app.tuning.pending",
        "app.tuning.preview",
        "app.tuning.status",
        "panel.chosen",
        watch=True,
    )
    def _show_batch(self) -> None:
        """Show the batch and its expected effect, unless another view shows it."""
        tuning, thumbs = self.app.tuning, self.app.tuning.thumbs
        if not self._on_screen:
            self.panel.batch = {}
            return
        influences = {concept: self._influence(concept) for concept in {t.concept for t in thumbs}}
        self.panel.param.update(
            pending=make_pending(thumbs),
            given=make_given(thumbs, influences, self.panel.chosen),
            effects=make_effects(tuning.preview),
            batch=make_batch(tuning.pending, tuning.preview, tuning.status, self._refit_sentence()),
        )

    def _influence(self, concept: str) -> dict[str, float]:
        """Influence of a concept on each class."""
        store, node = self.app.store, self.app.students.node
        row = node.weights[store.concepts.index(concept)]
        return dict(zip(store.classes, row.tolist(), strict=True))

    def _refit_sentence(self) -> str:
        """Sentence on the refit that is done; empty where none is."""
        tuning = self.app.tuning
        if tuning.status.kind != "done":
            return ""
        tuned = len(tuning.head.tuned)
        others = len(self.app.store.classes) - tuned
        how = "moved with them" if self.app.tuner.joint else "are as they were"
        rest = f"; the other {count(others)} {how}" if others else ""
        return f"#{tuning.head.number} tuned {count(tuned, 'student')}{rest}."

    @action
    def _open(self, class_name: str, concept: str) -> None:
        self.app.selection.open_concept(concept, class_name)

    @action
    def _thumb(self, concept: str, direction: str) -> None:
        """Give a row's thumb to all students that it is for; where all have it, take it back."""
        if concept not in self.app.store.concepts:
            raise ValueError("no such concept")
        names = meant(self._influence(concept), self.panel.chosen, direction)
        self.app.tuning.toggle(*(Intent(name, concept, direction) for name in names))

    @action
    def _suggest(self) -> None:
        if self.panel.suggests:
            self.app.suggestion.ask()
