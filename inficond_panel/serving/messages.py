"""Guards of websocket messages, which limit messages from a page and lose no message to a page.

A page sends a few kB at a time. Bokeh accepts 20 MB, unpacks bytes without a limit, and logs the
whole content of a message that fails.

While a page's connection is busy, Panel queues changes, and an asyncio task writes them. A change
that is queued while another task still writes is delayed: that task removes the mark that starts
the next task, so the page shows the change only with the following change. If a page closes while a
task writes to it, the task ends: the mark stays, changes for other connections are lost, and other
parts of the message raise exceptions that no code awaits.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import traceback
import zlib
from asyncio import Future
from collections.abc import Awaitable, Callable, Sequence
from contextvars import ContextVar
from functools import partial
from pathlib import Path
from typing import Any

from bokeh.core.serialization import DeserializationError, Deserializer
from bokeh.document import Document
from bokeh.protocol.exceptions import ProtocolError
from bokeh.server.connection import ServerConnection
from bokeh.server.protocol_handler import ProtocolHandler
from bokeh.server.tornado import DEFAULT_WEBSOCKET_MAX_MESSAGE_SIZE_BYTES
from bokeh.server.views.ws import WSHandler
from panel.io import document
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from inficond_panel.common import upstream
from inficond_panel.common.logs import logger_of
from inficond_panel.serving.allowance import (
    CALLS,
    DECODED,
    EVENTS,
    UNPACKED,
    allowance_of,
    are_too_many,
    cost_of,
    in_turn,
)
from inficond_panel.serving.answers import one_line

#: Most bytes of one part of a message, unless ``--websocket-max-message-size`` sets another limit.
MESSAGE_SIZE = 1 << 20
#: Most bytes of all parts of one message, packed and unpacked.
UNPACKED_SIZE = 16 << 20
#: Most values in one message, models among them, and entries of one map or set. They take much
#: longer to decode than their size suggests, and a page sends few.
VALUES, MODELS, ENTRIES = 100_000, 100, 1_000
#: Kinds of events that add or remove a part of the page, which only the server does.
_SERVERS = {"RootAdded", "RootRemoved"}
#: Most parts of one message: a browser sends three. An empty part takes time too.
PARTS = 100
#: Array types that browsers have; other types may take any amount of memory per number.
_DTYPES = {"bool", "object", "float32", "float64"} | {
    f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)
}
_OURS = Path(__file__).parents[1]

_log = logger_of(__name__)


#: What decoding the message of this task has taken of the allowance so far.
_decoding: ContextVar[float] = ContextVar("_decoding", default=0.0)


def check_events(content: object) -> None:
    """Raise ``DeserializationError`` if the parsed JSON of a message has over ``EVENTS`` events, or
    over ``CALLS`` that call handlers, or an event of a kind that only the server sends."""
    events = content.get("events") if isinstance(content, dict) else None
    if not isinstance(events, list):
        return
    if are_too_many(events):
        raise DeserializationError(f"more than {EVENTS} events, or {CALLS} that call handlers")
    if any(isinstance(event, dict) and event.get("kind") in _SERVERS for event in events):
        raise DeserializationError("an event that only the server sends")


def guard_messages() -> None:
    """Install the guards of receiving, unpacking and handling messages."""
    standard = WSHandler.max_message_size

    def limit(self: Any) -> int:
        """The configured limit in bytes; ``MESSAGE_SIZE`` if it is Bokeh's default."""
        size: int = standard.__get__(self)
        return MESSAGE_SIZE if size == DEFAULT_WEBSOCKET_MAX_MESSAGE_SIZE_BYTES else size

    setattr(WSHandler, "max_message_size", property(limit))  # noqa: B010 - for a type checker
    upstream.stand_before(upstream.LIMITS, WSHandler, "on_message", _received)
    for name in ("_internal_error", "_protocol_error"):
        upstream.stand_before(
            upstream.LOGGED, WSHandler, name, lambda log, self, text: log(self, one_line(text))
        )
    upstream.stand_before(upstream.LIMITS, ProtocolHandler, "handle", _handled)
    upstream.stand_before(upstream.LIMITS, Deserializer, "_decode_bytes", _decode_bytes)
    upstream.stand_before(upstream.LIMITS, Deserializer, "_decode_ndarray", _decode_ndarray)


async def _received(_: Callable[..., Any], self: Any, fragment: str | bytes) -> None:
    """Receive one part of a message, and handle the message once it is complete.

    An invalid message closes the connection. While its allowance is negative the connection is not
    read, so that a page that sends more than a browser does waits, and the server does not.
    """
    begins = self.receiver is None or self.receiver._current_consumer == self.receiver._HEADER
    self._received_size = len(fragment) + (0 if begins else self._received_size)
    self._received_parts = 1 + (0 if begins else self._received_parts)
    too_large = self._received_size > max(UNPACKED_SIZE, self.max_message_size)
    if too_large or self._received_parts > PARTS:
        self._protocol_error("a message is too large")
        return
    try:
        message = await self._receive(fragment)
        cost = await in_turn(self, partial(_answered, self, message)) if message else 0.0
    except Exception as error:
        self._internal_error(f"a message cannot be read: {type(error).__name__}")
        return
    if message:
        await asyncio.sleep(allowance_of(self).spend(cost))


async def _answered(self: Any, message: Any) -> float:
    """Handle a message, and send the answer; return what the message takes of the allowance."""
    if _hung_up(self):  # while the message waited
        return 0.0
    allowance_of(self).refill()
    work = await self._handle(message)
    if work:
        await self._schedule(work)
    return cost_of(message.msgtype, message.content, self._received_size) + _decoding.get()


async def _handled(_: Callable[..., Any], self: Any, message: Any, connection: Any) -> Any:
    """Handle a complete message from a page; answer and log an error without its content."""
    kind = message.msgtype
    handler = self._handlers.get(kind)
    if handler is None or kind == "PUSH-DOC":  # documents come from the server, not the browser
        raise ProtocolError(f"messages of kind {kind} are not accepted")
    try:
        check_events(message.content)
        _decoding.set(values_of(message.content) / DECODED)
        return await handler(message, connection)
    except Exception as error:
        if _is_ours(error):
            _log.exception("Failed on a message of kind %s", kind)
        elif _hung_up(connection._socket):  # while it waited: Bokeh has dropped the session
            return None
        else:
            _log.warning("Refused a message: %s", one_line(repr(error)))
        fault = type(error).__name__
    return connection.error(message, fault)  # outside ``except``: it would send the traceback


def _hung_up(handler: Any) -> bool:
    """Return True if the browser has closed the connection of ``handler``, or is closing it."""
    socket = handler.ws_connection
    return socket is None or bool(socket.is_closing())


def _is_ours(error: BaseException) -> bool:
    """Return True if the error comes from this package, outside of ``serving`` and its guards."""
    files = {Path(frame.filename) for frame in traceback.extract_tb(error.__traceback__)}
    others = files - {Path(upstream.__file__)}  # through which each guard is called
    return any(_OURS in file.parents and file.parent != Path(__file__).parent for file in others)


def values_of(content: object) -> int:
    """Return the number of values in the parsed JSON of a message; raise ``DeserializationError``
    if it would take long to decode."""
    waiting, values, models = [content], 0, 0
    while waiting:
        value = waiting.pop()
        values += 1
        if isinstance(value, dict):
            kind, entries = value.get("type"), value.get("entries")
            models += kind == "object"
            if kind in ("map", "set") and isinstance(entries, list) and len(entries) > ENTRIES:
                raise DeserializationError(f"a map or set with more than {ENTRIES:,} entries")
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
        if values > VALUES or models > MODELS:
            raise DeserializationError(f"more than {VALUES:,} values or {MODELS} models")
    return values


def _decode_bytes(original: Callable[..., Any], self: Any, packed: dict[str, Any]) -> Any:
    """Return the unpacked bytes; raise an error if the message's bytes exceed ``UNPACKED_SIZE``."""
    data = packed["data"]
    if not isinstance(data, str):
        return original(self, packed)
    left = getattr(self, "_bytes_left", UNPACKED_SIZE)
    unpacked = unpack(data, left)
    self._bytes_left = left - len(unpacked)
    _decoding.set(_decoding.get() + len(unpacked) / UNPACKED)
    return unpacked


def unpack(data: str, limit: int) -> bytes:
    """Return the bytes of ``data``, one gzip member in base64; raise ``DeserializationError`` for
    invalid data and for more than ``limit`` bytes."""
    stream = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        unpacked = stream.decompress(base64.b64decode(data), limit + 1)
    except (zlib.error, binascii.Error) as error:
        raise DeserializationError("bytes of a message that are not gzip in base64") from error
    if len(unpacked) > limit:
        raise DeserializationError(f"bytes that unpack to more than {UNPACKED_SIZE >> 20} MB")
    if not stream.eof or stream.unused_data:
        raise DeserializationError("bytes that are not one whole gzip member")
    return unpacked


def _decode_ndarray(original: Callable[..., Any], self: Any, array: dict[str, Any]) -> Any:
    if array["dtype"] not in _DTYPES:
        raise DeserializationError("an array of a type that browsers do not have")
    return original(self, array)


#: Panel's queue of changes by page: messages up to Panel 1.9, events from 1.10 on. See
#: ``upstream.LATE_CHANGES``.
_KEPT = getattr(document, "_WRITE_EVENTS" if hasattr(document, "_WRITE_EVENTS") else "_WRITE_MSGS")


def guard_writes() -> None:
    """Install the guards of writing, which write all queued changes and ignore closed pages."""
    upstream.stand_before(upstream.LATE_CHANGES, document, "_dispatch_msgs", _all_dispatched)
    upstream.stand_before(upstream.CLOSED_PAGES, document, "dispatch_tornado", _sent_unless_closed)
    upstream.stand_before(upstream.CLOSED_PAGES, WebSocketHandler, "write_message", _written)


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
    write.add_done_callback(lambda done: done.cancelled() or done.exception())  # mark as retrieved
    return write
