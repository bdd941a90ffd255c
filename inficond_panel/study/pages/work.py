"""The views of a task, the recorded events of them, and the progress of the task."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Protocol

import param

from inficond_panel.common import clock
from inficond_panel.predict import PageEncoder
from inficond_panel.state import AppState, Job, Jobs
from inficond_panel.state.selection import Rights
from inficond_panel.study.results.timeline import fine_tunes
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

if TYPE_CHECKING:
    from inficond_panel.study.run.progress import Progress


def rights_of(ready: Ready, *, typing: bool = False, asking: bool = False) -> Rights:
    """Rights of a participant: tune and look.

    No file leaves or enters, and the holdout stays closed.

    With ``typing`` they type concepts too, which stay; with ``asking`` they answer photos.
    """
    return Rights(
        export=False,
        holdout=False,
        photos=False,
        asking=asking,
        typing=typing,
        forgetting=False,
        targets=False,
        class_name="" if ready.task.other_classes else ready.class_name,
    )


def make_state(tuner: Tuner, jobs: Jobs, rights: Rights) -> AppState:
    """The state of a task's views; reads the history, so in the worker."""
    encoder = PageEncoder(tuner.spec) if rights.typing else None
    return AppState(tuner, jobs, encoder, rights=rights)


class TaskPage(Protocol):
    """The page of a participant, as far as a task needs it."""

    work: TaskSession | None
    jobs: Jobs

    @property
    def progress(self) -> Progress:
        """Progress of the participant."""

    def record(self, view: str, action: str, payload: dict[str, Any]) -> bool:
        """Record an event; return whether it was recorded."""

    def show_work(self) -> None:
        """Draw how far the task is."""

    def show_views(self) -> None:
        """Put the views of the task on the page."""


class TaskSession:
    """A participant at work on a task that has been started; resumes what was begun."""

    def __init__(self, page: TaskPage, ready: Ready, app: AppState) -> None:
        self.page, self.ready, self.task = page, ready, ready.task
        app.selection.class_name = ready.class_name
        resume(app, page.progress.of(self.task.name_), self._last_fine_tune(app.tuner))
        same_root = app.tuner.root_id == ready.start.root
        over = app.tuner if same_root else Tuner(ready.store, app.spec, app.tuner.history)
        self._start = over.at(ready.start, SPLIT)[ready.class_name]
        self._follow(app)
        self.measure()

    def _follow(self, app: AppState, view: str = "") -> None:
        """Make the views of ``app``, with a record of all that is done in them."""
        self.app = app
        self.recorder = Recorder(app, self.page.record, view)
        self._views = views = make_views(app)
        self.recorder.watch(views)
        self.shell = Shell(app, views)
        param.bind(self.measure, app.students.param.snapshot, watch=True)
        param.bind(self.measure, app.asking.param.latest, watch=True)
        param.bind(self._go_on, app.concepts.param.tuner, watch=True)

    def _go_on(self, tuner: Tuner) -> None:
        """Show the same views over the concepts of ``tuner``, after one was typed."""
        before = self.app

        def done(app: AppState) -> None:
            if self.page.work is not self or self.app is not before:
                return  # the task was left meanwhile, and the concept does not count
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
        """Standing of the node shown."""
        student = self.app.tuner.at(self.app.students.node, SPLIT)[self.ready.class_name]
        made = len(self._fine_tunes(self.app.tuner))
        answers = answered(self.page.progress.of(self.task.name_))
        return standing(self.task.done_when, self._start, student, made, answers)

    def measure(self, *_: object) -> None:
        """Check whether the task is done, and report its progress."""
        goal = self.standing()
        if goal.done and not self.done:
            node = self.app.students.node.id
            payload = {"node": node, "value": goal.value, "target": goal.target}
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
        reached = self.page.progress.first(self.task.name_, "time-up")
        return self.left() == 0 and not self.done and reached is None

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

    def _last_fine_tune(self, tuner: Tuner) -> str:
        made = self._fine_tunes(tuner)
        return made[-1].created if made else ""

    def _fine_tunes(self, tuner: Tuner) -> list[Event]:
        sets = concept_sets(self.ready, self.page.progress.events)
        return fine_tunes(tuner.history, sets)


def _typed(app: AppState) -> dict[str, Any]:
    """Payload of the event that a concept was typed, which ``app`` is over."""
    name = app.concepts.concept
    texts = next(list(one.texts) for one in typed_of(app.store) if one.name == name)
    node = app.students.node
    carried = app.concepts.carried if node.parent else 0
    facts = {"name": name, "texts": texts, "root": app.tuner.root_id}
    return {**facts, "node": node.id, "carried": carried}
