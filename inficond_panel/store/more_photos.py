"""Photos added after a store was written, in parts: each part is a separate store next to it.

The store ``NAME.zarr`` is written once, and its content hash stays. Photos added later are encoded,
scored and given teacher logits as in the store. Each addition writes one part, which never changes:
``NAME.more/0001.zarr``, ``NAME.more/0002.zarr``, ... All images of a part are training images
without labels. A history node that was trained on added photos, or on a person's answers about
them, lists the content hashes of their parts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from inficond_panel.common import clock
from inficond_panel.common.cache import once
from inficond_panel.common.near_words import listed
from inficond_panel.common.numbers import count
from inficond_panel.common.places import for_zarr, is_remote, stores_in, tried, unreachable
from inficond_panel.errors import Remedy, StoreError, StoreFormatError, StoreMissingError
from inficond_panel.store.opening import open_store
from inficond_panel.store.store import Store
from inficond_panel.store.write import write_store
from inficond_panel.version import __version__
from inficond_panel.vocabulary.splits import FIT

#: Attributes of a part: content hash of the store it belongs to, and paths of its photos.
MORE_OF, PATHS = "more_of", "paths"
#: Arrays of a store that each part copies, and attributes that no part copies.
_SHARED = ("concept", "class_name", "other_class", "concept_text_embedding", "score_centre")
_OF_THE_STORE = {"attributes_hash", "knowledge", "near_across", "oracle", "skipped", "stages"}
_OF_THE_STORE |= {"warnings"}
_ADD_AGAIN = "add its photos again: " + Remedy(
    "inficond extend SPEC FOLDER", "students.extend(FOLDER)"
)


@dataclass(frozen=True)
class AddedPart:
    """Photos that were added to a store at one time: path and content hash of the store that holds
    them, number of images, and the time when they were written."""

    path: Path
    content_hash: str
    images: int
    made: str


@dataclass(frozen=True)
class Extended:
    """Result of adding photos to a store.

    ``added`` lists image ids, ``already_there`` the files that are training images of the store or
    were added before. ``refused`` has rows (file, equal image of ``tune`` or ``holdout``, split of
    that image), ``unreadable`` rows (file, reason), and ``near_duplicates`` rows (added image,
    nearly equal image of ``tune`` or ``holdout``, split of that image). ``part`` is the new part,
    None if no photo was added; ``total`` is the number of images of all parts.
    """

    store: Path
    part: AddedPart | None
    total: int
    added: tuple[str, ...] = ()
    already_there: tuple[str, ...] = ()
    refused: tuple[tuple[str, str, str], ...] = ()
    unreadable: tuple[tuple[str, str], ...] = ()
    near_duplicates: tuple[tuple[str, str, str], ...] = ()
    images_per_second: float | None = None
    seconds: float = 0.0

    def lines(self) -> Iterator[str]:
        """Yield the lines that ``inficond extend`` prints."""
        yield f"{count(len(self.added), 'photo')} added to {self.store}; {self.total:,} so far"
        refused = [f"{file} = {image} ({split})" for file, image, split in self.refused]
        unreadable = [f"{file}: {reason}" for file, reason in self.unreadable]
        for verb, names, why, between in (
            ("skipped", self.already_there, "already in the store", ", "),
            ("refused", refused, "equal to tune or holdout images", ", "),
            ("skipped", unreadable, "that cannot be read", "; "),
        ):
            if names:
                yield f"{verb} {count(len(names), 'photo')} {why}: {listed(names, 5, between)}"
        if self.near_duplicates:
            photos = [f"{name} = {image} ({split})" for name, image, split in self.near_duplicates]
            which = "nearly equal to tune or holdout images"
            yield f"Warning: {len(photos)} {which}: {listed(photos, 5)}"

    def __str__(self) -> str:
        return "\n".join(self.lines())


@dataclass(frozen=True, eq=False)
class MorePhotos:
    """Photos added to a store in some parts, as arrays in the order of their addition.

    ``score`` ``(n, C)`` has a column per concept of the store, including typed concepts.
    ``teacher_logit`` ``(n, K)`` and ``other_logit`` ``(n, M)``, of classes that the data set lacks
    (M is 0 if none), are as in the store. All arrays are float32 and read-only, and row i belongs
    to ``images[i]``. ``parts`` are content hashes; ``stores`` are the opened parts, with
    thumbnails, masks and segments.
    """

    parts: tuple[str, ...]
    images: tuple[str, ...]
    paths: tuple[str, ...]
    digests: tuple[str, ...]
    score: np.ndarray = field(repr=False)
    teacher_logit: np.ndarray = field(repr=False)
    other_logit: np.ndarray = field(repr=False)
    stores: tuple[Store, ...] = field(default=(), repr=False)

    def __len__(self) -> int:
        return len(self.images)

    @cached_property
    def teacher_log_odds(self) -> np.ndarray:
        """Log-odds ``(n, K)`` of the teacher's probabilities, as in ``Store.teacher_log_odds``."""
        return _joined([one.teacher_log_odds for one in self.stores], self.teacher_logit)

    def place(self, image: int) -> tuple[Store, int]:
        """Return the part, a store, of the added photo ``images[image]``, and its row there."""
        edges = np.cumsum([len(one.images) for one in self.stores])
        part = int(np.searchsorted(edges, image, "right"))
        before = int(edges[part - 1]) if part else 0
        return self.stores[part], image - before

    def inside(self, parts: Sequence[str]) -> np.ndarray:
        """Return a mask ``(n,)`` of the images in the parts with these content hashes."""
        sizes = [len(one.images) for one in self.stores]
        return np.repeat([part in parts for part in self.parts], sizes)


class AllImages:
    """Arrays of a store's images followed by photos added to the store: all added photos, or only
    photos of the parts with the content hashes ``parts``.

    Rows below ``len(store.images)`` are images of the store; later rows are added photos, ``more``.
    """

    def __init__(self, store: Store, parts: Sequence[str] | None = None) -> None:
        self._store, self.more = store, more_photos(store, parts)

    @cached_property
    def names(self) -> list[str]:
        """Names of all images, by row."""
        return [*self._store.images, *self.more.images]

    @property
    def added(self) -> np.ndarray:
        """Rows of the added images."""
        first = len(self._store.images)
        return np.arange(first, first + len(self.more))

    @cached_property
    def near_group(self) -> np.ndarray:
        """Group of near-equal images by row, as ``Store.near_group``; an added photo is by
        itself."""
        return np.concatenate([self._store.near_group, self.added])

    def rows(self, images: Sequence[str]) -> np.ndarray:
        """Return the rows ``(n,)`` of images by name. Raises ``StoreError`` for an unknown name."""
        row_of = {image: row for row, image in enumerate(self.names)}
        if missing := [image for image in images if image not in row_of]:
            raise StoreError(
                f"Neither {self._store.path} nor its added photos have an image {missing[0]!r}.",
                f"If added photos were deleted, restore {more_folder(self._store)} from a copy.",
            )
        return np.array([row_of[image] for image in images], dtype=np.intp)

    def scores(self, rows: np.ndarray) -> np.ndarray:
        """Return the concept scores ``(n, C)`` of the images at ``rows``."""
        return self._joined(rows, self._store.concept_score, self.more.score)

    def teacher_log_odds(self, rows: np.ndarray) -> np.ndarray:
        """Return the log-odds ``(n, K)`` of the teacher's probabilities at the image ``rows``."""
        return self._joined(rows, self._store.teacher_log_odds, self.more.teacher_log_odds)

    def teacher_logits(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the teacher's logits ``(n, K)`` at the image ``rows``, and those of classes that
        the data set lacks, ``(n, M)``."""
        others = self._joined(rows, self._store.other_logit, self.more.other_logit)
        return self._joined(rows, self._store.teacher_logit, self.more.teacher_logit), others

    def label(self, rows: np.ndarray, k: int) -> np.ndarray:
        """Return the labels ``(n,)`` of the class with index ``k`` at the image ``rows``; -1 if
        unknown, as for all added images."""
        none = np.full(len(self.more), -1, np.int8)
        return self._joined(rows, self._store.label[:, k], none)

    def place(self, row: int) -> tuple[Store, int]:
        """Return the store, or the added part, that has the image at ``row``, and its row there."""
        size = len(self._store.images)
        return (self._store, row) if row < size else self.more.place(row - size)

    def _joined(self, rows: np.ndarray, own: np.ndarray, more: np.ndarray) -> np.ndarray:
        inside = rows < len(own)
        if inside.all():
            return np.asarray(own[rows])
        values = np.empty((len(rows), *own.shape[1:]), dtype=own.dtype)
        values[inside], values[~inside] = own[rows[inside]], more[rows[~inside] - len(own)]
        return values


def more_folder(store: Store) -> Path:
    """Return the folder of the photos added to a store: ``NAME.more`` for ``NAME.zarr``."""
    return store.path.with_name(f"{store.path.stem}.more")


def parts_of(store: Store, *, other: bool = False) -> list[AddedPart]:
    """Return the parts of a store, its photos added later, in the order of their addition.

    No array is read. Parts that were written for another content of the store, such as other
    concepts, do not fit the store as it is now: they are left out, and with ``other`` only they are
    returned. Raises ``StoreFormatError`` for a part that cannot be read.
    """
    found = map(_part, _folders(store))
    return [part for of, part in found if (of != store.written_hash) == other]


def part_hashes(store: Store) -> tuple[str, ...]:
    """Return the content hashes of the parts of a store, in the order of ``parts_of``."""
    return tuple(part.content_hash for part in parts_of(store))


def more_photos(store: Store, parts: Sequence[str] | None = None) -> MorePhotos:
    """Read the photos added to a store: all parts, or those with the content hashes ``parts``.

    Scores have a column per concept of ``store``, including typed concepts. Raises ``StoreError``
    for a missing part, ``StoreFormatError`` for a changed part.
    """
    return _gathered(store, tuple(parts_of(store) if parts is None else _named(store, parts)))


def write_part(store: Store, arrays: Mapping[str, Any], paths: Sequence[Path | str]) -> AddedPart:
    """Write images as a new part of a store, completely or not at all.

    ``arrays`` are as in ``write_store``, for the original concepts and classes of the store: names,
    digests, scores and logits of the images, and segments and thumbnails if the store has them.
    ``paths`` are the photos' files. Raises ``StoreFormatError`` for arrays that do not fit the
    store. The caller must hold the store's lock (``store.write.only_run``).
    """
    images, folder = len(arrays["image"]), more_folder(store)
    shared = [name for name in _SHARED if store.has(name)]
    alike = {
        **{name: store.read(name) for name in shared},
        "label": np.full((images, len(store.classes)), -1),
        "split": np.full(images, FIT),
    }
    attrs = {name: value for name, value in store.attrs.items() if name not in _OF_THE_STORE}
    attrs |= {
        "history": f"{clock.stamp()} inficond extend, version {__version__}",
        "inputs_hash": store.written_hash,
        MORE_OF: store.written_hash,
        PATHS: [str(path) for path in paths],
    }
    last = max((int(path.stem) for path in _folders(store)), default=0)
    path = folder / f"{last + 1:04d}.zarr"
    write_store(path, {**alike, **arrays}, attrs)
    return _part(path)[1]


def _named(store: Store, wanted: Sequence[str]) -> Iterator[AddedPart]:
    """Yield the parts with the content hashes ``wanted``; other parts may be damaged."""
    readable, broken = {}, []
    for folder in _folders(store):
        try:
            of, part = _part(folder)
        except StoreFormatError as error:
            broken.append(error.message)
            continue
        if of == store.written_hash:
            readable[part.content_hash] = part
    for name in wanted:
        if name not in readable:
            more = "".join(f" {message}" for message in broken)
            raise StoreError(
                f"Added photos that students were trained on are missing: {more_folder(store)} "
                f"has no part {name[:12]}.{more}",
                "Restore this folder from a copy, or " + _ADD_AGAIN,
            )
        yield readable[name]


def _folders(store: Store) -> list[Path]:
    folders = stores_in(more_folder(store))
    return [path for path in folders if path.stem.isascii() and path.stem.isdigit()]


def _part(path: Path) -> tuple[str, AddedPart]:
    """Return the content hash of the store that a part belongs to, and the part."""
    try:
        return tried(path, lambda: _read(path))
    except Exception as error:  # zarr raises many kinds for a damaged group
        raise unreachable(path, error) or _changed(path, f"cannot be read: {error}") from error


def _read(path: Path) -> tuple[str, AddedPart]:
    combined = None if is_remote(path) else False  # as ``open_store`` reads it
    group = zarr.open_group(for_zarr(path), mode="r", zarr_format=3, use_consolidated=combined)
    attrs, images = dict(group.attrs), group["image"]
    made = str(attrs.get("history", "")).split(" ")[0]
    part = AddedPart(path, str(attrs["content_hash"]), int(images.shape[0]), made)  # type: ignore[union-attr]
    return str(attrs[MORE_OF]), part


@once(4)
def _gathered(store: Store, parts: tuple[AddedPart, ...]) -> MorePhotos:
    """Return the arrays of the parts, read and checked; all callers share the result."""
    stores = tuple(map(_opened, parts))
    try:
        score = [store.scores_in(one) for one in stores]
        logit = [one.teacher_logit for one in stores]
        other = [one.other_logit for one in stores]
        digests = tuple(str(text) for one in stores for text in one.image_digest)
    except StoreFormatError as error:
        raise StoreFormatError(error.message, _remedy(more_folder(store))) from error
    images = tuple(name for one in stores for name in one.images)
    if len({*store.images, *images}) < len(store.images) + len(images):
        raise _changed(more_folder(store), "two images have the same name")
    return MorePhotos(
        parts=tuple(part.content_hash for part in parts),
        images=images,
        paths=tuple(str(path) for one in stores for path in one.attrs[PATHS]),
        digests=digests,
        score=_joined(score, np.empty((0, len(store.concepts)), np.float32)),
        teacher_logit=_joined(logit, store.teacher_logit[:0]),
        other_logit=_joined(other, store.other_logit[:0]),
        stores=stores,
    )


def _opened(part: AddedPart) -> Store:
    try:
        opened = open_store(part.path)
    except (StoreFormatError, StoreMissingError) as error:
        raise _changed(part.path, error.message) from error
    if opened.content_hash != part.content_hash:
        raise _changed(part.path, "its content hash has changed")
    paths = opened.attrs.get(PATHS)
    if not isinstance(paths, list) or [type(path) for path in paths] != [str] * part.images:
        raise _changed(part.path, "it does not name a file for each photo")
    return opened


def _changed(path: Path, why: str) -> StoreFormatError:
    return StoreFormatError(f"The added photos in {path} are damaged: {why}", _remedy(path))


def _remedy(path: Path) -> Remedy:
    return f"Restore {path} from a copy, or remove it and " + _ADD_AGAIN


def _joined(parts: Sequence[np.ndarray], empty: np.ndarray) -> np.ndarray:
    """Return the rows of all parts as one read-only array; a single part is not copied."""
    joined = np.asarray(parts[0] if len(parts) == 1 else np.concatenate(parts) if parts else empty)
    joined.setflags(write=False)
    return joined
