"""The SQLite file of a history: opened late, again after a fork, and checked."""

from __future__ import annotations

import contextlib
import os
import random
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterator

from inficond_panel.errors import HistoryError

APPLICATION_ID = 0x1F1C07D
SCHEMA_VERSION = 2

_TABLES = {
    "nodes": """id TEXT PRIMARY KEY, root TEXT NOT NULL, number INTEGER NOT NULL,
        parent TEXT REFERENCES nodes(id), intents TEXT NOT NULL, bounds TEXT NOT NULL,
        concepts INTEGER NOT NULL, classes INTEGER NOT NULL, weights BLOB NOT NULL,
        intercepts BLOB NOT NULL, weights_hash TEXT NOT NULL, gap TEXT NOT NULL,
        certificate TEXT NOT NULL, seconds REAL NOT NULL, author TEXT NOT NULL,
        settings TEXT NOT NULL, created TEXT NOT NULL, checksum TEXT NOT NULL,
        UNIQUE (root, number)""",
    "events": """number INTEGER PRIMARY KEY, root TEXT NOT NULL REFERENCES nodes(id),
        kind TEXT NOT NULL, node TEXT NOT NULL REFERENCES nodes(id),
        origin TEXT REFERENCES nodes(id), text TEXT NOT NULL, author TEXT NOT NULL,
        created TEXT NOT NULL, checksum TEXT NOT NULL""",
}
_INDEXES = {"events_of_root": "events (root)", "events_of_node": "events (node, kind)"}
_BUSY_SECONDS = 10.0


class Database:
    """One connection a process to the SQLite file at ``path`` (or ``":memory:"``).

    Nothing is opened before the first transaction; after a fork the child opens the file anew.
    Threads take turns. Raises ``HistoryError`` for all that can be wrong with the file.
    """

    def __init__(self, path: str) -> None:
        # absolute, for the current folder may be another when the file is opened
        self.path = path if path == ":memory:" else os.path.abspath(path)  # noqa: PTH100
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        _live.add(self)

    @contextlib.contextmanager
    def transaction(self, write: bool = False) -> Iterator[sqlite3.Connection]:
        """A transaction that is on disk when the block ends, and undone when it raises."""
        with self._lock:
            try:
                if self._connection is None:
                    self._connection = _open(self.path)
                    self._file = _identity(self.path)
                elif _identity(self.path) != self._file:
                    raise _moved(self.path)
                _begin(self._connection, write)
                try:
                    yield self._connection
                    self._connection.execute("COMMIT")
                except BaseException:
                    with contextlib.suppress(sqlite3.Error):
                        self._connection.execute("ROLLBACK")
                    raise
            except sqlite3.Error as error:
                raise _explained(self.path, error) from error

    def close(self) -> None:
        """Close the file; the next use opens it again (what was in memory is lost)."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            self._connection = None

    def _forget(self) -> None:
        """Start anew in a forked child: the connection is the parent's, and is not closed here."""
        _inherited.append(self._connection)
        self._lock, self._connection = threading.RLock(), None


def _begin(db: sqlite3.Connection, write: bool) -> None:
    """Begin a transaction, waiting for a writer in short, uneven steps.

    SQLite's own wait grows to 100 ms a step, and never meets the gaps of one that writes on and on.
    """
    if not write:
        db.execute("BEGIN")
        return
    end = time.monotonic() + _BUSY_SECONDS
    db.execute("PRAGMA busy_timeout = 0")
    try:
        while True:
            try:
                db.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > end:
                    raise
                time.sleep(random.uniform(0.0002, 0.003))
            else:
                return
    finally:
        db.execute(f"PRAGMA busy_timeout = {round(_BUSY_SECONDS * 1000)}")


_live: weakref.WeakSet[Database] = weakref.WeakSet()
_inherited: list[sqlite3.Connection | None] = []


def _after_fork() -> None:
    for database in list(_live):
        database._forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def _open(path: str) -> sqlite3.Connection:
    """Open and, where it is new, make the file; check that it is a history of this version."""
    db = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    db.row_factory = sqlite3.Row
    try:
        db.execute("PRAGMA foreign_keys = ON")
        db.execute("PRAGMA synchronous = FULL")
        if _is_empty(db):
            _create(db)
        _check(path, db)
    except BaseException:
        db.close()
        raise
    return db


def _identity(path: str) -> tuple[int, int] | None:
    """Which file is at ``path``: a file that was moved or removed can still be written to."""
    try:
        status = os.stat(path)  # noqa: PTH116 - the path of an SQLite file may be ":memory:"
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _is_empty(db: sqlite3.Connection) -> bool:
    return db.execute("SELECT 1 FROM sqlite_master").fetchone() is None


def _create(db: sqlite3.Connection) -> None:
    """Make the tables, unless another process does so at this moment."""
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("BEGIN IMMEDIATE")
    if _is_empty(db):
        _create_tables(db)
    db.execute("COMMIT")


def _create_tables(db: sqlite3.Connection) -> None:
    for statement in _schema().values():
        db.execute(statement)
    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def _schema() -> dict[str, str]:
    """Every table, trigger and index by name, in the words in which SQLite keeps them."""
    tables = {name: f"CREATE TABLE {name} ({columns})" for name, columns in _TABLES.items()}
    triggers = {
        f"{table}_{change.lower()}": f"CREATE TRIGGER {table}_{change.lower()} BEFORE {change} "
        f"ON {table} BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        for table in _TABLES
        for change in ("UPDATE", "DELETE")
    }
    indexes = {name: f"CREATE INDEX {name} ON {columns}" for name, columns in _INDEXES.items()}
    return {**tables, **triggers, **indexes}


def _check(path: str, db: sqlite3.Connection) -> None:
    application = db.execute("PRAGMA application_id").fetchone()[0]
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if application != APPLICATION_ID:
        raise HistoryError(
            f"{path} is an SQLite file, but not a history.", "Choose another with --history."
        )
    if version != SCHEMA_VERSION:
        raise HistoryError(
            f"{path} has schema version {version}; this program reads {SCHEMA_VERSION}.",
            "Open it with the version that wrote it, or choose another with --history.",
        )
    _check_schema(path, db)


def _check_schema(path: str, db: sqlite3.Connection) -> None:
    found = dict(db.execute("SELECT name, sql FROM sqlite_master").fetchall())
    for name, statement in _schema().items():
        if found.get(name) != statement:
            what = "is not as it was made" if name in found else "is missing"
            raise damaged(path, f"its {statement.split()[1].lower()} {name!r} {what}")


def _explained(path: str, error: sqlite3.Error) -> HistoryError:
    """What SQLite's error means for the user; by its primary result code."""
    text = str(error)
    match getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF:
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return HistoryError(
                f"The history {path} is in use by another process: {text}, for "
                f"{_BUSY_SECONDS:g} s. Nothing was written.",
                "Wait for it to finish, or choose another with --history.",
            )
        case sqlite3.SQLITE_FULL | sqlite3.SQLITE_IOERR:
            return HistoryError(
                f"The history {path} cannot be written: {text}. What was reported as done is in "
                "the file; this change is not.",
                "Make room on its disk and try again, or choose another with --history.",
            )
        case sqlite3.SQLITE_CONSTRAINT:
            return HistoryError(f"The history {path} refused a change: {text}.")
        case sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM:
            return HistoryError(
                f"The history {path} cannot be opened or written: {text}.",
                "Make its folder and file writable, or choose another with --history.",
            )
    return damaged(path, text)


def _moved(path: str) -> HistoryError:
    return HistoryError(
        f"The history {path} was moved, removed or replaced while in use. Nothing was written.",
        "Put it back, or start the program again.",
    )


def damaged(path: str, fact: str) -> HistoryError:
    """The error for a file that holds something else than it should."""
    return HistoryError(
        f"The history {path} is damaged: {fact}.",
        "Move it away (a new one is made), or choose another with --history.",
    )
