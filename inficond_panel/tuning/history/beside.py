"""Where a history is: an SQLite file or a PostgreSQL database, and small files beside it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from inficond_panel.common.folders import DatabaseFolder, DiskFolder, Folder, is_address
from inficond_panel.common.sqlite_file import Database
from inficond_panel.tuning.history.log import HISTORY

if TYPE_CHECKING:
    from inficond_panel.common.postgres import PostgresDatabase

IN_MEMORY = ":memory:"


def history_database(history: str | Path) -> Database | PostgresDatabase:
    """Return the database of a history, which connects at its first use."""
    return _postgres(str(history)) if is_address(history) else Database(str(history), HISTORY)


def folder_beside(history: str | Path, name: str) -> Folder | None:
    """Return the folder of a history's files of kind ``name``; None for a history in memory.

    ``x.history.sqlite`` and ``x.sqlite`` both have the folder ``x.concepts``.
    """
    if is_address(history):
        return DatabaseFolder(_postgres(str(history)), name)
    path = Path(history)
    stem = path.name.removesuffix(".sqlite").removesuffix(".history")
    return None if str(history) == IN_MEMORY else DiskFolder(path.with_name(f"{stem}.{name}"))


def _postgres(address: str) -> PostgresDatabase:
    from inficond_panel.common.postgres import shared_database  # noqa: PLC0415 - an extra

    return shared_database(address, HISTORY)
