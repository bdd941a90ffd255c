"""Read a store's arrays, thumbnails and segment masks."""

from __future__ import annotations

import io
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from PIL import Image

from inficond_panel.common import arrays
from inficond_panel.common.names import name_key, positions
from inficond_panel.common.teacher_outputs import log_odds
from inficond_panel.distill.metrics.groups import Groups, of_rows
from inficond_panel.errors import DataError, Remedy, StoreFormatError
from inficond_panel.store.checks import value_fault
from inficond_panel.store.near_images import (
    NearImages,
    are_named,
    contradiction_text,
    contradictions,
    near_images,
)
from inficond_panel.store.near_scores import groups_of, near_equal
from inficond_panel.store.schema import (
    ARRAYS,
    COORDINATES,
    FIXED,
    GIVEN,
    LACKS,
    LACKS_OF_TABLES,
    LACKS_OF_WORDS,
    PARTS,
    PIECEWISE,
    VARIABLES,
    WORDS,
    array_hash,
)
from inficond_panel.store.stored import ByRows, StoredArrays, damaged
from inficond_panel.vocabulary.splits import SPLITS
from inficond_panel.vocabulary.tasks import ACTIVATIONS, TASKS
from inficond_panel.vocabulary.things import ROWS

_OF_PARTS = {name for names in PARTS.values() for name in names}


class Store:
    """Store of a data set: read-only arrays, loaded at first use, shared by all sessions.

    Every variable of the schema is an attribute: ``store.concept_score`` is ``(image, concept)``
    float32, and so on. A damaged array raises ``StoreFormatError``; an array that another store at
    the path has replaced since raises ``StoreReplacedError``. ``written`` is ``places.written_at``
    of the path before ``dataset`` was opened.
    """

    def __init__(self, path: Path, dataset: xr.Dataset, written: tuple[int, ...] = ()) -> None:
        self.path = path
        self.dataset = dataset
        self.stored = StoredArrays(path, dataset, written)
        self.attrs: dict[str, Any] = dict(dataset.attrs)
        self._arrays: dict[str, np.ndarray] = {}
        self._rows_of: dict[str, np.ndarray] = {}
        self._scores_of: dict[str, np.ndarray] = {}
        self._groups_on: dict[str, Groups] = {}

    def __getattr__(self, name: str) -> np.ndarray:
        if name not in VARIABLES or name in PIECEWISE:
            raise AttributeError(name)
        return self.read(name)

    def read(self, name: str) -> np.ndarray:
        """Return the array or coordinate ``name``, read-only; it is loaded at first use.

        Returns an empty array if the store lacks the optional part that the array belongs to.
        """
        if name not in self._arrays:
            absent = name in _OF_PARTS and not self.has(name)
            self._arrays[name] = self._nothing(name) if absent else self._read(name)
        return self._arrays[name]

    @property
    def given(self) -> bool:
        """True if the user passed the concept scores: any finite numbers, also below 0."""
        return bool(self.attrs.get("scores", {}).get("method") == GIVEN)

    @property
    def of_words(self) -> bool:
        """True if the concept scores are words of the images' captions."""
        return self.attrs.get("scores", {}).get("method") == WORDS and self.has("caption")

    def caption(self, row: int) -> str:
        """Return the caption of the image at ``row``; "" if the store has no captions."""
        return str(self.read("caption")[row]) if self.has("caption") else ""

    @property
    def task(self) -> str:
        """``single_label`` if each image has exactly one class, else ``multi_label``."""
        return str(self.attrs.get("task", TASKS[0]))

    @property
    def activation(self) -> str:
        """Function from the teacher's logits to probabilities: ``sigmoid`` or ``softmax``."""
        return str(self.attrs.get("teacher_activation", ACTIVATIONS[0]))

    @cached_property
    def teacher_log_odds(self) -> np.ndarray:
        """Log-odds log(p / (1 - p)) ``(image, class)`` of the teacher's probabilities p.

        For a sigmoid these are the logits. Above 0 the teacher decides that the class is present.
        """
        if self.activation == "sigmoid":
            return self.teacher_logit
        odds = log_odds(self.teacher_logit, self.other_logit).astype(np.float32)
        odds.setflags(write=False)
        return odds

    def holds(self, part: str) -> bool:
        """Return True if the store has an optional part of ``PARTS``: ``photos``, ``segments``,
        ``texts``, ``maps`` and so on."""
        return all(map(self.has, PARTS[part]))

    def lacks(self, part: str) -> str:
        """Return a sentence for the user if the store lacks ``part``; "" if the store has it."""
        if self.holds(part):
            return ""
        special = LACKS_OF_TABLES if self.given else LACKS_OF_WORDS if self.of_words else {}
        return special.get(part, LACKS[part])

    @property
    def shown(self) -> str:
        """What a person can be shown of an image: ``photo``, else ``caption``, else ""."""
        return "photo" if self.holds("photos") else "caption" if self.has("caption") else ""

    @property
    def things(self) -> str:
        """What a sentence calls the images: ``photos``, ``captions`` or ``rows`` of a table."""
        if self.shown:
            return f"{self.shown}s"
        return ROWS if self.given else "photos"

    @property
    def title(self) -> str:
        """Title of the spec that the store was written from."""
        return str(self.attrs["title"])

    @property
    def content_hash(self) -> str:
        """SHA-256 of the store's arrays, see ``schema.content_hash``."""
        return str(self.attrs["content_hash"])

    @property
    def written_hash(self) -> str:
        """Content hash of the store as it was written, without concepts typed later."""
        return self.content_hash

    def scores_in(self, part: Store) -> np.ndarray:
        """Return the scores ``(n, C)`` of this store's concepts in the images of ``part``, a store
        of photos that were added to this store (``store.more_photos``)."""
        return part.concept_score

    @cached_property
    def images(self) -> list[str]:
        """Image ids, in the order of the arrays."""
        return [str(name) for name in self.read("image")]

    @cached_property
    def image_keys(self) -> frozenset[str]:
        """Keys of the image ids (see ``common.names``)."""
        return frozenset(map(name_key, self.images))

    @cached_property
    def concepts(self) -> list[str]:
        """Concept names, in the order of the arrays."""
        return [str(name) for name in self.read("concept")]

    @cached_property
    def numeric(self) -> frozenset[str]:
        """Concepts of a table that are numbers, which are high in a row or not; a column of two
        values around 0, such as a yes and no that is standardised, is there or not. Empty for
        photos and captions."""
        if self.things != ROWS:
            return frozenset()
        columns = zip(self.concepts, self.concept_score.T, strict=True)
        return frozenset(name for name, column in columns if not _is_yes_or_no(column))

    @cached_property
    def synonyms(self) -> dict[str, list[str]]:
        """Synonyms by concept name, of the concepts that have any."""
        typed = {name: more for name, *more in self.attrs.get("typed", []) if more}
        return {**self.attrs.get("synonyms", {}), **typed}

    @cached_property
    def classes(self) -> list[str]:
        """Class names, in the order of the arrays."""
        return [str(name) for name in self.read("class_name")]

    @cached_property
    def methods(self) -> list[str]:
        """Names of the projections of the concepts: ``pca``, ``tsne``, ..."""
        return [str(name) for name in self.read("method")]

    @cached_property
    def metadata_columns(self) -> list[str]:
        """Names of the columns of ``metadata``, in order; [] without metadata."""
        return [str(name) for name in self.read("metadata_column")]

    def column(self, name: str) -> list[str]:
        """Return the metadata column ``name``: a text per image, "" if unknown.

        Raises ``DataError`` for an unknown column.
        """
        at = positions(self.metadata_columns).get(name_key(name))
        if at is None:
            available = ", ".join(map(repr, self.metadata_columns)) or "none"
            raise DataError(
                f"{self.path} has no metadata column {name!r}; available: {available}.",
                Remedy(
                    "Name the table of metadata in the spec (dataset.metadata; of tables: inficond "
                    "init --metadata), then write the store again: inficond precompute SPEC",
                    "Write the store again with the table of metadata: from_frames(..., "
                    "metadata=FRAME); from a spec: name the table (dataset.metadata), then run "
                    "inficond precompute SPEC",
                ),
            )
        return [str(text) for text in self.metadata[:, at]]

    @cached_property
    def near_group(self) -> np.ndarray:
        """Group ``(image,)`` of near-equal images: the index of the group's first image, which is
        the image's own index if no other image is near-equal.

        As found when the store was made, or by the concept scores (``store.near_scores``).
        """
        if self.has("near_group"):
            return self.read("near_group")
        if "near_across" in self.attrs:  # looked for, and none found
            return np.arange(len(self.images))
        pairs = near_equal(self.concept_score, self.teacher_logit)
        return groups_of(pairs, len(self.images))

    @cached_property
    def near_images(self) -> NearImages:
        """Counts of the groups of near-equal images, and which lie across splits."""
        return near_images(self.near_group, self.split, self.images)

    @cached_property
    def contradictions(self) -> str:
        """Sentence on groups of near-equal images whose labels contradict each other; "" if none
        do, or if the groups were named by a column: images of one patient have labels of their
        own."""
        found = contradictions(self.near_group, self.label, self.images, self.classes)
        return "" if not found or self.grouping else contradiction_text(found)

    @cached_property
    def grouping(self) -> str:
        """Column of metadata whose values are the groups of near-equal images, which a spec named;
        "" if they were found, or there are none."""
        columns = self.metadata_columns if self.near_images.groups else ()
        named = (name for name in columns if are_named(self.near_group, self.column(name)))
        return next(named, "")

    def groups_at(self, rows: np.ndarray) -> Groups:
        """Return the groups of near-equal images among the images at ``rows``; None if none are
        near-equal."""
        return of_rows(self.near_group, rows)

    def groups_on(self, split: str) -> Groups:
        """Return the groups of near-equal images of a split; None if none are near-equal. Kept."""
        if split not in self._groups_on:
            self._groups_on[split] = self.groups_at(self.rows(split))
        return self._groups_on[split]

    def one_of_each(self, split: str) -> np.ndarray:
        """Return the indices, among the images of a split, of the first of each group of near-equal
        ones; of all, if none are."""
        groups = self.groups_on(split)
        if groups is None:
            return np.arange(len(self.rows(split)))
        return np.sort(np.unique(groups, return_index=True)[1])

    def with_near(self, rows: np.ndarray) -> np.ndarray:
        """Return the rows of the images at ``rows`` and of all images near-equal to them."""
        return np.flatnonzero(np.isin(self.near_group, self.near_group[rows]))

    def has(self, name: str) -> bool:
        """Return True if the store has the array ``name``."""
        return name in self.dataset.variables

    def rows(self, split: str) -> np.ndarray:
        """Return the row indices of the images of ``split`` (fit, tune or holdout), ascending."""
        if split not in SPLITS:
            raise ValueError(f"No split {split!r}; the splits are {', '.join(SPLITS)}.")
        if split not in self._rows_of:
            rows = np.flatnonzero(self.split == split)  # slow: compares a text per image
            rows.setflags(write=False)
            self._rows_of[split] = rows
        return self._rows_of[split]

    def scores_of(self, split: str) -> np.ndarray:
        """Return the concept scores ``(n, C)`` of the images of ``split``, read-only and cached."""
        if split not in self._scores_of:
            scores = arrays.rows_of(self.concept_score, self.rows(split))
            scores.setflags(write=False)
            self._scores_of[split] = scores
        return self._scores_of[split]

    def segments_of(self, image: int) -> np.ndarray:
        """Return the indices of the segments of the image with index ``image``, ascending."""
        return np.arange(*np.searchsorted(self.segment_image, [image, image + 1]))

    def thumbnail(self, image: int) -> bytes:
        """Return the thumbnail of the image with index ``image`` as JPEG bytes."""
        return self._piece("thumbnail", image).tobytes()

    def picture(self, image: int) -> Image.Image:
        """Return an image's thumbnail in RGB; ``StoreFormatError`` for a wrong format or size."""
        data = io.BytesIO(self.thumbnail(image))
        try:  # JPEG only: some of Pillow's other readers start programs
            picture = Image.open(data, formats=("JPEG",))
            if picture.size == tuple(self.thumbnail_shape[image, ::-1]):
                return picture.convert("RGB")
        except Exception as error:  # Pillow's readers raise many exception types
            raise self._no_picture(image) from error
        raise self._no_picture(image)

    def mask(self, image: int) -> np.ndarray:
        """Return the label map ``(height, width)`` of the image with index ``image``: j in the
        image's j-th segment (from 1), 0 outside of all segments."""
        return self._piece("mask", image).reshape(self.thumbnail_shape[image])

    def knowledge_contrast(self, image: int) -> np.ndarray | None:
        """Return per pixel how well a network knows it, float32 ``(height, width)``; None if the
        image was not measured.

        The value of pixel i is H̄ - H_i in nats: mean entropy of the background minus the pixel's. A
        pixel above ``attrs["knowledge"]["b"]`` is a knowledge point of the network, which the
        attribute names (Cheng et al., CVPR 2020).
        """
        if not self.has("knowledge_contrast"):
            return None
        start, stop = self.mask_offset[image : image + 2]
        contrast = self.stored.load("knowledge_contrast", slice(start, stop)).astype(np.float32)
        measured = np.isfinite(contrast).any()
        return contrast.reshape(self.thumbnail_shape[image]) if measured else None

    def segment_mask(self, segment: int) -> np.ndarray:
        """Return the mask ``(height, width)`` of the segment with index ``segment``, a boolean per
        thumbnail pixel."""
        image = int(self.segment_image[segment])
        return self.mask(image) == segment - int(self.segments_of(image)[0]) + 1

    def patch(self, segment: int, margin: float = 0.08, quality: int = 85) -> bytes:
        """Return a square crop of the thumbnail around the box of the segment with index
        ``segment``, as JPEG bytes."""
        image = self.picture(int(self.segment_image[segment]))
        crop = image.crop(_square(self.segment_box[segment], image.size, margin))
        buffer = io.BytesIO()
        crop.save(buffer, "JPEG", quality=quality)
        return buffer.getvalue()

    def check_current(self) -> None:
        """Raise ``StoreReplacedError`` if the store at the path was removed, or has other content.

        Content stays when arrays are added, such as maps of what a network knows.
        """
        self.stored.check_current(self.content_hash)

    def verify(self) -> None:
        """Read all arrays; raise ``StoreFormatError`` if an array differs from its hash."""
        for name in map(str, self.dataset.variables):
            if name not in PIECEWISE:
                self._read(name)
                continue
            digest = array_hash(ByRows(self.stored, name, self.dataset[name]))  # too large at once
            if digest != self.attrs["variable_hashes"].get(name):
                self.check_current()
                raise damaged(self.path, name)

    def _read(self, name: str) -> np.ndarray:
        values = self._whole(name)
        if array_hash(values) != self.attrs["variable_hashes"].get(name):
            raise damaged(self.path, name)
        if fault := value_fault(name, values, self.dataset.sizes, signed=self.given):
            raise damaged(self.path, name, fault[0] + self._place(name, fault[1]))
        values.setflags(write=False)
        return values

    def _nothing(self, name: str) -> np.ndarray:
        variable = ARRAYS[name]
        sizes = FIXED | {str(dim): size for dim, size in self.dataset.sizes.items()}
        dtype: Any = np.dtypes.StringDType() if variable.dtype == "string" else variable.dtype
        values = np.zeros([sizes.get(dim, 0) for dim in variable.dims], dtype)
        values.setflags(write=False)
        return values

    def _piece(self, name: str, image: int) -> np.ndarray:
        start, stop = getattr(self, f"{name}_offset")[image : image + 2]
        return self.stored.load(name, slice(start, stop))

    def _whole(self, name: str) -> np.ndarray:
        variable = self.dataset[name]
        on_disk = variable.dtype.kind not in "OUT" and "chunks" in variable.encoding
        if not on_disk or variable.nbytes < arrays.LARGE:
            return self.stored.load(name)
        values = arrays.empty(variable.shape, variable.dtype)
        step = max(arrays.LARGE // (variable.nbytes // len(variable)), 1)
        for first in range(0, len(variable), step):
            values[first : first + step] = self.stored.load(name, slice(first, first + step))
        return values

    def _no_picture(self, image: int) -> StoreFormatError:
        height, width = self.thumbnail_shape[image]
        fault = f"of the image {self.images[image]!r} is not a JPEG of {width} x {height} pixels"
        return damaged(self.path, "thumbnail", fault)

    def _place(self, name: str, at: tuple[int, ...]) -> str:
        """Return the location of the value at index ``at``, for messages: a name or an index per
        dimension."""
        parts = []
        for dim, i in zip(self.dataset[name].dims, at, strict=False):
            named = dim in COORDINATES
            value = repr(str(self.dataset[dim][i].to_numpy())) if named else str(i)
            parts.append(f"{dim} {value}")
        return f", the first at {', '.join(parts)}" if parts else ""


def _square(box: np.ndarray, size: tuple[int, int], margin: float) -> tuple[int, int, int, int]:
    """Return a square in pixels around ``box`` (shares of the image's size), inside the image."""
    width, height = size
    centre_x, centre_y = (box[0] + box[2]) / 2 * width, (box[1] + box[3]) / 2 * height
    side = max((box[2] - box[0]) * width, (box[3] - box[1]) * height) * (1 + 2 * margin)
    side = int(min(max(side, 8), width, height))
    left = int(np.clip(centre_x - side / 2, 0, width - side))
    top = int(np.clip(centre_y - side / 2, 0, height - side))
    return left, top, left + side, top + side


def _is_yes_or_no(column: np.ndarray) -> bool:
    """Return True if scores (n,) have at most two values, one up to 0 and one from 0 on."""
    low, high = column.min(), column.max()
    return bool(low <= 0 <= high and np.isin(column, (low, high)).all())
