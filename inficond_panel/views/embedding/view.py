"""Concept embedding view (InFiConD, section 5, figure 5c): map with the student's main concepts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import panel as pn
import param

from inficond_panel.common.numbers import count
from inficond_panel.plots.cloud import WHOLE_MAP, concept_positions, projections
from inficond_panel.plots.map_layers import Shares, make_dots
from inficond_panel.plots.map_places import Shown, place_names, spread, tapped
from inficond_panel.results.image_sets import ImageSet, presence, shared_image_set, worst_first
from inficond_panel.state import AppState
from inficond_panel.tuning import Intent
from inficond_panel.ui.component import Acting, action
from inficond_panel.ui.drawing import Drawing, close_plots, make_plot_pane
from inficond_panel.ui.images import make_and_send
from inficond_panel.views.embedding.map_layers import (
    AssignedSegments,
    MapCloud,
    MapKeys,
    SegmentPointer,
)
from inficond_panel.views.embedding.map_panel import (
    EmbeddingPanel,
    draw_picture,
    group_images,
    make_group,
    make_projections,
)
from inficond_panel.views.embedding.map_plot import MapPlot, MapScene, make_facts


class EmbeddingView(Acting, pn.viewable.Viewer):
    """View of the concept map of one session, which shows and sets ``app.selection``."""

    def __init__(self, app: AppState) -> None:
        self._app, self._store = app, app.dataset.store
        store, shown = self._store, self._wanted_projection
        available = projections(store, app.spec.projections)
        self._position = {name: i for i, name in enumerate(store.concepts)}
        self._present: tuple[ImageSet | None, Shares | None] = None, None
        scene = MapScene(concept_positions(store, shown))
        self.map = MapPlot(scene, self._on_tap, self._on_lasso)
        self.keys = MapKeys(app, self.map)
        self.cloud = MapCloud(app, self.map)
        self.assigned = AssignedSegments(app)
        self._pointer = SegmentPointer(
            app, self.map, lambda segment: self.panel._send_msg({"segment": segment})
        )
        self.panel = EmbeddingPanel.of(
            app,
            projections=make_projections(available),
            concepts=len(store.concepts),
            fault=self.cloud.param.fault,
            lasso=self.map.param.lasso,
            sizing_mode="stretch_both",
        )
        self.panel.param["projection"].objects = available
        self.panel.projection = shown
        self.listen_to(self.panel)
        super().__init__()
        self.panel.link(app.settings, projection="projection")
        self._draw_dots()
        self.panel.plot = self._plot = make_plot_pane(self.map.element())
        self._draw_scene()
        self._change_cloud()
        self._light()

    def __panel__(self) -> pn.viewable.Viewable:
        return self.panel

    def picture(self) -> Drawing:
        """Return a picture of the whole map without the cloud of segments."""
        places = concept_positions(self._store, self.panel.projection)
        return draw_picture(places, self._store.concepts, self._shown())

    def close(self) -> None:
        """Release the plot, at the end of the session."""
        close_plots(self._plot)
        self.map.close()

    @property
    def _wanted_projection(self) -> str:
        """Projection in the settings if the store has it, else the store's first projection."""
        known = projections(self._store, self._app.spec.projections)
        wanted = str(self._app.settings.projection)
        return wanted if wanted in known else known[0]

    @property
    def _dark(self) -> bool:
        return self._app.theme == "dark"

    @param.depends("_app.settings.projection", watch=True)
    def _choose_projection(self) -> None:
        self.panel.projection = self._wanted_projection

    @param.depends("panel.zoom", watch=True)
    def _enlarge(self) -> None:
        self.map.frame = replace(self.map.frame, scale=self.panel.zoom)

    @param.depends(
        "_app.theme",
        "_app.selection.class_name",
        "_app.selection.concepts",
        "_app.shown.snapshot",
        "panel.projection",
        watch=True,
    )
    def _draw_dots(self) -> None:
        shown = Shown(self._influence(), most=self._app.spec.views.labelled)
        self.map.group = group = [self._position[name] for name in self._app.selection.concepts]
        self.map.dots = make_dots(
            concept_positions(self._store, self.panel.projection),
            shown,
            group,
            make_facts(self._store, shown, self._shares()),
            self._dark,
            self._shares(),
        )
        images = self._app.shown.images
        self.panel.picked = count(len(images.rows), "image") if images else ""

    def _shares(self) -> Shares | None:
        """Return the shares of the images with each concept; None while no image is picked."""
        images = self._app.shown.images
        if images is None:
            return None
        if self._present[0] is not images:
            rows, every = np.array(images.rows, dtype=np.intp), self._app.dataset.rows
            others = np.setdiff1d(every, rows)
            shares = Shares(presence(self._store, rows), presence(self._store, others))
            self._present = images, shares
        return self._present[1]

    @param.depends("_app.selection.concept", watch=True)
    def _bring_into_view(self) -> None:
        """Move the map to the open concept, if this is outside the part on screen."""
        concept, frame = self._position.get(self._app.selection.concept), self.map.frame
        if concept is not None:
            point = concept_positions(self._store, self.panel.projection)[concept]
            if not frame.shows(point):
                self.map.look_at(frame.showing(point))

    @param.depends(
        "_app.theme",
        "_app.selection.class_name",
        "_app.selection.concept",
        "_app.students.snapshot",
        "_app.tuning.pending",
        "panel.projection",
        "keys.cursor",
        "map.frame",
        watch=True,
    )
    def _draw_scene(self) -> None:
        """Draw marks and names; place the names again when another part of the map is shown."""
        shown = self._shown()
        xy = spread(concept_positions(self._store, self.panel.projection), shown, self.map.frame)
        names = place_names(xy, self._store.concepts, shown, self.map.frame)
        self.map.show(MapScene(xy, shown, names, self._dark))
        self._show_group()
        pn.io.push_notebook(self.panel)

    @param.depends("panel.projection", watch=True)
    def _change_cloud(self) -> None:
        self.cloud.show(self.panel.projection)
        self.assigned.show(self.panel.projection)

    @param.depends("assigned.segments", watch=True)
    def _light(self) -> None:
        """Draw the segments assigned to the open concept, and show their number."""
        self.map.assigned = self.assigned.segments
        self.panel.assigned = self.assigned.caption()
        pn.io.push_notebook(self.panel)

    @param.depends("_app.tuning.status", watch=True)
    def _show_whether_busy(self) -> None:
        """Update the group's thumbs if work started or ended; ignore other changes of status."""
        if self._app.tuning.busy != self._was_busy:
            self._show_group()

    @param.depends("_app.selection.concepts", "_app.tuning.locked", watch=True)
    def _show_group(self) -> None:
        self._was_busy = self._app.tuning.busy
        shown, scene = self._shown(), self.map.scene
        group = make_group(self._app, shown, self.map.frame.shares(scene.xy))
        self.panel.param.update(group=group, told=self.keys.words(shown))

    def _shown(self) -> Shown:
        return Shown(
            self._influence(),
            self._pending(),
            self._position.get(self._app.selection.concept),
            self.keys.cursor,
            self._app.spec.views.labelled,
        )

    def _influence(self) -> np.ndarray | None:
        student = self._app.selection.class_name
        return self._app.students.student(student).weights if student else None

    def _pending(self) -> dict[int, str]:
        return {
            self._position[intent.concept]: intent.direction
            for intent in self._app.tuning.thumbs
            if intent.class_name == self._app.selection.class_name
            and intent.concept in self._position  # a class's own word has no place on the map
        }

    def _on_tap(self, x: float, y: float) -> None:
        scene = self.map.scene
        concept = tapped(scene.xy, x, y, scene.shown, self.map.frame)
        if concept is not None:
            self._app.selection.open_concept(self._store.concepts[concept])

    def _on_lasso(self, index: list[int]) -> None:
        if sorted(index) == sorted(self.map.group):
            return  # the browser only confirms the group it was sent
        self._app.selection.concepts = [self._store.concepts[i] for i in index]
        if index:
            self.panel._send_msg({"open": "group"})

    # --- requests of the browser

    def act(self, message: Mapping[str, Any]) -> None:
        """Carry out an action of the browser, and update the plot in a notebook."""
        super().act(message)
        pn.io.push_notebook(self.panel)

    @action
    def _press(self, key: str) -> None:
        self._pointer.point(self.panel.projection, None)
        self.keys.press(key)
        if key == "segment" and self.keys.cursor is not None:
            self._pointer.point_at_concept(self.panel.projection, self.keys.cursor)

    @action
    def _leave(self) -> None:
        self.keys.cursor = None
        self._pointer.point(self.panel.projection, None)

    @action
    def _point(self, place: list[float] | None) -> None:
        self._pointer.point(self.panel.projection, place)

    @action
    def _use_lasso(self) -> None:
        self.map.drag_with(not self.map.lasso)

    @action
    def _show_all(self) -> None:
        self.map.look_at(replace(self.map.frame, x=WHOLE_MAP, y=WHOLE_MAP))

    @action
    def _open(self, concept: str) -> None:
        self._app.selection.open_concept(concept)

    @action
    def _open_group_images(self) -> None:
        """Show the images with segments of the group, the student's worst errors first."""
        app = self._app
        student = app.students.student(app.selection.class_name)
        rows = worst_first(student, group_images(app))
        title = f"{count(len(app.selection.concepts), 'concept')} of the map"
        app.selection.open_images(shared_image_set(student, title, rows))

    @action
    def _forget_group(self) -> None:
        self._app.selection.concepts = []

    @action
    def _save_concepts(self) -> None:
        make, selection = self._app.students.concepts_file, self._app.selection
        student, group = selection.class_name, list(selection.concepts)
        make_and_send(self._app, self.panel, lambda: make(student, group))

    @action
    def _drop(self, concept: str) -> None:
        selection = self._app.selection
        selection.concepts = [other for other in selection.concepts if other != concept]

    @action
    def _thumb_group(self, direction: str) -> None:
        selection, tuning = self._app.selection, self._app.tuning
        if selection.class_name and selection.concepts and not (tuning.busy or tuning.locked):
            name = selection.class_name
            tuning.toggle(*(Intent(name, each, direction) for each in selection.concepts))
