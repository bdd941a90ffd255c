"""All guards, put in place once a process."""

from __future__ import annotations

from functools import cache

from inficond_panel.serving import answers, login, messages, routes, sessions, writes


@cache
def guard() -> None:
    """Guard the server of this process, also one that runs already: from its next request on."""
    for part in (routes, sessions, messages, writes, answers, login):
        part.install()
