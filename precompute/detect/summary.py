"""Summaries of the tables in a folder (all rows are read), to tell labels, logits and metadata."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from inficond_panel.common.numbers import as_text
from inficond_panel.errors import DataError
from precompute.datasets.photo_files import PhotoFiles, is_skipped
from precompute.datasets.table_files import (
    ID_NAMES,
    TABLE_SUFFIXES,
    is_image_name,
    is_spaced,
    read_rows,
)
from precompute.detect.layout import role_of

#: Most tables of a sub-folder that are read: with more, the folder holds a table per image.
_MOST_NESTED = 5
_SPLIT_NAMES = ("split", "subset", "partition", "set")
#: Names of numbered splits, as in Waterbirds and CelebA.
_NUMBERED = {"0": "train", "1": "val", "2": "test"}
_LABEL_NAMES = (
    "label", "labels", "class", "classes", "tags", "category", "categories", "finding labels",
    "class_name", "classname", "label_name", "category_name", "target",
)  # fmt: skip
_TARGET_NAMES = ("y", "label", "target")
#: Names of columns that group the rows, and are no class though they hold 0 and 1.
_GROUP_NAMES = (
    "site", "hospital", "clinic", "center", "centre", "scanner", "patient", "subject", "source",
    "domain", "environment", "cohort", "batch", "fold",
)  # fmt: skip
#: Words of a file's name by which an unreadable table counts as one of labels.
_LABEL_WORDS = ("label", "metadata", "annotation", "classes", "train", "attr")

_WORDS = ("true", "false", "yes", "no", "y", "n")
_LABELS = {"0", "1", "0.0", "1.0", ""}.union(*({w, w.upper(), w.title()} for w in _WORDS))
_SIGNED = {"-1", "1", "-1.0", "1.0", ""}
_MARKS = "|;,"
#: Largest number of distinct values of a column that are kept.
_MOST_VALUES = 10_000
_ROWS_AT_ONCE = 1000


def is_label_name(column: str) -> bool:
    """Return True if a column is called like labels."""
    return column.lower() in _LABEL_NAMES


def is_group_name(column: str) -> bool:
    """Return True if a column is called like what groups the rows: ``site``, ``hospital_id``."""
    return column.lower().removesuffix("_id") in _GROUP_NAMES


@dataclass
class Column:
    """Summary of a column's cells: how often each of its ``values`` occurs, in order (None if they
    are too many).

    ``texts`` counts the cells that are no finite numbers; ``whole``: all numbers are integers;
    ``lists``: a cell is a list; ``marks``: the characters ``|;,`` that occur.
    """

    values: Counter[str] | None = field(default_factory=Counter)
    texts: int = 0
    whole: bool = True
    lists: bool = False
    marks: set[str] = field(default_factory=set)

    def add(self, cells: Sequence[Any]) -> None:
        """Update the summary with more cells."""
        texts = Counter(map(as_text, cells))
        numbers = list(filter(_is_number, texts))
        self.texts += len(cells) - sum(texts[number] for number in numbers)
        self.whole = self.whole and all(float(number).is_integer() for number in numbers)
        self.lists = self.lists or any(isinstance(cell, list) for cell in cells)
        self.marks |= {mark for mark in _MARKS if any(mark in text for text in texts)}
        if self.values is not None:
            self.values.update(texts)
            self.values = self.values if len(self.values) <= _MOST_VALUES else None

    def has_at_most(self, count: float) -> bool:
        """Return True if the column has at most ``count`` distinct values."""
        return self.values is not None and len(self.values) <= count

    @property
    def is_empty(self) -> bool:
        """True if all cells are empty."""
        return self.values is not None and self.values.keys() == {""}

    def is_of(self, cells: set[str]) -> bool:
        """Return True if all cells are among ``cells``, and at least one is not empty."""
        return self.values is not None and not self.is_empty and self.values.keys() <= cells

    def is_mostly_of(self, cells: set[str]) -> bool:
        """Return True if more than half of the cells that are not empty are among ``cells``."""
        counts = self.values or Counter[str]()
        return 2 * sum(counts[cell] for cell in cells - {""}) > counts.total() - counts[""]


@dataclass(frozen=True)
class TableSummary:
    """Summary of a table: header, number of rows, and the summary of each column by name."""

    path: Path
    header: list[str]
    rows: int
    columns: Mapping[str, Column]

    def texts(self, name: str) -> list[str]:
        """Read a column of the table again; return all its cells as text."""
        position = self.header.index(name)
        return [as_text(row[position]) for _, row in read_rows(self.path)[1]]

    @property
    def absent(self) -> int:
        """Label of an absent class: -1 if label columns hold -1 and 1, but never 0, else 0."""
        signed = [c for c in self.columns.values() if c.is_of(_SIGNED) and not c.is_of(_LABELS)]
        plain = [c for c in self.columns.values() if c.is_of(_LABELS) and not c.is_of(_SIGNED)]
        return -1 if signed and not plain else 0

    @property
    def label_cells(self) -> set[str]:
        """Valid cells of a table that resembles labels: with -1 if it has more -1 than 0."""
        cells = sum((column.values or Counter[str]() for column in self._others), Counter[str]())
        signed = cells["-1"] + cells["-1.0"] > cells["0"] + cells["0.0"]
        return _SIGNED if signed else _LABELS

    @property
    def labels(self) -> list[str]:
        """Names of the label columns: cells are 1, ``absent`` or empty, at least one not empty."""
        cells = _SIGNED if self.absent else _LABELS
        return [name for name, column in self.columns.items() if column.is_of(cells)]

    @property
    def targets(self) -> list[str]:
        """Names of the label columns called y, label or target; without any, all label columns."""
        return [name for name in self.labels if name.lower() in _TARGET_NAMES] or self.labels

    @property
    def is_labels(self) -> bool:
        """True if ``image_id`` is the first column, and all others are label columns, or empty; one
        may be a column of splits."""
        empty = all(column.is_empty for column in self._others)
        others = set(self.header[1:]) - set(self.labels)
        split = self.split_column() if others and self.labels else None
        return self._named and (empty or not others or {split and split[0]} == others)

    @property
    def is_logits(self) -> bool:
        """True if ``image_id`` is the first column, and all others are numbers, not all of them
        integers as labels, splits, boxes and landmarks are."""
        return self.resembles_logits and not any(column.texts for column in self._others)

    @property
    def resembles_logits(self) -> bool:
        """True if ``is_logits`` would be, but for cells that are no finite numbers: less than half
        of each column."""
        whole = all(column.whole for column in self._others)
        few = all(2 * column.texts < self.rows for column in self._others)
        return self._named and not whole and few

    @property
    def may_be_logits(self) -> bool:
        """True if the first column is called like an image or its file, and all others are numbers,
        none of them all integers. Such a table has logits if its columns are named like classes;
        else it may have coordinates."""
        numbers = all(not column.texts and not column.whole for column in self._others)
        return numbers and len(self.header) > 1 and is_image_name(self.header[0])

    @property
    def resembles_labels(self) -> bool:
        """True if ``is_labels`` would be, but for some columns or cells, or the name of the first
        column, whose cells are unique."""
        filled = [column for column in self._others if not column.is_empty]
        labels = [column.is_mostly_of(_LABELS | _SIGNED) for column in filled]
        if self._named:
            return any(labels)
        return bool(filled) and all(labels) and self._is_unique(self.header[0])

    @property
    def is_metadata(self) -> bool:
        """True if the first column is called like an image or its file, as in the tables that
        precompute reads, and images share values of another column."""
        shared = any(self.columns[name].has_at_most(self.rows / 2) for name in self.header[1:])
        if self._named:
            return shared and not self.is_labels and not self.is_logits
        named = is_image_name(self.header[0])
        return shared and named and not self.resembles_labels and not self.may_be_logits

    @property
    def _others(self) -> list[Column]:
        return [self.columns[name] for name in self.header[1:]]

    def _is_unique(self, name: str) -> bool:
        return len(set(self.texts(name))) == self.rows

    @property
    def _named(self) -> bool:
        return self.header[0] == "image_id" and len(self.header) > 1

    def path_column(self, files: PhotoFiles) -> tuple[str, str] | None:
        """Return the column of image paths, with or without suffix, and the folder that they start
        from, as path below that of ``files``; None if no column has most cells in ``files``."""
        named = [name for name in self.header if is_image_name(name)]
        texts = [name for name, column in self.columns.items() if column.texts]
        for name in dict.fromkeys((*texts, *named)):
            values = self.columns[name].values
            cells = [cell for cell in (self.texts(name) if values is None else values) if cell]
            start = files.start_of(cells, self.path)
            if start is not None:
                return name, start
        return None

    def split_column(self) -> tuple[str, dict[str, str]] | None:
        """Return the column of splits, and a dict from its values to split names, or None."""
        for name, column in self.columns.items():
            values = [value for value in column.values or () if value]
            known, named = sorted(filter(role_of, values)), name.lower() in _SPLIT_NAMES
            if (len(known) > 1 and named) or 0 < len(known) == len(values) <= 5:
                return name, {value: value for value in known}
            if named and set(values) == set(_NUMBERED):
                return name, _NUMBERED
        return None

    def label_column(self, used: Sequence[str] = (), guess: bool = False) -> tuple[str, str] | None:
        """Return the name of the column of class names, and the separator in its cells, "" if a
        cell has one name; None without such a column. With ``guess`` and without a usual name it is
        the only column, besides those ``used``, whose values several images share."""
        for name, column in self.columns.items():
            if column.lists:
                return name, ""
            if is_label_name(name) and name not in used and not column.is_empty:
                return name, next((mark for mark in _MARKS if mark in column.marks), "")
        shared = [name for name in self.header if name not in used and self._is_shared(name)]
        return (shared[0], "") if guess and len(shared) == 1 else None

    def _is_shared(self, name: str) -> bool:
        column = self.columns[name]
        several = column.has_at_most(self.rows / 2) and len(column.values or ()) > 1
        return several and column.whole and not column.is_mostly_of(_LABELS | _SIGNED)

    @property
    def has_label_name(self) -> bool:
        """True if a column is called like labels."""
        return any(is_label_name(name) for name in self.header[1:])

    def is_nearly_labels(self, name: str) -> bool:
        """Return True if most cells of a column, but not all, are labels; a column called like a
        group has none."""
        column = self.columns[name]
        mostly = column.is_mostly_of(_LABELS | _SIGNED) and name not in self.labels
        return mostly and not is_group_name(name)

    @property
    def image_column(self) -> str | None:
        """Name of the first column that is called like an image or its file; None without one."""
        return next(filter(is_image_name, self.header), None)

    @property
    def is_form(self) -> bool:
        """True if the table is a form for answers to a competition."""
        return "submission" in self.path.stem.lower()

    def id_columns(self) -> list[str]:
        """Return the names of columns with a usual name of ids, such as id, and unique cells."""
        named = [name for name in self.header if name.lower() in ID_NAMES]
        return [name for name in named if self._is_unique(name)]


@dataclass(frozen=True)
class Unreadable:
    """Table that cannot be read: its header, [] if unknown, and the error."""

    path: Path
    header: list[str]
    error: DataError

    @property
    def is_of_labels(self) -> bool:
        """True if the file or a column is called like labels or images."""
        named = any(map(is_image_name, self.header)) or any(map(is_label_name, self.header))
        return named or any(word in self.path.stem.lower() for word in _LABEL_WORDS)


@dataclass(frozen=True)
class Tables:
    """Summaries of the tables in a folder and of those in its sub-folders (``nested``), and the
    unreadable tables."""

    top: list[TableSummary]
    nested: list[TableSummary]
    faults: list[Unreadable]

    def joined(self, other: Tables) -> Tables:
        """Return the tables of both folders."""
        return Tables(self.top + other.top, self.nested + other.nested, self.faults + other.faults)


def summarize_tables(folder: Path) -> Tables:
    """Return the summaries of all tables in a folder, and in the sub-folders that have few."""
    found = Tables([], [], [])
    for path in sorted(folder.iterdir()):
        if _is_table(path) or is_spaced(path):
            _summarize(path, found.top, found.faults)
        elif path.is_dir() and not is_skipped(path.name) and path.suffix != ".zarr":
            inner = [each for each in sorted(path.iterdir()) if _is_table(each)]
            for table in inner if len(inner) <= _MOST_NESTED else ():
                _summarize(table, found.nested, found.faults)
    return found


def _is_table(path: Path) -> bool:
    """Return True for a table by its suffix; shards of the package datasets hold the photos."""
    shard = path.match("*-of-*.parquet")
    return path.suffix.lower() in TABLE_SUFFIXES and not shard and not is_skipped(path.name)


def _summarize(path: Path, tables: list[TableSummary], faults: list[Unreadable]) -> None:
    """Append the summary of a table to ``tables``, or its error to ``faults``."""
    header: list[str] = []
    try:
        header = read_rows(path)[0]
        tables.append(summarize_table(path))
    except DataError as error:
        faults.append(Unreadable(path, header, error))


def summarize_table(path: Path) -> TableSummary:
    """Return the summary of a table, whose rows are all read; raise ``DataError`` for a file that
    is no table, and for a table without rows."""
    header, rows = read_rows(path)
    columns, count = {name: Column() for name in header}, 0
    while some := [row for _, row in islice(rows, _ROWS_AT_ONCE)]:
        count += len(some)
        for column, cells in zip(columns.values(), zip(*some, strict=True), strict=True):
            column.add(cells)
    if not count:
        raise DataError(f"{path} has no row.", "Add rows.")
    return TableSummary(path, header, count, columns)


def _is_number(cell: str) -> bool:
    try:
        return math.isfinite(float(cell))
    except ValueError:
        return False
