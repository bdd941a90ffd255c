"""Read data sets of photos in folders, labelled by a table or by a folder per class."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from inficond_panel.common.names import by_key, name_key, positions
from inficond_panel.common.numbers import as_text, count
from inficond_panel.errors import DataError
from inficond_panel.spec import ALL_IMAGES, REST, ColumnPart, TableDataset
from inficond_panel.spec.sections.dataset import ColumnsDataset, FolderDataset, ListedDataset
from inficond_panel.spec.sections.splits import Splits, list_name
from precompute.datasets.captions import caption_text
from precompute.datasets.labels import check_classes, choose_classes, label_matrix
from precompute.datasets.listing import Listing, cells_of
from precompute.datasets.photo_files import (
    PhotoFiles,
    check_single,
    image_files,
    is_below,
    names_below,
    posix_name,
    without_suffix,
)
from precompute.datasets.splits import read_list
from precompute.datasets.table_files import (
    Table,
    check_images,
    note_image,
    read_rows,
    read_table,
    text_table,
)


def table_listing(dataset: TableDataset) -> Listing:
    """List images and labels of ``kind: table``: photos in a folder, and a table of labels."""
    path, images = Path(dataset.labels), Path(dataset.images)
    table = read_table(path, *label_reader(dataset.absent), only=dataset.classes)
    files = PhotoFiles(images)
    ids = names_below(table.ids, files.__contains__)
    for line, image, written in zip(table.lines, ids, table.ids, strict=True):
        if not is_below(images, image):
            raise DataError(
                f"{table.path}:{line}: the image {written!r} is outside of {images}.",
                "Write the path of the image's file below the folder of the images.",
            )
    row = {image: position for position, image in enumerate(ids)}
    listed = set(map(name_key, row))
    left = sum(not listed & {name, without_suffix(name)} for name in map(name_key, files))

    def labels(ids: Sequence[str], classes: Sequence[str]) -> np.ndarray:
        column = positions(table.columns)
        columns = [column[name_key(name)] for name in classes]
        return table.values[np.ix_([row[image] for image in ids], columns)]

    columns = read_rows(path)[0][1:]
    classes = choose_classes(dataset.classes, columns, str(path))
    others = [name for name in columns if name not in classes and dataset.metadata == path]
    return Listing(
        known=ids,
        list_of=lambda name: read_list(dataset.list_file(name), row),
        classes=lambda _: classes,
        labels=labels,
        paths=files.paths,
        metadata=read_metadata(dataset, others),
        notes=[f"Left out: {count(left, 'image')} of {images} without a row in {table.path}."]
        * (left > 0),
    )


def read_metadata(dataset: ListedDataset, only: Sequence[str] = ()) -> Table | None:
    """Read the table ``dataset.metadata`` of the spec, or ``only`` these columns; None without."""
    return read_texts(dataset.metadata, only)


def read_texts(path: Path | None, only: Sequence[str] = ()) -> Table | None:
    """Read a table of texts by image, or ``only`` these columns; None without a path."""
    return read_table(path, str, "text", "columns of text", only) if path else None


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
#: Number of no class, by which the package datasets marks images without a label.
NO_LABEL = "-1"


@dataclass
class _Rows:
    """Rows of one or several tables of ``kind: columns``, by image; ``lists`` are the images of
    each table."""

    file_of: dict[str, Path] = field(default_factory=dict)
    label_of: dict[str, Labels | None] = field(default_factory=dict)
    texts: dict[str, dict[str, str]] = field(default_factory=dict)
    captions: dict[str, str] = field(default_factory=dict)
    place_of: dict[str, str] = field(default_factory=dict)
    lists: dict[str, list[str]] = field(default_factory=dict)


def columns_listing(dataset: ColumnsDataset) -> Listing:
    """List images and labels of ``kind: columns``: tables with a column of paths or captions."""
    rows, tables, more = _Rows(), dataset.table_files(), read_texts(dataset.metadata_table)
    beside = positions(more.columns if more else ())
    splits = [name for name in dataset.splits.columns() if name_key(name) not in beside]
    files = PhotoFiles(Path(dataset.images))
    for name, path in tables.items():
        rows.lists[name] = _add_rows(rows, dataset, path, files, splits)
    where = ", ".join(map(str, tables.values()))
    classes = tuple(dataset.labels)
    check_images(rows.place_of)
    check_classes(classes, "dataset.labels")
    if dataset.label:
        values = sorted({name for known in rows.label_of.values() for name in known or ()})
        named = by_key(values).values()
        classes = choose_classes(dataset.classes, named, f"{where}, column {dataset.label!r},")
    first = next(iter(tables.values()))

    def list_of(name: str) -> list[str]:
        if len(tables) > 1:
            return rows.lists[name]
        place, kind = dataset.list_place(name) or (Path(), "")
        if kind == "folder" and dataset.path:
            return [image for image, file in rows.file_of.items() if is_below(place, file)]
        return read_list(place, rows.label_of)

    return Listing(
        known=tuple(rows.label_of),
        list_of=list_of,
        classes=lambda _: classes,
        labels=lambda ids, names: label_matrix(ids, names, rows.label_of),
        paths=(lambda ids: [rows.file_of[image] for image in ids]) if dataset.path else None,
        captions=rows.captions if dataset.captions else None,
        metadata=_joined(text_table(first, rows.texts, dataset.metadata), more),
        columns=text_table(first, rows.texts, splits),
    )


def _joined(own: Table | None, more: Table | None) -> Table | None:
    """Return the metadata of the ``own`` columns and of a table beside; own columns come first, and
    hide columns of equal names."""
    if own is None or more is None:
        return own or more
    known = positions(own.columns)
    kept = [at for at, name in enumerate(more.columns) if name_key(name) not in known]
    return replace(
        own,
        columns=(*own.columns, *(more.columns[at] for at in kept)),
        values=np.hstack([own.values, cells_of(more, own.ids)[:, kept]]),
    )


def _add_rows(
    rows: _Rows, dataset: ColumnsDataset, path: Path, files: PhotoFiles, splits: Sequence[str]
) -> list[str]:
    """Add the rows of a table to ``rows``; return its images."""
    header, lines = read_rows(path)
    used = [dataset.path, dataset.captions, dataset.image_id, dataset.label, *dataset.labels]
    used += dataset.metadata
    _check_columns(path, header, [name for name in [*used, *splits] if name])
    at = positions(header)
    wanted = [(name, at[name_key(name)]) for name in dict.fromkeys([*used, *splits]) if name]
    numbered = [(line, {name: row[column] for name, column in wanted}) for line, row in lines]
    if not numbered:
        raise DataError(f"{path} lists no image.", "Add a row per image.")
    named = _photo_files(dataset, path, files, numbered) if dataset.path else {}
    images = []
    for line, cells in numbered:
        place = f"{path}:{line}"
        name, file = named.get(line, (str(len(rows.label_of) + 1), None))
        image = without_suffix(name) if file else name
        if dataset.image_id:
            image = posix_name(as_text(cells[dataset.image_id]))
        note_image(place, image, rows.place_of)
        rows.label_of[image] = _labels(dataset, place, cells)
        if file:
            rows.file_of[image] = file
        if dataset.captions:
            rows.captions[image] = caption_text(place, cells[dataset.captions])
        rows.texts[image] = {name: as_text(cells[name]) for name in [*dataset.metadata, *splits]}
        images.append(image)
    return images


def _photo_files(
    dataset: ColumnsDataset,
    path: Path,
    files: PhotoFiles,
    numbered: Sequence[tuple[int, Mapping[str, Any]]],
) -> dict[int, tuple[str, Path]]:
    """Return name and file of each photo by the line of a table, which has a column of paths."""
    names = files.below([as_text(cells[str(dataset.path)]) for _, cells in numbered], path)
    for (line, _), name in zip(numbered, names, strict=True):
        if not name:
            raise DataError(f"{path}:{line}: the path of the image is empty.", "Write the path.")
    lines = [line for line, _ in numbered]
    return dict(zip(lines, zip(names, files.paths(names), strict=True), strict=True))


def _check_columns(path: Path, header: Sequence[str], named: Iterable[str]) -> None:
    known = set(map(name_key, header))
    lost = [name for name in named if name_key(name) not in known]
    if lost:
        raise DataError(
            f"{path} has no column {', '.join(map(repr, lost))}; available: {', '.join(header)}.",
            "Correct the names of the columns in the spec.",
        )


def _labels(dataset: ColumnsDataset, where: str, cells: Mapping[str, Any]) -> Labels | None:
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
    names = list(map(as_text, cell))
    return None if names == [NO_LABEL] else {name: 1 for name in names if name}


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
        below = "" if name == ALL_IMAGES else f"{name.strip('/')}/"
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
        ALL_IMAGES if isinstance(reference, ColumnPart) else str(list_name(reference))
        for reference in references
        if reference != REST
    ]
    others = [name for name in names if name != ALL_IMAGES]
    if others and ALL_IMAGES in names:
        raise DataError(
            f"dataset.splits mixes all with the folder {others[0]}, so it is unclear which folder "
            "holds the class folders.",
            "Take every split from all, or every split from a folder below root.",
        )
    return list(dict.fromkeys(names))
