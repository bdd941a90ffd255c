"""Messages of the websocket: the largest that a page may send, and all that a page is to get.

A page sends a few kB at a time. Bokeh takes 20 MB, unpacks bytes without a limit, and logs a
message that it cannot handle as a whole.

Where a page's connection is busy, Panel keeps changes and a task of its own writes them. A change
that comes while another task still writes is left lying: that task removes the mark that the next
one looks for, and the page shows the change with the change after it. A page that leaves while it
is written to ends the task: the mark stays, the changes of other connections are lost, and the
other parts of the message raise exceptions that nobody awaits.
"""

from __future__ import annotations

import base64
import binascii
import traceback
import zlib
from asyncio import Future
from collections.abc import Awaitable, Callable, Sequence
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

from inficond_panel.common.seldom import logger_of
from inficond_panel.serving.answers import one_line, stand_before

#: Bytes of one part of a message, unless ``--websocket-max-message-size`` says otherwise.
MESSAGE_SIZE = 1 << 20
#: Bytes that the parts of one message may have together, packed and unpacked.
UNPACKED_SIZE = 16 << 20
#: What one message may bring: values in all, models among them, and entries of one map or set. They
#: take far longer to decode than their bytes suggest, and a page's controls send few.
VALUES, MODELS, ENTRIES = 100_000, 100, 1_000
#: Kinds of array that browsers have; others may take any memory for a number.
_DTYPES = {"bool", "object", "float32", "float64"} | {
    f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)
}
_OURS = Path(__file__).parents[1]

_log = logger_of(__name__)


def guard_messages() -> None:
    """Guard what is received, unpacked and handled."""
    standard = WSHandler.max_message_size
    limit = property(lambda self: _message_size(standard.__get__(self)))
    setattr(WSHandler, "max_message_size", limit)  # noqa: B010 - a property, to a type checker
    stand_before(WSHandler, "on_message", _received)
    for name in ("_internal_error", "_protocol_error"):
        stand_before(WSHandler, name, lambda log, self, text: log(self, one_line(text)))
    stand_before(ProtocolHandler, "handle", _handled)
    stand_before(Deserializer, "_decode_bytes", _decode_bytes)
    stand_before(Deserializer, "_decode_ndarray", _decode_ndarray)


def _message_size(size: int) -> int:
    """The size that was asked for, or ours in place of Bokeh's."""
    return MESSAGE_SIZE if size == DEFAULT_WEBSOCKET_MAX_MESSAGE_SIZE_BYTES else size


async def _received(_: Callable[..., Any], self: Any, fragment: str | bytes) -> None:
    """Take one part of a message and handle the message once it is whole.

    A fault ends the connection.
    """
    begins = self.receiver is None or self.receiver._current_consumer == self.receiver._HEADER
    self._received_size = len(fragment) + (0 if begins else self._received_size)
    if self._received_size > max(UNPACKED_SIZE, self.max_message_size):
        self._protocol_error("a message is too large")
        return
    try:
        message = await self._receive(fragment)
        work = await self._handle(message) if message else None
        if work:
            await self._schedule(work)
    except Exception as error:
        self._internal_error(f"a message cannot be read: {type(error).__name__}")


async def _handled(_: Callable[..., Any], self: Any, message: Any, connection: Any) -> Any:
    """Handle a whole message; one that cannot be is answered, and logged without its content."""
    kind = message.msgtype
    handler = self._handlers.get(kind)
    if handler is None or kind == "PUSH-DOC":  # a page comes from here, not from the browser
        raise ProtocolError(f"{kind} is not taken here")
    try:
        check_cost(message.content)
        return await handler(message, connection)
    except Exception as error:
        if _is_ours(error):
            _log.exception("Failed on a message of kind %s", kind)
        elif _hung_up(connection):  # while it waited: Bokeh has let go of the session
            return None
        else:
            _log.warning("Refused a message: %s", one_line(repr(error)))
        fault = type(error).__name__
    return connection.error(message, fault)  # outside of what it would send the traceback of


def _hung_up(connection: Any) -> bool:
    """True if the browser is gone, or going."""
    socket = connection._socket.ws_connection
    return socket is None or bool(socket.is_closing())


def _is_ours(error: BaseException) -> bool:
    """True if this package failed, rather than what reads a message for it."""
    files = [Path(frame.filename) for frame in traceback.extract_tb(error.__traceback__)]
    return any(_OURS in file.parents and file.parent != Path(__file__).parent for file in files)


def check_cost(content: object) -> None:
    """Raise ``DeserializationError`` for a message, as it came, that takes long to decode."""
    waiting, values, models = [content], 0, 0
    while waiting:
        value = waiting.pop()
        values += 1
        if isinstance(value, dict):
            kind, entries = value.get("type"), value.get("entries")
            models += kind == "object"
            if kind in ("map", "set") and isinstance(entries, list) and len(entries) > ENTRIES:
                raise DeserializationError("a map or set with too many entries")
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
        if values > VALUES or models > MODELS:
            raise DeserializationError("too many values or models")


def _decode_bytes(original: Callable[..., Any], self: Any, packed: dict[str, Any]) -> Any:
    """Unpack bytes, within what is left for one message."""
    data = packed["data"]
    if not isinstance(data, str):
        return original(self, packed)
    left = getattr(self, "_bytes_left", UNPACKED_SIZE)
    unpacked = unpack(data, left)
    self._bytes_left = left - len(unpacked)
    return unpacked


def unpack(data: str, limit: int) -> bytes:
    """Bytes that were gzipped, as one member, and written in base64; at most ``limit``."""
    stream = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        unpacked = stream.decompress(base64.b64decode(data), limit + 1)
    except (zlib.error, binascii.Error) as error:
        raise DeserializationError("bytes that cannot be unpacked") from error
    if len(unpacked) > limit:
        raise DeserializationError(f"bytes that unpack to more than {UNPACKED_SIZE >> 20} MB")
    if not stream.eof or stream.unused_data:
        raise DeserializationError("bytes that are not one whole gzip member")
    return unpacked


def _decode_ndarray(original: Callable[..., Any], self: Any, array: dict[str, Any]) -> Any:
    if array["dtype"] not in _DTYPES:
        raise DeserializationError("an array of an unknown type")
    return original(self, array)


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
