"""Messages of a websocket that cannot be handled: who is told, and what is logged."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest
from bokeh.core.serialization import DeserializationError

from inficond_panel.serving import sessions
from inficond_panel.serving.messages import ENTRIES, MODELS, VALUES, _handled, check_cost


class Socket:
    def __init__(self, closing: bool) -> None:
        self.closing = closing

    def is_closing(self) -> bool:
        return self.closing


def handle(socket: Socket | None, error: Exception) -> object:
    """Handle a message on which the handler fails, as a server does."""

    async def fail(*_: object) -> None:
        raise error

    connection = SimpleNamespace(
        _socket=SimpleNamespace(ws_connection=socket), error=lambda _, told: ("error", told)
    )
    handler = SimpleNamespace(_handlers={"PULL-DOC-REQ": fail})
    message = SimpleNamespace(msgtype="PULL-DOC-REQ", content={})
    return asyncio.run(_handled(None, handler, message, connection))


@pytest.mark.parametrize("socket", [None, Socket(closing=True)])
def test_a_browser_that_is_gone_is_neither_answered_nor_logged(socket, caplog):
    assert handle(socket, AssertionError()) is None
    assert caplog.records == []


def test_a_browser_that_is_there_is_told_the_kind_of_error(caplog):
    assert handle(Socket(closing=False), ValueError("odd")) == ("error", "ValueError")
    assert [record.getMessage() for record in caplog.records] == [
        "Refused a message: ValueError('odd')"
    ]


def content(models: int = 0, entries: int = 0, values: int = 0) -> dict[str, object]:
    """Content of a message whose changes bring so much."""
    brought = [{"type": "object", "name": "Div", "id": f"d{at}"} for at in range(models)]
    numbers = {"type": "set", "entries": [at * (2**61 - 1) for at in range(entries)]}  # one hash
    return {"events": [{"new": [brought, numbers, [0] * values]}]}


def test_what_takes_long_to_decode_is_refused_before():
    check_cost(content(MODELS, ENTRIES, VALUES // 2))
    check_cost({"type": ["no text"], "entries": 0})
    for costly in (
        content(models=MODELS + 1),
        content(entries=ENTRIES + 1),
        content(values=VALUES),
    ):
        with pytest.raises(DeserializationError, match="more than"):
            check_cost(costly)
    pairs = {"type": "map", "entries": [[at, 0] for at in range(ENTRIES + 1)]}
    with pytest.raises(DeserializationError, match="entries"):
        check_cost([pairs])


def test_an_address_opens_so_many_pages_a_minute_and_others_go_on(monkeypatch):
    moment = [1000.0]
    monkeypatch.setattr(sessions, "_openings", {})
    monkeypatch.setattr(sessions.time, "monotonic", lambda: moment[0])
    assert all(sessions.may_open("a") for _ in range(sessions.PAGES))
    assert not sessions.may_open("a")
    assert sessions.may_open("b")
    moment[0] += 61
    assert sessions.may_open("a")
    assert list(sessions._openings) == ["a"]  # who is gone is forgotten
