"""Concept embedding view: a map of the concepts, those that count for the student named.

InFiConD, section 5, figure 5c.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import holoviews as hv
import numpy as np
import panel as pn
import param
from bokeh.models import HoverTool, LassoSelectTool, PanTool
from holoviews import streams
from panel.custom import Child, JSComponent

from inficond_panel.state import Job
from inficond_panel.views import concept_map, esm
from inficond_panel.views.charts import bare_figure
from inficond_panel.views.cloud import concept_positions, segment_density
from inficond_panel.views.concept_map import SPAN, Frame, Names, Shown
from inficond_panel.views.theme import tokens

if TYPE_CHECKING:
    from panel.models.esm import DataEvent

    from inficond_panel.errors import InficondError
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


def _dots_only(plot: Any, _: Any) -> None:
    """Hook: the lasso takes no marks."""
    for tool in plot.state.select(LassoSelectTool):
        tool.renderers = [plot.handles["glyph_renderer"]]


@dataclass(frozen=True, eq=False)
class Scene:
    """All that is drawn; replaced as a whole, so that one change is one redraw."""

    xy: np.ndarray
    density: np.ndarray = field(default_factory=lambda: np.zeros((1, 1)))
    shown: Shown = field(default_factory=Shown)
    group: tuple[int, ...] = ()
    facts: dict[str, list[str]] = field(default_factory=dict)
    names: Names = field(default_factory=Names)
    dark: bool = False


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
    """The map of one session: shows and sets ``app.selection``."""

    projection = param.String("", doc="Projection shown.")
    scene: param.ClassSelector[Scene] = param.ClassSelector(class_=Scene)  # type: ignore[assignment]
    frame = param.ClassSelector(class_=Frame, default=Frame(), doc="Part of the map on screen.")

    def __init__(self, app: AppState) -> None:
        store = app.dataset.store
        methods = sorted(store.methods, key=[*PROJECTIONS, *store.methods].index)
        super().__init__(projection=methods[0], scene=Scene(concept_positions(store, methods[0])))
        self._app, self._store = app, store
        self._position = {name: i for i, name in enumerate(store.concepts)}
        self._drawn: dict[str, tuple[tuple[Any, ...], hv.Element]] = {}
        self._figure: Any = None
        self.panel = EmbeddingPanel(
            projections=[[name, PROJECTIONS.get(name, name)] for name in methods],
            projection=self.projection,
            concepts=len(store.concepts),
            plot=pn.pane.HoloViews(
                self._plot(), sizing_mode="stretch_both", linked_axes=False, margin=0
            ),
            sizing_mode="stretch_both",
            margin=0,
        )
        self._connect()
        self._update()
        self._project()

    def __panel__(self) -> pn.viewable.Viewable:
        return self.panel

    def _plot(self) -> hv.DynamicMap:
        scene = streams.Params(self, ["scene"])
        hover = HoverTool(tooltips=TOOLTIP, point_policy="snap_to_data", show_arrow=False, limit=1)
        dots = hv.DynamicMap(self._dots, streams=[scene]).opts(
            tools=[hover, LassoSelectTool(continuous=False)],
            hooks=[_dots_only],
            xlim=SPAN,  # also here, since the streams take the range of this layer
            ylim=SPAN,
        )
        self._follow(dots)
        back = hv.DynamicMap(self._cloud, streams=[scene])
        front = hv.DynamicMap(self._named, streams=[scene])
        return (back * dots * front).opts(
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

    def _cloud(self, scene: Scene) -> hv.RGB:
        return self._layer("cloud", concept_map.make_cloud, scene.density, scene.dark)

    def _dots(self, scene: Scene) -> hv.Points:
        inputs = (scene.xy, scene.shown, scene.group, scene.facts, scene.dark)
        return self._layer("dots", concept_map.make_dots, *inputs)

    def _named(self, scene: Scene) -> hv.Overlay:
        named = (scene.names, scene.dark)
        return (
            self._layer("leaders", concept_map.make_leaders, *named)
            * self._layer("halo", concept_map.make_halo, *named)
            * self._layer("texts", concept_map.make_texts, *named)
            * self._layer("marks", concept_map.make_marks, scene.xy, scene.shown, scene.dark)
        )

    def _layer(self, name: str, make: Callable[..., hv.Element], *inputs: Any) -> hv.Element:
        """A layer's element, the same as before if its inputs are: then nothing is sent again."""
        old = self._drawn.get(name)
        if old is None or any(a is not b for a, b in zip(old[0], inputs, strict=True)):
            self._drawn[name] = inputs, make(*inputs)
        return self._drawn[name][1]

    def _keep_figure(self, plot: Any, element: Any) -> None:
        bare_figure(plot, element)
        # Without a fill Bokeh leaves traces of the cloud at the edges when the map is moved.
        surface = tokens(self.scene.dark).surface
        plot.state.update(background_fill_color=surface, border_fill_color=surface)
        self._figure = plot.state

    def _follow(self, dots: hv.DynamicMap) -> None:
        """Listen to taps, the lasso, the zoom and the size of the plot."""
        streams.Tap(source=dots).add_subscriber(self._on_tap)
        streams.Selection1D(source=dots).add_subscriber(self._on_lasso)
        streams.RangeXY(source=dots).add_subscriber(self._on_range)
        streams.PlotSize(source=dots).add_subscriber(self._on_size)

    def _on_tap(self, x: float | None, y: float | None) -> None:
        if x is None or y is None:
            return
        concept = concept_map.tapped(self.scene.xy, x, y, self.scene.shown, self.frame)
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
        self.param.watch(lambda _: self._redraw(), "frame")
        self.param.watch(self._project, "projection")
        panel.link(self, projection="projection")
        panel.on_msg(self._handle)

    def _project(self, *_: param.parameterized.Event) -> None:
        """Draw the projection chosen; the cloud follows when it is computed."""
        store, projection = self._store, self.projection
        empty = Scene(concept_positions(store, projection))
        self._redraw(xy=empty.xy, density=empty.density)
        self._app.jobs.submit(
            Job(
                "cloud",
                lambda _: segment_density(store, projection),
                self._add_cloud,
                self._no_cloud,
            )
        )

    def _add_cloud(self, density: np.ndarray) -> None:
        self.panel.fault = ""
        self.scene = replace(self.scene, density=density)

    def _no_cloud(self, error: InficondError) -> None:
        self.panel.fault = error.message

    def _update(self, *_: param.parameterized.Event) -> None:
        """Draw the state."""
        shown = self._shown()
        group = tuple(self._position[name] for name in self._app.selection.concepts)
        facts = concept_map.make_facts(self._store, shown)
        with pn.io.hold():
            self.panel.param.update(group=len(group), theme=self._app.theme)
            self._redraw(shown=shown, group=group, facts=facts, dark=self._app.theme == "dark")

    def _redraw(self, **changes: Any) -> None:
        scene = replace(self.scene, **changes)
        concepts = self._store.concepts
        names = concept_map.place_names(scene.xy, concepts, scene.shown, self.frame)
        self.scene = replace(scene, names=names)

    def _shown(self) -> Shown:
        app, selection = self._app, self._app.selection
        opened = self._position.get(selection.concept)
        if not selection.class_name:
            return Shown(opened=opened)
        student = self._store.classes.index(selection.class_name)
        pending = {
            self._position[intent.concept]: intent.direction
            for intent in app.tuning.pending
            if intent.class_name == selection.class_name
        }
        return Shown(app.students.node.weights[:, student], pending, opened)

    def _handle(self, event: DataEvent) -> None:
        if event.data == "ungroup":
            self._app.selection.concepts = []
        elif event.data == "lasso":
            self._switch_lasso()
        elif event.data == "home":
            for axis in (self._figure.x_range, self._figure.y_range):
                axis.update(start=SPAN[0], end=SPAN[1])
            self.frame = replace(self.frame, x=SPAN, y=SPAN)

    def _switch_lasso(self) -> None:
        wanted = PanTool if self.panel.lasso else LassoSelectTool
        toolbar = self._figure.toolbar
        toolbar.active_drag = next(tool for tool in toolbar.tools if isinstance(tool, wanted))
        self.panel.lasso = not self.panel.lasso
