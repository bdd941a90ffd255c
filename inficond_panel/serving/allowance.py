"""How much a connection may send, and how long the messages of one address may keep the server.

A connection has an allowance, from which the estimated cost of each message is taken. It is more
than a browser needs, but many connections together would still keep the server from answering. So
the messages and new pages of one address are handled one after the other (``in_turn``), and may
take ``SHARE`` of the time.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar
from weakref import WeakKeyDictionary, WeakValueDictionary

from tornado.web import RequestHandler

#: Most events (changes, clicks) in one message, and most of them that call Panel's handlers, such
#: as clicks. Each is handled by itself, and nothing else is answered meanwhile.
EVENTS, CALLS = 100, 10
#: Allowance of one connection: gained per second, and at most. One unit is about a millisecond of
#: the server.
GAIN, MOST = 900.0, 1_800.0
#: Share of the time that messages and new pages of an address may take, and seconds it may save up.
SHARE, SAVED = 0.75, 2.0
#: What a message takes of the allowance: 1 per message, and 1 per so many bytes, values and
#: unpacked bytes; more for a copy of the document, for an event that calls Panel's handlers, such
#: as a click, for a change of a plot's ranges, and for another change. Dragging a map sends 60
#: ranges and 240 other changes per second.
BYTES, DECODED, UNPACKED, COPY, CALL, RANGES, CHANGE = 2**14, 500, 2**16, 300, 30, 6, 1

#: Rounds of the event loop within which a message is handled, unless its page is busy.
_ROUNDS = 4

Result = TypeVar("Result")


class Allowance:
    """Allowance that grows by ``gain`` per second up to ``most``."""

    def __init__(self, gain: float, most: float) -> None:
        self._gain, self._most = gain, most
        self._left, self._at = most, time.monotonic()

    def refill(self) -> float:
        """Add what was gained; return the seconds until the allowance is no longer negative. It is
        called before the work whose cost is spent, so that what is gained meanwhile counts."""
        return self.spend(0.0)

    def spend(self, cost: float) -> float:
        """Take ``cost`` of the allowance; return the seconds until it is no longer negative."""
        now = time.monotonic()
        self._left = min(self._most, self._left + self._gain * (now - self._at) - cost)
        self._at = now
        return max(0.0, -self._left / self._gain)

    @property
    def until_full(self) -> float:
        """Seconds from the last ``spend`` until the allowance is at its most."""
        return (self._most - self._left) / self._gain


class ClientAddress:
    """Turns and time of all connections of one address."""

    def __init__(self) -> None:
        self.turn = asyncio.Lock()  #: held by what is handled, or is next
        self.seconds = Allowance(SHARE, SAVED)  #: of the server's time
        self._kept: asyncio.TimerHandle | None = None

    def charge(self, seconds: float) -> None:
        """Take the time of a turn. The address is kept until its allowance is full again: else who
        leaves and comes back would owe nothing."""
        self.seconds.spend(seconds)
        if self._kept is not None:
            self._kept.cancel()
        loop = asyncio.get_running_loop()
        self._kept = loop.call_later(self.seconds.until_full, self._forget)

    def _forget(self) -> None:
        self._kept = None


_allowances: WeakKeyDictionary[RequestHandler, Allowance] = WeakKeyDictionary()
_address_of: WeakKeyDictionary[RequestHandler, ClientAddress] = WeakKeyDictionary()
#: By event loop, which locks belong to, and IP address; kept while one of its handlers is, or while
#: it owes time.
_addresses: WeakValueDictionary[tuple[asyncio.AbstractEventLoop, str], ClientAddress]
_addresses = WeakValueDictionary()
#: By event loop: held while something is handled, so that its time can be measured.
_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()


def allowance_of(connection: RequestHandler) -> Allowance:
    """Return the allowance of a connection, given by its handler."""
    return _allowances.setdefault(connection, Allowance(GAIN, MOST))


def address_of(handler: RequestHandler) -> ClientAddress:
    """Return the address of the client of a request or connection, given by its handler."""
    if handler not in _address_of:
        key = asyncio.get_running_loop(), str(handler.request.remote_ip)
        _address_of[handler] = _addresses.setdefault(key, ClientAddress())
    return _address_of[handler]


async def in_turn(
    handler: RequestHandler, work: Callable[[], Coroutine[Any, Any, Result]]
) -> Result:
    """Do work for a client when its address may have some done, and return its result.

    Other requests are answered before the next turn. A turn does not wait until a page has read
    its answer: a page that does not read would hold up all others. What else runs in the rounds of
    a turn, such as a result of a job, is charged too.
    """
    address = address_of(handler)
    async with address.turn:
        await asyncio.sleep(address.seconds.refill())
        async with _turns.setdefault(asyncio.get_running_loop(), asyncio.Lock()):
            began = time.monotonic()
            working = asyncio.create_task(work())
            for _ in range(_ROUNDS):
                await asyncio.sleep(0)
            address.charge(time.monotonic() - began)
    return await working


def cost_of(kind: str, content: object, size: int) -> float:
    """Return what a message of ``size`` bytes, with its parsed JSON, takes of the allowance."""
    cost = size / BYTES + (COPY if kind == "PULL-DOC-REQ" else 1)
    events = content.get("events") if isinstance(content, dict) else None
    if not isinstance(events, list) or are_too_many(events):  # which is refused
        return cost
    return cost + sum(map(_cost_of_event, events))


def are_too_many(events: list[object]) -> bool:
    """Return True if one message may not have so many events, or so many that call handlers."""
    return len(events) > EVENTS or sum(_cost_of_event(each) == CALL for each in events) > CALLS


def _cost_of_event(event: object) -> int:
    if not isinstance(event, dict) or event.get("kind") != "MessageSent":
        return CHANGE
    data = event.get("msg_data")
    return RANGES if isinstance(data, dict) and data.get("name") == "rangesupdate" else CALL
