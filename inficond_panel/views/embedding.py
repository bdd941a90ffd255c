"""Concept embedding view: a map of the concepts, those that count for the student named.

InFiConD, section 5, figure 5c.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import holoviews as hv
import numpy as np
import panel as pn
import param
from bokeh.models import HoverTool, LassoSelectTool, PanTool
from holoviews import streams
from panel.custom import Child, JSComponent

from inficond_panel.views import concept_map, esm
from inficond_panel.views.cloud import concept_positions, segment_density
from inficond_panel.views.concept_map import SPAN, Frame, Names, Shown

if TYPE_CHECKING:
    from inficond_panel.state import AppState

hv.extension("bokeh", logo=False)

PROJECTIONS = {"tsne": "t-SNE", "umap": "UMAP", "pca": "PCA"}
#: Bokeh puts values in escaped. The tooltip lies in a shadow root of its own, so it brings rules.
TOOLTIP = """<div><style>
:host { padding: 6px 10px; border: 0; border-radius: 6px; opacity: 1;
  font: 11px/15px Inter, Roboto, "Segoe UI", system-ui, sans-serif;
  background: light-dark(#fff, #262d37); color: light-dark(#1a1e24, #e9ecf0);
  box-shadow: 0 6px 24px light-dark(rgba(20, 28, 40, .18), rgba(0, 0, 0, .55)),
    0 0 0 1px light-dark(rgba(20, 28, 40, .08), #38414d); }
b { font-size: 12px; font-weight: 600; }
dl { display: grid; grid-template-columns: 1fr auto; gap: 0 8px; margin: 0; }
dt { color: light-dark(#4a5361, #b6bec9); }
dd { margin: 0; text-align: right; font-variant-numeric: tabular-nums; }
</style><b>@name</b><dl><dt>Influence</dt><dd>@influence</dd>
<dt>Segments</dt><dd>@segments</dd><dt>Nearest</dt><dd>@nearest</dd></dl></div>"""


class EmbeddingPanel(JSComponent):
    """Heading, choice of projection, the plot, legend and tools."""

    projections = param.List([], doc="Projections to choose from: [id, name].")
    projection = param.String("", doc="The one shown.")
    student = param.String("", doc="Class of the student shown; empty: none.")
    concepts = param.Integer(0, doc="Number of concepts.")
    group = param.Integer(0, doc="Number of concepts in the selected group.")
    lasso = param.Boolean(False, doc="Dragging draws a lasso; otherwise it moves the map.")
    home = param.Event(doc="Show the whole map.")
    ungroup = param.Event(doc="Forget the selected group.")
    theme = param.String("", doc='"light", "dark", or "" to follow the page.')
    plot = Child()

    _esm = esm.module("embedding")
    _stylesheets = esm.styles("embedding")


class EmbeddingView(pn.viewable.Viewer):
    """The map of one session: shows and sets ``app.selection``."""

    projection = param.String("", doc="Projection shown.")
    dark = param.Boolean(False, doc="Colours of the dark theme.")
    shown = param.ClassSelector(class_=Shown, default=Shown())
    group = param.List([], doc="Positions of the concepts of the selected group.")
    frame = param.ClassSelector(class_=Frame, default=Frame())
    names = param.ClassSelector(class_=Names, default=Names())

    def __init__(self, app: AppState, **params: Any) -> None:
        store = app.dataset.store
        methods = sorted(store.methods, key=[*PROJECTIONS, *store.methods].index)
        super().__init__(**{"projection": methods[0], **params})
        self._app, self._store = app, store
        self._position = {name: i for i, name in enumerate(store.concepts)}
        self._figure: Any = None
        self.panel = EmbeddingPanel(
            projections=[[name, PROJECTIONS.get(name, name)] for name in methods],
            projection=self.projection,
            concepts=len(store.concepts),
            plot=pn.pane.HoloViews(self._plot(), sizing_mode="stretch_both", linked_axes=False),
            sizing_mode="stretch_both",
        )
        self._connect()
        self._update()

    def __panel__(self) -> pn.viewable.Viewable:
        return self.panel

    @property
    def xy(self) -> np.ndarray:
        """Positions of the concepts on the map, ``(concept, 2)``."""
        return concept_positions(self._store, self.projection)

    def _plot(self) -> hv.DynamicMap:
        hover = HoverTool(tooltips=TOOLTIP, point_policy="snap_to_data", show_arrow=False, limit=1)
        targets = self._layer(self._targets, "projection", "shown")
        targets = targets.opts(tools=[hover, "lasso_select"])
        self._follow(targets)
        plot = (
            self._layer(self._cloud, "projection", "dark")
            * self._layer(self._dots, "projection", "group", "dark")
            * self._layer(concept_map.make_leaders, "names", "dark")
            * self._layer(self._halo, "names", "dark")
            * self._layer(concept_map.make_texts, "names", "dark")
            * self._layer(self._marks, "projection", "shown", "dark")
            * targets
        )
        return plot.opts(
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
            hooks=[self._keep_figure],
        )

    def _layer(self, make: Callable[..., hv.Element], *names: str) -> hv.DynamicMap:
        return hv.DynamicMap(make, streams={name: self.param[name] for name in names})

    def _cloud(self, projection: str, dark: bool) -> hv.RGB:
        return concept_map.make_cloud(segment_density(self._store, projection), dark)

    def _dots(self, projection: str, group: list[int], dark: bool) -> hv.Points:
        return concept_map.make_dots(concept_positions(self._store, projection), group, dark)

    def _halo(self, names: Names, dark: bool) -> hv.Labels:
        return concept_map.make_texts(names, dark, halo=True)

    def _marks(self, projection: str, shown: Shown, dark: bool) -> hv.Points:
        return concept_map.make_marks(concept_positions(self._store, projection), shown, dark)

    def _targets(self, projection: str, shown: Shown) -> hv.Points:
        xy, facts = (
            concept_positions(self._store, projection),
            concept_map.make_facts(self._store, shown),
        )
        return concept_map.make_targets(xy, shown, facts)

    def _keep_figure(self, plot: Any, _: Any) -> None:
        """Transparent, so that the page's surface shows; kept for the tools."""
        self._figure = plot.state
        self._figure.update(
            background_fill_color=None,
            border_fill_color=None,
            outline_line_color=None,
            output_backend="canvas",
        )

    def _follow(self, targets: hv.DynamicMap) -> None:
        """Listen to taps, the lasso, the zoom and the size of the plot."""
        streams.Tap(source=targets).add_subscriber(self._on_tap)
        streams.Selection1D(source=targets).add_subscriber(self._on_lasso)
        streams.RangeXY(source=targets).add_subscriber(self._on_range)
        streams.PlotSize(source=targets).add_subscriber(self._on_size)

    def _on_tap(self, x: float | None, y: float | None) -> None:
        if x is None or y is None:
            return
        concept = concept_map.tapped(self.xy, x, y, self.shown, self.frame)
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
        app, panel = self._app, self.panel
        for state, names in (
            (app, ["theme"]),
            (app.selection, ["class_name", "concept", "concepts"]),
            (app.students, ["snapshot"]),
            (app.tuning, ["pending"]),
        ):
            state.param.watch(self._update, names)
        self.param.watch(self._place, ["projection", "shown", "frame"])
        panel.link(self, projection="projection")
        panel.param.watch(self._use_tool, "lasso")
        panel.param.watch(self._go_home, "home")
        panel.param.watch(lambda _: app.selection.param.update(concepts=[]), "ungroup")

    def _update(self, *_: param.parameterized.Event) -> None:
        app, selection = self._app, self._app.selection
        group = [self._position[name] for name in selection.concepts]
        with pn.io.hold():
            self.panel.param.update(student=selection.class_name, group=len(group), theme=app.theme)
            self.param.update(shown=self._shown(), group=group, dark=app.theme == "dark")

    def _shown(self) -> Shown:
        app, selection = self._app, self._app.selection
        if not selection.class_name:
            return Shown(opened=self._position.get(selection.concept))
        student = self._store.classes.index(selection.class_name)
        return Shown(
            influence=app.students.node.weights[:, student],
            pending={
                self._position[intent.concept]: intent.direction
                for intent in app.tuning.pending
                if intent.class_name == selection.class_name
            },
            opened=self._position.get(selection.concept),
        )

    def _place(self, *_: param.parameterized.Event) -> None:
        self.names = concept_map.place_names(self.xy, self._store.concepts, self.shown, self.frame)

    def _use_tool(self, *_: param.parameterized.Event) -> None:
        kind = LassoSelectTool if self.panel.lasso else PanTool
        toolbar = self._figure.toolbar
        toolbar.active_drag = next(tool for tool in toolbar.tools if isinstance(tool, kind))

    def _go_home(self, *_: param.parameterized.Event) -> None:
        for axis in (self._figure.x_range, self._figure.y_range):
            axis.update(start=SPAN[0], end=SPAN[1])
        self.frame = replace(self.frame, x=SPAN, y=SPAN)
