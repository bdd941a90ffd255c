"""Views of a task for a participant, with recording of events and progress of the task."""

from __future__ import annotations

import math
from typing import Any, Protocol

import param

from inficond_panel.common import clock
from inficond_panel.predict import PageEncoder
from inficond_panel.state import AppState, Job, Jobs
from inficond_panel.state.selection import Rights
from inficond_panel.study.results.timeline import fine_tunes
from inficond_panel.study.run.progress import StudyProgress
from inficond_panel.study.run.recorder import Recorder, resume
from inficond_panel.study.run.tasks import (
    SPLIT,
    TYPED,
    Ready,
    Standing,
    answered,
    concept_sets,
    standing,
)
from inficond_panel.tuning import Event, Tuner
from inficond_panel.tuning.opening import typed_of
from inficond_panel.views.page.page import close_views, make_views
from inficond_panel.views.page.shell import Shell


def rights_of(
    ready: Ready,
    *,
    tuning: bool = True,
    typing: bool = False,
    asking: bool = False,
    details: bool = False,
) -> Rights:
    """Return a participant's rights on the page: to explore and, with ``tuning``, to tune, without
    files or holdout.

    With ``typing`` participants can also type concepts, but not remove them; with ``asking`` they
    can answer photos, with ``details`` switch between views with and without details.
    """
    return Rights(
        export=False,
        holdout=False,
        photos=False,
        tuning=tuning,
        asking=asking,
        typing=typing,
        forgetting=False,
        targets=False,
        details=details,
        class_name="" if ready.task.other_classes else ready.class_name,
    )


def make_state(tuner: Tuner, jobs: Jobs, rights: Rights) -> AppState:
    """Return the state of a task's views. Call this in the worker, since it reads the history."""
    encoder = PageEncoder(tuner.spec) if rights.typing else None
    return AppState(tuner, jobs, encoder, rights=rights)


class TaskPage(Protocol):
    """Interface of a participant's page, with the methods that a task calls."""

    work: TaskSession | None
    jobs: Jobs

    @property
    def progress(self) -> StudyProgress:
        """Progress of the participant."""

    def record(self, view: str, action: str, payload: dict[str, Any]) -> bool:
        """Record an event; return True if it was recorded."""

    def show_work(self) -> None:
        """Update the bar with the progress of the task."""

    def show_views(self) -> None:
        """Show the views of the task on the page."""


class TaskSession:
    """Views and state of a task that a participant has started, also if it was interrupted."""

    def __init__(self, page: TaskPage, ready: Ready, app: AppState) -> None:
        self.page, self.ready, self.task = page, ready, ready.task
        app.selection.class_name = ready.class_name
        made = self._fine_tunes(app.tuner)
        resume(app, page.progress.of(self.task.name_), made[-1].created if made else "")
        same_root = app.tuner.root_id == ready.start.root
        over = app.tuner if same_root else Tuner(ready.store, app.spec, app.tuner.history)
        self._start = over.at(ready.start, SPLIT)[ready.class_name]
        self._follow(app)
        self.measure()

    def _follow(self, app: AppState, view: str = "") -> None:
        """Make the views of the state ``app``, and record all actions in them from now on."""
        self.app = app
        self.recorder = Recorder(app, self.page.record, view)
        self._views = views = make_views(app)
        self.recorder.watch(views)
        self.shell = Shell(app, views)
        param.bind(self.measure, app.students.param.snapshot, watch=True)
        param.bind(self.measure, app.asking.param.latest, watch=True)
        param.bind(self._go_on, app.concepts.param.tuner, watch=True)

    def _go_on(self, tuner: Tuner) -> None:
        """Show the same views with the concepts of ``tuner``, after a concept was typed."""
        before = self.app

        def done(app: AppState) -> None:
            if self.page.work is not self or self.app is not before:
                return  # the task was left meanwhile: do not record the concept
            app.go_on_from(before)
            self.page.record(self.recorder.view, TYPED, _typed(app))
            if self.page.work is self:
                views = self._views
                self._follow(app, self.recorder.view)
                self.page.show_views()
                close_views(views)
                self.measure()

        def work(_: Job) -> AppState:
            return make_state(tuner, self.page.jobs, before.rights)

        self.page.jobs.submit(Job("open", work, done, before.concepts.fail))

    def standing(self) -> Standing:
        """Return the progress towards the task's goal with the students that the page shows."""
        student = self.app.tuner.at(self.app.students.node, SPLIT)[self.ready.class_name]
        made = len(self._fine_tunes(self.app.tuner))
        answers = answered(self.page.progress.of(self.task.name_))
        return standing(self.task.done_when, self._start, student, made, answers)

    def measure(self, *_: object) -> None:
        """Record ``done`` if the goal is reached for the first time and the time is not up, and
        update the bar."""
        goal = self.standing()
        if goal.done and not self.done and self.left() != 0:
            node = self.app.students.node.id
            payload = {"node": node, "value": goal.value, "target": goal.target}
            self.page.record("", "done", payload)
        self.page.show_work()

    @property
    def done(self) -> bool:
        """True if the goal of the task was reached at some time."""
        return self.page.progress.first(self.task.name_, "done") is not None

    def left(self) -> float | None:
        """Return the number of seconds left for the task; None without a time limit."""
        if not self.task.time_limit:
            return None
        spent = self.page.progress.seconds(self.task.name_, clock.now()) or 0.0
        return max(0.0, math.ceil(60 * self.task.time_limit - spent))

    def time_is_up(self) -> bool:
        """Return True if the time limit has been reached before the task was done, and the event
        ``time-up`` is not recorded yet."""
        reached = self.page.progress.first(self.task.name_, "time-up")
        return self.left() == 0 and not self.done and reached is None

    def outcome(self) -> str:
        """Return the outcome that the task has if it is left now: done, time or left; "" if the
        participant may not leave it."""
        if self.done:
            return "done"
        if self.left() == 0:
            return "time"
        if self.task.ends_by_word:
            return "done"
        return "left" if self.task.may_leave else ""

    def close(self) -> None:
        """Close the views and the history; the history reopens if a job still writes."""
        close_views(self._views)
        self.app.tuner.history.close()

    def _fine_tunes(self, tuner: Tuner) -> list[Event]:
        return fine_tunes(tuner.history, concept_sets(self.ready, self.page.progress.events))


def _typed(app: AppState) -> dict[str, Any]:
    """Return the payload of the event ``type`` for the typed concept that ``app`` shows."""
    name = app.concepts.concept
    texts = next(list(one.texts) for one in typed_of(app.store) if one.name == name)
    node = app.students.node
    carried = app.concepts.carried if node.parent else 0
    facts = {"name": name, "texts": texts, "root": app.tuner.root_id}
    return {**facts, "node": node.id, "carried": carried}
