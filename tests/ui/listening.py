"""Faults that a page tells its browser."""

from __future__ import annotations

import re

HERE = ("http://localhost:", "ws://localhost:", "data:", "blob:")


def listen(page, expected: str, faults: list[str], here: tuple[str, ...] = HERE) -> None:
    """Note what a page logs as an error, and asks for elsewhere."""

    def note(message) -> None:
        if message.type == "error" and not re.search(expected, message.text):
            faults.append(message.text)

    page.on("console", note)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("request", lambda r: None if r.url.startswith(here) else faults.append(r.url))
