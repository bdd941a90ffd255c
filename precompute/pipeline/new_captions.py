"""Read tables of new captions, for predictions."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from inficond_panel.common.names import name_key, positions
from inficond_panel.common.near_words import listed
from inficond_panel.common.numbers import as_text
from inficond_panel.errors import DataError
from precompute.datasets.captions import read_caption
from precompute.datasets.table_files import read_rows


class NewCaption(NamedTuple):
    """A caption of a table: its ``image``, its ``text``, the ``fault`` if it cannot be used, and
    its ``place``, such as ``table.csv:3``."""

    image: str
    text: str
    fault: str
    place: str


def read_captions(path: Path, column: str) -> list[NewCaption]:
    """Return the captions of a table; an image is named by the column image_id or id, or by the
    row's number."""
    header, rows = read_rows(path)
    at = positions(header)
    if name_key(column) not in at:
        raise DataError(
            f"{path} has no column {column!r} of captions; its columns are {listed(header, 8)}.",
            "Name the column of captions as in the spec.",
        )
    named = next((at[name] for name in ("image_id", "id") if name in at), None)
    return [
        NewCaption(
            str(number) if named is None else as_text(row[named]),
            *read_caption(row[at[name_key(column)]]),
            f"{path}:{line}",
        )
        for number, (line, row) in enumerate(rows, 1)
    ]
