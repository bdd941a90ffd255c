"""Read data sets in COCO's format of instances: a JSON file with images, objects and categories."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from inficond_panel.common.files import INSTANCES_BYTES, open_file, read_text
from inficond_panel.common.names import by_key, equal_names, name_key, pair_text
from inficond_panel.common.near_words import first_of
from inficond_panel.common.numbers import count
from inficond_panel.errors import DataError
from inficond_panel.spec.sections.dataset import CocoDataset
from precompute.datasets.labels import choose_classes, label_matrix
from precompute.datasets.listing import Listing
from precompute.datasets.photo_files import is_below, names_below, posix_name, without_suffix
from precompute.datasets.table_layouts import read_metadata

_MOST_PIXELS = 2**28
#: Keys of objects that are kept; other keys, such as outlines, are dropped during reading.
_KEPT = frozenset(
    {
        "images", "annotations", "categories",
        "id", "file_name", "name", "image_id", "category_id", "iscrowd",
    }
)  # fmt: skip
#: A JSON file with two of these keys resembles COCO's.
_KEYS = re.compile(rb'"(images|annotations|categories|file_name|image_id|category_id)"\s*:')
_NAMED = ("instances", "_annotations.coco")
_CHUNK = 1 << 20

ChosenNames = Callable[[Sequence[str]], list[str]]


@dataclass
class Instances:
    """Content of one COCO annotation file: by image id ``file_name``, and ``labels`` by class.

    ``categories`` are the class names by category id, ``ids`` the image ids by COCO's ids.
    """

    path: Path
    file_name: dict[str, str] = field(default_factory=dict)
    labels: dict[str, dict[str, int]] = field(default_factory=dict)
    categories: dict[Any, str] = field(default_factory=dict)
    ids: dict[Any, str] = field(default_factory=dict)

    @cached_property
    def boxes(self) -> Boxes:
        """Boxes of the objects. Raises ``DataError`` for an image without a size and for an invalid
        box."""
        return _read_boxes(self)


def coco_listing(dataset: CocoDataset) -> Listing:
    """List images and labels of a data set of ``kind: coco``, from its annotation files."""
    root, images = Path(dataset.root), Path(dataset.images)
    files = {
        name: read_instances(
            path,
            dataset.image_id == "number",
            dataset.crowd == "present",
            name_reader(images, name, path),
        )
        for name, path in dataset.annotation_files().items()
    }
    file_of: dict[str, tuple[str, Instances]] = {}
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
    return Listing(
        known=tuple(file_of),
        list_of=lambda name: list(files[name.removesuffix(".json")].file_name),
        classes=lambda _: classes,
        labels=lambda ids, names: label_matrix(
            ids, names, {i: file_of[i][1].labels[i] for i in ids}
        ),
        paths=lambda ids: [_find(images, *file_of[image], image) for image in ids],
        metadata=read_metadata(dataset),
        foreground=lambda image, names: file_of[image][1].boxes.mask(image, names),
    )


def read_instances(
    path: Path,
    by_number: bool,
    crowd_present: bool,
    names: ChosenNames = lambda names: list(map(posix_name, names)),
) -> Instances:
    """Read a COCO annotation file; raises ``DataError`` if it is invalid.

    Image ids are COCO's ids if ``by_number``, else the file names without suffix; ``names`` makes
    file names paths below the folder of the images. A class with only iscrowd objects is present if
    ``crowd_present``, else ignored. Outlines are dropped during reading, so that peak memory is
    about twice the file's size, and most of it is freed afterwards.
    """
    document = load_document(path)
    instances = Instances(path)
    _add_categories(instances, document)
    _add_images(instances, document, by_number, names)
    crowd = 1 if crowd_present else -1
    for at, annotation in enumerate(
        entries(path, document, "annotations", ("image_id", "category_id"))
    ):
        image, number = annotation["image_id"], annotation["category_id"]
        for what, value, known in (
            ("image", image, instances.ids),
            ("category", number, instances.categories),
        ):
            if value not in known:
                lost = f"refers to the missing {what} {value!r}{_of_type(value, known)}"
                raise fault(path, f"annotations[{at}] {lost}", "annotations", at)
        labels, name = instances.labels[instances.ids[image]], instances.categories[number]
        labels[name] = max(labels.get(name, -1), crowd if annotation.get("iscrowd") else 1)
    return instances


def _add_categories(instances: Instances, document: object) -> None:
    numbers: dict[str, int] = {}
    every = entries(instances.path, document, "categories", ("id", "name"))
    for at, category in enumerate(every):
        name = str(category["name"]).strip()
        if category["id"] in instances.categories or name_key(name) in numbers:
            what = f"categories[{at}], the category {name!r} or its id, is listed twice"
            raise fault(instances.path, what, "categories", at)
        numbers[name_key(name)] = at
        instances.categories[category["id"]] = name


def _add_images(
    instances: Instances, document: object, by_number: bool, names: ChosenNames
) -> None:
    images = entries(instances.path, document, "images", ("id", "file_name"))
    files = names([str(image["file_name"]) for image in images])
    for at, (image, file) in enumerate(zip(images, files, strict=True)):
        name = str(image["id"]) if by_number else without_suffix(file)
        if name in instances.file_name or image["id"] in instances.ids:
            what = f"images[{at}], the image {name!r} or its id {image['id']!r}, is listed twice"
            raise fault(instances.path, what, "images", at)
        instances.ids[image["id"]] = name
        instances.file_name[name], instances.labels[name] = file, {}
    if twice := equal_names(instances.file_name):
        at = list(instances.file_name).index(twice[0][1])
        what = f"images[{at}], two images have one name: {pair_text(*twice[0])}"
        raise fault(instances.path, what, "images", at)


def _of_type(value: object, known: Collection[object]) -> str:
    """Return a note if ``value`` is a text and among ``known`` as a number, or the reverse."""
    other = str(value) if isinstance(value, int) else next((k for k in known if str(k) == value), 0)
    if other not in known or value == "":
        return ""
    kinds = ("a text", "a number") if isinstance(value, str) else ("a number", "a text")
    return f": here the id is {kinds[0]}, there {kinds[1]}"


def name_reader(images: Path, name: str, path: Path) -> ChosenNames:
    """Return the function ``names`` of ``read_instances`` for the annotation file ``path`` of the
    list ``name``, with photos in the folder ``images``."""
    return lambda names: names_below(
        names, lambda file: any(map(os.path.isfile, _places(images, name, path, file)))
    )


def _places(images: Path, name: str, path: Path, file: str) -> list[Path]:
    """Return the paths of a photo: in ``images``, in its sub-folder for the list ``name``, and
    beside the annotation file ``path``."""
    folder = Path(name).name.partition("_")[2]
    return [images / file, images / folder / file, path.parent / file]


def _find(images: Path, name: str, instances: Instances, image: str) -> Path:
    paths = _places(images, name, instances.path, instances.file_name[image])
    return next((path for path in paths if os.path.isfile(path)), paths[0])  # noqa: PTH113 - never raises


def photos_found(instances: Instances, images: Path, name: str) -> int:
    """Return how many of the first images of an annotation file have a photo in ``images``, or
    where else ``coco_listing`` looks for it."""
    files = list(instances.file_name.values())[:20]
    places = [_places(images, name, instances.path, file) for file in files]
    return sum(any(map(os.path.isfile, each)) for each in places)


def resembles_instances(path: Path) -> bool:
    """Return True if a JSON file is one of COCO's instances, valid or not: by its name, or by two
    of the format's keys in its text."""
    if any(name in path.name for name in _NAMED):
        return True
    keys: set[bytes] = set()
    rest = b""
    try:
        with open_file(path) as file:
            while len(keys) < 2 and (chunk := file.read(_CHUNK)):
                keys |= set(_KEYS.findall(rest + chunk))
                rest = chunk[-20:]
    except OSError:
        return False
    return len(keys) > 1


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


def _read_boxes(instances: Instances) -> Boxes:
    path = instances.path
    document = load_document(path, frozenset({"bbox", "width", "height"}))
    size: dict[str, tuple[int, int]] = {}
    for at, image in enumerate(entries(path, document, "images", ["id", "width", "height"])):
        name, wide, high = instances.ids[image["id"]], image["width"], image["height"]
        if not (isinstance(wide, int) and isinstance(high, int) and 0 < wide * high < _MOST_PIXELS):
            what = f"the image {name!r} has no size: width {wide!r}, height {high!r}"
            raise fault(path, what, "images", at)
        size[name] = (wide, high)
    of: dict[str, list[tuple[str, float, float, float, float]]] = {}
    every = entries(path, document, "annotations", ["image_id", "category_id"])
    for at, annotation in enumerate(every):
        shown, box = instances.ids[annotation["image_id"]], annotation.get("bbox")
        if not (
            isinstance(box, list)
            and len(box) == 4
            and all(isinstance(side, int | float) and math.isfinite(side) for side in box)
        ):
            what = f"an object of the image {shown!r} has no box (bbox): {box!r}"
            raise fault(path, what, "annotations", at)
        x, y, wide, high = map(float, box)
        of.setdefault(shown, []).append(
            (instances.categories[annotation["category_id"]], x, y, wide, high)
        )
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
        raise _broken(path, error) from error
    except UnicodeDecodeError as error:
        raise fault(path, f"byte {error.start + 1} is not UTF-8") from error
    except (OSError, ValueError, RecursionError) as error:
        raise fault(path, str(error)) from error
    except MemoryError as error:
        raise fault(path, "it does not fit into memory") from error


def entries(path: Path, document: object, key: str, needed: Sequence[str]) -> list[dict[str, Any]]:
    """Return the document's list ``key``; raise ``DataError`` if it is missing or an object lacks
    text or a whole number for one of the keys ``needed``."""
    if isinstance(document, list):
        raise fault(path, "its top level is a list, as of results; expected an object")
    objects = document.get(key) if isinstance(document, dict) else None
    if not isinstance(objects, list):
        raise fault(path, f"it has no list {key!r}")
    for at, entry in enumerate(objects):
        if not isinstance(entry, Mapping):
            raise fault(path, f"{key}[{at}] is no object", key, at)
        for name in needed:
            value = entry.get(name)
            if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
                what = f"is {value!r}; expected a text or a whole number"
                lack = what if name in entry else "is missing"
                raise fault(path, f"{key}[{at}].{name} {lack}", key, at)
    return objects


def _broken(path: Path, error: json.JSONDecodeError) -> DataError:
    """Return the error on a file that is not JSON."""
    text = error.doc.rstrip()
    if not text:
        return fault(path, "it is empty")
    cut = error.pos >= len(text) or error.msg.startswith("Unterminated")
    reason = "it breaks off" if cut else f"it is not JSON: {error.msg}"
    return _fault(f"{path}:{error.lineno}:{error.colno}", reason)


def fault(path: Path, what: str, *steps: str | int) -> DataError:
    """Return the error that a file is no valid COCO annotation file; ``what`` is the reason, and
    ``steps`` are the keys and indices that lead to the fault."""
    if not steps:
        return _fault(str(path), what)
    return _fault(f"{path}:{json_place(read_text(path, INSTANCES_BYTES), *steps)}", what)


def _fault(place: str, what: str) -> DataError:
    return DataError(
        f"{place}: not a valid COCO file of instances: {what}.",
        "Correct or restore the file; it needs images, annotations and categories.",
    )


_SPACE, _COLON, _COMMA = (re.compile(rf"\s*{mark}\s*") for mark in ("", ":", ","))


def json_place(text: str, *steps: str | int) -> str:
    """Return ``line:column`` of a value in a JSON text, by the keys and indices that lead to it."""
    at = _end(_SPACE, text, 0)
    for step in steps:
        at = _member(text, at, step)
    return f"{text.count(chr(10), 0, at) + 1}:{at - text.rfind(chr(10), 0, at)}"


def _member(text: str, start: int, step: str | int) -> int:
    """Return the position of the value ``step`` of the object or list at ``start``."""
    decode = json.JSONDecoder().raw_decode
    at, number = _end(_SPACE, text, start + 1), 0
    while True:
        key: str | int = number
        if isinstance(step, str):
            key, at = decode(text, at)
            at = _end(_COLON, text, at)
        if key == step:
            return at
        at = _end(_COMMA, text, decode(text, at)[1])
        number += 1


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return found.end() if found else at
