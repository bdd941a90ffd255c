"""Files that a person saves from the screen."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

#: What a spreadsheet takes for the beginning of a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class File:
    """A file to save."""

    name: str
    content: bytes = field(repr=False)


def make_table(
    name: str, columns: Sequence[str], lines: Iterable[Sequence[Any]], kind: str = "csv"
) -> File:
    """A table in UTF-8, ``name`` without the ending: ``csv``, or ``json`` with an object a line.

    An empty text is an empty field of CSV and null in JSON. Texts of CSV are ``as_cell``.
    """
    if kind == "json":
        rows = [
            {key: None if value == "" else value for key, value in zip(columns, line, strict=True)}
            for line in lines
        ]
        return File(f"{file_stem(name)}.json", json.dumps(rows, indent=1).encode())
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(map(as_cell, columns))
    writer.writerows([as_cell(value) for value in line] for line in lines)
    return File(f"{file_stem(name)}.csv", text.getvalue().encode())


def as_cell(value: object) -> Any:
    """A value as a cell of a table that a spreadsheet may open, which would run a formula.

    A text that begins like one gets an apostrophe in front; numbers stay as they are. Ends of
    lines are made one kind, which CSV can hold.
    """
    if not isinstance(value, str):
        return value
    mark = "'" if value.startswith(_FORMULA) else ""
    return mark + value.replace("\r\n", "\n").replace("\r", "\n")


def file_stem(text: str) -> str:
    """``text`` as a part of a file's name: small letters, digits and hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
