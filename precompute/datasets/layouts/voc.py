"""The layout of PASCAL VOC."""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from inficond_panel.common.reading import ANNOTATION_BYTES, read_bytes, read_lines
from inficond_panel.errors import DataError
from inficond_panel.spec.sections.dataset import VocDataset
from precompute.datasets.dataset import Listing, choose_classes, label_matrix
from precompute.datasets.files import find_files
from precompute.datasets.layouts.tables import read_metadata
from precompute.datasets.splitting import read_list

#: Photos with more are not read either: Pillow's own limit.
_MOST_PIXELS = 2 * 89_478_485


def voc_listing(dataset: VocDataset) -> Listing:
    """Images and labels of ``kind: voc``; labels are read from the objects' names in Annotations.

    1: an object of the class; -1: only difficult ones, which VOC's own scoring passes over; 0: none
    (Everingham et al., 2010, IJCV 88, sec. 4.1).
    """
    root = Path(dataset.root)
    annotations = {path.stem: path for path in sorted((root / "Annotations").glob("*.xml"))}
    if not annotations:
        raise DataError(
            f"{root / 'Annotations'} holds no annotation.",
            "Let dataset.root name the folder of the year, such as VOCdevkit/VOC2007.",
        )

    @cache
    def objects(image: str) -> dict[str, int]:
        return voc_objects(annotations[image])

    def classes(ids: Any) -> tuple[str, ...]:
        listed = voc_classes(root / "ImageSets" / "Main")
        found = {name for image in ids if image in annotations for name in objects(image)}
        if not dataset.classes:
            return listed or choose_classes((), sorted(found), str(root / "Annotations"))
        return choose_classes(dataset.classes, sorted({*listed, *found}), str(root))

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
    """Names of the classes that have lists of their own: ``<class>_<list>.txt``, two columns.

    ``train_val.txt`` is of the class train; ``train.txt`` is a list of images.
    """
    stems = {path.stem for path in main.glob("*.txt")}
    names = set()
    for stem in stems:
        name, _, of_list = stem.rpartition("_")
        if name and of_list in stems:
            lines = read_lines(main / f"{stem}.txt", "list", "Save it as UTF-8.")
            cells = {len(line.split()) for line in lines if line.strip()}
            names |= {name} if cells == {2} else set()
    return tuple(sorted(names))


def voc_objects(path: Path) -> dict[str, int]:
    """Label of each class in an annotation: 1, or -1 if it is only there as ``difficult``."""
    found: dict[str, int] = {}
    for thing in _annotation(path).iterfind("object"):
        name = (thing.findtext("name") or "").strip()
        if not name:
            raise DataError(f"{path} has an object without a name.", "Name it, or take it out.")
        difficult = (thing.findtext("difficult") or "0").strip() == "1"
        found[name] = max(found.get(name, -1), -1 if difficult else 1)
    return found


def voc_foreground(path: Path, classes: Collection[str]) -> np.ndarray:
    """Mask ``(height, width)`` of an annotated image: the union of the boxes of ``classes``.

    Pixels count from 1 and a box holds its last row and column (the development kit's text).
    Raises ``DataError`` for an annotation without the image's size or with a box that is none.
    """
    tree = _annotation(path)
    try:
        height, width = (int(tree.findtext(f"size/{side}", "")) for side in ("height", "width"))
        if height * width > _MOST_PIXELS:
            raise ValueError(f"a photo of {width} x {height} pixels")  # noqa: TRY301
        mask = np.zeros((height, width), dtype=bool)
        for thing in tree.iterfind("object"):
            if (thing.findtext("name") or "").strip() in classes:
                left, top, right, bottom = (
                    round(float(thing.findtext(f"bndbox/{side}", "")))
                    for side in ("xmin", "ymin", "xmax", "ymax")
                )
                mask[max(top - 1, 0) : max(bottom, 0), max(left - 1, 0) : max(right, 0)] = 1
    except (ValueError, OverflowError) as error:
        raise DataError(
            f"{path} does not tell where its objects are: {error}.", "Restore its size and boxes."
        ) from error
    return mask


def _annotation(path: Path) -> Any:
    try:
        return ElementTree.fromstring(  # noqa: S314 - expat bounds the expansion of entities
            read_bytes(path, ANNOTATION_BYTES)
        )
    except (OSError, ElementTree.ParseError, ValueError, LookupError) as error:
        raise DataError(f"{path} is no readable annotation: {error}.", "Restore it.") from error
