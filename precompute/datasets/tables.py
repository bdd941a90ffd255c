"""Read data sets of photos in folders, labelled by a table or by a folder per class."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from inficond_panel.common.names import by_key, name_key, positions
from inficond_panel.common.near_words import first_of
from inficond_panel.common.numbers import as_text, count
from inficond_panel.errors import DataError
from inficond_panel.spec.sections.dataset import (
    ColumnsDataset,
    FolderDataset,
    ListedDataset,
    TableDataset,
)
from inficond_panel.spec.sections.splits import ALL, REST, ColumnPart, Splits, list_name
from precompute.datasets.dataset import (
    Listing,
    check_classes,
    choose_classes,
    label_matrix,
    read_list,
)
from precompute.datasets.row_tables import (
    Table,
    check_images,
    note_image,
    read_rows,
    read_table,
    text_table,
    without_suffix,
)


def image_files(folder: Path) -> list[str]:
    """Return the sorted paths of images in a folder and its sub-folders, relative to the folder.

    Hidden folders and files are skipped; links to folders are followed, each folder once. Raises
    ``DataError`` for a folder that cannot be read.
    """
    files = _walk(folder, set())
    return sorted(name for name in files if without_suffix(name) != name)


def _walk(folder: Path, seen: set[str], below: str = "") -> Iterator[str]:
    path = os.path.join(folder, below)  # noqa: PTH118 - of many files
    real = os.path.realpath(path)
    if real in seen:
        return
    seen.add(real)
    try:
        with os.scandir(path) as entries:
            listed = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise DataError(
            f"The folder of the images, {path}, cannot be read: {error.strerror}.",
            "Correct the paths in the spec's section dataset.",
        ) from error
    for entry in listed:
        if entry.name.startswith((".", "__MACOSX")):
            continue
        if entry.is_dir():
            yield from _walk(folder, seen, f"{below}{entry.name}/")
        else:
            yield below + entry.name


def is_below(folder: Path, name: str | Path) -> bool:
    """Return True if a path that a data file names stays below ``folder``.

    Links inside the folder are allowed, since the folder's author made them.
    """
    top = os.path.abspath(folder)  # noqa: PTH100 - links stay as written
    file = os.path.abspath(os.path.join(top, name))  # noqa: PTH100, PTH118
    return "\0" not in str(name) and file.startswith(os.path.join(top, ""))  # noqa: PTH118


def find_files(folder: Path, ids: Sequence[str]) -> list[Path]:
    """Return the file of each image; an id is its path below the folder, with or without suffix.

    Only files below the folder are listed, so that no id leads outside. A missing file is reported
    when it is read. Raises ``DataError`` if an id matches several files.
    """
    files = image_files(folder)
    stems = Counter(map(without_suffix, files))
    known = by_key(files)
    path_of = {without_suffix(key): name for key, name in known.items()} | known
    names = [path_of.get(name_key(image), image) for image in ids]
    twice = [
        image
        for image, name in zip(ids, names, strict=True)
        if name_key(image) != name_key(name) and stems[without_suffix(name)] > 1
    ]
    check_single(folder, twice)
    return [folder / name for name in names]


def check_single(folder: Path, twice: Sequence[str]) -> None:
    """Raise ``DataError`` if any image in ``folder`` has several files; ``twice`` lists these."""
    if twice:
        raise DataError(
            f"{folder} has several files for {count(len(twice), 'image')}, {first_of(twice)}.",
            "Keep one file per image.",
        )


def table_listing(dataset: TableDataset) -> Listing:
    """List images and labels of ``kind: table``: photos in a folder, and a table of labels."""
    path, images = Path(dataset.labels), Path(dataset.images)
    table = read_table(path, *label_reader(dataset.absent), only=dataset.classes)
    for line, image in zip(table.lines, table.ids, strict=True):
        if not is_below(images, image):
            raise DataError(
                f"{table.path}:{line}: the image {image!r} is outside of {images}.",
                "Write the path of the image's file below the folder of the images.",
            )
    row = {image: position for position, image in enumerate(table.ids)}
    listed = set(map(name_key, row))
    files = map(name_key, image_files(images))
    left = sum(not listed & {name, without_suffix(name)} for name in files)

    def labels(ids: Sequence[str], classes: Sequence[str]) -> np.ndarray:
        column = positions(table.columns)
        columns = [column[name_key(name)] for name in classes]
        return table.values[np.ix_([row[image] for image in ids], columns)]

    columns = read_rows(path)[0][1:]
    classes = choose_classes(dataset.classes, columns, str(path))
    others = [name for name in columns if name not in classes and dataset.metadata == path]
    return Listing(
        known=table.ids,
        list_of=lambda name: read_list(dataset.list_file(name), row),
        classes=lambda _: classes,
        labels=labels,
        paths=lambda ids: find_files(images, ids),
        metadata=read_metadata(dataset, others),
        notes=[f"Left out: {count(left, 'image')} of {images} without a row in {table.path}."]
        * (left > 0),
    )


def read_metadata(dataset: ListedDataset, only: Sequence[str] = ()) -> Table | None:
    """Read the table ``dataset.metadata`` of the spec, or ``only`` these columns; None without."""
    path = dataset.metadata
    return read_table(Path(path), str, "text", "columns of text", only) if path else None


@cache
def label_reader(absent: int) -> tuple[Callable[[str], int], str]:
    """Return a function from a cell to its label, and a description of valid cells.

    The function raises ``ValueError`` for an invalid cell. ``absent`` is the cell for an absent
    class: 0, or -1 if 0 means ignored. pandas writes 1 as 1.0 in a column with gaps, and dummies as
    True and False.
    """
    values = {"1": 1, "0": -1, "": -1, str(absent): 0}
    values |= {f"{cell}.0": label for cell, label in values.items() if cell}

    values |= {"true": 1, "yes": 1, "y": 1, "false": 0, "no": 0, "n": 0}

    def read(cell: str) -> int:
        cell = cell.lower()
        if cell not in values:
            raise ValueError(cell)
        return values[cell]

    ignored = "0 or nothing" if absent else "nothing"
    return read, f"1, {absent} or {ignored} (ignored)"


Labels = dict[str, int]


def columns_listing(dataset: ColumnsDataset) -> Listing:
    """List images and labels of ``kind: columns``: a table with a column of image paths."""
    path = Path(dataset.table)
    header, rows = read_rows(path)
    splits = list(dataset.splits.columns())
    used = [dataset.path, dataset.image_id, dataset.label, *dataset.labels, *dataset.metadata]
    _check_columns(path, header, [name for name in [*used, *splits] if name])
    file_of: dict[str, str] = {}
    label_of: dict[str, Labels | None] = {}
    texts: dict[str, dict[str, str]] = {}
    lines: dict[str, int] = {}
    for line, row in rows:
        cells = _Cells(header, row)
        file = as_text(cells[dataset.path])
        if not file:
            raise DataError(f"{path}:{line}: the path of the image is empty.", "Write the path.")
        image = as_text(cells[dataset.image_id]) if dataset.image_id else without_suffix(file)
        note_image(path, line, image, lines)
        file_of[image], label_of[image] = file, _labels(dataset, f"{path}:{line}", cells)
        texts[image] = {name: as_text(cells[name]) for name in [*dataset.metadata, *splits]}
    check_images(path, lines)
    classes = tuple(dataset.labels)
    check_classes(classes, "dataset.labels")
    if dataset.label:
        values = sorted({name for known in label_of.values() for name in known or ()})
        named = by_key(values).values()
        classes = choose_classes(dataset.classes, named, f"{path}, column {dataset.label!r},")
    return Listing(
        known=tuple(lines),
        list_of=lambda name: read_list(dataset.list_file(name), lines),
        classes=lambda _: classes,
        labels=lambda ids, names: label_matrix(ids, names, label_of),
        paths=lambda ids: [Path(dataset.images) / file_of[image] for image in ids],
        metadata=text_table(path, texts, dataset.metadata),
        columns=text_table(path, texts, splits),
    )


class _Cells:
    """Cells of a row, by the names of their columns."""

    def __init__(self, header: Sequence[str], row: Sequence[Any]) -> None:
        self._cells = dict(zip(map(name_key, header), row, strict=True))

    def __getitem__(self, column: str) -> Any:
        return self._cells[name_key(column)]


def _check_columns(path: Path, header: Sequence[str], named: Iterable[str]) -> None:
    known = set(map(name_key, header))
    lost = [name for name in named if name_key(name) not in known]
    if lost:
        raise DataError(
            f"{path} has no column {', '.join(map(repr, lost))}; available: {', '.join(header)}.",
            "Correct the names of the columns in the spec.",
        )


def _labels(dataset: ColumnsDataset, where: str, cells: _Cells) -> Labels | None:
    """Return an image's labels by class from its row's cells, None if unknown."""
    if not dataset.label:
        read, expected = label_reader(dataset.absent)
        labels = {}
        for name in dataset.labels:
            text = as_text(cells[name])
            try:
                labels[name] = read(text)
            except ValueError:
                raise DataError(
                    f"{where}: {name!r} is {text!r}; expected {expected}.", "Correct the cell."
                ) from None
        return labels
    cell = cells[dataset.label]
    if cell is None or (not isinstance(cell, list) and not as_text(cell)):
        return None
    if not isinstance(cell, list):
        text = as_text(cell)
        cell = text.split(dataset.separator) if dataset.separator else [text]
    return {name: 1 for name in map(as_text, cell) if name}


def folder_listing(dataset: FolderDataset) -> Listing:
    """List images and labels of ``kind: folder``: ``<class>/<image>``, ``<list>/<class>/<image>``.

    An image's id is its path below ``dataset.root`` without suffix.
    """
    root = Path(dataset.root)
    notes: list[str] = []
    class_of: dict[str, str] = {}
    path_of: dict[str, Path] = {}
    members: dict[str, list[str]] = {}
    for name in _lists(dataset.splits):
        below = "" if name == ALL else f"{name.strip('/')}/"
        every = image_files(root / below)
        files = {below + without_suffix(file): file for file in every if "/" in file}
        counts = Counter(below + without_suffix(file) for file in every)
        check_single(root, [image for image in files if counts[image] > 1])
        loose = sum("/" not in file for file in every)
        if loose:
            notes.append(f"Left out: {count(loose, 'image')} of {root / below} in no class folder.")
        members[name] = list(files)
        folder_of = {image: file.partition("/")[0] for image, file in files.items()}
        check_classes(sorted(set(folder_of.values())), str(root / below))
        class_of |= folder_of
        path_of |= {image: root / below / file for image, file in files.items()}
    names = by_key(sorted(set(class_of.values()))).values()
    classes = choose_classes(dataset.classes, names, str(root))
    return Listing(
        known=tuple(class_of),
        list_of=lambda name: members[name],
        classes=lambda _: classes,
        labels=lambda ids, names: label_matrix(ids, names, {i: {class_of[i]: 1} for i in ids}),
        paths=lambda ids: [path_of[image] for image in ids],
        metadata=read_metadata(dataset),
        notes=notes,
    )


def _lists(splits: Splits) -> list[str]:
    """Return the folders of the spec's splits that hold class folders; ``all`` is the root."""
    references = splits.values().values()
    names = [
        ALL if isinstance(reference, ColumnPart) else str(list_name(reference))
        for reference in references
        if reference != REST
    ]
    others = [name for name in names if name != ALL]
    if others and ALL in names:
        raise DataError(
            f"dataset.splits mixes all with the folder {others[0]}, so it is unclear which folder "
            "holds the class folders.",
            "Take every split from all, or every split from a folder below root.",
        )
    return list(dict.fromkeys(names))
