"""Files that a person saves from the screen."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class File:
    """A file to save."""

    name: str
    content: bytes = field(repr=False)


def make_table(name: str, columns: Sequence[str], lines: Iterable[Sequence[Any]]) -> File:
    """A CSV file in UTF-8; ``name`` becomes its name, without the ending."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(lines)
    return File(f"{file_stem(name)}.csv", text.getvalue().encode())


def file_stem(text: str) -> str:
    """``text`` as a part of a file's name: small letters, digits and hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
