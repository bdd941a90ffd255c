"""Whether a page still reaches its server; where it does not, the browser tells."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import param

from inficond_panel.ui import browser
from inficond_panel.ui.component import Component


class Connection(Component):
    """A banner where the connection is lost; once the server answers, the page is loaded again.

    A root of its own on each page that a server gives out, beside what the page shows. The browser
    asks ``{"kind": "alive", "turn"}`` after what it sent, and from time to time; the answer is
    ``{"alive": turn}``, which says that all before it has arrived.
    """

    over = param.Boolean(False, doc="Whether the page shows its last: it needs no server.")
    after = param.String("", doc="What a person has to do once the page was loaded again.")

    _esm = browser.module(Path(__file__).with_name("connection.js"))
    _stylesheets = browser.styles(Path(__file__).with_name("connection.css"))

    def __init__(self, **params: Any) -> None:
        super().__init__(margin=0, **params)
        self.on_msg(lambda event: self._handle(event.data))

    def _handle(self, message: Mapping[str, Any]) -> None:
        actions = {"alive": lambda: self._send_msg({"alive": int(message["turn"])})}
        actions[message["kind"]]()
