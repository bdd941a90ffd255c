"""The log of a history in its table ``events``: append, and read with its chain verified."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterator

from inficond_panel.common import clock
from inficond_panel.errors import TuningError
from inficond_panel.tuning.history.events import Event, HistoryState, Tags, apply_tag
from inficond_panel.tuning.history.form import HISTORY
from inficond_panel.tuning.iteration import Iteration


class Log:
    """Log of the file at ``path``, kept up to date: each event is read and verified once.

    Events cannot be changed as long as the triggers are there. So all is read anew where the file
    was opened anew, or where anything has touched its tables or triggers.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.iterations: dict[str, tuple[Iteration, ...]] = {}  #: by root, those read by now
        self._read_of: tuple[sqlite3.Connection, int] | None = None
        self._states: dict[str, HistoryState]
        self._faults: dict[str, str]  # by root, why its events make no sense
        self._tags: Tags  # of the images of all roots
        self._last: tuple[int, str]  # number and checksum of the last event read
        self._forget()

    def state(self, db: sqlite3.Connection, root: str) -> HistoryState:
        """The state of ``root`` after all events so far; ``HistoryError`` where they make no sense.

        At the start of a transaction, before it appends. The state is the caller's own.
        """
        self._catch_up(db)
        if root in self._faults:
            raise HISTORY.damaged(self.path, self._faults[root])
        return self._states[root].copy() if root in self._states else HistoryState()

    def tags(self, db: sqlite3.Connection) -> Tags:
        """Tags of all images after all events so far; the caller's own."""
        self._catch_up(db)
        return dict(self._tags)

    def _catch_up(self, db: sqlite3.Connection) -> None:
        schema = db, db.execute("PRAGMA schema_version").fetchone()[0]
        if schema != self._read_of:
            self._forget()
            self._read_of = schema
        for event, checksum in _chain(self.path, db, *self._last):
            self._last = event.number, checksum
            try:
                self._states[event.root].apply(event)
                apply_tag(self._tags, event)
            except ValueError as error:
                self._faults.setdefault(event.root, str(error))

    def _forget(self) -> None:
        self._states, self._faults, self._tags = defaultdict(HistoryState), {}, {}
        self._last = 0, ""
        self.iterations.clear()


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
    return [event for event, _ in _chain(path, db) if event.root == root]


def _chain(
    path: str, db: sqlite3.Connection, after: int = 0, previous: str = ""
) -> Iterator[tuple[Event, str]]:
    """The events after one, of which number and checksum are given, each with its checksum."""
    rows = db.execute("SELECT * FROM events WHERE number > ? ORDER BY number", (after,))
    for expected, row in enumerate(rows, after + 1):
        *facts, checksum = row
        event = Event(*facts)
        previous = event.checksum(previous) if event.is_text() else ""
        if event.number != expected or not previous or checksum != previous:
            raise HISTORY.damaged(path, f"event {expected} of its log was altered")
        yield event, checksum


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
        "List them: inficond history list SPEC",
    )
