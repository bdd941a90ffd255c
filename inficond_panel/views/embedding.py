"""Concept embedding view: a map of the concepts, those that count for the student named.

InFiConD, section 5, figure 5c.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import holoviews as hv
import numpy as np
import panel as pn
import param
from bokeh.models import HoverTool, LassoSelectTool, PanTool
from bokeh.models.tools import Drag
from bokeh.plotting import figure as Figure  # noqa: N812 - a class, though in lower case
from holoviews import streams
from panel.custom import Child, JSComponent

from inficond_panel.state import Job
from inficond_panel.views import esm
from inficond_panel.views.charts import bare_figure
from inficond_panel.views.cloud import concept_positions, projections, segment_density
from inficond_panel.views.concept_map import SPAN, Frame, Shown, place_names, tapped
from inficond_panel.views.map_layers import Foreground, Scene, make_cloud, make_dots
from inficond_panel.views.map_tooltip import TOOLTIP, make_facts
from inficond_panel.views.theme import tokens

if TYPE_CHECKING:
    from panel.models.esm import DataEvent

    from inficond_panel.errors import InficondError
    from inficond_panel.state import AppState

hv.extension("bokeh", logo=False)

PROJECTIONS = {"tsne": "t-SNE", "umap": "UMAP", "pca": "PCA"}
_NO_DENSITY = np.zeros((1, 1))


class EmbeddingPanel(JSComponent):
    """Heading, choice of projection, the plot, legend and tools."""

    projections = param.List([], doc="Projections to choose from: [id, name].")
    projection = param.String("", doc="The one shown.")
    concepts = param.Integer(0, doc="Number of concepts.")
    group = param.Integer(0, doc="Number of concepts in the selected group.")
    lasso = param.Boolean(False, doc="Dragging draws a lasso; otherwise it moves the map.")
    theme = param.String("", doc='"light", "dark", or "" to follow the page.')
    fault = param.String("", doc="Why the segments cannot be drawn; empty: they can.")
    plot = Child()

    _esm = esm.module("embedding")
    _stylesheets = esm.styles("embedding")


class EmbeddingView(pn.viewable.Viewer):
    """The map of one session: shows and sets ``app.selection``.

    ``cloud`` and ``dots`` are HoloViews elements, ``scene`` is what lies over them.
    """

    projection = param.String("", doc="Projection shown.")
    cloud = param.Parameter(doc="All segments (``make_cloud``).")
    dots = param.Parameter(doc="All concepts (``make_dots``).")
    scene: param.ClassSelector[Scene] = param.ClassSelector(class_=Scene)  # type: ignore[assignment]
    frame = param.ClassSelector(class_=Frame, default=Frame(), doc="Part of the map on screen.")

    def __init__(self, app: AppState) -> None:
        store = app.dataset.store
        methods = projections(store)
        super().__init__(projection=methods[0], scene=Scene(concept_positions(store, methods[0])))
        self._app, self._store = app, store
        self._position = {name: i for i, name in enumerate(store.concepts)}
        self._density = _NO_DENSITY
        self._fronts: dict[Figure, Foreground] = {}  # by figure: one a place where it is shown
        self._draw_cloud()
        self._draw_dots()
        self.panel = EmbeddingPanel(
            projections=[[name, PROJECTIONS.get(name, name)] for name in methods],
            projection=self.projection,
            concepts=len(store.concepts),
            theme=app.param.theme,
            plot=pn.pane.HoloViews(
                self._plot(), sizing_mode="stretch_both", linked_axes=False, margin=0
            ),
            sizing_mode="stretch_both",
            margin=0,
        )
        self._connect()
        self._draw_scene()
        self._fetch_cloud()

    def __panel__(self) -> pn.viewable.Viewable:
        return self.panel

    def _plot(self) -> hv.DynamicMap:
        hover = HoverTool(tooltips=TOOLTIP, point_policy="snap_to_data", show_arrow=False, limit=1)
        cloud = hv.DynamicMap(lambda cloud: cloud, streams=[streams.Params(self, ["cloud"])])
        dots = hv.DynamicMap(lambda dots: dots, streams=[streams.Params(self, ["dots"])]).opts(
            tools=[hover, LassoSelectTool(continuous=False)],
            hooks=[_dots_only],
            xlim=SPAN,  # also here, since the streams take the range of this layer
            ylim=SPAN,
        )
        self._follow(dots)
        return (cloud * dots).opts(
            xlim=SPAN,
            ylim=SPAN,
            xaxis=None,
            yaxis=None,
            toolbar=None,
            responsive=True,
            show_legend=False,
            padding=0,
            border=0,
            default_tools=["pan", "wheel_zoom"],
            active_tools=["pan", "wheel_zoom"],
            hooks=[self._finish],
        )

    def _finish(self, plot: Any, element: Any) -> None:
        """Hook: background and foreground of the figure."""
        bare_figure(plot, element)
        figure = plot.state
        # Without a fill Bokeh leaves traces of the cloud at the edges when the map is moved.
        surface = tokens(self._dark).surface
        figure.update(background_fill_color=surface, border_fill_color=surface)
        if figure not in self._fronts:
            self._fronts[figure] = Foreground(figure, self.scene)

    def _follow(self, dots: hv.DynamicMap) -> None:
        """Listen to taps, the lasso, the zoom and the size of the plot."""
        streams.Tap(source=dots).add_subscriber(self._on_tap)
        streams.Selection1D(source=dots).add_subscriber(self._on_lasso)
        streams.RangeXY(source=dots).add_subscriber(self._on_range)
        streams.PlotSize(source=dots).add_subscriber(self._on_size)

    def _on_tap(self, x: float | None, y: float | None) -> None:
        if x is None or y is None:
            return
        concept = tapped(self.scene.xy, x, y, self.scene.shown, self.frame)
        if concept is not None:
            self._app.selection.concept = self._store.concepts[concept]

    def _on_lasso(self, index: list[int]) -> None:
        self._app.selection.concepts = [self._store.concepts[i] for i in index]

    def _on_range(self, x_range: Any, y_range: Any) -> None:
        if x_range and y_range:
            self.frame = replace(self.frame, x=tuple(x_range), y=tuple(y_range))

    def _on_size(self, width: int | None, height: int | None, **_: Any) -> None:
        if width and height:
            self.frame = replace(self.frame, size=(float(width), float(height)))

    def _connect(self) -> None:
        app, selection = self._app, self._app.selection
        for draw, state, names in (
            (self._draw_cloud, app, ["theme"]),
            (self._draw_dots, app, ["theme"]),
            (self._draw_dots, selection, ["class_name", "concepts"]),
            (self._draw_dots, app.students, ["snapshot"]),
            (self._draw_dots, self, ["projection"]),
            (self._draw_scene, app, ["theme"]),
            (self._draw_scene, selection, ["class_name", "concept"]),
            (self._draw_scene, app.students, ["snapshot"]),
            (self._draw_scene, app.tuning, ["pending"]),
            (self._draw_scene, self, ["frame", "projection"]),
            (self._fetch_cloud, self, ["projection"]),
        ):
            state.param.watch(draw, names)
        selection.param.watch(self._count_group, "concepts")
        self.panel.link(self, projection="projection")
        self.panel.on_msg(self._handle)

    @property
    def _dark(self) -> bool:
        return self._app.theme == "dark"

    def _fetch_cloud(self, *_: param.parameterized.Event) -> None:
        """Take the cloud away; draw it when it is computed."""
        store, projection = self._store, self.projection
        self._set_density(_NO_DENSITY)
        self._app.jobs.submit(
            Job(
                "cloud",
                lambda _: segment_density(store, projection),
                self._set_density,
                self._no_cloud,
            )
        )

    def _set_density(self, density: np.ndarray) -> None:
        self.panel.fault = ""
        self._density = density
        self._draw_cloud()

    def _no_cloud(self, error: InficondError) -> None:
        self.panel.fault = error.message

    def _draw_cloud(self, *_: param.parameterized.Event) -> None:
        self.cloud = make_cloud(self._density, self._dark)

    def _draw_dots(self, *_: param.parameterized.Event) -> None:
        shown = Shown(self._influence())
        group = [self._position[name] for name in self._app.selection.concepts]
        self.dots = make_dots(
            concept_positions(self._store, self.projection),
            shown,
            group,
            make_facts(self._store, shown),
            self._dark,
        )

    def _draw_scene(self, *_: param.parameterized.Event) -> None:
        """Marks and labels; they are placed anew when the part of the map on screen changes."""
        shown = Shown(
            self._influence(),
            self._pending(),
            self._position.get(self._app.selection.concept),
        )
        xy = concept_positions(self._store, self.projection)
        names = place_names(xy, self._store.concepts, shown, self.frame)
        self.scene = Scene(xy, shown, names, self._dark)
        self._change_figures(lambda figure: self._fronts[figure].show(self.scene))

    def _count_group(self, *_: param.parameterized.Event) -> None:
        self.panel.group = len(self._app.selection.concepts)

    def _influence(self) -> np.ndarray | None:
        student = self._app.selection.class_name
        if not student:
            return None
        return self._app.students.node.weights[:, self._store.classes.index(student)]

    def _pending(self) -> dict[int, str]:
        return {
            self._position[intent.concept]: intent.direction
            for intent in self._app.tuning.pending
            if intent.class_name == self._app.selection.class_name
        }

    def _handle(self, event: DataEvent) -> None:
        if event.data == "ungroup":
            self._app.selection.concepts = []
        elif event.data == "lasso":
            self._switch_lasso()
        elif event.data == "home":
            self._change_figures(_show_all)
            self.frame = replace(self.frame, x=SPAN, y=SPAN)

    def _switch_lasso(self) -> None:
        self.panel.lasso = not self.panel.lasso
        wanted = LassoSelectTool if self.panel.lasso else PanTool
        self._change_figures(lambda figure: _drag_with(figure, wanted))

    def _change_figures(self, change: Callable[[Figure], None]) -> None:
        """Change Bokeh models: on a server at its next tick, which holds the document's lock."""
        for figure in self._fronts:
            document = figure.document
            if document is not None and document.session_context is not None:
                document.add_next_tick_callback(partial(change, figure))
            else:
                change(figure)
        pn.io.push_notebook(self.panel)


def _show_all(figure: Figure) -> None:
    for axis in (figure.x_range, figure.y_range):
        axis.update(start=SPAN[0], end=SPAN[1])


def _drag_with(figure: Figure, kind: type[Drag]) -> None:
    toolbar = figure.toolbar
    toolbar.active_drag = next(tool for tool in toolbar.tools if isinstance(tool, kind))


def _dots_only(plot: Any, _: Any) -> None:
    """Hook: pointer and lasso meet the dots alone."""
    for tool in plot.state.tools:
        if isinstance(tool, HoverTool | LassoSelectTool):
            tool.renderers = [plot.handles["glyph_renderer"]]
