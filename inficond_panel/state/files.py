"""Files that a person saves from the screen."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class File:
    """A file to save."""

    name: str
    content: bytes = field(repr=False)


def make_table(
    name: str, columns: Sequence[str], lines: Iterable[Sequence[Any]], kind: str = "csv"
) -> File:
    """A table in UTF-8, ``name`` without the ending: ``csv``, or ``json`` with an object a line.

    An empty text is an empty field of CSV and null in JSON.
    """
    if kind == "json":
        rows = [
            {key: None if value == "" else value for key, value in zip(columns, line, strict=True)}
            for line in lines
        ]
        return File(f"{file_stem(name)}.json", json.dumps(rows, indent=1).encode())
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(lines)
    return File(f"{file_stem(name)}.csv", text.getvalue().encode())


def file_stem(text: str) -> str:
    """``text`` as a part of a file's name: small letters, digits and hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
