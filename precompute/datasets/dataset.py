"""Data set of labelled images: listing of its images, splits, and foreground masks."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from PIL import Image

from inficond_panel.common.files import read_lines
from inficond_panel.common.names import by_key, equal_names, name_key, pair_text, positions
from inficond_panel.common.near_words import first_of
from inficond_panel.common.numbers import count
from inficond_panel.errors import DataError
from inficond_panel.spec.sections.splits import (
    ALL,
    REST,
    ColumnPart,
    Reference,
    Splits,
    is_share,
    list_name,
)
from inficond_panel.store.images import UnreadableImage, decode, photo_digest
from inficond_panel.vocabulary.tasks import TASKS
from precompute.datasets.photo_files import id_finder
from precompute.datasets.row_tables import Table

if TYPE_CHECKING:
    from inficond_panel.store import Store

P = TypeVar("P")
V = TypeVar("V")
#: Function from image ids to their positive labels ``(image, class)`` bool.
Positives = Callable[[Sequence[str]], np.ndarray]


def read_list(path: Path, known: Collection[str] = ()) -> list[str]:
    """Read a file of image ids, one per line; return the ids in order.

    A line that names no id in ``known`` is cut at its first blank: VOC's lists may have a second
    column. Raises ``DataError`` for a missing or empty list, and for an image listed twice.
    """
    lines = read_lines(path, "list", "Correct the list's name in the spec.")
    find = id_finder(known)
    ids = [
        find(line) if find(line) in known else find(line.split()[0])
        for line in map(str.strip, lines)
        if line
    ]
    if not ids:
        raise DataError(f"The list {path} is empty.", "Write an image_id on each line.")
    if twice := equal_names(ids):
        pairs = [pair_text(*pair) if pair[0] != pair[1] else pair[0] for pair in twice]
        raise DataError(
            f"The list {path} names {count(len(twice), 'image')} twice, {first_of(pairs)}.",
            "Keep one line per image.",
        )
    return ids


def assign(
    references: Mapping[str, Any],
    lists: Mapping[str, list[str]],
    known: Iterable[str],
    positives: Positives | None = None,
    group_of: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, str]:
    """Assign a split to each image: return the split by image id, without images in no split.

    ``references`` maps each split to its reference in the spec: a list's name, a share, or
    ``rest``. Shares of one list are disjoint parts of it; ``rest`` is the remainder. ``lists`` maps
    each list's name to its ids. ``positives`` returns, for ids, a mask ``(image, class)`` of the
    positive labels, for stratified shares; shares take images of equal ``group_of`` together.
    Raises ``DataError`` for an image in two splits or not among ``known``, and for an empty split.
    """
    members: dict[str, list[str]] = {}
    shared: dict[str, list[str]] = {}
    known = set(known)
    for split, reference in references.items():
        name = list_name(reference)
        if is_share(reference):
            shared.setdefault(str(name), []).append(split)
        else:
            members[split] = lists[name] if name else []
    left: list[str] = []
    for name, splits in shared.items():
        _check_labelled(lists[name], known, f"the list {name}")  # strata need the labels
        refs = [references[split] for split in splits]
        parts = _parts_of_groups(lists[name], refs, positives, group_of)
        members |= zip(splits, parts, strict=False)
        left += parts[-1]
    for split, reference in references.items():
        if reference == REST:
            members[split] = left
    return _checked({split: members[split] for split in references}, known)


def _parts_of_groups(
    ids: list[str], refs: list[Any], positives: Positives | None, group_of: Mapping[str, str]
) -> list[list[str]]:
    """Divide a list's ids like ``_parts``, groups (by ``group_of``) whole: the first image of each
    group stands for the group. An image without a group is by itself."""
    first: dict[tuple[str, str], str] = {}
    leader = {
        image: first.setdefault(
            ("group", group_of[image]) if image in group_of else ("image", image), image
        )
        for image in ids
    }
    parts = [set(part) for part in _parts(list(first.values()), refs, positives)]
    return [[image for image in ids if leader[image] in part] for part in parts]


def _parts(ids: list[str], refs: list[Any], positives: Positives | None) -> list[list[str]]:
    """Divide a list's ids: return the ids of each share in ``refs``, then the remaining ids. Each
    part is in the order of the list."""
    shares, rng = [ref.share for ref in refs], np.random.default_rng(refs[0].seed)
    order = rng.permutation(len(ids))
    if refs[0].stratify and positives is not None:
        left = 1 - sum(shares)
        every = [*shares, left] if left > 1e-9 else shares  # a share of 0 would still get images
        part_of = iterative_stratification(positives([ids[i] for i in order]), every, rng)
        parts = [order[part_of == part] for part in range(len(shares) + 1)]
    else:
        stops = np.round(np.cumsum(shares) * len(ids)).astype(int)
        parts = np.split(order, stops)
    return [[ids[i] for i in sorted(part)] for part in parts]


def _checked(members: dict[str, list[str]], known: set[str]) -> dict[str, str]:
    split_of: dict[str, str] = {}
    for split, ids in members.items():
        if not ids:
            raise DataError(
                f"The split {split} has no image.", "Set a list with images, or a larger share."
            )
        _check_labelled(ids, known, f"the split {split}")
        twice = [image for image in ids if image in split_of]
        if twice:
            raise DataError(
                f"{count(len(twice), 'image')} in the split {split_of[twice[0]]} and in {split}, "
                f"{first_of(twice)}.",
                "Keep each image in one split only.",
            )
        split_of.update(dict.fromkeys(ids, split))
    return split_of


def _check_labelled(ids: list[str], known: set[str], where: str) -> None:
    unknown = [image for image in ids if image not in known]
    if unknown:
        raise DataError(
            f"No labels of {count(len(unknown), 'image')} of {where}, {first_of(unknown)}.",
            "Add labels for these images, or remove the images from the list.",
        )


def iterative_stratification(
    positive: np.ndarray, shares: Sequence[float], rng: np.random.Generator
) -> np.ndarray:
    """Assign images to parts with ``shares`` of all images and of each class; ``(image,)`` int.

    The result is an index of ``shares``, which sum to 1, per image. ``positive`` is
    ``(image, class)`` bool; ``rng.integers(n)`` breaks ties. Images of the rarest class come first,
    each to the part that lacks most images of that class, then most images in all; images without
    a class come last. (Sechidis, Tsoumakas and Vlahavas, 2011, ECML PKDD, algorithm 1.)
    """
    part = np.full(len(positive), -1)
    lacking = np.asarray(shares) * len(positive)
    lacking_of = np.outer(shares, positive.sum(0))
    while (left := part < 0).any():
        counts = positive[left].sum(0)
        rows, wanted = np.flatnonzero(left), lacking
        if counts.any():
            rarest = _one(np.flatnonzero(counts == counts[counts > 0].min()), rng)
            rows, wanted = np.flatnonzero(positive[:, rarest] & left), lacking_of[:, rarest]
        for row in rows:
            most = np.flatnonzero(wanted == wanted.max())
            part[row] = chosen = _one(most[lacking[most] == lacking[most].max()], rng)
            lacking[chosen] -= 1  # also changes wanted, a view of this array or the next
            lacking_of[chosen, positive[row]] -= 1
    return part


def _one(candidates: np.ndarray, rng: np.random.Generator) -> int:
    return int(candidates[rng.integers(len(candidates)) if len(candidates) > 1 else 0])


#: The store's arrays that come from encoding.
ENCODED = (
    "segment_image", "segment_embedding", "segment_box", "mask", "thumbnail", "thumbnail_shape",
)  # fmt: skip


@dataclass(frozen=True)
class Encoded:
    """Images whose encoding a store holds; ``rows`` are their rows in ``store``, ascending."""

    store: Store
    rows: np.ndarray

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the store's encoded arrays and of the images' rows."""
        hashes = [self.store.attrs["variable_hashes"][name] for name in ENCODED]
        return hashlib.sha256(repr([hashes, self.rows.tolist()]).encode()).hexdigest()


@dataclass(frozen=True)
class Dataset:
    """Images of all splits, in a fixed order, with their labels.

    ``label`` is ``(image, class)`` int8: 1 present, 0 absent, -1 ignored. ``load(i)`` returns image
    i as RGB or raises ``UnreadableImage``; ``digest(i)`` identifies its content. ``metadata`` holds
    texts (image, column), ``metadata_columns`` the columns' names. ``notes`` are lines to print.
    With ``encoded`` there are no photos, and ``load`` raises ``DataError``. ``foreground(i)``
    returns the mask ``(height, width)`` of the classes' objects in image i; ``foreground`` is None
    if unknown. With ``task`` "single_label" an image has exactly one class, or its label is
    unknown. ``function``: name and file's hash of the Python function that supplied the images.
    ``group`` (image,) are the texts of the column ``dataset.near_duplicates``, None without;
    ``file(i)`` is the path of image i; ``file`` is None if images have no files.
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
    group: tuple[str, ...] | None = None
    file: Callable[[int], Path] | None = None


@dataclass
class Listing:
    """Images and labels of a data set as read from its files, before they are divided into splits.

    ``known`` are all images with labels, in order. Functions return, for ids: the images of a list
    (``list_of``), the classes, labels ``(image, class)``, files (``paths``), and the mask of an
    image's objects, if known (``foreground``). ``metadata`` is a table of texts; splits by column
    use the table ``columns``, or ``metadata`` if ``columns`` is None. ``near_duplicates`` is the
    column of ``metadata`` that names groups of images, which random shares take whole.
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
    near_duplicates: str | None = None

    def dataset(self, splits: Splits) -> Dataset:
        """Return the data set with the spec's splits; raise ``DataError`` if they are invalid."""
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
            file=lambda i: paths[i],
        )

    def divide(self, splits: Splits) -> dict[str, str]:
        """Return the split by image id; add a line to ``notes`` on images that are in no split."""
        references = splits.values()
        lists = {
            str(list_name(ref)): self._members(ref) for ref in references.values() if ref != REST
        }

        def positives(ids: Sequence[str]) -> np.ndarray:
            return self.labels(ids, self.classes(ids)) == 1

        split_of = assign(references, lists, self.known, positives, self._groups())
        left = [image for image in self.known if image not in split_of]
        if left:
            self.notes.append(
                f"{len(left)} of {len(self.known)} images are in no split and are left out, "
                f"{first_of(left)}."
            )
        return split_of

    def _groups(self) -> dict[str, str]:
        """Return the group of each image, by ``near_duplicates``; {} without the column."""
        if self.near_duplicates is None or self.metadata is None:
            return {}
        values = column_of(self.metadata.columns, self.metadata.values, self.near_duplicates)
        text_of = dict(zip(self.metadata.ids, values, strict=True))
        find = id_finder(text_of)
        return {image: text for image in self.known if (text := text_of.get(find(image), ""))}

    def _members(self, reference: Reference) -> list[str]:
        if not isinstance(reference, ColumnPart):
            name = str(list_name(reference))
            return list(self.known) if name == ALL else self.list_of(name)
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
                "Correct the value in dataset.splits.",
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


def choose_classes(chosen: Sequence[str], found: Iterable[str], where: str) -> tuple[str, ...]:
    """Return the classes ``chosen`` in the spec or, if none, all classes ``found`` in the data, as
    the data writes them.

    ``where`` names the data's file or folder, for messages. Raises ``DataError`` for a chosen class
    that was not found, for two classes with equal names, and if no class was found.
    """
    found = tuple(found)
    check_classes(found, where)
    check_classes(chosen, "dataset.classes")
    known = by_key(found)
    lost = [name for name in chosen if name_key(name) not in known]
    if lost or not found:
        fault = f"no class {lost[0]!r}; available: {', '.join(found)}" if found else "no class"
        raise DataError(f"{where} has {fault}.", "Correct dataset.classes in the spec.")
    return tuple(known[name_key(name)] for name in chosen) or found


def check_classes(names: Iterable[str], where: str) -> None:
    """Raise ``DataError`` if ``where``, a file, folder or key, has two classes with equal names."""
    if twice := equal_names(names):
        raise DataError(
            f"{where} has two classes with one name: {pair_text(*twice[0])}.",
            "If they are one class, write its name in one way; else rename one of them.",
        )


def label_matrix(
    ids: Sequence[str], classes: Sequence[str], of: Mapping[str, Mapping[str, int] | None]
) -> np.ndarray:
    """Return labels ``(image, class)`` int8 from ``of``, the labels by image and class, else 0; an
    image whose labels are None gets -1 (ignored) for all classes."""
    labels = np.full((len(ids), len(classes)), -1, dtype=np.int8)
    keys = list(map(name_key, classes))
    key_of: dict[str, str] = {}  # many images have one name
    for row, image in enumerate(ids):
        known = of[image]
        if known is not None:
            label: dict[str, int] = {}
            for name, value in known.items():
                key = key_of.get(name) or key_of.setdefault(name, name_key(name))
                label[key] = max(value, label.get(key, value))
            labels[row] = [label.get(key, 0) for key in keys]
    return labels


def _metadata(table: Table, ids: Sequence[str]) -> np.ndarray:
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


def readable(load: Callable[[P], V], photos: Iterable[P]) -> tuple[list[V], list[str]]:
    """Return the values of ``load`` for the readable photos, and per photo the reason why it cannot
    be read, "" if it can."""
    values, faults = [], []
    for photo in photos:
        try:
            values.append(load(photo))
            faults.append("")
        except UnreadableImage as fault:
            faults.append(str(fault) or "unreadable")
    return values, faults


Mask = Callable[[int], np.ndarray]


def masks_of(dataset: Dataset, folder: Path | None = None) -> Mask | None:
    """Return a function from an image's position to its foreground ``(height, width)``, or None.

    ``folder`` holds a mask ``<image id>.png`` of the image's size for each image; every pixel that
    is not black is foreground. Without ``folder`` the data set's regions or boxes are used.
    """
    if folder is None:
        return dataset.foreground
    if not folder.is_dir():
        raise DataError(f"There is no folder {folder}.", "Correct the path of the masks.")
    return lambda i: _read_mask(folder / f"{dataset.ids[i]}.png", dataset.load(i).size)


def small_photo(dataset: Dataset, i: int, size: tuple[int, int]) -> np.ndarray:
    """Return image i resized to ``size`` (width, height), as ``(height, width, 3)`` uint8."""
    image = dataset.load(i)
    return np.asarray(image.resize(size, Image.Resampling.BILINEAR))


def small_mask(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize a mask to ``size``; a pixel is foreground if at least half of its area is."""
    share = Image.fromarray(np.asarray(mask, dtype=np.float32)).resize(size, Image.Resampling.BOX)
    return np.asarray(share) >= 0.5


def _read_mask(path: Path, size: tuple[int, int]) -> np.ndarray:
    try:
        mask = decode(path)
    except UnreadableImage as error:
        raise DataError(
            f"The mask {path} cannot be read: {error}.", "Save a mask per image, as PNG."
        ) from error
    if mask.size != size:
        raise DataError(
            f"The mask {path} is {mask.width} × {mask.height} pixels, its image {size[0]} × "
            f"{size[1]}.",
            "Save the mask at the image's size.",
        )
    return np.asarray(mask).max(-1) > 0
