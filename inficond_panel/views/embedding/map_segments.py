"""Segments on the map: those of the concept that is open, and the one that is pointed at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import param

from inficond_panel.common.numbers import number
from inficond_panel.errors import CancelledError
from inficond_panel.plots.assigned import Assigned, take_assigned
from inficond_panel.plots.cloud import segment_positions, segment_tree
from inficond_panel.plots.concept_map import tapped
from inficond_panel.state import Job
from inficond_panel.ui.photos.gallery import PRESENCE, make_picture

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from inficond_panel.errors import InficondError
    from inficond_panel.plots.concept_map import Frame
    from inficond_panel.state import AppState
    from inficond_panel.store import Store
    from inficond_panel.views.embedding.map_plot import MapPlot

REACH = 14.0  #: the pointer means a segment within so many pixels
_NEAR = 64  #: candidates on the map, of which the nearest on screen is taken
NOBODYS = Assigned()
OPEN_ONE = "Open a concept: its segments are lit."


def nearest_segment(
    store: Store, method: str, frame: Frame, pixel: np.ndarray, reach: float = REACH
) -> int | None:
    """The segment whose place on screen is nearest to ``pixel`` ``(2,)``, if within ``reach``."""
    segments, tree = segment_tree(store, method)
    if not len(segments):
        return None
    place = frame.positions(pixel[None])[0]
    _, near = tree.query(place, k=np.arange(1, min(_NEAR, len(segments)) + 1))
    away = np.linalg.norm(frame.pixels(tree.data[near]) - pixel, axis=1)
    best = int(away.argmin())
    return int(segments[near[best]]) if away[best] <= reach else None


def make_segment(store: Store, method: str, segment: int, class_name: str) -> dict[str, Any]:
    """A segment's photo (see ``make_picture``), its place on the map, and facts on it."""
    image = int(store.segment_image[segment])
    facts = [
        ("Concept", store.concepts[int(store.segment_concept[segment])]),
        ("Cosine", number(float(store.segment_cosine[segment]))),
    ]
    if class_name:
        label = int(store.label[image, store.classes.index(class_name)])
        facts.append((f"Class {class_name}", PRESENCE[label]))
    return {
        **make_picture(store, image, segment),
        "image": store.images[image],
        "facts": facts,
        "place": segment_positions(store, method)[segment].tolist(),
    }


class SegmentPointer:
    """Finds segments on the session's worker; the newest question is the one that is answered.

    ``answer`` is called with ``make_segment``, its place as shares of the plot, or with None.
    """

    def __init__(
        self, app: AppState, plot: MapPlot, answer: Callable[[dict[str, Any] | None], None]
    ) -> None:
        self._app, self._plot, self._answer = app, plot, answer
        self._asked = False  # and since then pointed nowhere else

    def point(self, method: str, share: Sequence[float] | None) -> None:
        """Ask for the segment at a place of the plot; at a concept there is a tooltip instead.

        With None the pointer has left: an answer that is on its way to the browser is taken back.
        """
        self._app.jobs.cancel("segment")
        asked, self._asked = self._asked, False
        if share is None:
            if asked:
                self._answer(None)
            return
        frame, scene = self._plot.frame, self._plot.scene
        pixel = np.array(share) * frame.size
        x, y = frame.positions(pixel[None])[0].tolist()
        if tapped(scene.xy, x, y, scene.shown, frame) is None:
            self._ask(method, frame, pixel, REACH)
        else:
            self._answer(None)

    def point_at_concept(self, method: str, concept: int) -> None:
        """Ask for the segment nearest to a concept on the map."""
        frame = self._plot.frame
        self._ask(method, frame, frame.pixels(self._plot.scene.xy[[concept]])[0], np.inf)

    def _ask(self, method: str, frame: Frame, pixel: np.ndarray, reach: float) -> None:
        store, class_name = self._app.store, self._app.selection.class_name

        def work(_: Job) -> dict[str, Any] | None:
            found = nearest_segment(store, method, frame, pixel, reach)
            if found is None:
                return None
            segment = make_segment(store, method, found, class_name)
            share = frame.pixels(np.array([segment["place"]]))[0] / frame.size
            return {**segment, "place": share.tolist()}

        def done(found: dict[str, Any] | None) -> None:
            if not job.cancelled():  # the pointer may have left since
                self._answer(found)

        self._asked = True
        job = Job("segment", work, done, self._app.tuning.tell)
        self._app.jobs.submit(job)


class AssignedSegments(param.Parameterized):
    """Keeps ``segments`` up to date with the concept opened and the projection shown."""

    segments = param.ClassSelector(class_=Assigned, default=NOBODYS)

    def __init__(self, app: AppState) -> None:
        self._app, self._projection, self._fault = app, "", ""
        super().__init__()

    def show(self, projection: str) -> None:
        """Find the segments on another projection."""
        self._projection = projection
        self._fetch()

    def caption(self) -> dict[str, Any]:
        """Sentence on them as ``words``, and whether any is ``lit``; empty without segments."""
        if not self._app.store.holds("segments"):
            return {}
        words = self.segments.words() or self._fault or OPEN_ONE
        return {"words": words, "lit": self.segments.placed > 0}

    @param.depends("_app.selection.concept", watch=True)
    def _fetch(self) -> None:
        store, projection = self._app.store, self._projection
        concept = self._app.selection.concept if store.holds("segments") else ""
        self._fault = ""
        if not concept or not projection:
            self._app.jobs.cancel("assigned")
            self.segments = NOBODYS
            return

        def work(_: Job) -> Assigned:
            return take_assigned(store, projection, concept)

        self._app.jobs.submit(Job("assigned", work, self._set, self._failed))
        if (self.segments.concept, self.segments.method) != (concept, projection):
            self.segments = Assigned(concept, projection, known=False)

    def _set(self, assigned: Assigned) -> None:
        if assigned.concept == self._app.selection.concept:  # it may have been closed meanwhile
            self.segments = assigned

    def _failed(self, error: InficondError) -> None:
        if not isinstance(error, CancelledError):
            self._fault = error.for_page
            self.segments = NOBODYS
