"""A detected data set, the plan of its splits, and summaries of its tables (all rows are read)."""

from __future__ import annotations

import math
import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from inficond_panel.common.numbers import as_text
from inficond_panel.errors import DataError
from precompute.datasets.row_tables import is_spaced, read_rows

_ROLES = {
    "fit": ("fit", "train", "training", "trainval"),
    "tune": ("tune", "val", "valid", "validation", "dev", "eval"),
    "holdout": ("holdout", "test", "testing"),
}


@dataclass
class Layout:
    """A data set detected in a folder: its ``kind``, and the spec's other ``keys`` except splits.

    ``origin`` describes the layout for people, ``assumed`` lists the assumptions. ``lists`` are the
    sources of splits: names of lists, or values of ``column``; ``names`` maps a numeric value to
    its split. ``logits`` are tables that look like a teacher's, ``doubtful`` tables that would but
    for some cells. ``choices`` are alternative keys, tried until the image_ids match the teacher's.
    """

    kind: str
    root: Path
    origin: str
    keys: dict[str, Any] = field(default_factory=dict)
    lists: list[str] = field(default_factory=list)
    names: Mapping[str, str] = field(default_factory=dict)
    column: str = ""
    whole: str = "all"
    assumed: list[str] = field(default_factory=list)
    logits: list[Path] = field(default_factory=list)
    doubtful: list[Path] = field(default_factory=list)
    choices: list[dict[str, Any]] = field(default_factory=list)


def role_of(name: str) -> str:
    """Return the split that a list's name suggests, or "": ``val2017`` suggests tune."""
    words = re.findall(r"[a-z]+", name.lower())
    roles = ("holdout", "tune", "fit")
    return next((role for role in roles if set(words) & set(_ROLES[role])), "")


def plan_splits(layout: Layout) -> tuple[dict[str, Any], str]:
    """Return the spec's splits as plain data, and a note for people on how they were chosen."""
    if layout.kind == "store":
        return {}, "the splits of the store"
    named: dict[str, list[str]] = {}
    for name in layout.lists:
        named.setdefault(role_of(layout.names.get(name, name)), []).append(name)
    best = {role: _best(names, role) for role, names in named.items() if role}
    if layout.kind == "voc" and "trainval" in layout.lists and "test" in layout.lists:
        best = {"fit": "trainval", "holdout": "test"}
    if "fit" in best and len(best) == 3:
        return {role: _whole(layout, best[role]) for role in _ROLES}, "the splits of the folder"
    if "fit" in best and len(best) == 2:
        other = next(name for role, name in best.items() if role != "fit")
        splits = {"fit": _whole(layout, best["fit"]), "tune": _share(layout, other, 0.5)}
        return {**splits, "holdout": "rest"}, f"{other} is divided into two halves"
    source = next(iter(best.values()), layout.whole) if layout.kind in ("folder", "coco") else "all"
    shares = {"fit": _share(layout, source, 0.6), "tune": _share(layout, source, 0.2)}
    return {**shares, "holdout": "rest"}, "none found: 60, 20 and 20 % of the images, drawn by seed"


def _best(names: list[str], role: str) -> str:
    """Return the best of several names for the split ``role``: a usual name, else the shortest."""
    return min(names, key=lambda name: (name.lower() not in _ROLES[role], len(name), name))


def _whole(layout: Layout, name: str) -> Any:
    return {"column": layout.column, "value": name} if layout.column else name


def _share(layout: Layout, name: str, share: float) -> Mapping[str, Any]:
    by_column = layout.column and name != "all"
    source = {"column": layout.column, "value": name} if by_column else {"from": name}
    return {**source, "share": share, "seed": 0, "stratify": True}


_SUFFIXES = (".csv", ".tsv", ".parquet", ".pq")
_SPLIT_NAMES = ("split", "subset", "partition", "set")
#: Names of numbered splits, as in Waterbirds and CelebA.
_NUMBERED = {"0": "train", "1": "val", "2": "test"}
_LABEL_NAMES = ("label", "labels", "class", "classes", "tags", "category", "finding labels")
_TARGET_NAMES = ("y", "label", "target")
_ID_NAMES = ("image_id", "img_id", "id", "uid", "imageid", "key")


_WORDS = ("true", "false", "yes", "no", "y", "n")
_LABELS = {"0", "1", "0.0", "1.0", ""}.union(*({w, w.upper(), w.title()} for w in _WORDS))
_SIGNED = {"-1", "1", "-1.0", "1.0", ""}
_MARKS = "|;,"
#: Largest number of distinct values of a column that are kept.
_MOST_VALUES = 10_000
_ROWS_AT_ONCE = 1000


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
        """True if ``image_id`` is the first column, and images share values of another column."""
        shared = any(self.columns[name].has_at_most(self.rows / 2) for name in self.header[1:])
        return shared and self._named and not self.is_labels and not self.is_logits

    @property
    def _others(self) -> list[Column]:
        return [self.columns[name] for name in self.header[1:]]

    def _is_unique(self, name: str) -> bool:
        return len(set(self.texts(name))) == self.rows

    @property
    def _named(self) -> bool:
        return self.header[0] == "image_id" and len(self.header) > 1

    def path_column(self, folder: Path) -> tuple[str, Path] | None:
        """Return the column of image paths, and the folder that the paths start from, or None."""
        folders = [folder, *sorted(start for start in folder.iterdir() if start.is_dir())]
        for name, column in self.columns.items():
            if not column.texts:
                continue
            texts = dict.fromkeys(self.texts(name)) if column.values is None else column.values
            cells = [cell for cell in texts if cell]
            for start in folders if cells else ():
                files = sum(os.path.isfile(start / cell) for cell in cells)  # noqa: PTH113 - never raises
                if files * 2 > len(cells):
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

    def label_column(self) -> tuple[str, str] | None:
        """Return the name of the column of class names, and the separator in its cells, "" if a
        cell has one name; None without such a column."""
        for name, column in self.columns.items():
            if column.lists:
                return name, ""
            if name.lower() in _LABEL_NAMES:
                return name, next((mark for mark in _MARKS if mark in column.marks), "")
        return None

    def id_columns(self) -> list[str]:
        """Return the names of columns with a usual name of ids, such as id, and unique cells."""
        named = [name for name in self.header if name.lower() in _ID_NAMES]
        return [name for name in named if self._is_unique(name)]


def summarize_tables(folder: Path) -> tuple[list[TableSummary], list[DataError]]:
    """Return the summaries of all tables in a folder, and the errors of unreadable tables."""
    tables, faults = [], []
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in _SUFFIXES and not is_spaced(path):
            continue
        try:
            header, rows = read_rows(path)
            columns, count = {name: Column() for name in header}, 0
            while some := [row for _, row in islice(rows, _ROWS_AT_ONCE)]:
                count += len(some)
                for column, cells in zip(columns.values(), zip(*some, strict=True), strict=True):
                    column.add(cells)
        except DataError as error:
            faults.append(error)
            continue
        if count:
            tables.append(TableSummary(path, header, count, columns))
    return tables, faults


def _is_number(cell: str) -> bool:
    try:
        return math.isfinite(float(cell))
    except ValueError:
        return False
