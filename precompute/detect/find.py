"""Detect the kind of data set in a folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from inficond_panel.common.files import read_lines
from inficond_panel.common.installation import shipped_folder
from inficond_panel.common.near_words import listed
from inficond_panel.common.numbers import as_text
from inficond_panel.errors import DataError
from precompute.datasets.published import read_instances, voc_classes
from precompute.datasets.photo_files import id_finder, image_files, without_suffix
from precompute.datasets.row_tables import is_spaced, read_rows
from precompute.detect.layout import Layout, TableSummary, role_of, summarize_tables

_SAMPLES = "samples.json"
#: Files that a library writes, a description of the folder, and the function that reads it.
_LIBRARIES = {
    _SAMPLES: ("an export of FiftyOne (import it, and set root to its name)", "from_fiftyone"),
    "*.tar": ("shards of WebDataset", "from_webdataset"),
    "*.arrow": ("a folder of the package datasets", "from_datasets"),
    "*-of-*.parquet": ("Parquet files of the package datasets", "from_datasets"),
    "cifar-10-batches-py/batches.meta": ("CIFAR-10", "from_torchvision"),
    "cifar-100-python/meta": ("CIFAR-100", "from_torchvision"),
}
_NO_INSTANCES = ("captions", "person_keypoints", "panoptic", "stuff", "image_info")


def find_layout(folder: Path) -> Layout:
    """Detect the data set in a folder: its kind, the spec's keys, lists and tables of logits.
    Raises ``DataError`` if no layout fits."""
    if not folder.is_dir():
        raise DataError(f"There is no folder {folder}.", "Name the folder with your images.")
    tables, faults = summarize_tables(folder)
    layout = _store(folder) or _voc(folder) or _coco(folder)
    if not layout and (folder / _SAMPLES).is_file():  # FiftyOne's folder of photos is not a class
        raise _by_function(folder, *_LIBRARIES[_SAMPLES])
    layout = layout or _by_tables(folder, tables) or _class_folders(folder)
    aside = [f"not used: {error.message.rstrip('.')}" for error in faults]
    if layout:
        tables += summarize_tables(layout.root)[0] if layout.root != folder else []
        layout.logits = [table.path for table in tables if table.is_logits]
        layout.logits += sorted(folder.glob("*.npz"))
        layout.doubtful = [table.path for table in tables if table.resembles_logits]
        layout.assumed += [*aside, *_unused(folder, layout, tables)]
        return layout
    for pattern, library in _LIBRARIES.items():
        if next(folder.rglob(pattern), None):
            raise _by_function(folder, *library)
    for table in tables:
        if table.resembles_labels:
            _refuse_labels(table, folder)
    path = folder if folder.name else folder.absolute()  # "." has no name
    raise DataError(
        f"No data set was found in {path}{''.join(f' ({text})' for text in aside)}. "
        "Looked for: a store, the layout of PASCAL VOC (Annotations, JPEGImages), JSON of COCO "
        "(here or in annotations), a table with image_id and a column of 0 and 1 per class, a "
        "table with a column of paths, and two or more folders of classes with images in them.",
        f"{''.join(f'{error.remedy} ' for error in faults)}Put a table of labels (empty cells: "
        "unknown) beside the images, or write a Python function that reads them; `inficond docs "
        "data` shows each layout, and such functions.",
    )


def _unused(folder: Path, layout: Layout, tables: list[TableSummary]) -> list[str]:
    """Return assumptions that name the unused tables, and the files called like lists of splits."""
    files = [path for path in sorted(folder.glob("*.txt")) if role_of(path.stem)]
    lists = [path.name for path in files if path.name not in layout.lists and not is_spaced(path)]
    why = ", as most of their lines are no image_id" if layout.kind == "table" else ""
    used = {*map(str, layout.keys.values()), *(p.name for p in layout.logits + layout.doubtful)}
    others = [table.path.name for table in tables if table.path.name not in used]
    return [f"not used: {', '.join(n)}{w}" for n, w in ((lists, why), (others, "")) if n]


def _by_function(folder: Path, what: str, file: str) -> DataError:
    """Return the error that a folder needs a Python function to be read, with one that the project
    ships; ``what`` describes the folder, ``file`` names the function's file."""
    function = shipped_folder("specs") / "functions" / f"{file}.py"
    return DataError(
        f"{folder} looks like {what}, which a Python function of ten lines reads.",
        f"Take {function}, and write dataset: {{kind: python, function: {file}.py:images, root: "
        f"{folder}, ...}} in a spec: `inficond docs data`.",
    )


def _store(folder: Path) -> Layout | None:
    if not (folder / "zarr.json").is_file() or not (folder / "segment_embedding").is_dir():
        return None
    from inficond_panel.store import open_store

    store = open_store(folder)
    title = f"a store: images that {store.attrs['encoder']} has encoded"
    return Layout("store", folder, title)


def _voc(folder: Path) -> Layout | None:
    for root in (folder, *_below(folder, 2)):
        if (root / "Annotations").is_dir() and (root / "JPEGImages").is_dir():
            if not any((root / "Annotations").glob("*.xml")):
                continue
            main = root / "ImageSets" / "Main"
            classes = voc_classes(main)
            lists = sorted({path.stem for path in main.glob("*.txt")})
            lists = [name for name in lists if name.rpartition("_")[0] not in classes]
            title = "the layout of PASCAL VOC: labels from boxes, -1 (ignored) if all are difficult"
            return Layout("voc", root, title, lists=lists)
    return None


def _coco(folder: Path) -> Layout | None:
    names = []
    for candidate in (folder, *_below(folder, 1)):
        for path in sorted(candidate.glob("*.json")):
            if not path.name.startswith(_NO_INSTANCES) and _is_instances(path):
                names.append(path.relative_to(folder).as_posix())
    if not names:
        return None
    stems = [Path(name).stem for name in names]
    lists = [
        stem if stems.count(stem) == 1 else name.removesuffix(".json")
        for stem, name in zip(stems, names, strict=True)
    ]
    layout = Layout("coco", folder, f"JSON of COCO: {', '.join(names)}", lists=lists)
    layout.keys = {"annotations": names}
    if (folder / "images").is_dir():
        layout.keys["images"] = "images"
    layout.whole = lists[0] if len(lists) == 1 else "all"
    layout.choices = [{}, {"image_id": "number"}]
    layout.assumed.append("a class with only iscrowd objects in an image counts as present")
    return layout


def _is_instances(path: Path) -> bool:
    try:
        return bool(read_instances(path, by_number=False, crowd_present=True).categories)
    except DataError:
        return False


def _by_tables(folder: Path, tables: list[TableSummary]) -> Layout | None:
    for table in sorted(tables, key=lambda table: "label" not in table.path.stem):
        if table.is_labels:
            return _table(folder, table, tables)
    return next(filter(None, (_columns(folder, table) for table in tables)), None)


def _refuse_labels(table: TableSummary, folder: Path) -> None:
    """Raise ``DataError`` on the first fault in a table of labels: an empty column, a cell, or the
    first column."""
    cells = table.label_cells
    absent = "-1" if "-1" in cells else "0"
    for name in table.header[1:]:
        if table.columns[name].is_empty:
            raise DataError(
                f"{table.path}: the column {name!r} is empty; expected labels, 1 or {absent}.",
                "Fill in labels, or remove the column.",
            )
    for line, row in read_rows(table.path)[1]:
        for name, cell in zip(table.header[1:], map(as_text, row[1:]), strict=True):
            if cell not in cells:
                raise DataError(
                    f"{table.path}:{line}: {name!r} of image {as_text(row[0])!r} is {cell!r}; "
                    f"expected 1, {absent} or nothing (unknown).",
                    f"Correct the cell, or write {name!r} into another table: image_id, {name}.",
                )
    if table.header[0] != "image_id" and not table.path_column(folder):
        raise DataError(
            f"{table.path}:1: the first column is called {table.header[0]!r}; expected 'image_id'.",
            "Rename the column.",
        )


def _table(folder: Path, labels: TableSummary, tables: list[TableSummary]) -> Layout | None:
    ids = set(labels.texts("image_id"))
    folders = [folder, *_below(folder, 2)]
    hits = {
        each: sum(name in ids or without_suffix(name) in ids for name in image_files(each))
        for each in folders
    }
    best = max(folders, key=lambda each: (hits[each], "image" in each.name.lower(), each != folder))
    if not hits[best]:
        raise DataError(
            f"{labels.path} lists images, but no folder in {folder} holds any of their files, the "
            f"first image_id is {min(ids)}.",
            "Write the path of each file as its image_id, with or without the suffix.",
        )
    place = best.relative_to(folder).as_posix()
    keys: dict[str, Any] = {"labels": labels.path.name, "images": place}
    lists = [path.name for path in sorted(folder.glob("*.txt")) if _is_list(path, ids)]
    layout = Layout("table", folder, "", keys=keys, lists=lists)
    others = [table for table in tables if table.is_metadata]
    if labels.split_column():
        others, keys["classes"] = [labels], labels.labels
    if others:
        other = min(others, key=lambda table: not table.split_column())
        keys["metadata"] = other.path.name
        if not lists:
            _take_splits(layout, other)
    layout.origin = f"a table of labels ({labels.path.name}) beside photos in {place}"
    if alike := [each.name for each in folders if hits[each] == hits[best] and each != best]:
        layout.assumed.append(f"not used: {listed(alike)}, with files of the same names")
    _take_absent(layout, labels)
    return layout


def _take_splits(layout: Layout, table: TableSummary) -> None:
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


def _take_absent(layout: Layout, table: TableSummary) -> None:
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


def _columns(folder: Path, table: TableSummary) -> Layout | None:
    photo_paths = table.path_column(folder)
    if not photo_paths:
        return None
    path, images = photo_paths
    layout = Layout("columns", folder, f"a table with paths ({table.path.name})")
    layout.keys = {"table": table.path.name, "path": path}
    if images != folder:
        layout.keys["images"] = images.relative_to(folder).as_posix()
    ids = table.id_columns()
    layout.choices = [{}, *({"image_id": name} for name in ids if name != path)]
    _take_splits(layout, table)
    used = [path, layout.column, *ids]
    labels = _take_labels(layout, table, used)
    if not labels:
        return None
    used += labels
    rest = [
        name
        for name, values in table.columns.items()
        if name not in used and values.has_at_most(99)
    ]
    if rest:
        layout.keys["metadata"] = rest
    return layout


def _take_labels(layout: Layout, table: TableSummary, used: list[str]) -> list[str]:
    """Take the labels of ``layout`` from a table's columns; return these columns, [] without any.
    They are a column of class names or, without one, columns with a label per class."""
    layout.assumed.append("an empty label means that the label is unknown")
    labels = [name for name in table.targets if name not in used]
    named = table.label_column()
    if labels and (named is None or named[0] in labels):
        layout.keys["labels"] = labels
        _take_absent(layout, table)
        if table.targets != table.labels:
            layout.assumed.append(f"{', '.join(labels)} is the class, other columns are metadata")
        return labels
    if named is None:
        return []
    name, mark = named
    layout.keys["label"] = name
    if mark:
        layout.keys["separator"] = mark
        layout.assumed.append(f"{mark!r} separates the class names in the column {name}")
    return [name]


def _class_folders(folder: Path) -> Layout | None:
    """Return the layout if images lie in a folder per class, else None. The image ``train/1.jpg``
    alone makes ``train`` a class, not a split."""
    tops: dict[str, set[str]] = {}
    for top, *below in (name.split("/")[:-1] for name in image_files(folder) if "/" in name):
        tops.setdefault(top, set()).update(below[:1])
    inner = set().union(*tops.values())
    by_class = bool(inner) and all(map(role_of, inner))
    splits = {} if by_class else {top: tops[top] for top in tops if role_of(top) and tops[top]}
    rest = sorted(tops.keys() - splits.keys())
    if again := sorted(set(rest) & set().union(*splits.values())):
        raise DataError(
            f"{folder} holds folders of classes ({listed(again, 5)}), and the same again in "
            f"{listed(sorted(splits))}.",
            "Put the first into a folder train beside it, so that each split has its folder.",
        )
    if splits and (all(map(role_of, tops)) or not any(map(role_of, rest))):
        title = f"folders of splits ({', '.join(sorted(splits))}) that hold folders of classes"
        unused = [f"not used: the folders {listed(rest)} beside those of the splits"] * bool(rest)
        return Layout("folder", folder, title, lists=sorted(splits), assumed=unused)
    if len(tops) < 2:
        return None
    assumed = ["each image has one class, that of its folder"]
    if by_class:
        assumed.append(f"the folders {listed(sorted(inner))} in those of the classes are no splits")
    return Layout(
        "folder", folder, f"folders of classes: {listed(sorted(tops), 5)}", assumed=assumed
    )


def _below(folder: Path, depth: int) -> Iterator[Path]:
    """Yield the visible folders below a folder, down to ``depth`` levels."""
    for child in sorted(folder.iterdir()):
        if child.is_dir() and not child.name.startswith("."):
            yield child
            if depth > 1:
                yield from _below(child, depth - 1)
