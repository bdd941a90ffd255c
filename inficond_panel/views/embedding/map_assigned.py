"""The segments of the concept that is open, found in the worker for the map."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import param

from inficond_panel.errors import CancelledError
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
        self._app, self._projection, self._fault = app, "", ""
        super().__init__()

    def show(self, projection: str) -> None:
        """Find the segments on another projection."""
        self._projection = projection
        self._fetch()

    def told(self) -> dict[str, Any]:
        """Sentence on them as ``words``, and whether any is ``lit``; empty without segments."""
        if not self._app.store.holds("segments"):
            return {}
        words = self.found.words() or self._fault or OPEN_ONE
        return {"words": words, "lit": self.found.placed > 0}

    @param.depends("_app.selection.concept", watch=True)
    def _fetch(self) -> None:
        store, projection = self._app.store, self._projection
        concept = self._app.selection.concept if store.holds("segments") else ""
        self._fault = ""
        if not concept or not projection:
            self._app.jobs.cancel("assigned")
            self.found = NOBODYS
            return

        def work(_: Job) -> Assigned:
            return take_assigned(store, projection, concept)

        self._app.jobs.submit(Job("assigned", work, self._set, self._failed))
        if (self.found.concept, self.found.method) != (concept, projection):
            self.found = Assigned(concept, projection, known=False)

    def _set(self, found: Assigned) -> None:
        if found.concept == self._app.selection.concept:  # it may have been closed meanwhile
            self.found = found

    def _failed(self, error: InficondError) -> None:
        if not isinstance(error, CancelledError):
            self._fault = error.for_page
            self.found = NOBODYS
