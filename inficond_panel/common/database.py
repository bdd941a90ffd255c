"""Parts of all databases: rows, connections, and their owner after a fork."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

_ADDRESSES = ("postgresql://", "postgres://")


#: Place of a history that is not kept: it ends with the process.
IN_MEMORY = ":memory:"


def is_path(place: str | Path) -> bool:
    """Return True if ``place``, which names a history, is the path of a file: neither a database's
    address nor ``IN_MEMORY``."""
    return not is_address(place) and str(place) != IN_MEMORY


def is_address(place: str | Path) -> bool:
    """Return True if ``place``, which names a history, is a database's address and not a path."""
    return str(place).startswith(_ADDRESSES)


class Row(Protocol):
    """A row of a result; finds a value by the position or the name of its column."""

    def keys(self) -> Any:
        """Return the names of the columns."""

    def __getitem__(self, key: Any, /) -> Any: ...


class DatabaseConnection(Protocol):
    """A connection inside a transaction."""

    def execute(self, sql: str, values: Sequence[Any] = ..., /) -> Any:
        """Execute a statement with ``?`` in place of its values; return its rows."""

    def schema_mark(self) -> object:
        """Return a value that changes when anybody touches the tables or their triggers."""


_Held = TypeVar("_Held", bound="_Closable")


class _Closable(Protocol):
    def close(self) -> None:
        """Close the connection."""


class Connected(Generic[_Held]):
    """One connection per process to the database at ``path``; threads take turns by a lock.

    The connection is closed with the last reference to this object. A forked child forgets it, and
    opens its own.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._connection: _Held | None = None
        self._closing: weakref.finalize[..., Any] | None = None
        _live.add(self)

    def _hold(self, connection: _Held) -> None:
        self._connection = connection
        self._closing = weakref.finalize(self, connection.close)

    def close(self) -> None:
        """Close the connection; the next use opens it again (a database in memory is lost)."""
        with self._lock:
            if self._closing is not None:
                self._closing()
            self._connection = self._closing = None

    def _forget(self) -> None:
        """Forget the connection in a forked child; closing it would close the parent's too."""
        _inherited.append(self._connection)
        if self._closing is not None:
            self._closing.detach()
        self._lock = threading.RLock()
        self._connection = self._closing = None


#: Databases that a forked child must open anew.
_live: weakref.WeakSet[Any] = weakref.WeakSet()
_inherited: list[Any] = []


def _after_fork() -> None:
    for database in list(_live):
        database._forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
