"""The log of a history in its table ``events``: append, and read with its chain verified."""

from __future__ import annotations

import sqlite3

from inficond_panel import clock
from inficond_panel.errors import TuningError
from inficond_panel.tuning.history.database import damaged
from inficond_panel.tuning.history.events import Event, HistoryState


def append(
    db: sqlite3.Connection,
    kind: str,
    node: str,
    text: str = "",
    author: str = "user",
    origin: str | None = None,
) -> None:
    """Append an event, in the transaction that is open."""
    last = "SELECT number, checksum FROM events ORDER BY number DESC LIMIT 1"
    number, previous = db.execute(last).fetchone() or (0, "")
    text = text.encode(errors="replace").decode()  # half a character cannot be stored
    event = Event(number + 1, root_of(db, node), kind, node, origin, text, author, clock.now())
    row = (*vars(event).values(), event.checksum(previous))
    db.execute(f"INSERT INTO events VALUES ({', '.join('?' * len(row))})", row)  # noqa: S608


def read(path: str, db: sqlite3.Connection, root: str) -> list[Event]:
    """The events of ``root``, oldest first; ``HistoryError`` where the chain of all is broken."""
    found, previous = [], ""
    for expected, row in enumerate(db.execute("SELECT * FROM events ORDER BY number"), 1):
        *facts, checksum = row
        event = Event(*facts)
        previous = event.checksum(previous)
        if event.number != expected or checksum != previous:
            raise damaged(path, f"event {expected} of its log was altered")
        if event.root == root:
            found.append(event)
    return found


def state_of(path: str, db: sqlite3.Connection, root: str) -> HistoryState:
    """The state after all events of ``root``; ``HistoryError`` where they do not make sense."""
    state = HistoryState()
    try:
        for event in read(path, db, root):
            state.apply(event)
    except ValueError as error:
        raise damaged(path, str(error)) from error
    return state


def root_of(db: sqlite3.Connection, node: str) -> str:
    """The root that ``node`` descends from; ``TuningError`` where the node is not there."""
    row = db.execute("SELECT root FROM nodes WHERE id = ?", (node,)).fetchone()
    if row is None:
        raise unknown(node)
    return str(row[0])


def unknown(node: str) -> TuningError:
    """The error for a node that is not there."""
    return TuningError(
        f"The history has no iteration {node!r} of these students.",
        "List them: inficond history SPEC list",
    )
