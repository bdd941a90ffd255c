"""Small files beside a history: in a folder, or in the history's database."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from inficond_panel.common.files import write_whole
from inficond_panel.errors import HistoryError

if TYPE_CHECKING:
    from inficond_panel.common.postgres import PostgresDatabase


class DiskFolder:
    """Small files of a history in the folder ``path``, which the first ``write`` creates."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)

    def names(self) -> list[str]:
        """Return the names of all files, sorted."""
        return sorted(file.name for file in self.path.glob("*"))

    def read(self, name: str) -> bytes | None:
        """Return the content of the file ``name``; None if it does not exist.

        Raises ``HistoryError`` for a file that cannot be read.
        """
        file = self.path / name
        try:
            return file.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise HistoryError(f"{file} cannot be read: {error}.", "Make it readable.") from error

    def write(self, name: str, content: bytes) -> None:
        """Write the file ``name``; an existing file of this name is replaced."""
        self.path.mkdir(parents=True, exist_ok=True)
        write_whole(self.path / name, content)

    def remove(self, name: str) -> None:
        """Remove the file ``name`` if it exists."""
        (self.path / name).unlink(missing_ok=True)


class DatabaseFolder:
    """Small files of a history in its database, in the rows ``name/...`` of the table ``files``."""

    def __init__(self, database: PostgresDatabase, name: str) -> None:
        self.path = f"{database.path}, {name}"
        self._database, self._name = database, name

    def names(self) -> list[str]:
        """Return the names of all files, sorted."""
        select = "SELECT name FROM files WHERE starts_with(name, ?) ORDER BY name"
        with self._database.transaction() as db:
            return [name.partition("/")[2] for (name,) in db.execute(select, (f"{self._name}/",))]

    def read(self, name: str) -> bytes | None:
        """Return the content of the file ``name``; None if it does not exist."""
        with self._database.transaction() as db:
            select = "SELECT content FROM files WHERE name = ?"
            row = db.execute(select, (f"{self._name}/{name}",)).fetchone()
        return bytes(row[0]) if row else None

    def write(self, name: str, content: bytes) -> None:
        """Write the file ``name``; an existing file of this name is replaced."""
        insert = """INSERT INTO files VALUES (?, ?)
            ON CONFLICT (name) DO UPDATE SET content = excluded.content"""
        with self._database.transaction(write=True) as db:
            db.execute(insert, (f"{self._name}/{name}", content))

    def remove(self, name: str) -> None:
        """Remove the file ``name`` if it exists."""
        with self._database.transaction(write=True) as db:
            db.execute("DELETE FROM files WHERE name = ?", (f"{self._name}/{name}",))


#: Small files by name; each appears completely or not at all.
Folder = DiskFolder | DatabaseFolder
