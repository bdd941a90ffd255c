"""Tables as text with blanks between the cells, as CelebA has them: an image's name, its cells.

The first line may be the number of rows; the second then names the columns, with or without
``image_id``. Without these two lines the only column is called after the file: ``partition`` in
``list_eval_partition.txt``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from inficond_panel.common.reading import lines_of

_NUMBER = re.compile(r"-?\d+")


def is_spaced(path: Path) -> bool:
    """True if a file is such a table, by its suffix ``.txt`` and its first lines."""
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
    """Rows that are not blank, each with its line; the first is the header, from ``image_id``."""
    first = [line.split() for line in islice(lines_of(path), 3)]
    counted = _is_count(first)
    header = first[1] if counted else [path.stem.rpartition("_")[2]]
    named = counted and header[0] == "image_id"
    yield 1, header if named else ["image_id", *header]
    for number, line in enumerate(lines_of(path), 1):
        if line.strip() and number > 2 * counted:
            yield number, line.split()


def _is_count(rows: list[list[str]]) -> bool:
    """True if the first line is the number of rows, and the second a header."""
    return len(rows) > 1 and len(rows[0]) == 1 and bool(_NUMBER.fullmatch(rows[0][0]))
