"""Connection of a page to its server; where it is lost, the browser shows it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import param

from inficond_panel.ui import browser
from inficond_panel.ui.actions import Acting, action
from inficond_panel.ui.component import Component


class Connection(Acting, Component):
    """A banner where the connection is lost; once the server answers, the page is loaded again.

    A root of its own on each page that a server gives out, beside what the page shows. The browser
    asks ``{"action": "alive", "turn"}`` after what it sent, and from time to time; the answer is
    ``{"alive": turn}``, a sign that all before it has arrived.
    """

    over = param.Boolean(False, doc="Whether the page shows its last: it needs no server.")
    after = param.String("", doc="What a person has to do once the page was loaded again.")

    _esm = browser.module(Path(__file__).with_name("connection.js"))
    _stylesheets = browser.styles(Path(__file__).with_name("connection.css"))

    def __init__(self, **params: Any) -> None:
        super().__init__(margin=0, **params)
        self.listen_to(self)

    @action
    def _alive(self, turn: int) -> None:
        self._send_msg({"alive": turn})
