"""Layers of the concept map: cloud of all segments, segments of one concept, keyboard cursor."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import param

from inficond_panel.common.numbers import number
from inficond_panel.errors import CancelledError, InficondError
from inficond_panel.plots.cloud import (
    NOTHING,
    WHOLE_MAP,
    Density,
    DrawnSegments,
    Span,
    density_within,
    segment_density,
    segment_positions,
    segment_tree,
    take_assigned,
)
from inficond_panel.plots.map_layers import make_cloud
from inficond_panel.plots.map_places import Frame, Shown, neighbour, tapped
from inficond_panel.state import AppState, Job
from inficond_panel.store import Store
from inficond_panel.tuning import Intent
from inficond_panel.ui.images import PRESENCE, make_picture
from inficond_panel.views.embedding.map_plot import MapPlot, make_facts

_AROUND = 0.2  #: margin computed beyond each edge of the screen, as a share of the visible span


class MapCloud(param.Parameterized):
    """Updater of ``plot.cloud``, the density of all segments, for the part of the map on screen."""

    fault = param.String("", doc="Why the segments cannot be drawn; empty: they can.")

    def __init__(self, app: AppState, plot: MapPlot) -> None:
        self._app, self._plot = app, plot
        self._density, self._projection = NOTHING, ""
        self._asked: tuple[Span, Span, float] | None = None
        super().__init__()
        self._draw()

    def show(self, projection: str) -> None:
        """Show the cloud of another projection; the map has no cloud until it is computed."""
        self._projection = projection
        self._set(NOTHING)
        self.fault = self._app.store.lacks("segments")
        if not self.fault:
            self._fetch()

    @param.depends("_plot.frame", watch=True)
    def _follow(self) -> None:
        if self._projection and not self.fault and self._wanted() != self._asked:
            self._fetch()

    def _fetch(self) -> None:
        store, projection, asked = self._app.store, self._projection, self._wanted()
        x, y, shape = self._asked = asked

        def work(_: Job) -> Density:
            if (x, y) == (WHOLE_MAP, WHOLE_MAP):
                return segment_density(store, projection, shape)
            return density_within(store, projection, x, y, shape)

        self._app.jobs.submit(Job("cloud", work, self._set, self._failed))

    def _wanted(self) -> tuple[Span, Span, float]:
        frame = self._plot.frame
        width, height = frame.size
        # Aspect ratio as a power of 2: sessions share the density, and a spot is nearly round.
        return _around(frame.x), _around(frame.y), 2.0 ** round(math.log2(width / height))

    def _set(self, density: Density) -> None:
        self.fault = ""
        self._density = density
        self._draw()

    def _failed(self, error: InficondError) -> None:
        if not isinstance(error, CancelledError):
            self.fault = error.for_page

    @param.depends("_app.theme", watch=True)
    def _draw(self) -> None:
        self._plot.cloud = make_cloud(self._density, self._app.theme == "dark")


def _around(span: Span) -> Span:
    """Return the span on screen with a margin at both ends, so that a small move shows no edge."""
    reach = _AROUND * (span[1] - span[0])
    return max(WHOLE_MAP[0], span[0] - reach), min(WHOLE_MAP[1], span[1] + reach)


REACH = 14.0  #: largest distance in pixels at which the pointer hits a segment
_NEAR = 64  #: nearest candidates on the map, of which the nearest on screen is taken
NOBODYS = DrawnSegments()
OPEN_ONE = "Open a concept: its segments are lit."


def nearest_segment(
    store: Store, method: str, frame: Frame, pixel: np.ndarray, reach: float = REACH
) -> int | None:
    """Return the segment nearest on screen to ``pixel`` ``(2,)``; None beyond ``reach`` pixels."""
    segments, tree = segment_tree(store, method)
    if not len(segments):
        return None
    point = frame.positions(pixel[None])[0]
    _, near = tree.query(point, k=np.arange(1, min(_NEAR, len(segments)) + 1))
    away = np.linalg.norm(frame.pixels(tree.data[near]) - pixel, axis=1)
    best = int(away.argmin())
    return int(segments[near[best]]) if away[best] <= reach else None


def make_segment(store: Store, method: str, segment: int, class_name: str) -> dict[str, Any]:
    """Return a segment's picture (see ``make_picture``), its position on the map, and facts."""
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
    """Search for the segment under the pointer on the worker; a new search cancels the earlier.

    ``answer`` is called with the result of ``make_segment``, whose ``place`` is in shares of the
    plot, or with None if there is no segment.
    """

    def __init__(
        self, app: AppState, plot: MapPlot, answer: Callable[[dict[str, Any] | None], None]
    ) -> None:
        self._app, self._plot, self._answer = app, plot, answer
        self._asked = False  # whether the last move of the pointer started a search

    def point(self, method: str, share: Sequence[float] | None) -> None:
        """Search for the segment under the pointer, which is at ``share``, (x, y) in shares of the
        plot. Over a concept there is no search, since a concept has a tooltip. If the pointer has
        left the plot, ``share`` is None, and the answer is withdrawn."""
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
        """Search for the segment nearest to the concept of this index on the map."""
        frame = self._plot.frame
        self._ask(method, frame, frame.pixels(self._plot.scene.xy[[concept]])[0], np.inf)

    def _ask(self, method: str, frame: Frame, pixel: np.ndarray, reach: float) -> None:
        store, class_name = self._app.store, self._app.selection.class_name

        def work(_: Job) -> dict[str, Any] | None:
            nearest = nearest_segment(store, method, frame, pixel, reach)
            if nearest is None:
                return None
            segment = make_segment(store, method, nearest, class_name)
            share = frame.pixels(np.array([segment["place"]]))[0] / frame.size
            return {**segment, "place": share.tolist()}

        def done(hit: dict[str, Any] | None) -> None:
            if not job.cancelled():  # the pointer may have left since
                self._answer(hit)

        self._asked = True
        job = Job("segment", work, done, self._app.tuning.tell)
        self._app.jobs.submit(job)


class AssignedSegments(param.Parameterized):
    """Updater of ``segments``: the segments assigned to the open concept, on this projection."""

    segments = param.ClassSelector(class_=DrawnSegments, default=NOBODYS)

    def __init__(self, app: AppState) -> None:
        self._app, self._projection, self._fault = app, "", ""
        super().__init__()

    def show(self, projection: str) -> None:
        """Show the segments' positions in another projection."""
        self._projection = projection
        self._fetch()

    def caption(self) -> dict[str, Any]:
        """Return ``words`` on the segments, and whether any is ``lit``; {} without segments."""
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

        def work(_: Job) -> DrawnSegments:
            return take_assigned(store, projection, concept)

        self._app.jobs.submit(Job("assigned", work, self._set, self._failed))
        if (self.segments.concept, self.segments.method) != (concept, projection):
            self.segments = DrawnSegments(concept, projection, known=False)

    def _set(self, assigned: DrawnSegments) -> None:
        if assigned.concept == self._app.selection.concept:  # else the concept was closed meanwhile
            self.segments = assigned

    def _failed(self, error: InficondError) -> None:
        if not isinstance(error, CancelledError):
            self._fault = error.for_page
            self.segments = NOBODYS


ZOOM = 1.5  #: factor by which one press of + enlarges the map
_ARROWS = ("left", "right", "up", "down")


class MapKeys(param.Parameterized):
    """Keyboard control of one map; ``cursor`` is the concept at which the keyboard is."""

    cursor = param.Integer(None, allow_None=True, doc="Concept that the keyboard is at.")

    def __init__(self, app: AppState, plot: MapPlot) -> None:
        super().__init__()
        self._app, self._plot = app, plot

    def press(self, message: str) -> None:
        """Carry out a key's command at the cursor; a missing cursor is set first.

        ``message`` is ``left``, ``right``, ``up``, ``down``, ``in``, ``out``, ``open``, ``group``
        (add the concept to the selected group, or drop it), ``thumb up``, ``thumb down``, ``thumb
        remove``, ``enter``, or ``segment``, which the view answers.
        """
        at = self._first() if self.cursor is None else self.cursor
        concept, selection = self._app.store.concepts[at], self._app.selection
        point, frame = self._plot.scene.xy[at], self._plot.frame
        self.cursor = at
        if message in _ARROWS:
            self._move(at, message)
        elif message in {"in", "out"}:
            self._plot.look_at(frame.zoomed(ZOOM if message == "in" else 1 / ZOOM, point))
        elif message == "open":
            selection.open_concept(concept)
        elif message == "group":
            others = [name for name in selection.concepts if name != concept]
            grouped = concept in selection.concepts
            selection.concepts = others if grouped else [*others, concept]
        elif message.startswith("thumb "):
            student, tuning = selection.class_name, self._app.tuning
            if student and not tuning.busy:
                tuning.toggle(Intent(student, concept, message.removeprefix("thumb ")))
        elif message not in {"enter", "segment"}:
            raise ValueError(f"unknown key {message!r}")

    def words(self, shown: Shown) -> str:
        """Return a text for a screen reader on the concept at the cursor; empty without cursor."""
        if shown.cursor is None:
            return ""
        facts = make_facts(self._app.store, shown)
        fact = {key: texts[shown.cursor] for key, texts in facts.items()}
        words = [fact["name"], f"influence {fact['influence']}", f"{fact['segments']} segments"]
        words.append(f"nearest {fact['nearest']}")
        if shown.cursor in shown.pending:
            words.append(f"pending: {shown.pending[shown.cursor]}")
        if fact["name"] in self._app.selection.concepts:
            words.append("selected")
        return ", ".join(words)

    def _first(self) -> int:
        """Return the concept where the cursor starts: the first with a name, or the middle one."""
        named = self._plot.scene.shown.named
        return named[0] if named else int(np.abs(self._plot.scene.xy - 0.5).sum(1).argmin())

    def _move(self, at: int, direction: str) -> None:
        xy, frame = self._plot.scene.xy, self._plot.frame
        self.cursor = neighbour(frame.pixels(xy), at, direction)
        moved = frame.showing(xy[self.cursor])
        if moved != frame:
            self._plot.look_at(moved)
