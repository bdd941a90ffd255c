"""Data sets: images, their labels and their splits, from a folder, the VOC layout, or scenes."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
from PIL import Image

from inficond_panel.errors import DataError
from precompute.images import SUFFIXES, decode
from precompute.splits import REST, assign, read_list
from precompute.tables import read_table


@dataclass(frozen=True)
class Dataset:
    """Images of all splits, in a fixed order.

    ``label`` is ``(image, class)`` int8: 1 present, 0 absent, -1 ignored. ``load(i)`` returns image
    i as RGB or raises ``UnreadableImage``; ``digest(i)`` identifies its content. ``metadata`` holds
    texts (image, column) under the names ``metadata_columns``.
    """

    ids: tuple[str, ...]
    split: tuple[str, ...]
    classes: tuple[str, ...]
    label: np.ndarray
    load: Callable[[int], Image.Image]
    digest: Callable[[int], str]
    metadata_columns: tuple[str, ...] = ()
    metadata: np.ndarray | None = None


def load_dataset(dataset: Any) -> Dataset:
    """Read the data set that the spec's section describes; raises ``DataError``."""
    found = {"table": _table, "voc": _voc, "scenes": _scenes}[dataset.kind](dataset)
    path = getattr(dataset, "metadata", None)
    return _with_metadata(found, Path(path)) if path else found


def _with_metadata(dataset: Dataset, path: Path) -> Dataset:
    """The data set with the columns of a table; images that are not in the set are passed over."""
    table = read_table(path, str, "text", "columns of text")
    row = {image: position for position, image in enumerate(table.ids)}
    lost = [image for image in dataset.ids if image not in row]
    if lost:
        raise DataError(
            f"{path} lacks {len(lost)} images of the data set, the first are "
            f"{', '.join(lost[:5])}.",
            "Give each image a row; leave cells empty where nothing is known.",
        )
    values = table.values[[row[image] for image in dataset.ids]]
    return replace(dataset, metadata_columns=table.columns, metadata=values)


def _table(dataset: Any) -> Dataset:
    labels = read_table(Path(dataset.labels), _label, "1, 0 or nothing (ignored)")
    split_of = _split_of(dataset, labels.ids)
    row = {image: position for position, image in enumerate(labels.ids)}
    label = labels.values[[row[image] for image in split_of]].astype(np.int8)
    return _photos(split_of, labels.columns, label, _paths(Path(dataset.images), split_of))


def _label(cell: str) -> float:
    values = {"1": 1, "0": 0, "": -1}
    if cell not in values:
        raise ValueError(cell)
    return values[cell]


def _paths(folder: Path, ids: Iterable[str]) -> list[Path]:
    """File of each image: its id is the file's name or stem. A missing one is told on reading."""
    try:
        files = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    except OSError as error:
        raise DataError(
            f"The folder of the images, {folder}, cannot be read: {error.strerror}.",
            "Correct the paths in the spec's section dataset.",
        ) from error
    stems = Counter(path.stem for path in files)
    path_of = {path.stem: path for path in files} | {path.name: path for path in files}
    paths = [path_of.get(image, folder / image) for image in ids]
    twice = [path.stem for path in paths if stems[path.stem] > 1]
    if twice:
        raise DataError(
            f"{folder} has several files for {len(twice)} images, the first are "
            f"{', '.join(twice[:5])}.",
            "Keep one of each.",
        )
    return paths


def _voc(dataset: Any) -> Dataset:
    root = Path(dataset.root)
    annotations = {path.stem: path for path in (root / "Annotations").glob("*.xml")}
    split_of = _split_of(dataset, annotations)
    classes = tuple(dataset.classes) or _voc_classes(root / "ImageSets" / "Main")
    objects = [_voc_objects(annotations[image]) for image in split_of]
    if not classes:
        classes = tuple(sorted({name for found in objects for name in found}))
    label = np.array([[found.get(name, 0) for name in classes] for found in objects], np.int8)
    return _photos(split_of, classes, label, _paths(root / "JPEGImages", split_of))


def _voc_classes(main: Path) -> tuple[str, ...]:
    """Names of the classes that have lists of their own: ``<class>_<list>.txt``, two columns.

    ``train_val.txt`` is of the class train; ``train.txt`` is a list of images.
    """
    stems = {path.stem for path in main.glob("*.txt")}
    names = set()
    for stem in stems:
        name, _, of_list = stem.rpartition("_")
        if name and of_list in stems:
            first = (main / f"{stem}.txt").read_text(encoding="utf-8").partition("\n")[0]
            names |= {name} if len(first.split()) == 2 else set()
    return tuple(sorted(names))


def _voc_objects(path: Path) -> dict[str, int]:
    """Label of each class in an annotation: 1, or -1 if it is only there as ``difficult``."""
    try:
        tree = ElementTree.parse(path)  # noqa: S314 - expat bounds the expansion of entities
    except (OSError, ElementTree.ParseError) as error:
        raise DataError(f"{path} is no readable annotation: {error}.", "Restore it.") from error
    found: dict[str, int] = {}
    for thing in tree.iterfind("object"):
        name = (thing.findtext("name") or "").strip()
        difficult = (thing.findtext("difficult") or "0").strip() == "1"
        found[name] = max(found.get(name, -1), -1 if difficult else 1)
    return found


def _scenes(dataset: Any) -> Dataset:
    from precompute.scenes import SceneSet

    counts = {split: getattr(dataset.images, split) for split in ("fit", "tune", "holdout")}
    scenes = SceneSet(dataset.seed, counts, dataset.size, dataset.shortcuts)
    return Dataset(
        ids=tuple(scenes.image_ids),
        split=tuple(scenes.split),
        classes=tuple(scenes.classes),
        label=np.asarray(scenes.labels, dtype=np.int8),
        load=scenes.image,
        digest=lambda i: hashlib.sha256(scenes.image(i).tobytes()).hexdigest(),
    )


def _split_of(dataset: Any, known: Any) -> dict[str, str]:
    references = {split: getattr(dataset.splits, split) for split in ("fit", "tune", "holdout")}
    names = {getattr(reference, "from_", reference) for reference in references.values()} - {REST}
    lists = {name: read_list(dataset.list_file(name)) for name in names}
    return assign(references, lists, known)


def _photos(
    split_of: dict[str, str], classes: tuple[str, ...], label: np.ndarray, paths: list[Path]
) -> Dataset:
    def digest(i: int) -> str:
        try:
            with paths[i].open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError:
            return "unreadable"

    return Dataset(
        ids=tuple(split_of),
        split=tuple(split_of.values()),
        classes=classes,
        label=label,
        load=lambda i: decode(paths[i]),
        digest=digest,
    )
