"""Read data sets in the layouts of PASCAL VOC and COCO instances."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Collection, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from inficond_panel.common.files import (
    ANNOTATION_BYTES,
    INSTANCES_BYTES,
    read_bytes,
    read_lines,
    read_text,
)
from inficond_panel.common.names import by_key, equal_names, name_key, pair_text
from inficond_panel.common.near_words import first_of
from inficond_panel.common.numbers import count
from inficond_panel.errors import DataError
from inficond_panel.spec.sections.dataset import CocoDataset, VocDataset
from precompute.datasets.dataset import Listing, choose_classes, label_matrix, read_list
from precompute.datasets.row_tables import without_suffix
from precompute.datasets.tables import find_files, is_below, read_metadata

#: Largest mask in pixels: Pillow refuses photos with more.
_MOST_MASK_PIXELS = 2 * 89_478_485


def voc_listing(dataset: VocDataset) -> Listing:
    """List images and labels of a data set of ``kind: voc``; the labels come from Annotations.

    A label is 1 with an object of the class, -1 with only difficult objects, which VOC's scoring
    ignores, else 0 (Everingham et al., 2010, IJCV 88, sec. 4.1).
    """
    root = Path(dataset.root)
    annotations = {path.stem: path for path in sorted((root / "Annotations").glob("*.xml"))}
    if not annotations:
        raise DataError(
            f"{root / 'Annotations'} holds no annotation.",
            "Set dataset.root to the folder of the year, such as VOCdevkit/VOC2007.",
        )

    @cache
    def objects(image: str) -> dict[str, int]:
        return voc_objects(annotations[image])

    def classes(ids: Any) -> tuple[str, ...]:
        listed = voc_classes(root / "ImageSets" / "Main")
        named = {name for image in ids if image in annotations for name in objects(image)}
        if not dataset.classes:
            found = by_key(sorted(named)).values()
            return listed or choose_classes((), found, str(root / "Annotations"))
        names = by_key(sorted({*listed, *named})).values()
        return choose_classes(dataset.classes, names, str(root))

    return Listing(
        known=tuple(annotations),
        list_of=lambda name: read_list(dataset.list_file(name), annotations),
        classes=classes,
        labels=lambda ids, names: label_matrix(ids, names, {i: objects(i) for i in ids}),
        paths=lambda ids: find_files(root / "JPEGImages", ids),
        metadata=read_metadata(dataset),
        foreground=lambda image, names: voc_foreground(annotations[image], names),
    )


def voc_classes(main: Path) -> tuple[str, ...]:
    """Return the sorted classes that ``main`` has lists for: ``<class>_<list>.txt`` of two columns.

    ``train_val.txt`` is a list of the class train; ``train.txt`` is a list of images.
    """
    stems = {path.stem for path in main.glob("*.txt")}
    names = set()
    for stem in stems:
        name, _, of_list = stem.rpartition("_")
        if name and of_list in stems:
            lines = read_lines(main / f"{stem}.txt", "list", "Save the list as UTF-8.")
            cells = {len(line.split()) for line in lines if line.strip()}
            names |= {name} if cells == {2} else set()
    return tuple(sorted(names))


def voc_objects(path: Path) -> dict[str, int]:
    """Return an annotation's labels by class: 1, or -1 if all objects are ``difficult``."""
    objects: dict[str, int] = {}
    for thing in _annotation(path).iterfind("object"):
        name = (thing.findtext("name") or "").strip()
        if not name:
            raise DataError(f"{path} has an object without a name.", "Name or remove the object.")
        difficult = (thing.findtext("difficult") or "0").strip() == "1"
        objects[name] = max(objects.get(name, -1), -1 if difficult else 1)
    return objects


def voc_foreground(path: Path, classes: Collection[str]) -> np.ndarray:
    """Return the mask ``(height, width)`` of an annotated image: the union of ``classes``' boxes.

    Pixels count from 1 and a box includes its last row and column (the development kit's text).
    Raises ``DataError`` for an annotation without the image's size or with an invalid box.
    """
    tree = _annotation(path)
    try:
        height, width = (int(tree.findtext(f"size/{side}", "")) for side in ("height", "width"))
        if height * width > _MOST_MASK_PIXELS:
            raise ValueError(f"{width} x {height} pixels are too many")  # noqa: TRY301
        mask, wanted = np.zeros((height, width), dtype=bool), set(map(name_key, classes))
        for thing in tree.iterfind("object"):
            if name_key(thing.findtext("name")) in wanted:
                left, top, right, bottom = (
                    round(float(thing.findtext(f"bndbox/{side}", "")))
                    for side in ("xmin", "ymin", "xmax", "ymax")
                )
                mask[max(top - 1, 0) : max(bottom, 0), max(left - 1, 0) : max(right, 0)] = 1
    except (ValueError, OverflowError) as error:
        raise DataError(
            f"{path} has no valid size or boxes: {error}.", "Restore the file from a copy."
        ) from error
    return mask


def _annotation(path: Path) -> Any:
    try:
        return ElementTree.fromstring(  # noqa: S314 - expat bounds the expansion of entities
            read_bytes(path, ANNOTATION_BYTES)
        )
    except (OSError, ElementTree.ParseError, ValueError, LookupError) as error:
        raise DataError(f"{path} is not a readable annotation: {error}.", "Restore it.") from error


_MOST_PIXELS = 2**28
#: Keys of objects that are kept; other keys, such as outlines, are dropped during reading.
_KEPT = frozenset(
    {
        "images", "annotations", "categories",
        "id", "file_name", "name", "image_id", "category_id", "iscrowd",
    }
)  # fmt: skip


@dataclass
class Instances:
    """Content of one COCO annotation file: by image id ``file_name``, and ``labels`` by class.
    ``categories`` are the class names by category id."""

    path: Path
    file_name: dict[str, str] = field(default_factory=dict)
    labels: dict[str, dict[str, int]] = field(default_factory=dict)
    categories: dict[Any, str] = field(default_factory=dict)


def coco_listing(dataset: CocoDataset) -> Listing:
    """List images and labels of a data set of ``kind: coco``, from its annotation files."""
    files = {
        name: read_instances(path, dataset.image_id == "number", dataset.crowd == "present")
        for name, path in dataset.annotation_files().items()
    }
    file_of: dict[str, tuple[str, Instances]] = {}
    root, images = Path(dataset.root), Path(dataset.images)
    for name, instances in files.items():
        outside = [
            file for file in instances.file_name.values() if not is_below(root, images / file)
        ]
        if outside:
            raise fault(instances.path, f"the file {outside[0]!r} is outside of {root}")
        earlier = by_key(file_of)
        twice = [image for image in instances.file_name if name_key(image) in earlier]
        if twice:
            raise DataError(
                f"{count(len(twice), 'image')} in {instances.path} and in another file of "
                f"dataset.annotations, {first_of(twice)}.",
                "Keep each image in one file; if only the ids are equal, set image_id: file.",
            )
        file_of |= dict.fromkeys(instances.file_name, (name, instances))
    categories = [item for instances in files.values() for item in instances.categories.items()]
    names = by_key(
        name for _, name in sorted(categories, key=lambda one: (isinstance(one[0], str), one[0]))
    )
    classes = choose_classes(dataset.classes, names.values(), "dataset.annotations")

    def foreground(image: str, names: Sequence[str]) -> np.ndarray:
        return boxes_of(file_of[image][1].path, dataset.image_id == "number").mask(image, names)

    return Listing(
        known=tuple(file_of),
        list_of=lambda name: list(files[name.removesuffix(".json")].file_name),
        classes=lambda _: classes,
        labels=lambda ids, names: label_matrix(
            ids, names, {i: file_of[i][1].labels[i] for i in ids}
        ),
        paths=lambda ids: [_find(images, *file_of[image], image) for image in ids],
        metadata=read_metadata(dataset),
        foreground=foreground,
    )


def read_instances(path: Path, by_number: bool, crowd_present: bool) -> Instances:
    """Read a COCO annotation file; raises ``DataError`` if it is invalid.

    Image ids are COCO's ids if ``by_number``, else file names without suffix. A class with only
    iscrowd objects is present if ``crowd_present``, else ignored. Outlines are dropped during
    reading, so that peak memory is about twice the file's size, and most of it is freed afterwards.
    """
    document = load_document(path)
    instances = Instances(path)
    for category in entries(path, document, "categories", ("id", "name")):
        known = map(name_key, instances.categories.values())
        if category["id"] in instances.categories or name_key(category["name"]) in known:
            raise fault(path, f"the category {category['name']!r} or its id is listed twice")
        instances.categories[category["id"]] = str(category["name"]).strip()
    ids: dict[Any, str] = {}
    for image in entries(path, document, "images", ("id", "file_name")):
        name = str(image["id"]) if by_number else without_suffix(str(image["file_name"]))
        if name in instances.file_name or image["id"] in ids:
            raise fault(path, f"the image {name!r} or its id {image['id']!r} is listed twice")
        ids[image["id"]] = name
        instances.file_name[name], instances.labels[name] = str(image["file_name"]), {}
    if twice := equal_names(instances.file_name):
        raise fault(path, f"two images have one name: {pair_text(*twice[0])}")
    crowd = 1 if crowd_present else -1
    for annotation in entries(path, document, "annotations", ("image_id", "category_id")):
        image, number = annotation["image_id"], annotation["category_id"]
        if image not in ids or number not in instances.categories:
            lost = f"image {image!r}" if image not in ids else f"category {number!r}"
            raise fault(path, f"an annotation refers to the missing {lost}")
        labels, name = instances.labels[ids[image]], instances.categories[number]
        labels[name] = max(labels.get(name, -1), crowd if annotation.get("iscrowd") else 1)
    return instances


def _find(images: Path, name: str, instances: Instances, image: str) -> Path:
    """Return an image's file, searched in ``images``, in its sub-folder for the list ``name``, and
    beside the annotation file."""
    file_name = instances.file_name[image]
    folder = Path(name).name.partition("_")[2]
    paths = [images / file_name, images / folder / file_name, instances.path.parent / file_name]
    existing = (path for path in paths if os.path.isfile(path))  # noqa: PTH113 - never raises
    return next(existing, paths[0])


@dataclass(frozen=True)
class Boxes:
    """Boxes of one COCO file, by image: ``size`` (width, height), and ``of``, the objects as
    (class, x, y, width, height), in pixels from 0."""

    path: Path
    size: dict[str, tuple[int, int]]
    of: dict[str, list[tuple[str, float, float, float, float]]]

    def mask(self, image: str, classes: Collection[str]) -> np.ndarray:
        """Return the mask ``(height, width)`` of an image: the union of the boxes of ``classes``.

        A pixel is foreground if a box covers any part of it.
        """
        width, height = self.size[image]
        mask, wanted = np.zeros((height, width), dtype=bool), set(map(name_key, classes))
        for name, x, y, wide, high in self.of.get(image, []):
            if name_key(name) in wanted and wide > 0 and high > 0:
                left, top = max(math.floor(x), 0), max(math.floor(y), 0)
                right, bottom = max(math.ceil(x + wide), 0), max(math.ceil(y + high), 0)
                mask[top:bottom, left:right] = True
        return mask


@lru_cache(maxsize=4)
def boxes_of(path: Path, by_number: bool) -> Boxes:
    """Read the boxes of a file that ``read_instances`` has checked; ``by_number`` as there.

    Raises ``DataError`` for an image without a size and for an invalid box.
    """
    document = load_document(path, frozenset({"bbox", "width", "height"}))
    names = {c["id"]: str(c["name"]).strip() for c in entries(path, document, "categories", ["id"])}
    size: dict[str, tuple[int, int]] = {}
    image_of: dict[Any, str] = {}
    for image in entries(path, document, "images", ["id", "width", "height"]):
        name = str(image["id"]) if by_number else without_suffix(str(image["file_name"]))
        wide, high = image["width"], image["height"]
        if not (isinstance(wide, int) and isinstance(high, int) and 0 < wide * high < _MOST_PIXELS):
            raise fault(path, f"the image {name!r} has no size: width {wide!r}, height {high!r}")
        size[name], image_of[image["id"]] = (wide, high), name
    of: dict[str, list[tuple[str, float, float, float, float]]] = {}
    for annotation in entries(path, document, "annotations", ["image_id", "category_id"]):
        shown, box = image_of[annotation["image_id"]], annotation.get("bbox")
        if not (
            isinstance(box, list)
            and len(box) == 4
            and all(isinstance(side, int | float) and math.isfinite(side) for side in box)
        ):
            raise fault(path, f"an object of the image {shown!r} has no box (bbox): {box!r}")
        x, y, wide, high = map(float, box)
        of.setdefault(shown, []).append((names[annotation["category_id"]], x, y, wide, high))
    return Boxes(path, size, of)


def load_document(path: Path, more: AbstractSet[str] = frozenset()) -> Any:
    """Read a JSON file; its objects keep only the keys that labels need, and the keys in ``more``.

    Raises ``DataError`` if the file cannot be read.
    """
    kept = _KEPT | more

    def keep(entry: dict[str, Any]) -> dict[str, Any]:
        return {key: entry[key] for key in kept & entry.keys()}

    try:
        return json.loads(read_text(path, INSTANCES_BYTES), object_hook=keep)
    except FileNotFoundError:
        raise DataError(f"There is no file {path}.", "Correct the path in the spec.") from None
    except json.JSONDecodeError as error:
        raise fault(path, f"{error.msg} in line {error.lineno}, column {error.colno}") from error
    except (OSError, ValueError, RecursionError) as error:
        raise fault(path, str(error)) from error
    except MemoryError as error:
        raise fault(path, "it does not fit into memory") from error


def entries(path: Path, document: object, key: str, needed: Sequence[str]) -> list[dict[str, Any]]:
    """Return the document's list ``key``; raise ``DataError`` if it is missing or an object lacks
    text or a number for one of the keys ``needed``."""
    objects = document.get(key) if isinstance(document, dict) else None
    if not isinstance(objects, list):
        raise fault(path, f"it has no list {key!r}")
    for position, entry in enumerate(objects):
        values = [entry.get(name) for name in needed] if isinstance(entry, dict) else [None]
        if not all(isinstance(value, (str, int)) and value != "" for value in values):
            raise fault(path, f"{key}[{position}] lacks {' or '.join(needed)}")
    return objects


def fault(path: Path, what: str) -> DataError:
    """Return the error that a file is no valid COCO annotation file; ``what`` is the reason."""
    return DataError(
        f"{path} is not a valid COCO file of instances: {what}.",
        "Restore or rewrite the file; it needs images, annotations and categories.",
    )
