"""SQLite file with a fixed schema: opened at first use and after a fork, with transactions."""

from __future__ import annotations

import contextlib
import os
import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from inficond_panel.common.database import Connected, DatabaseConnection, is_address
from inficond_panel.common.formats import other_format
from inficond_panel.errors import InficondError


class _Connection(sqlite3.Connection):
    def schema_mark(self) -> object:
        return self.execute("PRAGMA schema_version").fetchone()[0]


@dataclass(frozen=True)
class Schema:
    """Schema of an SQLite file: its tables, and texts for errors.

    ``noun`` is the word for such a file. ``tables`` and ``indexes`` are SQL by name. Rows of the
    tables ``append_only`` are never changed; a row may be deleted if the table's SQL condition on
    ``old`` is true (empty: never). ``other`` is the remedy "name another file", ``busy_seconds``
    the time-out of locks, less than ``SILENCE`` of postgres.py.
    """

    noun: str
    application_id: int
    version: int
    tables: dict[str, str]
    indexes: dict[str, str]
    append_only: dict[str, str]
    error: type[InficondError]
    other: str
    busy_seconds: float = 10.0

    def statements(self) -> dict[str, str]:
        """Return the SQL to create each table, trigger and index, by name, as SQLite stores it."""
        tables = {name: f"CREATE TABLE {name} ({sql})" for name, sql in self.tables.items()}
        triggers = {
            f"{table}_{change.lower()}": _refusing(table, change, unless)
            for table, allowed in self.append_only.items()
            for change, unless in (("UPDATE", ""), ("DELETE", allowed))
        }
        indexes = {name: f"CREATE INDEX {name} ON {sql}" for name, sql in self.indexes.items()}
        return {**tables, **triggers, **indexes}

    def or_other(self, remedy: str) -> str:
        """Return a remedy that ends in the choice of another file, as a sentence."""
        return f"{remedy}, or " + self.other + "."

    def explained(self, path: str, error: sqlite3.Error, write: bool = True) -> InficondError:
        """Return the schema's error, with a remedy, for an SQLite error on the file ``path``."""
        if not write and _code(error) in {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR}:
            return self.error(
                f"The {self.noun} {path} cannot be read: {error}.",
                self.or_other("SQLite needs some disk space even to read. Free some space"),
            )
        text, file = str(error), f"The {self.noun} {path}"
        match _code(error):
            case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
                return self.error(
                    f"{file} is in use by another process: {text}, for {self.busy_seconds:g} s. "
                    "Nothing was written.",
                    self.or_other("Wait for that process to finish"),
                )
            case sqlite3.SQLITE_FULL | sqlite3.SQLITE_IOERR:
                return self.error(
                    f"{file} cannot be written: {text}. What was reported as done is in the file; "
                    "this change is not.",
                    self.or_other("Free some space on its disk and try again"),
                )
            case sqlite3.SQLITE_CONSTRAINT:
                return self.error(f"{file} refused a change: {text}.")
            case sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM:
                return self.error(
                    f"{file} cannot be opened or written: {text}.",
                    self.or_other("Make its folder and file writable"),
                )
        strange = _code(error) == sqlite3.SQLITE_NOTADB and not _begins_as_sqlite(path)
        return self.strange(path) if strange else self.damaged(path, text)

    def unwritable(self, path: str) -> InficondError:
        """Return the error for a write to a file that could only be opened as immutable."""
        return self.error(
            f"The {self.noun} {path} cannot be written: its disk is full, or the file or its "
            "folder may only be read. Nothing was written.",
            self.or_other("Free some space, or make its folder and file writable"),
        )

    def moved(self, path: str) -> InficondError:
        """Return the error for a file that was moved or replaced while open."""
        return self.error(
            f"The {self.noun} {path} was moved, removed or replaced while in use. Nothing was "
            "written.",
            "Move the file back, or start the program again.",
        )

    def strange(self, path: str) -> InficondError:
        """Return the error for a file that is no SQLite file."""
        return self.error(
            f"{path} is not a {self.noun}: it is not an SQLite file.",
            self.or_other(f"Move it away, to start a new {self.noun} at this path"),
        )

    def damaged(self, path: str, fact: str) -> InficondError:
        """Return the error for a damaged file or database; ``fact`` is the damage."""
        remedy = (
            "Restore the database from a copy"
            if is_address(path)
            else "Restore the file from a copy; or move it away, to start a new one"
        )
        return self.error(f"The {self.noun} {path} is damaged: {fact}.", self.or_other(remedy))


def _refusing(table: str, change: str, unless: str) -> str:
    """Return the SQL of a trigger that refuses UPDATE or DELETE (``change``) of rows.

    Rows for which ``unless``, an SQL condition, is true can be changed.
    """
    when = f"WHEN NOT ({unless}) " if unless else ""
    return (
        f"CREATE TRIGGER {table}_{change.lower()} BEFORE {change} ON {table} {when}"
        f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
    )


def _begins_as_sqlite(path: str) -> bool:
    """Return True if a file has SQLite's header: SQLite has one code for damage and other files."""
    with Path(path).open("rb") as file:
        return file.read(16) == b"SQLite format 3\0"


def _code(error: sqlite3.Error) -> int:
    return int(getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT)) & 0xFF


class Database(Connected[_Connection]):
    """Connection to the SQLite file at ``path`` (or ``":memory:"``), one per process.

    Opened at the first transaction, and again by the child after a fork; closed with the last
    reference to this object, or with the process. Threads take turns. Raises the schema's error for
    all faults of the file.
    """

    def __init__(self, path: str, schema: Schema) -> None:
        self.schema = schema
        # absolute, since the current folder may change before the file is opened
        super().__init__(path if path == ":memory:" else os.path.abspath(path))  # noqa: PTH100
        self._file: tuple[int, int] | None = None
        self._still = False

    @contextlib.contextmanager
    def transaction(self, write: bool = False) -> Iterator[DatabaseConnection]:
        """Run the block in a transaction: on disk when the block ends, rolled back if it raises."""
        with self._lock:
            try:
                db = self._connected()
                if write and self._still:
                    raise self.schema.unwritable(self.path)
                _begin(db, write, self.schema.busy_seconds)
                try:
                    yield db
                    db.execute("COMMIT")
                except BaseException:
                    with contextlib.suppress(sqlite3.Error):
                        db.execute("ROLLBACK")
                    raise
            except sqlite3.Error as error:
                raise self.schema.explained(self.path, error, write) from error
            except UnicodeDecodeError as error:
                raise self.schema.damaged(self.path, "text in it cannot be read") from error
            finally:
                if self._still:  # the next transaction reopens the file, perhaps for writing
                    self.close()

    def _connected(self) -> _Connection:
        if self._connection is None:
            connection, self._still = open_file(self.path, self.schema)
            self._hold(connection)
            self._file = _identity(self.path)
        elif _identity(self.path) != self._file:
            raise self.schema.moved(self.path)
        assert self._connection is not None
        return self._connection

    def exists(self) -> bool:
        """Return True if the file is there and not empty; makes nothing."""
        return os.path.isfile(self.path) and os.path.getsize(self.path) > 0  # noqa: PTH113, PTH202

    def check(self) -> None:
        """Read the whole file; raise the schema's error if it is damaged or of another format."""
        with self.transaction() as db:
            (fact,) = db.execute("PRAGMA quick_check(1)").fetchone()
        if fact != "ok":
            raise self.schema.damaged(self.path, " ".join(fact.split()))

    def serialize(self) -> bytes:
        """Return the current content as bytes of an SQLite file, also while others write."""
        with self.transaction():
            return self._connected().serialize()

    def overwrite_with(self, other: Database) -> None:
        """Replace the content by the content of ``other``, in all processes with the file open."""
        with self.transaction(), other.transaction():
            pass  # opens both
        with self._lock:
            try:
                other._connected().backup(self._connected(), progress=_only_for(self.schema))
            except sqlite3.Error as error:
                raise self.schema.explained(self.path, error, write=True) from error

    def compact(self) -> None:
        """Rewrite the file so that its bytes no longer contain deleted rows."""
        with self.transaction():
            pass  # opens the file
        with self._lock:
            assert self._connection is not None
            try:
                self._connection.execute("VACUUM")
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            except sqlite3.Error as error:
                raise self.schema.explained(self.path, error) from error


def _only_for(schema: Schema) -> Callable[[int, int, int], None]:
    """Return a progress callback that ends a backup after ``schema.busy_seconds`` of locks."""
    end = time.monotonic() + schema.busy_seconds

    def check(status: int, *_: int) -> None:
        if status in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED} and time.monotonic() > end:
            error = sqlite3.OperationalError("database is locked")
            error.sqlite_errorcode = status
            raise error

    return check


def _begin(db: sqlite3.Connection, write: bool, seconds: float) -> None:
    """Begin a transaction; wait up to ``seconds`` for a writer, in short random steps.

    SQLite's own steps grow to 100 ms, and miss the short gaps of a process that writes often.
    """
    if not write:
        db.execute("BEGIN")
        return
    end = time.monotonic() + seconds
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
        db.execute(f"PRAGMA busy_timeout = {round(seconds * 1000)}")


def _identity(path: str) -> tuple[int, int] | None:
    """Return device and inode of the file at ``path``, to detect a moved or removed file."""
    try:
        status = os.stat(path)  # noqa: PTH116 - the path of an SQLite file may be ":memory:"
    except OSError:
        return None
    return status.st_dev, status.st_ino


def open_file(path: str, schema: Schema) -> tuple[_Connection, bool]:
    """Open an SQLite file; return the connection, and True if it is opened as immutable."""
    try:
        return _checked(path, schema, _connect(path, schema)), False
    except sqlite3.OperationalError:
        # SQLite writes a small file even to read, which a full or read-only disk prevents, unless
        # the file is opened as immutable: it can be if the write-ahead log is empty.
        log = Path(f"{path}-wal")
        if not Path(path).is_file() or (log.exists() and log.stat().st_size):
            raise
    still = _connect(f"{Path(path).as_uri()}?immutable=1", schema, uri=True)
    return _checked(path, schema, still), True


def _connect(name: str, schema: Schema, **how: bool) -> _Connection:
    return sqlite3.connect(
        name,
        timeout=schema.busy_seconds,
        isolation_level=None,
        check_same_thread=False,
        factory=_Connection,
        **how,
    )


def _checked(path: str, schema: Schema, db: _Connection) -> _Connection:
    """Return the connection, after tables were created in a new file and the schema was checked."""
    db.row_factory = sqlite3.Row
    try:
        db.execute("PRAGMA foreign_keys = ON")
        db.execute("PRAGMA synchronous = FULL")
        if _is_empty(db):
            _create(db, schema)
        _check(path, db, schema)
    except BaseException:
        db.close()
        raise
    return db


def _is_empty(db: sqlite3.Connection) -> bool:
    return db.execute("SELECT 1 FROM sqlite_master").fetchone() is None


def _create(db: sqlite3.Connection, schema: Schema) -> None:
    """Create the tables, unless another process has just created them."""
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("BEGIN IMMEDIATE")
    if _is_empty(db):
        for statement in schema.statements().values():
            db.execute(statement)
        db.execute(f"PRAGMA application_id = {schema.application_id}")
        db.execute(f"PRAGMA user_version = {schema.version}")
    db.execute("COMMIT")


def _check(path: str, db: sqlite3.Connection, schema: Schema) -> None:
    application = db.execute("PRAGMA application_id").fetchone()[0]
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if application != schema.application_id:
        raise schema.error(
            f"{path} is an SQLite file, but not a {schema.noun}.",
            "Leave this file as it is, and " + schema.other + ".",
        )
    if version != schema.version:
        again = schema.or_other("Open it with the version that wrote it")
        raise schema.error(*other_format(path, version, schema.version, again))
    tables = dict(db.execute("SELECT name, sql FROM sqlite_master").fetchall())
    for name, statement in schema.statements().items():
        if tables.get(name) != statement:
            what = "was changed" if name in tables else "is missing"
            raise schema.damaged(path, f"its {statement.split()[1].lower()} {name!r} {what}")
