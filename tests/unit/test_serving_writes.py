"""Changes that Panel keeps while a connection is busy, written at once."""

import asyncio
import gc
from types import SimpleNamespace
from typing import Any

import pytest
from bokeh.document import Document
from panel.io import document
from tornado.websocket import WebSocketClosedError, WebSocketHandler
from waiting import in_loop

from inficond_panel.serving import messages


class Socket:
    """Keeps what is written to it; a write is over when the test says so."""

    def __init__(self) -> None:
        self.written: list[str] = []
        self.over: list[asyncio.Future[None]] = []

    def write(self, message: str) -> list[asyncio.Future[None]]:
        self.written.append(message)
        self.over.append(asyncio.get_running_loop().create_future())
        return self.over[-1:]


class Connection:
    """Makes messages, as Bokeh's does."""

    def __init__(self, socket: Any) -> None:
        self._socket, self.protocol = socket, self

    def create(self, kind: str, events: list[str]) -> Any:
        parts = dict.fromkeys(("header_json", "metadata_json", "content_json"), "{}")
        return SimpleNamespace(text=f"{kind} {events}", **parts, _buffers=[])


@pytest.fixture
def socket(monkeypatch: pytest.MonkeyPatch) -> Socket:
    write = document.extra_socket_handlers
    monkeypatch.setitem(write, Socket, lambda connection, msg: connection._socket.write(msg.text))
    guarded = (document, "_dispatch_msgs"), (document, "dispatch_tornado")
    for place, name in (*guarded, (WebSocketHandler, "write_message")):
        monkeypatch.setattr(place, name, getattr(place, name))
    messages.guard_writes()
    return Socket()


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


@in_loop
async def test_a_change_kept_while_another_is_written_is_written_too(socket):
    """The second change is kept in the moment in which the first one has been written."""
    page = Document()
    connection: Any = Connection(socket)
    document.schedule_write_events(page, [connection], ["first"])
    await turns()
    socket.over[0].set_result(None)
    document.schedule_write_events(page, [connection], ["second"])
    await turns()
    assert len(socket.written) == 2, "the second change is left lying"
    socket.over[-1].set_result(None)
    await turns()
    assert page not in messages._KEPT
    assert page not in document._WRITE_BLOCK
    assert socket.written == ["PATCH-DOC ['first']", "PATCH-DOC ['second']"]


class LeavingSocket(WebSocketHandler):
    """A page that leaves between two of the three parts of a message."""

    def __init__(self) -> None:
        self.ws_connection: Any = self
        self.parts = 0

    def is_closing(self) -> bool:
        return False

    def write_message(self, *_: Any) -> Any:
        self.parts += 1
        if self.parts > 1:
            raise WebSocketClosedError
        write = asyncio.get_running_loop().create_future()
        write.set_exception(WebSocketClosedError())
        return write


@in_loop
async def test_a_page_that_leaves_while_it_is_written_to_stops_nothing(socket, monkeypatch):
    monkeypatch.setattr(WebSocketHandler, "write_message", LeavingSocket.write_message)
    messages.guard_writes()
    left, told = LeavingSocket(), []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    page = Document()
    connections: list[Any] = [Connection(left), Connection(socket)]
    document.schedule_write_events(page, connections, ["first"])
    await turns()
    assert left.parts == 2, "the second part of a message found the page gone"
    assert socket.written == ["PATCH-DOC ['first']"], "the other connection has it too"
    socket.over[0].set_result(None)
    await turns()
    assert page not in document._WRITE_BLOCK
    gc.collect()  # what was never waited for is told then
    assert told == []
