"""Read data sets in the layout of PASCAL VOC."""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from inficond_panel.common.files import ANNOTATION_BYTES, read_bytes, read_lines
from inficond_panel.common.names import by_key, name_key
from inficond_panel.errors import DataError
from inficond_panel.spec import VocDataset
from precompute.datasets.labels import choose_classes, label_matrix
from precompute.datasets.listing import Listing
from precompute.datasets.photo_files import PhotoFiles
from precompute.datasets.splits import read_list
from precompute.datasets.table_layouts import read_metadata

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
        paths=lambda ids: PhotoFiles(root / "JPEGImages").paths(ids),
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
    except ElementTree.ParseError as error:
        line, column = error.position
        reason = str(error).partition(": line ")[0]
        raise DataError(
            f"{path}:{line}:{column + 1}: not a readable annotation: {reason}.",
            "Restore the file from a copy.",
        ) from error
    except (OSError, ValueError, LookupError) as error:
        raise DataError(
            f"{path}: not a readable annotation: {error}.", "Restore the file from a copy."
        ) from error
