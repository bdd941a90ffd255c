"""The keyboard on the concept map: a cursor that goes from concept to concept, and what it does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import param

from inficond_panel.plots.concept_map import Shown, neighbour
from inficond_panel.tuning import Intent
from inficond_panel.views.embedding.map_tooltip import make_facts

if TYPE_CHECKING:
    from inficond_panel.state import AppState
    from inficond_panel.views.embedding.map_plot import MapPlot

ZOOM = 1.5  #: one press of + enlarges so many times
_DIRECTIONS = ("left", "right", "up", "down")


class MapKeys(param.Parameterized):
    """Keys of one map; ``cursor`` is drawn as part of its scene."""

    cursor = param.Integer(None, allow_None=True, doc="Concept that the keyboard is at.")

    def __init__(self, app: AppState, plot: MapPlot) -> None:
        super().__init__()
        self._app, self._plot = app, plot

    def press(self, message: str) -> None:
        """Do what a key asks for at the cursor; without one it is set first.

        ``message`` is a direction, ``in``, ``out``, ``open``, ``group`` (take the concept into the
        selected group, or out of it), ``thumb up``, ``thumb down``, ``thumb remove``, ``enter``, or
        ``segment``, which the view answers.
        """
        at = self._first() if self.cursor is None else self.cursor
        concept, selection = self._app.store.concepts[at], self._app.selection
        place, frame = self._plot.scene.xy[at], self._plot.frame
        self.cursor = at
        if message in _DIRECTIONS:
            self._move(at, message)
        elif message in {"in", "out"}:
            self._plot.look_at(frame.zoomed(ZOOM if message == "in" else 1 / ZOOM, place))
        elif message == "open":
            selection.open_concept(concept)
        elif message == "group":
            others = [name for name in selection.concepts if name != concept]
            there = concept in selection.concepts
            selection.concepts = others if there else [*others, concept]
        elif message.startswith("thumb "):
            self._thumb(concept, message.removeprefix("thumb "))
        elif message not in {"enter", "segment"}:
            raise ValueError("no such key")

    def _thumb(self, concept: str, direction: str) -> None:
        student, tuning = self._app.selection.class_name, self._app.tuning
        if student and not tuning.busy:
            tuning.toggle(Intent(student, concept, direction))

    def leave(self) -> None:
        """Take the cursor away."""
        self.cursor = None

    def words(self, shown: Shown) -> str:
        """The concept at the cursor of ``shown``, for a screen reader; empty without one."""
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
        """Concept where the keyboard starts: one with a name on the map, or the middle one."""
        named = self._plot.scene.shown.named
        return named[0] if named else int(np.abs(self._plot.scene.xy - 0.5).sum(1).argmin())

    def _move(self, at: int, direction: str) -> None:
        xy, frame = self._plot.scene.xy, self._plot.frame
        self.cursor = neighbour(frame.pixels(xy), at, direction)
        moved = frame.showing(xy[self.cursor])
        if moved != frame:
            self._plot.look_at(moved)
