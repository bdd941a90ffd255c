"""Read tables with one row per image (``image_id``, then columns): CSV, Parquet, spaced text."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from inficond_panel.common.files import check_file, lines_of, separator_of
from inficond_panel.common.installation import needs
from inficond_panel.common.names import equal_names, name_key, pair_text
from inficond_panel.common.numbers import as_text, count
from inficond_panel.errors import DataError
from precompute.datasets.photo_files import posix_name

_NUMBER = re.compile(r"-?\d+")


@dataclass(frozen=True)
class Table:
    """Table with one row per image. ``values`` is ``(row, column)``; ids are text, so that leading
    zeros stay. ``lines`` has the rows' line numbers, if the file has lines."""

    path: Path
    ids: tuple[str, ...]
    columns: tuple[str, ...]
    values: np.ndarray
    lines: tuple[int, ...] = ()


#: Names of a column of ids; the other names of a column of images, or of their files.
ID_NAMES = ("image_id", "img_id", "id", "uid", "imageid", "key")
_FILE_NAMES = (
    "image", "img", "photo", "file", "file_name", "filename", "file name", "image_name",
    "image_path", "img_path", "filepath", "file_path", "path", "name",
)  # fmt: skip


def is_image_name(column: str) -> bool:
    """Return True if a column is called like an image or its file."""
    return column.lower() in (*ID_NAMES, *_FILE_NAMES)


def read_table(
    path: Path,
    parse: Callable[[str], float | str],
    expected: str,
    columns: str = "one column per class",
    only: Sequence[str] = (),
) -> Table:
    """Read a table; ``parse`` turns a cell into a number or text, or raises ``ValueError``.

    The first column has the ids of the images, and is called like an image or its file.
    ``only`` are the columns to read, if not all.
    Raises ``DataError`` with file, line and column for an invalid table; ``expected`` and
    ``columns`` describe valid cells and columns in its message."""
    header, rows = read_rows(path)
    wanted = set(map(name_key, only))
    if len(header) < 2 or not is_image_name(header[0]):
        raise DataError(
            f"{path}:1: expected the header image_id (or filename, file, image, path, name), then "
            f"{columns}.",
            "Write these column names in the first row.",
        )
    places: dict[str, str] = {}
    lines: list[int] = []
    values: list[list[float | str]] = []
    for line, row in rows:
        image = posix_name(as_text(row[0]))
        note_image(f"{path}:{line}", image, places)
        lines.append(line)
        values.append([])
        for column, cell in zip(header[1:], map(as_text, row[1:]), strict=True):
            if only and name_key(column) not in wanted:
                continue
            try:
                values[-1].append(parse(cell))
            except ValueError:
                raise DataError(
                    f"{path}:{line}: {column!r} of image {image!r} is {cell!r}; expected "
                    f"{expected}.",
                    "Correct the cell.",
                ) from None
    if not lines:
        raise DataError(f"{path} lists no image.", "Add a row per image.")
    check_images(places)
    names = tuple(name for name in header[1:] if not only or name_key(name) in wanted)
    return Table(path, tuple(places), names, np.array(values), tuple(lines))


def text_table(
    path: Path, texts: Mapping[str, Mapping[str, str]], columns: Sequence[str]
) -> Table | None:
    """Return the table of texts by image and column, "" where a text is missing; None without
    ``columns``."""
    if not columns:
        return None
    values = np.array([[cells.get(name, "") for name in columns] for cells in texts.values()])
    return Table(path, tuple(texts), tuple(columns), values)


def read_rows(path: Path) -> tuple[list[str], Iterator[tuple[int, Sequence[Any]]]]:
    """Return a table's header, and an iterator of (line, row); Parquet's lines count from 1.

    Cells of CSV are text without outer blanks; cells of Parquet keep their values, None for null.
    Raises ``DataError`` for a file that is not a table, for columns without a name or with equal
    names, and during reading for a row whose length differs from the header's.
    """
    rows = _READERS.get(path.suffix.lower(), _text)(path)
    first, header = next(rows, (1, []))
    seen: dict[str, str] = {}
    for position, name in enumerate(header, 1):
        key = name_key(name)
        if not key or key in seen:
            like = f"is called {name!r}, like another column: {pair_text(seen.get(key, ''), name)}"
            raise DataError(
                f"{path}:{first or 1}: column {position} {like if key else 'has no name'}.",
                "Give each column a unique name.",
            )
        seen[key] = name
    return list(header), _checked(path, rows, len(header))


def note_image(place: str, image: str, places: dict[str, str]) -> None:
    """Record an image's ``place``, such as ``labels.csv:3``, in ``places``; raise ``DataError`` for
    an empty or repeated id."""
    if not image:
        raise DataError(f"{place}: the image has no name.", "Give each row an image_id.")
    if places.setdefault(image, place) != place:
        file = place.rpartition(":")[0]
        before = places[image]
        where = f"on line {before.rpartition(':')[2]}" if before.startswith(f"{file}:") else before
        raise DataError(
            f"{place}: the image {image!r} is listed twice (first {where}).",
            "Keep one row per image.",
        )


def check_images(places: Mapping[str, str]) -> None:
    """Raise ``DataError`` for two images with equal names; ``places`` has their places by name."""
    for one, other in equal_names(places):
        twice = f"the image of {places[one]} is listed twice: {pair_text(one, other)}"
        raise DataError(f"{places[other]}: {twice}.", "Keep one row per image.")


def _text(path: Path) -> Iterator[tuple[int, list[str]]]:
    try:
        if is_spaced(path):
            yield from spaced_rows(path)
            return
        separator, before = separator_of(path)
        reader = csv.reader(islice(lines_of(path), before, None), delimiter=separator)
        for row in reader:
            if row:
                yield before + reader.line_num, [cell.strip() for cell in row]
    except FileNotFoundError:
        raise DataError(f"There is no file {path}.", "Correct the path in the spec.") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(
            f"{path} cannot be read as a table: {error}.", "Save it as CSV, in UTF-8."
        ) from error


def _parquet(path: Path) -> Iterator[tuple[int, Sequence[Any]]]:
    """Yield (line, row) of a Parquet file, read in batches; the first row is the header."""
    with needs(f"{path}, as Parquet,", "precompute", more="; or save the table as CSV."):
        import pyarrow
        from pyarrow import parquet
    try:
        check_file(path)
        with parquet.ParquetFile(path) as file:
            names = sorted(file.schema_arrow.names, key="image_id".__ne__)  # pandas' index is last
            yield 0, names
            line = 0
            for batch in file.iter_batches():
                for row in zip(*(batch[name].to_pylist() for name in names), strict=True):
                    line += 1
                    yield line, row
    except FileNotFoundError:
        raise DataError(f"There is no file {path}.", "Correct the path in the spec.") from None
    except (OSError, UnicodeDecodeError, pyarrow.ArrowException) as error:
        raise DataError(
            f"{path} cannot be read as a table: {error}.", "Write it again as Parquet, or as CSV."
        ) from error


def _json_lines(path: Path) -> Iterator[tuple[int, Sequence[Any]]]:
    """Yield (line, row) of a file with a JSON object per line; the first row is the header: all
    keys. A key that a line lacks is None."""
    try:
        keys = dict.fromkeys(key for _, entry in _objects(path) for key in entry)
        yield 0, sorted(keys, key="image_id".__ne__)
        for line, entry in _objects(path):
            yield line, [entry.get(key) for key in sorted(keys, key="image_id".__ne__)]
    except FileNotFoundError:
        raise DataError(f"There is no file {path}.", "Correct the path in the spec.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"{path} cannot be read as JSON lines: {error}.", "Save it in UTF-8."
        ) from error


def _objects(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(lines_of(path), 1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line.rstrip())
        except (ValueError, RecursionError) as error:
            column = getattr(error, "colno", 1)
            raise DataError(
                f"{path}:{number}:{column}: this line is not JSON: {getattr(error, 'msg', error)}.",
                "Correct the line.",
            ) from error
        if not isinstance(entry, dict):
            raise DataError(
                f"{path}:{number}:1: this line is no JSON object.",
                'Write an object per image: {"file_name": ..., "label": ...}.',
            )
        yield number, entry


_READERS = {
    ".parquet": _parquet, ".pq": _parquet, ".jsonl": _json_lines, ".ndjson": _json_lines,
}  # fmt: skip
#: Suffixes of the files that are read as tables; ``.txt`` is one by its content (``is_spaced``).
TABLE_SUFFIXES = (".csv", ".tsv", *_READERS)


def _checked(
    path: Path, rows: Iterable[tuple[int, Sequence[Any]]], width: int
) -> Iterator[tuple[int, Sequence[Any]]]:
    for line, row in rows:
        if len(row) != width:
            raise DataError(
                f"{path}:{line}: {count(len(row), 'cell')}, but the header has {width}.",
                "Write a cell per column in every row.",
            )
        yield line, row


def is_spaced(path: Path) -> bool:
    """Return True if a ``.txt`` file is a table with blanks between cells, by its first lines."""
    if path.suffix.lower() != ".txt":
        return False
    try:
        rows = [line.split() for line in islice(lines_of(path), 3)]
    except (OSError, UnicodeDecodeError):
        return False
    if _is_count(rows):
        named = len(rows[1]) + (rows[1][:1] != ["image_id"])
        return len(rows) == 3 and len(rows[2]) == named > 1
    return bool(rows) and len(rows[0]) == 2 and bool(_NUMBER.fullmatch(rows[0][1]))


def spaced_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield (line, row) of a table with blanks between cells; the first row is the header."""
    first = [line.split() for line in islice(lines_of(path), 3)]
    counted = _is_count(first)
    header = first[1] if counted else [path.stem.rpartition("_")[2]]
    named = counted and header[0] == "image_id"
    yield 1, header if named else ["image_id", *header]
    for number, line in enumerate(lines_of(path), 1):
        if line.strip() and number > 2 * counted:
            yield number, line.split()


def _is_count(rows: list[list[str]]) -> bool:
    """Return True if the first row is only the number of rows, and the second row a header."""
    return len(rows) > 1 and len(rows[0]) == 1 and bool(_NUMBER.fullmatch(rows[0][0]))
