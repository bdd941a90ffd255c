"""Looking at tables: which hold labels, logits, paths, splits."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

from inficond_panel.errors import DataError
from precompute.layouts.layout import role_of
from precompute.tables import as_text, read_rows

_LOOKED_AT = 1000
_SUFFIXES = (".csv", ".parquet", ".pq")
_SPLIT_NAMES = ("split", "subset", "partition", "set", "phase", "fold")
_LABEL_NAMES = ("label", "labels", "class", "classes", "tags", "category", "finding labels")
_ID_NAMES = ("image_id", "id", "uid", "imageid", "key")


@dataclass(frozen=True)
class Glance:
    """The header and the first rows of a table."""

    path: Path
    header: list[str]
    rows: list[tuple[Any, ...]]

    def cells(self, name: str) -> list[Any]:
        """Cells of a column."""
        position = self.header.index(name)
        return [row[position] for row in self.rows]

    def texts(self, name: str) -> list[str]:
        """Cells of a column as text."""
        return [as_text(cell) for cell in self.cells(name)]

    @cached_property
    def labels(self) -> list[str]:
        """Columns of 1, 0 and nothing, with at least one 1 or 0."""
        found = []
        for name in self.header:
            values = set(self.texts(name))
            if values <= {"0", "1", "0.0", "1.0", ""} and values != {""}:
                found.append(name)
        return found

    @cached_property
    def numbers(self) -> list[str]:
        """Columns of finite numbers."""
        return [name for name in self.header if all(map(_is_number, self.texts(name)))]

    @property
    def is_labels(self) -> bool:
        """Whether it is ``image_id`` and a column of labels per class."""
        return self._named and self.labels == self.header[1:]

    @property
    def is_logits(self) -> bool:
        """Whether it is ``image_id`` and columns of numbers that are no labels."""
        others = self.header[1:]
        return (
            self._named and set(others) <= set(self.numbers) and not set(others) & set(self.labels)
        )

    @property
    def is_metadata(self) -> bool:
        """Whether it is ``image_id`` and columns of which one has values that images share."""
        others = [
            name for name in self.header[1:] if len(set(self.texts(name))) * 2 <= len(self.rows)
        ]
        return bool(others) and self._named and not self.is_labels and not self.is_logits

    @property
    def _named(self) -> bool:
        return self.header[0] == "image_id" and len(self.header) > 1

    def path_column(self, folder: Path) -> tuple[str, Path] | None:
        """Column whose cells are files, and the folder that they start from."""
        folders = [folder, *sorted(place for place in folder.iterdir() if place.is_dir())]
        for name in self.header:
            cells = [cell for cell in self.texts(name)[:50] if cell]
            for place in folders if cells else ():
                there = sum(_is_file(place / cell) for cell in cells)
                if there * 2 > len(cells):
                    return name, place
        return None

    def split_column(self) -> tuple[str, list[str]] | None:
        """Column of splits, and its values."""
        for name in self.header:
            values = {value for value in self.texts(name) if value}
            if values and all(map(role_of, values)) and len(values) <= 5:
                return name, sorted(values)
        return None

    def label_column(self) -> tuple[str, str] | None:
        """Column of the names of classes, and what is between them, "" if nothing."""
        for name in self.header:
            lists = any(isinstance(cell, list) for cell in self.cells(name))
            if lists or name.lower() in _LABEL_NAMES:
                cells = self.texts(name)
                found = [mark for mark in "|;," if any(mark in cell for cell in cells)]
                return name, found[0] if found and not lists else ""
        return None

    def id_columns(self) -> list[str]:
        """Columns that may name the images."""
        return [
            name
            for name in self.header
            if name.lower() in _ID_NAMES and len(set(self.texts(name))) == len(self.rows)
        ]


def glance(path: Path) -> Glance | None:
    """Look at a table; None for a file that is none."""
    try:
        header, rows = read_rows(path)
        looked_at = [tuple(row) for _, row in islice(rows, _LOOKED_AT)]
    except DataError:
        return None
    return Glance(path, header, looked_at) if header and looked_at else None


def glances(folder: Path) -> list[Glance]:
    """Look at all tables of a folder."""
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in _SUFFIXES)
    return [found for path in paths if (found := glance(path))]


def _is_number(cell: str) -> bool:
    try:
        return math.isfinite(float(cell))
    except ValueError:
        return False


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False
