"""Messages to views, as the browser sends them, and the files that views send to it."""

from __future__ import annotations

import base64
import csv
import io
from typing import Any

from inficond_panel.ui.component import Acting


def ask(view: Acting, action: str, **arguments: Any) -> None:
    """Send a view what a control of the page sends it."""
    view.act({"action": action, **arguments})


def saved(message: dict[str, Any]) -> tuple[str, str]:
    """Name and text of the file in a message."""
    file = message["save"]
    return file["name"], base64.b64decode(file["content"]).decode()


def lines_of(text: str) -> list[dict[str, str]]:
    """Lines of a CSV file by its header."""
    return list(csv.DictReader(io.StringIO(text)))
