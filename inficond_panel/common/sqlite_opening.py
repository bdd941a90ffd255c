"""Opening of an SQLite file: made where it is new, else checked against its form."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from inficond_panel.common.sqlite_form import Form


def open_file(path: str, form: Form) -> tuple[sqlite3.Connection, bool]:
    """Open the file, and whether it is only read, as it lies there: see ``_is_still``."""
    try:
        return _checked(path, form, _connect(path, form)), False
    except sqlite3.OperationalError:
        if not _is_still(path):
            raise
    still = _connect(f"{Path(path).as_uri()}?immutable=1", form, uri=True)
    return _checked(path, form, still), True


def _is_still(path: str) -> bool:
    """True if the file holds all that was written: the log beside it holds nothing.

    SQLite needs room for a small file beside it even to read; a disk that is full or read-only
    has none.
    """
    log = Path(f"{path}-wal")
    return Path(path).is_file() and not (log.exists() and log.stat().st_size)


def _connect(name: str, form: Form, **how: bool) -> sqlite3.Connection:
    return sqlite3.connect(
        name, timeout=form.busy_seconds, isolation_level=None, check_same_thread=False, **how
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
            f"{path} is an SQLite file, but not a {form.noun}.",
            f"{form.other[:1].upper()}{form.other[1:]}.",
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
            raise form.damaged(path, f"its {statement.split()[1].lower()} {name!r} {what}")
