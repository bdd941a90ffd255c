"""Detect the kind of data set in a folder: one reader after the other, none after a faulty file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from inficond_panel.common.installation import path_word
from inficond_panel.common.near_words import listed
from inficond_panel.errors import DataError
from precompute.datasets.coco import Instances, photos_found, read_instances, resembles_instances
from precompute.datasets.photo_files import PhotoFiles
from precompute.datasets.table_files import is_spaced
from precompute.datasets.voc import voc_classes
from precompute.detect.captions import holds_captions
from precompute.detect.folders import class_folders
from precompute.detect.foreign import (
    LIBRARIES,
    SAMPLES,
    below,
    by_function,
    check_foreign,
    check_libraries,
)
from precompute.detect.layout import FolderLayout, role_of
from precompute.detect.summary import Tables, summarize_tables
from precompute.detect.tables import (
    add_metadata,
    check_tables,
    guessed_layout,
    table_layout,
    why_unused,
)

_NO_INSTANCES = ("captions", "person_keypoints", "panoptic", "stuff", "image_info")


def find_layout(folder: Path, classes: Sequence[str] = ()) -> FolderLayout:
    """Detect the data set in a folder: its kind, the spec's keys, lists and tables of logits.

    ``classes`` are those that a person named: folders with these names are classes. Raises
    ``DataError`` for a layout with a fault, a layout that is not read, and if no layout fits; and
    ``StoreError`` for a damaged store.
    """
    if not folder.is_dir():
        raise DataError(f"There is no folder {folder}.", "Name the folder with your images.")
    tables = summarize_tables(folder)
    layout = _store(folder) or _voc(folder) or _coco(folder)
    if not layout and (folder / SAMPLES).is_file():  # FiftyOne's folder of photos is not a class
        raise by_function(folder, *LIBRARIES[SAMPLES])
    files = None if layout else PhotoFiles(folder)
    layout = layout or _in_files(folder, files or PhotoFiles(folder), tables, classes)
    if layout:
        if layout.root != folder:
            tables = tables.joined(summarize_tables(layout.root))
        layout.logits = [
            table.path for table in tables.top if table.is_logits and not table.is_form
        ]
        layout.logits += sorted(folder.glob("*.npz"))
        layout.perhaps_logits = [
            table.path
            for table in tables.top
            if table.may_be_logits and not table.is_logits and not table.is_form
        ]
        layout.doubtful = [
            table.path for table in tables.top if table.resembles_logits and not table.is_form
        ]
        layout.assumed += _unused(folder, layout, tables)
        return layout
    check_libraries(folder)
    path = folder if folder.name else folder.absolute()  # "." has no name
    notes = "; ".join(_unused(folder, FolderLayout("", folder, ""), tables))
    raise DataError(
        f"No data set was found in {path}{f' ({notes})' if notes else ''}. "
        "Looked for: a store, the layout of PASCAL VOC (Annotations, JPEGImages), JSON of COCO "
        "(here or in annotations), a table with image_id and a column of 0 and 1 per class, a "
        "table with a column of paths, and two or more folders of classes with images in them.",
        f"{''.join(f'{fault.error.remedy} ' for fault in tables.faults)}"
        f"{_deeper(folder, files)}"
        f"{_of_captions(tables)} Put a table of labels (empty cells: unknown) beside the images, "
        "or write a Python function that reads them; `inficond docs data` shows each layout, and "
        "such functions.",
    )


def _in_files(
    folder: Path, files: PhotoFiles, tables: Tables, classes: Sequence[str]
) -> FolderLayout | None:
    """Return the layout of photos with tables of labels, or in folders of classes; None if none."""
    if layout := table_layout(folder, tables, files):
        return layout
    check_foreign(folder)
    check_tables(tables, files)
    _check_no_instances(folder)
    notes = _unused(folder, FolderLayout("", folder, ""), tables)
    try:
        layout = class_folders(folder, files, classes, notes)
    except DataError:
        if layout := guessed_layout(folder, tables, files):
            return layout
        raise
    if layout:
        add_metadata(layout, tables, files)
    return layout or guessed_layout(folder, tables, files)


def _of_captions(tables: Tables) -> str:
    """Return how to make a spec of captions, by the tables that hold some."""
    every = (*tables.top, *tables.nested)
    named = [path_word(table.path) for table in every if holds_captions(table)]
    if len(named) > 1:
        return (
            f"Captions need no images. Name their table, inficond init TABLE: {listed(named, 5)}."
        )
    return f"Captions need no images: inficond init {named[0] if named else 'TABLE'}."


def _deeper(folder: Path, files: PhotoFiles | None) -> str:
    """Return a hint if all images lie in one folder that holds further folders; else ""."""
    tops = {name.partition("/")[0] for name in files or () if name.count("/") > 1}
    if len(tops) != 1:
        return ""
    return f"If {folder / tops.pop()} is the data set, name that folder. "


def _unused(folder: Path, layout: FolderLayout, tables: Tables) -> list[str]:
    """Return assumptions that name the unused tables with the reason, and the files called like
    lists of splits."""
    files = [path for path in sorted(folder.glob("*.txt")) if role_of(path.stem)]
    lists = [path.name for path in files if path.name not in layout.lists and not is_spaced(path)]
    why = ", as most of their lines are no image_id" if layout.kind == "table" else ""
    notes = [f"not used: {fault.error.message.rstrip('.')}" for fault in tables.faults]
    notes += [f"not used: {listed(lists, 5)}{why}"] * bool(lists)
    used = {str(name) for key in layout.keys.values() for name in _names(key)}
    used |= {path.name for path in layout.logits + layout.doubtful}
    used |= set() if layout.logits else {path.name for path in layout.perhaps_logits}
    reasons: dict[str, list[str]] = {}
    for table in (*tables.top, *tables.nested):
        name = os.path.relpath(table.path, folder)
        if name not in used and table.path.name not in used:
            reasons.setdefault(why_unused(table, layout), []).append(name)
    documents = [path.name for path in sorted(folder.glob("*.json"))]
    if documents and layout.kind not in ("coco", "store"):
        reasons["their JSON has no known layout"] = documents
    return [*notes, *(f"not used: {listed(names, 5)}, as {why}" for why, names in reasons.items())]


def _names(key: object) -> list[object]:
    return key if isinstance(key, list) else [key]


def _store(folder: Path) -> FolderLayout | None:
    parts = [(folder / name).is_dir() for name in ("segment_embedding", "concept_score", "label")]
    if folder.suffix != ".zarr" and not (folder / "zarr.json").is_file() and sum(parts) < 2:
        return None
    from inficond_panel.store import open_store

    store = open_store(folder)
    if lacking := store.lacks("segments"):
        raise DataError(f"{folder}: {lacking}", "Name a store that was made from photos.")
    title = f"a store: images that {store.attrs['encoder']} has encoded"
    return FolderLayout("store", folder, title)


def _voc(folder: Path) -> FolderLayout | None:
    for root in (folder, *below(folder, 2)):
        annotations, photos = root / "Annotations", root / "JPEGImages"
        if annotations.is_dir() and photos.is_dir():
            if not any(annotations.glob("*.xml")):
                if any(annotations.glob("*.json")):
                    continue
                raise DataError(
                    f"{annotations} holds no XML file, and {photos} is there, as in the layout of "
                    "PASCAL VOC.",
                    "Restore the XML files.",
                )
            main = root / "ImageSets" / "Main"
            classes = voc_classes(main)
            lists = sorted({path.stem for path in main.glob("*.txt")})
            lists = [name for name in lists if name.rpartition("_")[0] not in classes]
            title = "the layout of PASCAL VOC: labels from boxes, -1 (ignored) if all are difficult"
            return FolderLayout("voc", root, title, lists=lists)
        if photos.is_dir() and (root / "ImageSets").is_dir():
            raise DataError(
                f"{root} has JPEGImages and ImageSets, as PASCAL VOC, but no folder Annotations.",
                "Put the XML files of the photos into Annotations.",
            )
    return None


def _coco(folder: Path) -> FolderLayout | None:
    documents = [
        path
        for candidate in (folder, *below(folder, 1))
        for path in sorted(candidate.glob("*.json"))
        if not path.name.startswith(_NO_INSTANCES) and resembles_instances(path)
    ]
    if not documents:
        return None
    read = [_instances(path, folder) for path in documents]
    names = [path.relative_to(folder).as_posix() for path in documents]
    stems = [path.stem for path in documents]
    lists = [
        stem if stems.count(stem) == 1 else name.removesuffix(".json")
        for stem, name in zip(stems, names, strict=True)
    ]
    layout = FolderLayout("coco", folder, f"JSON of COCO: {', '.join(names)}", lists=lists)
    layout.keys = {"annotations": names}
    images = _photos_of(folder, dict(zip(lists, read, strict=True)))
    if images != folder:
        layout.keys["images"] = images.relative_to(folder).as_posix()
    layout.whole = lists[0] if len(lists) == 1 else "all"
    layout.choices = [{}, {"image_id": "number"}]
    layout.assumed.append("a class with only iscrowd objects in an image counts as present")
    return layout


def _instances(path: Path, folder: Path) -> Instances:
    """Read a file that resembles COCO's; raise ``DataError`` for any fault."""
    try:
        instances = read_instances(path, by_number=False, crowd_present=True)
    except DataError as error:
        remedy = f"{error.remedy.rstrip('.')}; or move it out of {folder}."
        raise DataError(error.message, remedy) from error
    if not instances.categories or not instances.file_name:
        lack = "images" if instances.categories else "categories"
        raise DataError(
            f"{path}: not a valid COCO file of instances: its list {lack!r} is empty.",
            f"Restore the file; or move it out of {folder}.",
        )
    return instances


def _photos_of(folder: Path, read: dict[str, Instances]) -> Path:
    """Return the folder of the photos: where most of the first photos of each file lie."""
    places = [folder / "images", folder, *below(folder, 2)]
    places = [place for place in dict.fromkeys(places) if place.is_dir()]

    def found(place: Path) -> int:
        return sum(photos_found(instances, place, name) for name, instances in read.items())

    return max(places, key=found)


def _check_no_instances(folder: Path) -> None:
    """Raise ``DataError`` if a folder has JSON of COCO without labels of classes only."""
    for candidate in (folder, *below(folder, 1)):
        for path in sorted(candidate.glob("*.json")):
            if path.name.startswith(_NO_INSTANCES) and resembles_instances(path):
                raise DataError(
                    f"{path} is JSON of COCO without labels of classes.",
                    "Put the file of instances beside it, such as instances_train2017.json.",
                )
