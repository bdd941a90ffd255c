"""Writes of the server to a page: all of them, at once.

Where a page's connection is busy, Panel keeps changes and a task of its own writes them. One that
is kept while another task still writes was left lying: that task took the mark away which the next
one looks for. The page then showed the change with the change after it, and waited until then.

A page that leaves while it is written to ended the task: the mark stayed, and what the same task
had for other connections was lost, and the parts of the message that were under way told their end
as an exception that nobody had waited for.
"""

from __future__ import annotations

from asyncio import Future
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from bokeh.document import Document
from bokeh.server.connection import ServerConnection
from panel.io import document
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from inficond_panel.serving.replace import stand_before

#: What Panel keeps of a page: messages up to 1.9, events from 1.10 on.
_KEPT = getattr(document, "_WRITE_EVENTS" if hasattr(document, "_WRITE_EVENTS") else "_WRITE_MSGS")


def guard_writes() -> None:
    """Write also what was kept in the meantime; write nothing to a page that has left."""
    stand_before(document, "_dispatch_msgs", _all_dispatched)
    stand_before(document, "dispatch_tornado", _sent_unless_closed)
    stand_before(WebSocketHandler, "write_message", _written)


async def _all_dispatched(original: Callable[[Document], Awaitable[None]], page: Document) -> None:
    await original(page)
    while page in _KEPT and page not in document._WRITE_BLOCK:
        document._WRITE_BLOCK[page] = True
        await original(page)


def _sent_unless_closed(
    original: Callable[..., Sequence[Future[None]]],
    connection: ServerConnection,
    *what: Any,
    **msg: Any,
) -> Sequence[Future[None]]:
    try:
        return original(connection, *what, **msg)
    except WebSocketClosedError:
        return []


def _written(original: Callable[..., Future[None]], *what: Any, **how: Any) -> Future[None]:
    write = original(*what, **how)
    write.add_done_callback(lambda done: done.cancelled() or done.exception())  # now it is taken
    return write
