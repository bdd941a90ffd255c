"""Images and labels of a data set as its files list them, before the division into splits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from PIL import Image

from inficond_panel.common.names import name_key, positions
from inficond_panel.common.near_words import first_of
from inficond_panel.common.numbers import count
from inficond_panel.errors import DataError
from inficond_panel.spec import ALL_IMAGES, REST, ColumnPart
from inficond_panel.spec.faults import Faults
from inficond_panel.spec.sections.dataset import Dataset as Section
from inficond_panel.spec.sections.splits import Reference, Splits, is_share, list_name
from inficond_panel.store.images import decode, photo_digest
from inficond_panel.store.near_images import joined
from inficond_panel.vocabulary.splits import ALLOW
from precompute.datasets.captions import captions_of, without_photos
from precompute.datasets.dataset import Dataset
from precompute.datasets.equal_files import equal_files
from precompute.datasets.photo_files import id_finder
from precompute.datasets.splits import assign
from precompute.datasets.table_files import Table


@dataclass
class Listing:
    """Images and labels of a data set as read from its files, before they are divided into splits.

    ``known`` are all images with labels, in order. Functions return, for ids: the images of a list
    (``list_of``), the classes, labels ``(image, class)``, files (``paths``), and the mask of an
    image's objects, if known (``foreground``). ``metadata`` is a table of texts; splits by column
    use the table ``columns``, or ``metadata`` if ``columns`` is None. ``near_duplicates`` is the
    column of ``metadata`` that names groups of images, which random shares take whole; they take
    images with equal files together, unless ``copies_apart``.
    ``captions`` are the texts of ``caption_column`` by image, None without; ``paths`` is None for
    captions without photos.
    """

    known: Sequence[str]
    list_of: Callable[[str], list[str]]
    classes: Callable[[Sequence[str]], tuple[str, ...]]
    labels: Callable[[Sequence[str], Sequence[str]], np.ndarray]
    paths: Callable[[Sequence[str]], Sequence[Path]] | None
    metadata: Table | None = None
    columns: Table | None = None
    notes: list[str] = field(default_factory=list)
    foreground: Callable[[str, Sequence[str]], np.ndarray] | None = None
    near_duplicates: str | None = None
    copies_apart: bool = False
    captions: Mapping[str, str] | None = None
    caption_column: str = ""

    def grouped_by(self, section: Section) -> Listing:
        """Return the listing with the groups of the spec's section ``dataset``."""
        apart = section.across_splits == ALLOW
        return replace(self, near_duplicates=section.near_duplicates, copies_apart=apart)

    def dataset(self, splits: Splits) -> Dataset:
        """Return the data set with the spec's splits; raise ``DataError`` if they are invalid."""
        split_of = self.divide(splits)
        ids = tuple(split_of)
        paths = self.paths(ids) if self.paths else None
        captions = None
        if self.captions is not None:
            captions = captions_of(self.captions, ids, self.caption_column)
        load, digest = without_photos(captions or ()) if paths is None else _photos_at(paths)
        classes, foreground = self.classes(ids), self.foreground
        return Dataset(
            ids=ids,
            split=tuple(split_of.values()),
            classes=classes,
            label=self.labels(ids, classes).astype(np.int8),
            load=load,
            digest=digest,
            metadata_columns=self.metadata.columns if self.metadata else (),
            metadata=cells_of(self.metadata, ids) if self.metadata else None,
            notes=tuple(self.notes),
            foreground=(lambda i: foreground(ids[i], classes)) if foreground else None,
            file=None if paths is None else paths.__getitem__,
            captions=captions,
        )

    def divide(self, splits: Splits) -> dict[str, str]:
        """Return the split by image id; add a line to ``notes`` on images that are in no split.

        Raises ``DataError`` with the faults of all splits."""
        references, faults = splits.values(), Faults()
        lists: dict[str, list[str]] = {}
        for split, ref in references.items():
            with faults.gather(f"dataset.splits.{split}"):
                if ref != REST:
                    lists[str(list_name(ref))] = self._members(ref)
        faults.check()

        def positives(ids: Sequence[str]) -> np.ndarray:
            return self.labels(ids, self.classes(ids)) == 1

        shared = {str(list_name(ref)): None for ref in references.values() if is_share(ref)}
        images = list(dict.fromkeys(image for name in shared for image in lists[name]))
        split_of = assign(references, lists, self.known, positives, self._groups(images))
        left = [image for image in self.known if image not in split_of]
        if left:
            self.notes.append(
                f"{len(left)} of {len(self.known)} images are in no split and are left out, "
                f"{first_of(left)}."
            )
        return split_of

    def _groups(self, images: Sequence[str]) -> dict[str, int]:
        """Return the group of each of the ``images``, which shares take whole: those of one text in
        the column ``near_duplicates``, and of equal files."""
        file = None
        if self.paths and images and not self.copies_apart and not set(images) - set(self.known):
            file = self.paths(images).__getitem__
        text_of = self._text_of()
        texts = [text_of.get(image, "") for image in images]
        group = joined([equal_files(len(images), file)], texts, len(images))
        return dict(zip(images, map(int, group), strict=True))

    def _text_of(self) -> dict[str, str]:
        """Return the text of each image in the column ``near_duplicates``; {} without it."""
        if self.near_duplicates is None or self.metadata is None:
            return {}
        values = column_of(self.metadata.columns, self.metadata.values, self.near_duplicates)
        text_of = dict(zip(self.metadata.ids, values, strict=True))
        find = id_finder(text_of)
        return {image: text for image in self.known if (text := text_of.get(find(image), ""))}

    def _members(self, reference: Reference) -> list[str]:
        if not isinstance(reference, ColumnPart):
            name = str(list_name(reference))
            return list(self.known) if name == ALL_IMAGES else self.list_of(name)
        table, column = self.columns or self.metadata, reference.column
        at = positions(table.columns).get(name_key(column)) if table else None
        if table is None or at is None:
            available = ", ".join(table.columns if table else ()) or "none"
            raise DataError(
                f"There is no column {column!r} to take a split from; available: {available}.",
                "Correct the column's name in dataset.splits.",
            )
        value_of = dict(zip(table.ids, map(str, table.values[:, at]), strict=True))
        find, there = id_finder(value_of), set(map(name_key, value_of.values()))
        lost = [value for value in reference.value if name_key(value) not in there]
        if lost:
            available = ", ".join(repr(value) for value in sorted(set(value_of.values()))[:10])
            raise DataError(
                f"No image has {lost[0]!r} in the column {column!r}; available: {available}.",
                "Correct the value in dataset.splits, or divide the images of a value: "
                f"{{column: {column}, value: VALUE, share: 0.5}}.",
            )
        wanted = set(map(name_key, reference.value))
        members = {image for image, value in value_of.items() if name_key(value) in wanted}
        return [image for image in self.known if find(image) in members]


def column_of(columns: Sequence[str], values: np.ndarray, name: str) -> list[str]:
    """Return the texts (n,) of the column ``name``, from texts (n, columns); raise ``DataError`` if
    there is no such column."""
    at = positions(columns).get(name_key(name))
    if at is None:
        available = ", ".join(columns) or "none"
        raise DataError(
            f"dataset.near_duplicates names the column {name!r}; columns of metadata: {available}.",
            "Correct dataset.near_duplicates, or name the table in dataset.metadata.",
        )
    return [str(text) for text in values[:, at]]


def cells_of(table: Table, ids: Sequence[str]) -> np.ndarray:
    """Return the cells of a table by image; raise ``DataError`` for images without a row."""
    row = {image: position for position, image in enumerate(table.ids)}
    find = id_finder(row)
    lost = [image for image in ids if find(image) not in row]
    if lost:
        raise DataError(
            f"{table.path} has no row for {count(len(lost), 'image')} of the data set, "
            f"{first_of(lost)}.",
            "Add a row for each image; leave cells of unknown values empty.",
        )
    return table.values[[row[find(image)] for image in ids]]


def _photos_at(paths: Sequence[Path]) -> tuple[Callable[[int], Image.Image], Callable[[int], str]]:
    """Return the functions ``load`` and ``digest`` of a data set whose photos are these files."""
    return (lambda i: decode(paths[i])), (lambda i: photo_digest(paths[i]))
