"""Participant's page: all steps of a study, resumed at the step where the participant left."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import panel as pn
import param
from panel.viewable import Viewable, Viewer

from inficond_panel.errors import InficondError, StudyError, StudyLinkError
from inficond_panel.state import AppState, Job, Jobs
from inficond_panel.study.pages.screens import (
    faults_of,
    make_bar,
    make_brief,
    make_message,
    make_screen,
)
from inficond_panel.study.pages.work import TaskSession, make_state, rights_of
from inficond_panel.study.run.progress import StudyProgress
from inficond_panel.study.run.recorder import Session
from inficond_panel.study.run.shown_views import TUNING_VIEW
from inficond_panel.study.run.study import Study
from inficond_panel.study.spec.task_sections import Task
from inficond_panel.ui import browser
from inficond_panel.ui.component import Acting, Component, Connection, action
from inficond_panel.views.page.page import publisher, warm
from inficond_panel.wording.things import image_word

_LOG = logging.getLogger(__name__)


#: Largest number of the person whose plan a preview shows.
MOST_PREVIEWED = 100_000


def _size(window: list[int] | None) -> tuple[int, ...]:
    """Return the width and height that a browser tells; () if these are no two sizes."""
    valid = [one for one in window or [] if type(one) is int and 0 < one < MOST_PREVIEWED]
    return tuple(valid) if len(valid) == 2 else ()


class StudyFrame(Component):
    """Component of the browser that shows a screen of a study, or the bar above a task's views."""

    screen = param.Dict({"kind": "message", "key": "", "title": "Opening"}, doc="See `screens`.")
    session = param.String("", doc="Id of this session; a reconnect resumes the session.")
    ids = param.List([], doc="Names of the ids in the open link.")
    least = param.List([0, 0], doc="Least width and height of the window, in CSS pixels.")
    preview = param.String("", doc="What a preview shows, in words; empty: this is no preview.")
    own_link = param.String("", doc="Token of a new personal link of the participant, or empty.")
    notice = param.Dict({}, doc="{title, text, button} of a blocking message; empty: none.")

    _esm = browser.module(Path(__file__).with_name("frame.js"))
    _stylesheets = browser.styles(Path(__file__).with_name("frame.css"))


class ParticipantPage(Acting, Viewer):
    """Page of one participant, opened by a link; only this participant's data reach the browser."""

    def __init__(self, study: Study) -> None:
        super().__init__()
        self.study = study
        self.folder = study.spec.path.parent
        self.jobs = Jobs(publisher())
        self.session: Session | None = None
        self.work: TaskSession | None = None
        self._faults: dict[str, str] = {}
        self._refused: dict[str, str] = {}
        self._over = False
        ids = study.spec.participants.ids
        window = study.spec.window
        self.frame = StudyFrame(
            ids=ids, least=[window.width, window.height], sizing_mode="stretch_width", margin=0
        )
        self.listen_to(self.frame)
        self.connection = Connection()
        self.layout = pn.Column(self.frame, sizing_mode="stretch_both", margin=0)

    def _takes(self, name: str) -> bool:
        """Return True if an action is accepted: after a valid link, before the page has ended."""
        return name == "enter" or (self.session is not None and not self._over)

    @property
    def progress(self) -> StudyProgress:
        """Progress of the participant so far."""
        assert self.session is not None
        return self.session.progress

    @action
    def _enter(
        self,
        token: str,
        after: str = "",
        ids: dict[str, str] | None = None,
        own: str = "",
        window: list[int] | None = None,
        preview: str | None = None,
    ) -> None:
        """Open the page by the link with ``token``, and show the participant's present step.

        ``after`` is the id of this page's session before the connection was lost, ``ids`` are the
        ids in the address, ``own`` is a personal link that the browser has stored for these ids,
        ``window`` is the width and height of the page. ``preview`` is what the address says after
        ``preview=``, the number of a person, or ""; None if it does not have the word.
        """
        if self.session is not None:
            return
        try:
            if preview is not None or self.study.log.is_preview_link(token):
                token, after = self._begin_preview(token, preview or ""), ""
            self.session = Session(self.study, token, after, ids, own, _size(window))
        except StudyLinkError as error:
            self._stop(error)
        except InficondError as error:
            _LOG.error("A link cannot be opened: %s", error)
            remedy = "Please call the researcher."
            self._stop(StudyError("The study cannot be opened at the moment", remedy))
        else:
            self.frame.param.update(session=self.session.id, own_link=self.session.link)
            self.show_step()

    def _begin_preview(self, token: str, number: str) -> str:
        """Go on with a study that records nothing; return the token of its one participant, who has
        the plan of the person with this number. Raises ``StudyLinkError`` for another link: a
        participant must not see the study in advance."""
        if not self.study.log.is_preview_link(token):
            raise StudyLinkError(
                "This is not a link for previews.",
                "Leave ?preview out of the address, or ask the researcher for a link.",
            )
        person = max(1, int(number)) if number.isascii() and number.isdigit() else 1
        self.study = self.study.preview(min(person, MOST_PREVIEWED) - 1)
        participant, own = self.study.add_participant()
        conditions = dict.fromkeys(item.condition for item in participant.plan if item.condition)
        named = f" ({', '.join(conditions)})" if conditions else ""
        self.frame.preview = f"Preview of person {person}{named}: nothing is recorded"
        return own

    # --- screens

    @action
    def _answer(self, name: str, answer: Any) -> None:
        question = next((q for q in self.progress.step.questions if q.name_ == name), None)
        if question is None:
            return
        self._refused.pop(name, None)
        if answer is not None and (fault := question.fault(answer)):
            self._refused[name] = fault  # it stands on the page: an earlier answer must not count
        else:
            self.record("", "answer", {name: answer})

    @action
    def _next(self, step: int) -> None:
        """Continue from the step with number ``step`` if it is the present step and is complete."""
        shown = self.progress.step
        if step != self.progress.number or shown.kind == "end":
            return
        if isinstance(shown.section, Task):
            self._open_task(shown.section)
            return
        self._faults = faults_of(shown, self.progress.answers(shown.name)) | self._refused
        if self._faults:
            self.show_step()
        elif shown.kind == "check":
            self._hand_in()
        elif shown.kind == "consent":
            self._flow(("", "agree", {}), ("", "leave", {}))
        else:
            self._flow(("", "leave", {}))

    def _hand_in(self) -> None:
        """Record an attempt at the present check; continue if all answers are right, or if no
        attempt is left."""
        progress = self.progress
        step, wrong = progress.step, progress.wrong()
        attempt = {"answers": progress.answers(step.name), "wrong": wrong}
        last = step.attempts is not None and progress.attempts(step.name) + 1 >= step.attempts
        if wrong and not last:
            if self.record("", "attempt", attempt):
                self._faults = dict.fromkeys(wrong, "This is not right. Go back and read again.")
                self.show_step()
            return
        outcome = {"outcome": "wrong" if wrong else "right"}
        self._flow(("", "attempt", attempt), ("", "leave", outcome))

    @action
    def _go_back(self, step: int) -> None:
        """Return from the step with number ``step`` to the previous step if this is allowed."""
        before = self.progress.back
        if step == self.progress.number and before is not None:
            self._flow(("", "return", {"to": before.name}))

    @action
    def _decline(self) -> None:
        self._flow(("", "decline", {}))

    @action
    def _go_away(self) -> None:
        self.record("", "away", {})

    @action
    def _come_back(self) -> None:
        self.record("", "back", {})

    def _flow(self, *actions: tuple[str, str, dict[str, Any]]) -> None:
        """Record ``actions``, the events that end a step, and show the next step; stay at the step
        if recording fails."""
        if self._recorded(*actions):
            self._faults, self._refused = {}, {}
            self.show_step()

    def show_step(self) -> None:
        """Show the participant's present step, which follows from the recorded events."""
        progress = self.progress
        step = progress.step
        fresh = progress.first(step.name, "enter") is None and not progress.declined
        if fresh and not self.record("", "enter", {}):
            return
        if isinstance(step.section, Task) and progress.first(step.name, "start"):
            self._open_task(step.section)
            return
        self._close_task()
        if isinstance(step.section, Task):
            assert self.session is not None
            ready = self.study.ready_for(self.session.participant, step.name)
            self.frame.screen = make_brief(self.progress, ready, self.folder, busy=False)
        else:
            self.frame.screen = make_screen(self.progress, self.folder, self._faults)

    # --- tasks

    def _open_task(self, task: Task) -> None:
        """Open the students of a task in the worker, then show the views of the task."""
        session, study = self.session, self.study
        assert session is not None
        ready = study.ready_for(session.participant, task.name_)
        self.frame.screen = make_brief(self.progress, ready, self.folder, busy=True)

        def work(_: Job) -> AppState:
            tuner = study.tuner(session.participant, task.name_)
            tuner.head()
            warm(tuner.store)
            may = partial(study.allows, session.participant, task.name_)
            rights = rights_of(
                ready,
                tuning=TUNING_VIEW in tuner.spec.layout.views,
                typing=may("may_type"),
                asking=may("may_ask"),
                details=tuner.spec.layout.show == "details",
            )
            return make_state(tuner, self.jobs, rights)

        def done(app: AppState) -> None:
            started = self.progress.first(task.name_, "start") is not None
            if not self._over and (started or self.record("", "start", {})):
                self.work = TaskSession(self, ready, app)
                self.show_work()
                self.show_views()

        self.jobs.submit(Job("open", work, done, partial(self._tell, "This cannot be opened")))

    def _close_task(self) -> None:
        if self.work is not None:
            self.work.close()
        self.work = None
        if len(self.layout) > 1:
            self.layout[:] = [self.frame]

    @action
    def _visit(self, view: str) -> None:
        if self.work is not None:
            self.work.recorder.visit(view)

    def show_views(self) -> None:
        """Show the views of the task below the bar, in place of earlier views."""
        if self.work is not None:
            self.layout[:] = [self.frame, self.work.shell]

    def show_work(self) -> None:
        """Update the bar with the progress of the task."""
        if self.work is not None:
            work, closed = self.work, self.work.app.rights.closed
            self.frame.screen = make_bar(
                self.progress,
                work.standing(),
                work.left(),
                self.folder,
                closed,
                image_word(work.app.store),
            )

    @action
    def _leave(self, step: int) -> None:
        """Continue from the task with step number ``step`` to the next step if this is allowed."""
        if self.work is None or step != self.progress.number:
            return
        if outcome := self.work.outcome():
            self._flow(("", "leave", {"outcome": outcome}))

    def beat(self) -> None:
        """Record that the page is open, and check the time limit; called every few seconds."""
        if self.session is None or self._over:
            return
        try:
            self.session.touch()
        except StudyLinkError as error:
            self._stop(error)
        except StudyError:
            return  # reported when the next event is recorded
        else:
            if self.work is not None and self.work.time_is_up() and self.record("", "time-up", {}):
                self.show_work()
                text = "What you did is recorded. Go on to the next step."
                self.frame.notice = {"title": "Time is up", "text": text, "button": "Next"}

    # --- recording

    def record(self, view: str, action: str, payload: Mapping[str, Any]) -> bool:
        """Record one event; return False if this failed, which the page reports."""
        return self._recorded((view, action, payload))

    def _recorded(self, *actions: tuple[str, str, Mapping[str, Any]]) -> bool:
        assert self.session is not None
        try:
            self.session.record(*actions)
        except StudyLinkError as error:
            self._stop(error)
        except StudyError as error:
            self._tell("Nothing can be recorded at the moment", error)
        else:
            return True
        return False

    @action
    def _try_again(self) -> None:
        """Record the events that wait, then continue; after the time limit, leave the task."""
        before = self.progress.step
        if not self._recorded():
            return
        self.frame.notice = {}
        if self.progress.first(before.name, "time-up") and self.work is not None:
            self._leave(self.progress.number)
        elif self.progress.step != before or self.work is None:
            self.show_step()
        else:
            self.work.measure()

    def _tell(self, title: str, error: InficondError) -> None:
        _LOG.error("%s: %s", title, error)  # for the researcher only: names files and options
        text = "What you did is kept on this page. Please leave it open and call the researcher."
        self.frame.notice = {"title": title, "text": text, "button": "Try again"}

    def _stop(self, error: InficondError) -> None:
        """End this page, since the participant continues in another window or was deleted."""
        self._over = True
        self._close_task()
        self.jobs.close()
        self.connection.over = True
        self.frame.param.update(
            screen=make_message(error.for_page, error.remedy_for_page), notice={}
        )

    def close(self) -> None:
        """Stop the worker and the task; called after the page was closed."""
        self.jobs.close()
        if self.work is not None:
            self.work.close()
        if self.frame.preview:
            self.study.discard()

    def __panel__(self) -> Viewable:
        return self.layout
