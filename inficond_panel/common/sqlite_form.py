"""Form of an SQLite file: its tables, and the errors for what can be wrong with it."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path

from inficond_panel.errors import InficondError


@dataclass(frozen=True)
class Form:
    """Form of a file: its tables, and the words for what can be wrong with it.

    ``tables`` and ``indexes`` are SQL by name, ``triggers`` what follows ``CREATE TRIGGER name``;
    ``other`` tells how to name another file. ``busy_seconds`` are waited for another process.
    """

    noun: str
    application_id: int
    version: int
    tables: dict[str, str]
    indexes: dict[str, str]
    triggers: dict[str, str]
    error: type[InficondError]
    other: str
    busy_seconds: float = 10.0

    def schema(self) -> dict[str, str]:
        """Every table, trigger and index by name, in the words in which SQLite keeps them."""
        tables = {name: f"CREATE TABLE {name} ({sql})" for name, sql in self.tables.items()}
        triggers = {name: f"CREATE TRIGGER {name} {sql}" for name, sql in self.triggers.items()}
        indexes = {name: f"CREATE INDEX {name} ON {sql}" for name, sql in self.indexes.items()}
        return {**tables, **triggers, **indexes}

    def explained(self, path: str, error: sqlite3.Error, write: bool = True) -> InficondError:
        """Error for the user that SQLite's stands for; by its primary result code."""
        if not write and _code(error) in {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR}:
            return self.error(
                f"The {self.noun} {path} cannot be read: {error}.",
                f"SQLite needs a little room on its disk even to read. Make some, or {self.other}.",
            )
        text, file = str(error), f"The {self.noun} {path}"
        match _code(error):
            case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
                return self.error(
                    f"{file} is in use by another process: {text}, for {self.busy_seconds:g} s. "
                    "Nothing was written.",
                    f"Wait for it to finish, or {self.other}.",
                )
            case sqlite3.SQLITE_FULL | sqlite3.SQLITE_IOERR:
                return self.error(
                    f"{file} cannot be written: {text}. What was reported as done is in the file; "
                    "this change is not.",
                    f"Make room on its disk and try again, or {self.other}.",
                )
            case sqlite3.SQLITE_CONSTRAINT:
                return self.error(f"{file} refused a change: {text}.")
            case sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM:
                return self.error(
                    f"{file} cannot be opened or written: {text}.",
                    f"Make its folder and file writable, or {self.other}.",
                )
        strange = _code(error) == sqlite3.SQLITE_NOTADB and not _begins_as_sqlite(path)
        return self.strange(path) if strange else self.damaged(path, text)

    def unwritable(self, path: str) -> InficondError:
        """The error for a file that can only be read as it lies there."""
        return self.error(
            f"The {self.noun} {path} cannot be written: its disk is full, or the file or its "
            "folder may only be read. Nothing was written.",
            f"Make room, or make its folder and file writable, or {self.other}.",
        )

    def moved(self, path: str) -> InficondError:
        """The error for a file that is not where it was opened."""
        return self.error(
            f"The {self.noun} {path} was moved, removed or replaced while in use. Nothing was "
            "written.",
            "Put it back, or start the program again.",
        )

    def strange(self, path: str) -> InficondError:
        """The error for a file that SQLite did not write."""
        return self.error(
            f"{path} is not a {self.noun}, nor another SQLite file.",
            f"Move it away (a new one is made), or {self.other}.",
        )

    def damaged(self, path: str, fact: str) -> InficondError:
        """The error for a file that holds something else than it should."""
        return self.error(
            f"The {self.noun} {path} is damaged: {fact}.",
            f"Move it away (a new one is made), or {self.other}.",
        )


def refusing(table: str, change: str, unless: str = "") -> dict[str, str]:
    """A trigger that keeps ``change`` (UPDATE or DELETE) from the rows of a table.

    With ``unless``, an SQL condition, only where that is false.
    """
    when = f"WHEN NOT ({unless}) " if unless else ""
    body = (
        f"BEFORE {change} ON {table} {when}BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
    )
    return {f"{table}_{change.lower()}": body}


def _begins_as_sqlite(path: str) -> bool:
    """Whether a file was of SQLite once: the code for no such file is also that of some damage."""
    with Path(path).open("rb") as file:
        return file.read(16) == b"SQLite format 3\0"


def _code(error: sqlite3.Error) -> int:
    return int(getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT)) & 0xFF
