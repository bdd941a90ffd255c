"""CSV tables with one row an image: ``image_id``, then the columns (such as one per class)."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from inficond_panel.errors import DataError


@dataclass(frozen=True)
class Table:
    """``values`` is ``(row, column)``; ids are text, so that leading zeros stay."""

    path: Path
    ids: tuple[str, ...]
    columns: tuple[str, ...]
    values: np.ndarray


def read_table(
    path: Path,
    parse: Callable[[str], float | str],
    expected: str,
    columns: str = "one column per class",
) -> Table:
    """Read a table; ``parse`` turns a cell into a number or text, or raises ``ValueError``.

    Raises ``DataError`` naming file, line and column for everything else than such a table.
    """
    rows = _rows(path)
    _, header = next(rows, (1, []))
    _check_header(path, header, columns)
    ids: dict[str, int] = {}
    values = []
    for line, row in rows:
        _check_row(path, line, row, header, ids)
        ids[row[0]] = line
        cells = zip(header[1:], row[1:], strict=True)
        values.append([_value(f"{path}:{line}", row[0], *cell, parse, expected) for cell in cells])
    if not ids:
        raise DataError(f"{path} lists no image.", "Give it a row for each image.")
    return Table(path, tuple(ids), tuple(header[1:]), np.array(values))


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            for row in reader:
                if row:
                    yield reader.line_num, [cell.strip() for cell in row]
    except FileNotFoundError:
        raise DataError(f"There is no file {path}.", "Correct the path in the spec.") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(
            f"{path} cannot be read as a table: {error}.", "Save it as CSV, in UTF-8."
        ) from error


def _check_header(path: Path, header: list[str], columns: str) -> None:
    if len(header) < 2 or header[0] != "image_id":
        raise DataError(
            f"{path}:1: expected the header image_id, then {columns}.",
            "Name the columns in the first row.",
        )
    for position, name in enumerate(header):
        if not name or name in header[:position]:
            fault = "has no name" if not name else f"is called {name!r}, as another one"
            raise DataError(
                f"{path}:1: column {position + 1} {fault}.", "Give each column a name of its own."
            )


def _check_row(
    path: Path, line: int, row: list[str], header: list[str], ids: dict[str, int]
) -> None:
    if len(row) != len(header):
        raise DataError(
            f"{path}:{line}: {len(row)} cells, but the header has {len(header)}.",
            "Give every row a cell for every column.",
        )
    if row[0] in ids:
        raise DataError(
            f"{path}:{line}: the image {row[0]!r} is listed twice (first on line {ids[row[0]]}).",
            "Keep one row for each image.",
        )


def _value(
    place: str,
    image: str,
    column: str,
    cell: str,
    parse: Callable[[str], float | str],
    expected: str,
) -> float | str:
    try:
        return parse(cell)
    except ValueError:
        raise DataError(
            f"{place}: {column!r} of image {image!r} is {cell!r}; expected {expected}.",
            "Correct the cell.",
        ) from None
