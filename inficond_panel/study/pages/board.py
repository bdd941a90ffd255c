"""The researcher's page: a password first, then who is where, new links, and deletion."""

from __future__ import annotations

import hmac
import os
import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import panel as pn
import param
from panel.viewable import Viewable, Viewer

from inficond_panel.errors import InficondError
from inficond_panel.study.board import board
from inficond_panel.study.pages import esm
from inficond_panel.study.study import Study
from inficond_panel.views.component import Component

PASSWORD = "INFICOND_STUDY_PASSWORD"  # noqa: S105 - the name of a variable
#: Seconds between two tries of a password, over all pages of the server.
PAUSE = 1.0


class Gate:
    """Lets in who knows the password; one try a second, whoever tries."""

    def __init__(self) -> None:
        self._next = 0.0

    def problem(self, given: str) -> str:
        """Why ``given`` does not open the page; empty where it does."""
        password = os.environ.get(PASSWORD, "")
        if not password:
            return "This page is closed: the study was served without a password."
        moment = time.monotonic()
        if moment < self._next:
            return "Wait a second, then try again."
        self._next = moment + PAUSE
        fits = hmac.compare_digest(given.encode(), password.encode())
        return "" if fits else "This is not the password."


_gate = Gate()


class BoardFrame(Component):
    """The table of participants. Messages: ``{"kind"}`` login, add, link or delete."""

    screen = param.Dict({"kind": "login", "problem": ""}, doc="kind: login or board; its data.")
    made = param.Dict({}, doc="{label, token} of a link that was made just now.")
    problem = param.String("", doc="Why something was not done.")

    _esm = esm.module("board")
    _stylesheets = esm.styles("board")


class BoardPage(Viewer):
    """Nothing of the study reaches the browser before the password."""

    def __init__(self, study: Study, gate: Gate = _gate) -> None:
        super().__init__()
        self.study = study
        self._gate = gate
        self._open = False
        self.frame = BoardFrame(sizing_mode="stretch_width", margin=0)
        self.frame.on_msg(lambda event: self.handle(event.data))
        self._page = pn.Column(self.frame, sizing_mode="stretch_both", margin=0)

    def handle(self, message: Mapping[str, Any]) -> None:
        """Do what the browser asks for; without the password only the password."""
        if message["kind"] == "login":
            problem = self._gate.problem(str(message["password"]))
            self._open = not problem
            self.frame.screen = {"kind": "login", "problem": problem}
            self.look()
        elif self._open:
            try:
                self._act(message)
                self.frame.problem = ""
            except InficondError as error:
                self.frame.problem = str(error)
            self.look()

    def _act(self, message: Mapping[str, Any]) -> None:
        if message["kind"] == "add":
            who, token = self.study.add_participant()
            self.frame.made = {"label": who.label, "token": token}
        elif message["kind"] == "link":
            who = self.study.log.participant(int(message["number"]))
            self.frame.made = {"label": who.label, "token": self.study.log.new_token(who.number)}
        elif message["kind"] == "delete":
            self.study.delete_participant(int(message["number"]))
            self.frame.made = {}

    def look(self) -> None:
        """Bring the table up to date; called every few seconds."""
        if not self._open:
            return
        try:
            rows = [asdict(place) for place in board(self.study)]
        except InficondError as error:
            self.frame.problem = str(error)
            return
        screen = {"kind": "board", "title": self.study.spec.title, "rows": rows}
        if screen != self.frame.screen:
            self.frame.screen = screen

    def __panel__(self) -> Viewable:
        return self._page
