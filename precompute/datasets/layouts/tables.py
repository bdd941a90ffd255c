"""Photos with a table: of labels by image, or of paths, labels and splits by column."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from inficond_panel.common.numbers import as_text
from inficond_panel.errors import DataError
from inficond_panel.spec.sections.dataset import ColumnsDataset, ListedDataset, TableDataset
from precompute.datasets.dataset import Listing, choose_classes, label_matrix
from precompute.datasets.files import find_files, is_below, without_suffix
from precompute.datasets.row_tables import Table, note_image, read_rows, read_table
from precompute.datasets.splitting import read_list


def table_listing(dataset: TableDataset) -> Listing:
    """Images and labels of ``kind: table``."""
    table = read_table(Path(dataset.labels), *label_reader(dataset.absent))
    images = Path(dataset.images)
    for line, image in zip(table.lines, table.ids, strict=True):
        if not is_below(images, image):
            raise DataError(
                f"{table.path}:{line}: the image {image!r} is outside of {images}.",
                "An image_id is the path of its file below the folder of the images.",
            )
    row = {image: position for position, image in enumerate(table.ids)}

    def labels(ids: Sequence[str], classes: Sequence[str]) -> np.ndarray:
        columns = [table.columns.index(name) for name in classes]
        return table.values[np.ix_([row[image] for image in ids], columns)]

    classes = choose_classes(dataset.classes, table.columns, str(table.path))
    return Listing(
        known=table.ids,
        list_of=lambda name: read_list(dataset.list_file(name), row),
        classes=lambda _: classes,
        labels=labels,
        paths=lambda ids: find_files(images, ids),
        metadata=read_metadata(dataset),
    )


def read_metadata(dataset: ListedDataset) -> Table | None:
    """Table of metadata that the spec names, if it does."""
    path = dataset.metadata
    return read_table(Path(path), str, "text", "columns of text") if path else None


@cache
def label_reader(absent: int) -> tuple[Callable[[str], int], str]:
    """Function from a cell to its label, which raises ``ValueError`` for what is none; and what it
    expects. ``absent`` is 0, or -1, where 0 is ignored. 1.0 is how pandas writes a 1 in a column
    with gaps."""
    values = {"1": 1, "0": -1, "": -1, str(absent): 0}
    values |= {f"{cell}.0": label for cell, label in values.items() if cell}

    def read(cell: str) -> int:
        if cell not in values:
            raise ValueError(cell)
        return values[cell]

    ignored = "0 or nothing" if absent else "nothing"
    return read, f"1, {absent} or {ignored} (ignored)"


Labels = dict[str, int]


def columns_listing(dataset: ColumnsDataset) -> Listing:
    """Images and labels of ``kind: columns``."""
    path = Path(dataset.table)
    header, rows = read_rows(path)
    splits = list(dataset.splits.columns())
    named = [dataset.path, dataset.image_id, dataset.label, *dataset.labels, *dataset.metadata]
    _check_columns(path, header, [name for name in [*named, *splits] if name])
    file_of: dict[str, str] = {}
    label_of: dict[str, Labels | None] = {}
    texts: dict[str, dict[str, str]] = {}
    lines: dict[str, int] = {}
    for line, row in rows:
        cells = dict(zip(header, row, strict=True))
        file = as_text(cells[dataset.path])
        if not file:
            raise DataError(f"{path}:{line}: the path of the image is empty.", "Name its file.")
        image = as_text(cells[dataset.image_id]) if dataset.image_id else without_suffix(file)
        note_image(path, line, image, lines)
        file_of[image], label_of[image] = file, _labels(dataset, f"{path}:{line}", cells)
        texts[image] = {name: as_text(cells[name]) for name in [*dataset.metadata, *splits]}
    if not lines:
        raise DataError(f"{path} lists no image.", "Give it a row for each image.")
    classes = _classes(dataset, label_of.values(), path)
    return Listing(
        known=tuple(lines),
        list_of=lambda name: read_list(dataset.list_file(name), lines),
        classes=lambda _: classes,
        labels=lambda ids, names: label_matrix(ids, names, _known(label_of, ids, names)),
        paths=lambda ids: [Path(dataset.images) / file_of[image] for image in ids],
        metadata=_table(path, texts, dataset.metadata),
        columns=_table(path, texts, splits),
    )


def _check_columns(path: Path, header: Sequence[str], named: Iterable[str]) -> None:
    lost = [name for name in named if name not in header]
    if lost:
        raise DataError(
            f"{path} has no column {', '.join(map(repr, lost))}; there are: {', '.join(header)}.",
            "Correct the names of the columns in the spec.",
        )


def _labels(dataset: ColumnsDataset, place: str, cells: Mapping[str, Any]) -> Labels | None:
    """Labels of an image's classes, None where they are not known."""
    if not dataset.label:
        return {
            name: _label(place, name, as_text(cells[name]), dataset.absent)
            for name in dataset.labels
        }
    cell = cells[dataset.label]
    if cell is None or (not isinstance(cell, list) and not as_text(cell)):
        return None
    if not isinstance(cell, list):
        text = as_text(cell)
        cell = text.split(dataset.separator) if dataset.separator else [text]
    return {name: 1 for name in map(as_text, cell) if name}


def _label(place: str, column: str, cell: str, absent: int) -> int:
    read, expected = label_reader(absent)
    try:
        return read(cell)
    except ValueError:
        raise DataError(
            f"{place}: {column!r} is {cell!r}; expected {expected}.",
            "Correct the cell.",
        ) from None


def _classes(
    dataset: ColumnsDataset, labels: Iterable[Labels | None], path: Path
) -> tuple[str, ...]:
    if not dataset.label:
        return tuple(dataset.labels)
    found = sorted({name for known in labels for name in known or ()})
    return choose_classes(dataset.classes, found, f"{path}, column {dataset.label!r},")


def _known(
    label_of: Mapping[str, Labels | None], ids: Sequence[str], names: Sequence[str]
) -> dict[str, Labels]:
    """Labels of each image; where none is known, all are ignored."""
    unknown = dict.fromkeys(names, -1)
    return {image: unknown if (known := label_of[image]) is None else known for image in ids}


def _table(
    path: Path, texts: Mapping[str, Mapping[str, str]], columns: Sequence[str]
) -> Table | None:
    if not columns:
        return None
    values = np.array([[cells[name] for name in columns] for cells in texts.values()])
    return Table(path, tuple(texts), tuple(columns), values)
