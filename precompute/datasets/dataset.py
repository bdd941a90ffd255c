"""Data set, and how it comes from what a kind of data set lists."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from PIL import Image

from inficond_panel.common.near_words import first_of
from inficond_panel.errors import DataError
from inficond_panel.spec.sections.splits import ALL, REST, ColumnPart, Reference, Splits, list_name
from inficond_panel.store import Store
from inficond_panel.store.images import decode
from inficond_panel.vocabulary.splits import SPLITS
from inficond_panel.vocabulary.tasks import TASKS
from precompute.datasets.row_tables import Table
from precompute.datasets.splitting import assign

#: Of the store's arrays those that encoding gave.
ENCODED = (
    "segment_image", "segment_embedding", "segment_box", "mask", "thumbnail", "thumbnail_shape",
)  # fmt: skip


@dataclass(frozen=True)
class Encoded:
    """Images that are encoded already: ``rows`` of ``store``, ascending."""

    store: Store
    rows: np.ndarray

    @cached_property
    def digest(self) -> str:
        """Hash of what encoding these images gave."""
        hashes = [self.store.attrs["variable_hashes"][name] for name in ENCODED]
        return hashlib.sha256(repr([hashes, self.rows.tolist()]).encode()).hexdigest()


@dataclass(frozen=True)
class Dataset:
    """Images of all splits, in a fixed order.

    ``label`` is ``(image, class)`` int8: 1 present, 0 absent, -1 ignored. ``load(i)`` returns image
    i as RGB or raises ``UnreadableImage``; ``digest(i)`` identifies its content. ``metadata`` holds
    texts (image, column) under the names ``metadata_columns``. ``notes`` are for people. With
    ``encoded`` there are no photos, and ``load`` raises ``DataError``. ``foreground(i)`` is the
    mask ``(height, width)`` of the objects of the classes in image i, None where none are known.
    With the ``task`` "single_label" an image has exactly one class, or its label is not known.
    ``function`` is the name of the Python function that gave them, and the hash of its file.
    """

    ids: tuple[str, ...]
    split: tuple[str, ...]
    classes: tuple[str, ...]
    label: np.ndarray
    load: Callable[[int], Image.Image]
    digest: Callable[[int], str]
    metadata_columns: tuple[str, ...] = ()
    metadata: np.ndarray | None = None
    notes: tuple[str, ...] = ()
    encoded: Encoded | None = None
    foreground: Callable[[int], np.ndarray] | None = None
    task: str = TASKS[0]
    function: tuple[str, ...] = ()


@dataclass
class Listing:
    """Listing that a kind of data set finds. Images are named by id.

    ``known`` are all images that have labels, in order; ``list_of(name)`` the images of a list;
    ``labels(ids)`` the labels of some, ``(image, class)``; ``paths(ids)`` their files;
    ``metadata`` is a table of texts, and ``columns`` what splits are taken from (the same if None).
    ``foreground(id, classes)`` is the mask of an image's objects, where their places are known.
    """

    known: Sequence[str]
    list_of: Callable[[str], list[str]]
    classes: Callable[[Sequence[str]], tuple[str, ...]]
    labels: Callable[[Sequence[str], Sequence[str]], np.ndarray]
    paths: Callable[[Sequence[str]], Sequence[Path]]
    metadata: Table | None = None
    columns: Table | None = None
    notes: list[str] = field(default_factory=list)
    foreground: Callable[[str, Sequence[str]], np.ndarray] | None = None

    def dataset(self, splits: Splits) -> Dataset:
        """The data set with the splits that the spec asks for; raises ``DataError``."""
        split_of = self.divide(splits)
        ids = tuple(split_of)
        paths = self.paths(ids)
        classes, foreground = self.classes(ids), self.foreground
        return Dataset(
            ids=ids,
            split=tuple(split_of.values()),
            classes=classes,
            label=self.labels(ids, classes).astype(np.int8),
            load=lambda i: decode(paths[i]),
            digest=lambda i: photo_digest(paths[i]),
            metadata_columns=self.metadata.columns if self.metadata else (),
            metadata=_metadata(self.metadata, ids) if self.metadata else None,
            notes=tuple(self.notes),
            foreground=(lambda i: foreground(ids[i], classes)) if foreground else None,
        )

    def divide(self, splits: Splits) -> dict[str, str]:
        """Split of each image; images in none are noted."""
        references = {split: getattr(splits, split) for split in SPLITS}
        lists = {
            str(list_name(ref)): self._members(ref) for ref in references.values() if ref != REST
        }

        def positives(ids: Sequence[str]) -> np.ndarray:
            return self.labels(ids, self.classes(ids)) == 1

        split_of = assign(references, lists, self.known, positives)
        left = [image for image in self.known if image not in split_of]
        if left:
            self.notes.append(
                f"{len(left)} of {len(self.known)} images are in no split and left out, "
                f"{first_of(left)}."
            )
        return split_of

    def _members(self, reference: Reference) -> list[str]:
        if isinstance(reference, ColumnPart):
            return self._with_value(reference.column, reference.value)
        name = str(list_name(reference))
        return list(self.known) if name == ALL else self.list_of(name)

    def _with_value(self, column: str, values: Sequence[str]) -> list[str]:
        table = self.columns or self.metadata
        if table is None or column not in table.columns:
            there = ", ".join(table.columns if table else ()) or "none"
            raise DataError(
                f"There is no column {column!r} to take a split from; there are: {there}.",
                "Correct the column's name in the spec.",
            )
        cells = table.values[:, table.columns.index(column)]
        value_of = dict(zip(table.ids, map(str, cells), strict=True))
        lost = [value for value in values if value not in set(value_of.values())]
        if lost:
            there = ", ".join(repr(value) for value in sorted(set(value_of.values()))[:10])
            raise DataError(
                f"No image has {lost[0]!r} in the column {column!r}; there are: {there}.",
                "Correct the value in the spec.",
            )
        return [image for image in self.known if value_of.get(image) in values]


def choose_classes(chosen: Sequence[str], found: Iterable[str], where: str) -> tuple[str, ...]:
    """Classes to take: those chosen, else all that were found, in order.

    Raises ``DataError`` for one that was not found, and where there is none.
    """
    found = tuple(found)
    lost = [name for name in chosen if name not in found]
    if lost or not found:
        there = f"no class {lost[0]!r}; there are: {', '.join(found)}" if found else "no class"
        raise DataError(f"{where} has {there}.", "Correct dataset.classes in the spec.")
    return tuple(chosen) or found


def label_matrix(
    ids: Sequence[str], classes: Sequence[str], of: Mapping[str, Mapping[str, int]]
) -> np.ndarray:
    """Labels ``(image, class)`` from the classes of each image; those it does not name are 0."""
    rows = [[of[image].get(name, 0) for name in classes] for image in ids]
    return np.array(rows, dtype=np.int8).reshape(len(ids), len(classes))


def _metadata(table: Table, ids: Sequence[str]) -> np.ndarray:
    row = {image: position for position, image in enumerate(table.ids)}
    lost = [image for image in ids if image not in row]
    if lost:
        raise DataError(
            f"{table.path} lacks {len(lost)} images of the data set, {first_of(lost)}.",
            "Give each image a row; leave cells empty where nothing is known.",
        )
    return table.values[[row[image] for image in ids]]


def photo_digest(path: Path) -> str:
    """SHA-256 of a photo's file; ``unreadable`` where it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return "unreadable"
