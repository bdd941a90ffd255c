"""Concept embedding view: a map of the concepts, those that count for the student named.

InFiConD, section 5, figure 5c.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import holoviews as hv
import holoviews.plotting.bokeh
import numpy as np
import panel as pn
import param
from panel.custom import Child

from inficond_panel.state import Job
from inficond_panel.views import esm
from inficond_panel.views.cloud import concept_positions, projections, segment_density
from inficond_panel.views.component import ViewComponent
from inficond_panel.views.concept_map import SPAN, Shown, place_names, tapped
from inficond_panel.views.map_keys import MapKeys
from inficond_panel.views.map_layers import Scene, make_cloud, make_dots
from inficond_panel.views.map_plot import MapPlot
from inficond_panel.views.map_tooltip import make_facts

if TYPE_CHECKING:
    from panel.models.esm import DataEvent

    from inficond_panel.errors import InficondError
    from inficond_panel.state import AppState

# Not hv.extension: in a notebook it would load scripts from outside as soon as it is imported.
hv.Store.set_current_backend("bokeh")

PROJECTIONS = {"tsne": "t-SNE", "umap": "UMAP", "pca": "PCA"}
_NO_DENSITY = np.zeros((1, 1))


class EmbeddingPanel(ViewComponent):
    """Heading, choice of projection, the plot, legend and tools.

    Messages: ``lasso``, ``home``, ``ungroup``, ``leave``, and those of ``MapKeys.press``.
    """

    projections = param.List([], doc="Projections to choose from: [id, name].")
    projection = param.String("", doc="The one shown.")
    concepts = param.Integer(0, doc="Number of concepts.")
    group = param.Integer(0, doc="Number of concepts in the selected group.")
    lasso = param.Boolean(False, doc="Dragging draws a lasso; otherwise it moves the map.")
    fault = param.String("", doc="Why the segments cannot be drawn; empty: they can.")
    told = param.String("", doc="The concept that the keyboard is at, in words.")
    plot = Child()

    _esm = esm.module("embedding")
    _stylesheets = esm.styles("embedding")


class EmbeddingView(pn.viewable.Viewer):
    """The map of one session: shows and sets ``app.selection``."""

    projection = param.String("", doc="Projection shown.")

    def __init__(self, app: AppState) -> None:
        store = app.dataset.store
        methods = projections(store)
        super().__init__(projection=methods[0])
        self._app, self._store = app, store
        self._position = {name: i for i, name in enumerate(store.concepts)}
        self._density = _NO_DENSITY
        scene = Scene(concept_positions(store, methods[0]))
        self.map = MapPlot(scene, self._on_tap, self._on_lasso)
        self.keys = MapKeys(app, self.map)
        self._draw_cloud()
        self._draw_dots()
        self.panel = EmbeddingPanel(
            projections=[[name, PROJECTIONS.get(name, name)] for name in methods],
            projection=self.projection,
            concepts=len(store.concepts),
            theme=app.param.theme,
            plot=pn.pane.HoloViews(
                self.map.element(), sizing_mode="stretch_both", linked_axes=False, margin=0
            ),
            sizing_mode="stretch_both",
            margin=0,
        )
        self._connect()
        self._draw_scene()
        self._fetch_cloud()

    def __panel__(self) -> pn.viewable.Viewable:
        return self.panel

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
            (self._draw_scene, self, ["projection"]),
            (self._draw_scene, self.keys, ["cursor"]),
            (self._draw_scene, self.map, ["frame"]),
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
        self.map.cloud = make_cloud(self._density, self._dark)

    def _draw_dots(self, *_: param.parameterized.Event) -> None:
        shown = Shown(self._influence())
        group = [self._position[name] for name in self._app.selection.concepts]
        self.map.dots = make_dots(
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
            self.keys.cursor,
        )
        xy = concept_positions(self._store, self.projection)
        names = place_names(xy, self._store.concepts, shown, self.map.frame)
        self.map.show(Scene(xy, shown, names, self._dark))
        self._tell()
        pn.io.push_notebook(self.panel)

    def _tell(self) -> None:
        self.panel.told = self.keys.words(self.map.scene.shown)

    def _count_group(self, *_: param.parameterized.Event) -> None:
        self.panel.group = len(self._app.selection.concepts)
        self._tell()

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

    def _on_tap(self, x: float, y: float) -> None:
        scene = self.map.scene
        concept = tapped(scene.xy, x, y, scene.shown, self.map.frame)
        if concept is not None:
            self._app.selection.concept = self._store.concepts[concept]

    def _on_lasso(self, index: list[int]) -> None:
        self._app.selection.concepts = [self._store.concepts[i] for i in index]

    def _handle(self, event: DataEvent) -> None:
        message = event.data
        if message == "ungroup":
            self._app.selection.concepts = []
        elif message == "lasso":
            self.panel.lasso = not self.panel.lasso
            self.map.drag_with(self.panel.lasso)
        elif message == "home":
            self.map.look_at(replace(self.map.frame, x=SPAN, y=SPAN))
        elif message == "leave":
            self.keys.leave()
        else:
            self.keys.press(message)
        pn.io.push_notebook(self.panel)
