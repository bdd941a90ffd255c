"""The views of a task, what is recorded of them, and how far the task is."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Protocol

import param

from inficond_panel.common import clock
from inficond_panel.state.rights import Rights
from inficond_panel.study.results.timeline import fine_tunes
from inficond_panel.study.run.done_rules import SPLIT, Standing, standing
from inficond_panel.study.run.ready_tasks import Ready
from inficond_panel.study.run.recorder import Recorder, resume
from inficond_panel.tuning import Event
from inficond_panel.views.page.page import close_views, make_views
from inficond_panel.views.page.shell import Shell

if TYPE_CHECKING:
    from panel import Column

    from inficond_panel.state import AppState
    from inficond_panel.study.run.progress import Progress


def rights_of(ready: Ready) -> Rights:
    """A participant tunes and looks; no file leaves or enters, and the holdout stays closed."""
    only = "" if ready.task.other_classes else ready.class_name
    return Rights(
        export=False, arrange=False, holdout=False, photos=False, typing=False, class_name=only
    )


class TaskPage(Protocol):
    """The page of a participant, as far as a task needs it."""

    layout: Column

    @property
    def progress(self) -> Progress:
        """Progress of the participant."""

    def record(self, view: str, action: str, payload: dict[str, Any]) -> bool:
        """Record an event; return whether it was recorded."""

    def show_work(self) -> None:
        """Draw how far the task is."""


class Work:
    """A participant at work on a task that has been started; resumes what was begun."""

    def __init__(self, page: TaskPage, ready: Ready, app: AppState) -> None:
        self.page, self.ready, self.task = page, ready, ready.task
        self.app = app
        self.app.selection.class_name = ready.class_name
        resume(self.app, page.progress.of(self.task.name_), self._last_fine_tune())
        self.recorder = Recorder(self.app, page.record)
        self._views = views = make_views(app)
        self.recorder.watch(views)
        self.shell = Shell(app, views)
        param.bind(self.measure, app.students.param.snapshot, watch=True)
        self.measure()

    def standing(self) -> Standing:
        """Standing of the node shown."""
        nodes = self.ready.start, self.app.students.node
        start, now = (self.app.tuner.at(node, SPLIT)[self.ready.class_name] for node in nodes)
        return standing(self.task.done_when, start, now, len(self._fine_tunes()))

    def measure(self, *_: object) -> None:
        """See whether the task is done, and tell how far it is."""
        found = self.standing()
        if found.done and not self.done:
            node = self.app.students.node.id
            payload = {"node": node, "value": found.value, "target": found.target}
            self.page.record("", "done", payload)
        self.page.show_work()

    @property
    def done(self) -> bool:
        """True if the rule of the task came true at some time."""
        return self.page.progress.first(self.task.name_, "done") is not None

    def left(self) -> float | None:
        """Seconds left; None without a time limit."""
        if not self.task.time_limit:
            return None
        spent = self.page.progress.seconds(self.task.name_, clock.now()) or 0.0
        return max(0.0, math.ceil(60 * self.task.time_limit - spent))

    def time_is_up(self) -> bool:
        """True if the time limit was reached now, on a task that is not done."""
        told = self.page.progress.first(self.task.name_, "time-up")
        return self.left() == 0 and not self.done and told is None

    def outcome(self) -> str:
        """Outcome of the task if it is left now; empty where it may not be left."""
        if self.done or self.task.ends_by_word:
            return "done"
        if self.left() == 0:
            return "time"
        return "left" if self.task.may_leave else ""

    def close(self) -> None:
        """Let go of the views, and close the history; that opens again for what still writes."""
        close_views(self._views)
        self.app.tuner.history.close()

    def _last_fine_tune(self) -> str:
        made = self._fine_tunes()
        return made[-1].created if made else ""

    def _fine_tunes(self) -> list[Event]:
        return fine_tunes(self.app.tuner.history, self.ready)
