"""Read tables of new rows, for predictions."""

from __future__ import annotations

from pathlib import Path

from inficond_panel.concepts.new_rows import NewRows
from inficond_panel.errors import DataError
from precompute.datasets.table_files import TABLE_SUFFIXES, read_rows


def read_new_rows(path: Path) -> NewRows:
    """Return the rows of a table, with its lines as places.

    Raises ``DataError`` for a file that is missing or no table, with file and line.
    """
    if path.suffix.lower() not in TABLE_SUFFIXES:
        raise DataError(
            f"{path} is no table, and the concept scores of this store were given as a table.",
            "Name a table of new rows, with a column per concept: "
            f"a file that ends in {', '.join(TABLE_SUFFIXES)}",
        )
    if not path.is_file():
        raise DataError(f"There is no file {path}.", "Name a table of new rows.")
    header, rows = read_rows(path)
    return NewRows(str(path), header, [(f"{path}:{line}", row) for line, row in rows])
