"""Messages of a websocket that cannot be handled: who is told, and what is logged."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from inficond_panel.serving.messages import _handled


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
    message = SimpleNamespace(msgtype="PULL-DOC-REQ")
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
