"""The segments of the concept that is open, found in the worker for the map."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import param

from inficond_panel.plots.assigned import Assigned, take_assigned
from inficond_panel.state import Job

if TYPE_CHECKING:
    from inficond_panel.errors import InficondError
    from inficond_panel.state import AppState

NOBODYS = Assigned()
OPEN_ONE = "Open a concept: its segments are lit."


class AssignedSegments(param.Parameterized):
    """Keeps ``found`` up to date with the concept opened and the projection shown."""

    found = param.ClassSelector(class_=Assigned, default=NOBODYS)

    def __init__(self, app: AppState) -> None:
        self._app, self._projection = app, ""
        super().__init__()

    def show(self, projection: str) -> None:
        """Find the segments on another projection."""
        self._projection = projection
        self._fetch()

    def now(self) -> Assigned:
        """Those of the concept and projection on screen; nobody's while they are looked for."""
        wanted = (self._app.selection.concept, self._projection)
        return self.found if (self.found.concept, self.found.method) == wanted else NOBODYS

    def told(self) -> dict[str, Any]:
        """Sentence on them as ``words``, and whether any is ``lit``; empty without segments."""
        if not self._app.store.holds("segments"):
            return {}
        concept, now = self._app.selection.concept, self.now()
        waiting = f"The segments of {concept} are being found." if concept else OPEN_ONE
        return {"words": now.words() or waiting, "lit": now.placed > 0}

    @param.depends("_app.selection.concept", watch=True)
    def _fetch(self) -> None:
        store, concept, projection = self._app.store, self._app.selection.concept, self._projection
        if not (concept and projection and store.holds("segments")):
            self._app.jobs.cancel("assigned")
            return

        def work(_: Job) -> Assigned:
            return take_assigned(store, projection, concept)

        self._app.jobs.submit(Job("assigned", work, self._set, self._failed))

    def _set(self, found: Assigned) -> None:
        self.found = found

    def _failed(self, _: InficondError) -> None:
        """The cloud, which needs the same places, tells the fault."""
        self.found = NOBODYS
