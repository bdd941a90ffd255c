"""Detect data sets in tables of labels: one table, or one per split; why a table is not used."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from inficond_panel.common.files import read_lines
from inficond_panel.common.names import find_name
from inficond_panel.common.near_words import listed
from inficond_panel.common.numbers import as_text
from inficond_panel.errors import DataError
from inficond_panel.vocabulary.splits import FIT
from precompute.datasets.photo_files import PhotoFiles, id_finder, posix_name, without_suffix
from precompute.datasets.table_files import read_rows
from precompute.datasets.table_layouts import NO_LABEL
from precompute.detect.folders import is_split_name
from precompute.detect.layout import ROLES, FolderLayout, role_of
from precompute.detect.summary import Tables, TableSummary, is_group_name, is_label_name

#: Most values of a column that is taken as metadata.
MOST_VALUES = 99


def table_layout(folder: Path, tables: Tables, files: PhotoFiles) -> FolderLayout | None:
    """Return the layout of photos whose labels are in a table, or in a table per split, or None.

    Raises ``DataError`` for an unreadable table of labels, and for one with a fault.
    """
    for fault in tables.faults:
        if fault.is_of_labels:
            remedy = f"{fault.error.remedy.rstrip('.')}; or move the file out of {folder}."
            raise DataError(fault.error.message, remedy)
    if layout := _split_tables(folder, tables, files):
        return layout
    usual = sorted(tables.top, key=_usual)
    for table in usual:
        if table.is_labels and not table.is_form:
            return _table(folder, table, tables.top, files)
    for table in usual:
        if table.header[0] == "image_id" and table.resembles_labels and not table.has_label_name:
            _refuse_labels(table, files)
    return _one_table(folder, tables, files)


def guessed_layout(folder: Path, tables: Tables, files: PhotoFiles) -> FolderLayout | None:
    """Return the layout of a table whose column of classes has no usual name, or None."""
    return _one_table(folder, tables, files, guess=True)


def _one_table(
    folder: Path, tables: Tables, files: PhotoFiles, guess: bool = False
) -> FolderLayout | None:
    every = [*sorted(tables.top, key=_usual), *sorted(tables.nested, key=_usual)]
    for table in every:
        if layout := _columns(folder, [table], files, guess):
            _take_table_beside(layout, tables, _images_of([table], layout))
            return layout
    return None


def _images_of(tables: Sequence[TableSummary], layout: FolderLayout) -> list[str]:
    """Return the images that tables list in the column of paths of ``layout``."""
    return [posix_name(name) for table in tables for name in table.texts(layout.keys["path"])]


def _usual(table: TableSummary) -> tuple[bool, bool, str]:
    stem = table.path.stem
    return "label" not in stem, role_of(stem) != FIT, str(table.path)


def _split_tables(folder: Path, every: Tables, files: PhotoFiles) -> FolderLayout | None:
    """Return the layout of tables with equal columns that are called like splits, or lie in folders
    of splits (``train/metadata.csv``); None without two of them."""
    groups: dict[tuple[str, ...], dict[str, TableSummary]] = {}
    for table in (*every.top, *every.nested):
        inside = table.path.parent != folder
        name = table.path.parent.name if inside else table.path.stem
        if is_split_name(name) and not table.is_form and not table.split_column():
            groups.setdefault(tuple(sorted(table.header)), {}).setdefault(role_of(name), table)
    for group in groups.values():
        if FIT in group and len(group) > 1:
            chosen = [group[role] for role in ROLES if role in group]
            layout = _columns(folder, chosen, files)
            if layout:
                _take_table_beside(layout, every, _images_of(chosen, layout))
            return layout
    return None


def check_tables(tables: Tables, files: PhotoFiles) -> None:
    """Raise ``DataError`` for the first fault in a table that resembles labels."""
    for table in tables.top:
        if table.resembles_labels and not table.is_form:
            _refuse_labels(table, files)


def _refuse_labels(table: TableSummary, files: PhotoFiles) -> None:
    """Raise ``DataError`` on the first fault in a table of labels: an empty column, a cell, or the
    first column."""
    absent = "-1" if "-1" in table.label_cells else "0"
    for name in table.header[1:]:
        if table.columns[name].is_empty:
            raise DataError(
                f"{table.path}: the column {name!r} is empty; expected labels, 1 or {absent}.",
                "Fill in labels, or remove the column.",
            )
    _check_cells(table, table.header[1:])
    if table.header[0] != "image_id" and not table.path_column(files):
        raise DataError(
            f"{table.path}:1: the first column is called {table.header[0]!r}; expected 'image_id'.",
            "Rename the column.",
        )


def _check_cells(table: TableSummary, names: Iterable[str]) -> None:
    """Raise ``DataError`` on the first cell in columns ``names`` that is no label."""
    cells, chosen = table.label_cells, set(names)
    columns = [(at, name) for at, name in enumerate(table.header) if name in chosen]
    absent = "-1" if "-1" in cells else "0"
    for line, row in read_rows(table.path)[1] if columns else ():
        for at, name in columns:
            if (cell := as_text(row[at])) not in cells:
                raise DataError(
                    f"{table.path}:{line}: {name!r} of image {as_text(row[0])!r} is {cell!r}; "
                    f"expected 1, {absent} or nothing (unknown).",
                    f"Correct the cell, or write {name!r} into another table: image_id, {name}.",
                )


def why_unused(table: TableSummary, layout: FolderLayout) -> str:
    """Return the reason why a table is not used with a layout; with the kind "" there is none."""
    if table.is_form:
        return "a form for the answers to a competition"
    if layout.kind in ("voc", "coco", "store"):
        return "the labels come from the files of the layout"
    if layout.kind in ("folder", "columns") and table.is_metadata and not table.has_label_name:
        return "it has no row for some photos, by their paths from here"
    if layout.kind in ("table", "columns"):
        named = table.labels or table.label_column(table.header[:1])
        only = len(table.header) < 2
        lack = "it has no column of labels" if only else "its columns are neither labels nor logits"
        return "another table has the labels" if named else lack
    return _why_no_labels(table)


def _why_no_labels(table: TableSummary) -> str:
    """Return the reason why a table does not label the photos here."""
    if table.image_column is None:
        return "no column is called like an image or its file: image_id, file_name"
    if not table.labels and not table.label_column([table.image_column]):
        return "it has no column of labels"
    return f"most images in its column {table.image_column} are not here"


def _table(
    folder: Path, labels: TableSummary, tables: list[TableSummary], files: PhotoFiles
) -> FolderLayout:
    names = labels.texts("image_id")
    starts = files.starts(names)
    if not starts:
        raise DataError(
            f"{labels.path} lists images, but no folder in {folder} holds any of their files, the "
            f"first image_id is {min(names)}.",
            "Write the path of each file as its image_id, with or without the suffix.",
        )
    place = max(starts, key=lambda each: (starts[each], "image" in each.lower(), each != "."))
    ids = set(names)
    keys: dict[str, Any] = {"labels": labels.path.name, "images": place}
    lists = [path.name for path in sorted(folder.glob("*.txt")) if _is_list(path, ids)]
    layout = FolderLayout("table", folder, "", keys=keys, lists=lists)
    others = [table for table in tables if table is not labels and _is_about(table)]
    if labels.split_column():
        others, keys["classes"] = [labels], labels.labels
    if others:
        other = min(others, key=lambda table: not table.split_column())
        keys["metadata"] = other.path.name
        if not lists:
            take_splits(layout, other)
    layout.origin = f"a table of labels ({labels.path.name}) beside photos in {place}"
    if alike := [each for each in starts if starts[each] == starts[place] and each != place]:
        layout.assumed.append(f"not used: {listed(alike, 5)}, with files of the same names")
    _take_absent(layout, labels)
    return layout


def _is_about(table: TableSummary) -> bool:
    """Return True if a table beside the labels has metadata, or names the split of each image:
    then its columns of yes and no are no labels."""
    if table.is_form or table.is_logits:
        return False
    return table.is_metadata or (table.header[0] == "image_id" and bool(table.split_column()))


def add_metadata(layout: FolderLayout, tables: Tables, files: Iterable[str]) -> None:
    """Take the first table of metadata that has a row for each photo of the folders of classes."""
    photos = [without_suffix(name) for name in files]
    for table in tables.top:
        if _has_rows(table, photos):
            layout.keys["metadata"] = table.path.name
            return


def take_splits(layout: FolderLayout, table: TableSummary) -> None:
    """Take the splits of ``layout`` from the table's column of splits, if such a column exists."""
    split = table.split_column()
    if split is None:
        return
    layout.column, values = split
    layout.lists = list(values)
    if any(value != name for value, name in values.items()):
        layout.names = values
        meanings = ", ".join(f"{value} is {name}" for value, name in values.items())
        layout.assumed.append(f"in the column {layout.column} {meanings}")


def _take_absent(layout: FolderLayout, table: TableSummary) -> None:
    if table.absent:
        layout.keys["absent"] = table.absent
        layout.assumed.append("the label -1 means that the class is absent")


def _is_list(path: Path, ids: set[str]) -> bool:
    if not role_of(path.stem):
        return False
    lines = read_lines(path, "list", "Save the list as UTF-8.")
    named = [line.strip() for line in lines if line.strip()]
    find = id_finder(ids)
    return sum(find(line) in ids for line in named) * 2 > len(named)


def _columns(
    folder: Path, tables: list[TableSummary], files: PhotoFiles, guess: bool = False
) -> FolderLayout | None:
    """Return the layout ``columns`` of a table, or of several with the same columns; None if no
    column names photos, or none has labels."""
    table, photo_paths = tables[0], _paths(folder, tables, files)
    if photo_paths is None or any(each.is_form or each.is_logits for each in tables):
        return None
    path, images = photo_paths
    names = [each.path.relative_to(folder).as_posix() for each in tables]
    layout = FolderLayout("columns", folder, f"a table with paths ({', '.join(names)})")
    layout.keys = {"table": names if len(names) > 1 else names[0], "path": path}
    layout.keys |= {"images": images} if images else {}
    if len(tables) > 1:
        layout.origin = f"a table with paths per split ({', '.join(names)})"
        layout.lists = [name.rpartition(".")[0] for name in names]
    ids = table.id_columns()
    layout.choices = [{}, *({"image_id": name} for name in ids if name != path)]
    take_splits(layout, table)
    if not layout.lists:
        layout.lists = _folders_of(table, path, files, images)
    used = [path, layout.column, *ids]
    labels = take_labels(layout, table, used, guess)
    if not labels:
        return None
    used += labels
    _take_metadata(layout, table, used)
    return layout


def _take_table_beside(layout: FolderLayout, tables: Tables, images: Sequence[str]) -> None:
    """Take the first table of metadata that has a row for each of the ``images``, and its column of
    splits if the folder has no other splits."""
    taken = layout.keys["table"]
    names = (taken,) if isinstance(taken, str) else taken
    for table in tables.top:
        if table.path.name not in names and _has_rows(table, images):
            layout.keys["metadata_table"] = table.path.name
            if not layout.lists:
                take_splits(layout, table)
            return


def _has_rows(table: TableSummary, images: Iterable[str]) -> bool:
    """Return True if a table of metadata has a row for each of the ``images``."""
    if not table.is_metadata or table.is_form:
        return False
    rows = set(map(posix_name, table.texts(table.header[0])))
    find = id_finder(rows)
    return all(find(name) in rows for name in images)


def _take_metadata(layout: FolderLayout, table: TableSummary, used: Sequence[str]) -> None:
    """Take as metadata the columns that are not ``used``, but those with very many values."""
    others = {name: each for name, each in table.columns.items() if name not in used}
    rest = [name for name, column in others.items() if column.has_at_most(MOST_VALUES)]
    if rest:
        layout.keys["metadata"] = rest
    if many := [name for name in others if name not in rest]:
        why = f"more than {MOST_VALUES} values, too many for groups"
        layout.assumed.append(f"not in dataset.metadata: {listed(many, 5)}, of {why}")


def _paths(
    folder: Path, tables: Sequence[TableSummary], files: PhotoFiles
) -> tuple[str, str] | None:
    """Return the column of paths that all tables have, and the folder that the paths start from, ""
    for the folder of each table; None without such a column or folder."""
    found = {table.path: table.path_column(files) for table in tables}
    columns = {pair[0] for pair in found.values() if pair}
    starts = set()
    for path, pair in found.items():
        own = path.parent.relative_to(folder)
        places = [own, own / path.stem] if len(tables) > 1 else [own]
        if pair and pair[1] not in map(Path.as_posix, places):
            starts.add(pair[1])
    if None in found.values() or len(columns) > 1 or len(starts) > 1:
        return None
    return columns.pop(), next(iter(starts), "")


def _folders_of(table: TableSummary, path: str, files: PhotoFiles, images: str) -> list[str]:
    """Return the folders of splits in which all images of a table lie, [] if some lie elsewhere."""
    names = files.below(table.texts(path), table.path)
    tops = {name.removeprefix(f"{images}/").partition("/")[0] for name in names}
    return sorted(tops) if len(tops) > 1 and all(map(is_split_name, tops)) else []


def _without_groups(labels: Sequence[str], classes: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the columns of labels that are classes, and those called like groups; all are classes
    if none is called otherwise."""
    groups = [name for name in labels if is_group_name(name) and not find_name(name, classes)]
    others = [name for name in labels if name not in groups]
    return (others, groups) if others else (list(labels), [])


def take_labels(
    layout: FolderLayout,
    table: TableSummary,
    used: Sequence[str],
    guess: bool,
    classes: Sequence[str] = (),
) -> list[str]:
    """Take the labels of ``layout`` from a table's columns; return these columns, [] without any.
    They are a column of class names or, without one, columns with a label per class. Columns called
    like groups, such as site, are none if there are others, unless they are in ``classes``."""
    layout.assumed.append("an empty label means that the label is unknown")
    labels, groups = _without_groups([n for n in table.targets if n not in used], classes)
    named = table.label_column(used, guess)
    if labels and (named is None or named[0] in labels):
        layout.keys["labels"] = labels
        _take_absent(layout, table)
        if groups:
            layout.assumed.append(f"no class, but metadata: {', '.join(groups)}")
        if table.targets == table.labels:
            others = [name for name in table.header if name not in (*used, *labels)]
            _check_cells(table, filter(table.is_nearly_labels, others))
        else:
            layout.assumed.append(f"{', '.join(labels)} is the class, other columns are metadata")
        return labels
    if named is None:
        return []
    name, mark = named
    layout.keys["label"] = name
    if NO_LABEL in (table.columns[name].values or ()):
        layout.assumed.append(f"the label {NO_LABEL} means that the label is unknown")
    if mark:
        layout.keys["separator"] = mark
        layout.assumed.append(f"{mark!r} separates the class names in the column {name}")
    elif not is_label_name(name):
        layout.assumed.append(f"the column {name} holds the class")
    return [name]
