"""Faults that a page tells its browser."""

from __future__ import annotations

import re


def listen(page, expected: str, faults: list[str]) -> None:
    """Note what a page logs as an error, and asks other hosts for."""

    def note(message) -> None:
        if message.type == "error" and not re.search(expected, message.text):
            faults.append(message.text)

    page.on("console", note)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("request", lambda r: None if _is_local(r.url) else faults.append(r.url))


def _is_local(url: str) -> bool:
    return url.startswith(("http://localhost:", "ws://localhost:", "data:", "blob:"))
