"""Researcher's page of a study: after a login, participants with progress, links and notes."""

from __future__ import annotations

import hmac
import io
import os
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import panel as pn
import param
from panel.viewable import Viewable, Viewer

from inficond_panel.common.files import File
from inficond_panel.errors import InficondError, StudyError
from inficond_panel.state import Job, Jobs
from inficond_panel.study.pages import PASSWORD
from inficond_panel.study.pages.report import write_report
from inficond_panel.study.results.study_tables import events_table, write
from inficond_panel.study.results.timeline import board, progress_of
from inficond_panel.study.run.records import storable
from inficond_panel.study.run.study import Study
from inficond_panel.ui import browser
from inficond_panel.ui.component import Acting, Component, action
from inficond_panel.ui.images import send_file
from inficond_panel.views.page.page import publisher
from inficond_panel.vocabulary.lengths import LONGEST_STUDY_NOTE

#: Seconds before the answer to a wrong password; until then the page cannot try again.
PAUSE = 1.0


def password_problem(tried: str) -> str:
    """Return the reason why the password ``tried`` is refused; "" if it is correct."""
    password = os.environ.get(PASSWORD, "")
    if not password:
        return "This page is closed: the study was served without a password."
    fits = hmac.compare_digest(tried.encode(), password.encode())  # in the same time, right or not
    return "" if fits else "This is not the password."


class BoardFrame(Component):
    """Component of the browser that shows the login, then the table of participants."""

    screen = param.Dict({"kind": "login", "problem": ""}, doc="kind: login or board; its data.")
    made = param.Dict({}, doc="{label, token, query} of the latest new link.")
    problem = param.String("", doc="Why the last action failed; empty if it succeeded.")
    busy = param.Boolean(False, doc="Whether the report is being made.")

    _esm = browser.module(Path(__file__).with_name("board.js"))
    _stylesheets = browser.styles(Path(__file__).with_name("board.css"))


class BoardPage(Acting, Viewer):
    """Page of a study's researcher; no data of the study reach the browser before the login."""

    def __init__(self, study: Study) -> None:
        super().__init__()
        self.study = study
        self.jobs = Jobs(publisher())
        self._open = self._waits = False
        self.frame = BoardFrame(sizing_mode="stretch_width", margin=0)
        self.listen_to(self.frame)
        self._page = pn.Column(self.frame, sizing_mode="stretch_both", margin=0)

    def act(self, message: Mapping[str, Any]) -> None:
        """Carry out an action that the browser sent; ``frame.problem`` states why it failed."""
        was_open = self._open
        try:
            super().act(message)
        except InficondError as error:
            self.frame.problem = error.for_shell
        else:
            self.frame.problem = ""
        if was_open:
            self.look()

    def _takes(self, name: str) -> bool:
        """Return True if an action is accepted: before the login only ``login``."""
        return self._open or name == "login"

    @action
    def _login(self, password: str) -> None:
        """Open the page if the password is correct; refuse a wrong password after a pause."""
        if self._open or self._waits:
            return
        problem = password_problem(password)
        self._open, self._waits = not problem, bool(problem)

        def turn_away() -> None:
            self._waits = False
            self.frame.screen = {"kind": "login", "problem": problem}

        if self._open:
            self.look()
        else:
            _after(PAUSE, turn_away)

    @action
    def _add_participant(self) -> None:
        who, token = self.study.add_participant()
        self.frame.made = {"label": who.label, "token": token}

    @action
    def _make_link(self, number: int) -> None:
        who = self.study.log.participant(number)
        self.frame.made = {"label": who.label, "token": self.study.log.new_token(who.number)}

    @action
    def _make_open_link(self) -> None:
        """Make a new open link, for all participants who come with an id."""
        self.frame.made = {
            "label": "all who come with an id",
            "token": self.study.log.make_open_link(),
            "query": self.study.spec.participants.query,
        }

    @action
    def _note(self, number: int, text: str) -> None:
        """Record a note of the researcher, with the time and the participant's present step."""
        if not text.strip() or len(text) > LONGEST_STUDY_NOTE:
            raise StudyError(f"A note must have 1 to {LONGEST_STUDY_NOTE:,} characters.")
        step = progress_of(self.study, self.study.log.participant(number)).step.name
        self.study.log.remark(number, step, str(storable(text)))

    @action
    def _download(self) -> None:
        """Make a zip of the report and all tables in the worker, then send it to the browser."""
        if self.frame.busy:
            return
        self.frame.busy = True

        def done(file: File) -> None:
            self.frame.busy = False
            send_file(self.frame, file)

        def failed(error: InficondError) -> None:
            self.frame.param.update(busy=False, problem=error.for_shell)

        self.jobs.submit(Job("report", lambda _: zip_report(self.study), done, failed))

    def close(self) -> None:
        """Stop the worker; called after the page was closed."""
        self.jobs.close()

    @action
    def _delete_participant(self, number: int) -> None:
        self.study.delete_participant(number)
        self.frame.made = {}

    def look(self) -> None:
        """Update the table of participants; called every few seconds."""
        if not self._open:
            return
        try:
            rows = [asdict(entry) for entry in board(self.study)]
        except InficondError as error:
            self.frame.problem = error.for_shell
            return
        screen = {"kind": "board", "title": self.study.spec.title, "rows": rows}
        if screen != self.frame.screen:
            self.frame.screen = screen

    def __panel__(self) -> Viewable:
        return self._page


def zip_report(study: Study) -> File:
    """Return a zip file with the report, its tables and the table of events."""
    content, name = io.BytesIO(), study.spec.path.stem
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        files = [write(events_table(study), folder / "events.csv"), *write_report(study, folder)[0]]
        with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(files):
                archive.write(path, f"{name}/{path.name}")
    return File(f"{name}-report.zip", content.getvalue())


def _after(seconds: float, act: Callable[[], None]) -> None:
    """Call ``act`` after ``seconds`` on the session's page; call it at once without a page."""
    if pn.state.curdoc is None:
        act()
    else:
        pn.state.curdoc.add_timeout_callback(act, int(1000 * seconds))
