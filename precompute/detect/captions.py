"""Detect the columns of a table of captions: ids, captions, labels, splits, metadata."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from inficond_panel.common.names import find_name
from inficond_panel.common.near_words import listed, near
from inficond_panel.errors import DataError, Remedy
from precompute.datasets.captions import caption_text
from precompute.datasets.table_files import read_rows
from precompute.detect.layout import FolderLayout
from precompute.detect.summary import TableSummary, summarize_table
from precompute.detect.tables import take_labels, take_splits

#: Usual names of a column of captions, in the order of preference.
_NAMES = ("caption", "captions", "description", "text", "sentence", "alt_text", "report")
#: Fewest words of a sentence, and the share of cells that must have as many.
_FEW, _MOST = 3, 0.5
#: Largest number of distinct values of a column of metadata.
_VALUES = 99


def caption_layout(path: Path, column: str | None, classes: Sequence[str]) -> FolderLayout:
    """Return the layout of a table of captions without photos, as the kind ``columns``.

    ``column`` names the captions; None: a column with a usual name, else the only one with
    sentences. With ``classes``, other columns of labels become metadata. Raises ``DataError`` for
    an unreadable table, and for one without captions or labels.
    """
    table = summarize_table(path)
    captions = _named(table, column) if column else _found(table)
    layout = FolderLayout("columns", path.parent, f"a table of captions ({path.name})")
    layout.keys = {"table": path.name, "captions": captions}
    if not column:
        layout.assumed.append(f"the column {captions} holds the captions")
    ids = [name for name in table.id_columns() if name != captions]
    if ids:
        layout.keys["image_id"] = ids[0]
    else:
        layout.assumed.append("no column names the rows: their numbers, from 1, are the ids")
    take_splits(layout, table)
    used = [name for name in (captions, layout.column, *ids) if name]
    labels = take_labels(layout, table, used, guess=not table.targets, classes=classes)
    if not labels:
        raise DataError(
            f"{path} has no column of labels; its columns are {listed(table.header, 8)}.",
            "Add a column per class with 1 and 0 (empty: unknown), or a column label with the "
            "name of the class.",
        )
    chosen = [name for name in labels if find_name(name, classes)]
    if chosen and "labels" in layout.keys:
        layout.keys["labels"] = labels = chosen
    rest = [
        name
        for name, values in table.columns.items()
        if name not in (*used, *labels) and values.has_at_most(_VALUES)
    ]
    if rest:
        layout.keys["metadata"] = rest
    return layout


def holds_captions(table: TableSummary) -> bool:
    """Return True if a column of a table is called like captions and holds text, or holds
    sentences."""
    return _usual(table) is not None or bool(_sentences(table))


def captions_at(path: Path, column: str) -> list[str]:
    """Return all captions of a table's column; raise ``DataError`` for a fault in one."""
    header, rows = read_rows(path)
    at = header.index(column)
    return [caption_text(f"{path}:{line}", row[at]) for line, row in rows]


def _named(table: TableSummary, column: str) -> str:
    found = find_name(column, table.header)
    if found is None:
        raise DataError(
            f"{table.path} has no column {column!r}.{near(column, table.header)}",
            f"Its columns are {listed(table.header, 8)}.",
        )
    return found


def _found(table: TableSummary) -> str:
    """Return the column of captions by its name, or the only column of sentences."""
    if usual := _usual(table):
        return usual
    sentences = _sentences(table)
    if len(sentences) == 1:
        return sentences[0]
    what, remedy = "has no captions", _COLUMN + ". " + _TABLES
    if sentences:
        what = f"has several columns of sentences: {listed(sentences, 5)}"
    elif _are_numbers(table):
        what, remedy = f"is one table of numbers, and {_NEEDED}", _TABLES + ". " + _COLUMN
    raise DataError(f"{table.path} {what}; its columns are {listed(table.header, 8)}.", remedy)


_NEEDED = "a store needs three: concept scores, the teacher's logits, and labels"
_COLUMN = "From a column of captions: " + Remedy("--captions COLUMN", "dataset.captions")
_TABLES = "From three tables with equal ids: " + Remedy(
    "inficond init scores.csv logits.csv labels.csv --splits split.csv --output own.zarr",
    "inficond_panel.from_frames(scores, logits, labels, split=split)",
)


def _are_numbers(table: TableSummary) -> bool:
    """Return True if more than half of the columns but the ids hold mostly numbers."""
    others = [each for name, each in table.columns.items() if name not in table.id_columns()]
    return 2 * sum(2 * each.texts < table.rows for each in others) > len(others)


def _usual(table: TableSummary) -> str | None:
    """Return the column that is called like captions, if it holds text."""
    by_name = {name.casefold(): name for name in table.header}
    usual = next((by_name[name] for name in _NAMES if name in by_name), None)
    return usual if usual is not None and table.columns[usual].texts else None


def _sentences(table: TableSummary) -> list[str]:
    """Return the columns that hold sentences."""
    texts = [name for name, column in table.columns.items() if column.texts]
    return [name for name in texts if _are_sentences(table.texts(name))]


def _are_sentences(cells: Sequence[str]) -> bool:
    filled = [cell for cell in cells if cell]
    return sum(len(cell.split()) >= _FEW for cell in filled) > _MOST * len(filled)
