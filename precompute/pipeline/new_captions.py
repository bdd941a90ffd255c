"""Read tables of new captions, for predictions."""

from __future__ import annotations

from pathlib import Path

from inficond_panel.common.names import name_key, positions
from inficond_panel.common.near_words import listed
from inficond_panel.common.numbers import as_text
from inficond_panel.errors import DataError
from precompute.datasets.captions import caption_text
from precompute.datasets.table_files import read_rows


def read_captions(path: Path, column: str) -> dict[str, str]:
    """Return the captions of a table by image: its column image_id or id, or the row's number."""
    header, rows = read_rows(path)
    at = positions(header)
    if name_key(column) not in at:
        raise DataError(
            f"{path} has no column {column!r} of captions; its columns are {listed(header, 8)}.",
            "Name the column of captions as in the spec.",
        )
    named = next((at[name] for name in ("image_id", "id") if name in at), None)
    captions: dict[str, str] = {}
    for number, (line, row) in enumerate(rows, 1):
        image = str(number) if named is None else as_text(row[named])
        captions[image] = caption_text(f"{path}:{line}", row[at[name_key(column)]])
    return captions
