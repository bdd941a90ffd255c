"""An SQLite file of a known form: opened late, again after a fork, and checked.

A history is one such form; others are made of ``Form`` in the same way.
"""

from __future__ import annotations

import contextlib
import os
import random
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from inficond_panel.errors import HistoryError, InficondError

_BUSY_SECONDS = 10.0


@dataclass(frozen=True)
class Form:
    """Form of a file: its tables, and the words for what can be wrong with it.

    ``tables`` and ``indexes`` are SQL by name, ``triggers`` what follows ``CREATE TRIGGER name``;
    ``other`` tells how to name another file.
    """

    noun: str
    application_id: int
    version: int
    tables: dict[str, str]
    indexes: dict[str, str]
    triggers: dict[str, str]
    error: type[InficondError]
    other: str

    def schema(self) -> dict[str, str]:
        """Every table, trigger and index by name, in the words in which SQLite keeps them."""
        tables = {name: f"CREATE TABLE {name} ({sql})" for name, sql in self.tables.items()}
        triggers = {name: f"CREATE TRIGGER {name} {sql}" for name, sql in self.triggers.items()}
        indexes = {name: f"CREATE INDEX {name} ON {sql}" for name, sql in self.indexes.items()}
        return {**tables, **triggers, **indexes}


def refusing(table: str, change: str, unless: str = "") -> dict[str, str]:
    """A trigger that keeps ``change`` (UPDATE or DELETE) from the rows of a table.

    With ``unless``, an SQL condition, only where that is false.
    """
    when = f"WHEN NOT ({unless}) " if unless else ""
    body = (
        f"BEFORE {change} ON {table} {when}BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
    )
    return {f"{table}_{change.lower()}": body}


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
HISTORY = Form(
    noun="history",
    application_id=0x1F1C07D,
    version=2,
    tables=_TABLES,
    indexes={"events_of_root": "events (root)", "events_of_node": "events (node, kind)"},
    triggers={
        name: sql
        for table in _TABLES
        for change in ("UPDATE", "DELETE")
        for name, sql in refusing(table, change).items()
    },
    error=HistoryError,
    other="choose another with --history",
)


class Database:
    """One connection a process to the SQLite file at ``path`` (or ``":memory:"``).

    Nothing is opened before the first transaction; after a fork the child opens the file anew.
    Threads take turns. Raises the error of its form for all that can be wrong with the file.
    """

    def __init__(self, path: str, form: Form = HISTORY) -> None:
        self.form = form
        # absolute, for the current folder may be another when the file is opened
        self.path = path if path == ":memory:" else os.path.abspath(path)  # noqa: PTH100
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._still = False
        _live.add(self)

    @contextlib.contextmanager
    def transaction(self, write: bool = False) -> Iterator[sqlite3.Connection]:
        """A transaction that is on disk when the block ends, and undone when it raises."""
        with self._lock:
            try:
                db = self._connected()
                _begin(db, write)
                try:
                    yield db
                    db.execute("COMMIT")
                except BaseException:
                    with contextlib.suppress(sqlite3.Error):
                        db.execute("ROLLBACK")
                    raise
            except sqlite3.Error as error:
                raise _explained(self.path, self.form, error, write) from error
            finally:
                if self._still:  # opened anew by the next, which may be allowed to write
                    self.close()

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection, self._still = _open(self.path, self.form)
            self._file = _identity(self.path)
        elif _identity(self.path) != self._file:
            raise _moved(self.path, self.form)
        return self._connection

    def compact(self) -> None:
        """Write the file anew without what was deleted, so that its bytes hold it no longer."""
        with self.transaction():
            pass  # opens the file
        with self._lock:
            assert self._connection is not None
            try:
                self._connection.execute("VACUUM")
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            except sqlite3.Error as error:
                raise _explained(self.path, self.form, error) from error

    def close(self) -> None:
        """Close the file; the next use opens it again (what was in memory is lost)."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            self._connection, self._still = None, False

    def _forget(self) -> None:
        """Start anew in a forked child: the connection is the parent's, and is not closed here."""
        _inherited.append(self._connection)
        self._lock, self._connection, self._still = threading.RLock(), None, False


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


def _open(path: str, form: Form) -> tuple[sqlite3.Connection, bool]:
    """Open the file, and whether it is only read, as it lies there: see ``_is_still``."""
    try:
        return _checked(path, form, _connect(path)), False
    except sqlite3.OperationalError:
        if not _is_still(path):
            raise
    return _checked(path, form, _connect(f"{Path(path).as_uri()}?immutable=1", uri=True)), True


def _is_still(path: str) -> bool:
    """True if the file holds all that was written: the log beside it holds nothing.

    SQLite needs room for a small file beside it even to read; a disk that is full or read-only
    has none.
    """
    log = Path(f"{path}-wal")
    return Path(path).is_file() and not (log.exists() and log.stat().st_size)


def _connect(name: str, **how: bool) -> sqlite3.Connection:
    return sqlite3.connect(
        name, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False, **how
    )


def _checked(path: str, form: Form, db: sqlite3.Connection) -> sqlite3.Connection:
    """Make the tables where the file is new; check that it is of this form and version."""
    db.row_factory = sqlite3.Row
    try:
        db.execute("PRAGMA foreign_keys = ON")
        db.execute("PRAGMA synchronous = FULL")
        if _is_empty(db):
            _create(db, form)
        _check(path, db, form)
    except BaseException:
        db.close()
        raise
    return db


def _identity(path: str) -> tuple[int, int] | None:
    """Identity of the file at ``path``: one that was moved or removed can still be written to."""
    try:
        status = os.stat(path)  # noqa: PTH116 - the path of an SQLite file may be ":memory:"
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _is_empty(db: sqlite3.Connection) -> bool:
    return db.execute("SELECT 1 FROM sqlite_master").fetchone() is None


def _create(db: sqlite3.Connection, form: Form) -> None:
    """Make the tables, unless another process does so at this moment."""
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("BEGIN IMMEDIATE")
    if _is_empty(db):
        for statement in form.schema().values():
            db.execute(statement)
        db.execute(f"PRAGMA application_id = {form.application_id}")
        db.execute(f"PRAGMA user_version = {form.version}")
    db.execute("COMMIT")


def _check(path: str, db: sqlite3.Connection, form: Form) -> None:
    application = db.execute("PRAGMA application_id").fetchone()[0]
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if application != form.application_id:
        raise form.error(
            f"{path} is an SQLite file, but not a {form.noun}.", f"{_upper(form.other)}."
        )
    if version != form.version:
        raise form.error(
            f"{path} has schema version {version}; this program reads {form.version}.",
            f"Open it with the version that wrote it, or {form.other}.",
        )
    _check_schema(path, db, form)


def _check_schema(path: str, db: sqlite3.Connection, form: Form) -> None:
    found = dict(db.execute("SELECT name, sql FROM sqlite_master").fetchall())
    for name, statement in form.schema().items():
        if found.get(name) != statement:
            what = "is not as it was made" if name in found else "is missing"
            raise damaged(path, f"its {statement.split()[1].lower()} {name!r} {what}", form)


def _explained(path: str, form: Form, error: sqlite3.Error, write: bool = True) -> InficondError:
    """Error for the user that SQLite's stands for; by its primary result code."""
    if not write and _code(error) in {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR}:
        return form.error(
            f"The {form.noun} {path} cannot be read: {error}.",
            f"SQLite needs a little room on its disk even to read. Make some, or {form.other}.",
        )
    text, file = str(error), f"The {form.noun} {path}"
    match _code(error):
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return form.error(
                f"{file} is in use by another process: {text}, for {_BUSY_SECONDS:g} s. Nothing "
                "was written.",
                f"Wait for it to finish, or {form.other}.",
            )
        case sqlite3.SQLITE_FULL | sqlite3.SQLITE_IOERR:
            return form.error(
                f"{file} cannot be written: {text}. What was reported as done is in the file; "
                "this change is not.",
                f"Make room on its disk and try again, or {form.other}.",
            )
        case sqlite3.SQLITE_CONSTRAINT:
            return form.error(f"{file} refused a change: {text}.")
        case sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM:
            return form.error(
                f"{file} cannot be opened or written: {text}.",
                f"Make its folder and file writable, or {form.other}.",
            )
    return damaged(path, text, form)


def _code(error: sqlite3.Error) -> int:
    return int(getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT)) & 0xFF


def _moved(path: str, form: Form) -> InficondError:
    return form.error(
        f"The {form.noun} {path} was moved, removed or replaced while in use. Nothing was written.",
        "Put it back, or start the program again.",
    )


def damaged(path: str, fact: str, form: Form = HISTORY) -> InficondError:
    """The error for a file that holds something else than it should."""
    return form.error(
        f"The {form.noun} {path} is damaged: {fact}.",
        f"Move it away (a new one is made), or {form.other}.",
    )


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]
