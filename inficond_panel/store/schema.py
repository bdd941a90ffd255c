"""Schema of a store, which is one Zarr group: its arrays, their types, attributes and hashes."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Container, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from inficond_panel.common.arrays import Sliced

FORMAT_VERSION = 1
#: Scoring method of concept scores that the user passed: any finite number, also below 0.
GIVEN = "given"
#: Scoring method of concept scores that are presence of words in captions: 0 or 1.
WORDS = "words"
#: Encoder of a store whose scores are words of captions, as stores and pages name it.
NO_ENCODER = "none: words of captions"
#: Methods to score a concept in an image, see ``concepts.scoring``; the first is the default.
SCORING_METHODS = ("max_cosine", "contrast", "centred", GIVEN, WORDS)
#: Attribute of the group. The store follows the CF conventions for these four attributes only.
CONVENTIONS = "CF-1.11 (long_name, units, flag_values, history), inficond-store-1"


@dataclass(frozen=True)
class Variable:
    """Array of the store: names of its dimensions, dtype, CF attributes, and whether each store has
    it. Numbers have a unit, or ``flags`` instead, attributes that name the values."""

    dims: tuple[str, ...]
    dtype: str
    long_name: str
    unit: str = "1"
    flags: Mapping[str, Any] | None = None
    required: bool = True

    @property
    def attributes(self) -> dict[str, Any]:
        """CF attributes of the array: long_name, units or flags."""
        units = {} if self.dtype == "string" else {"units": self.unit}
        return {"long_name": self.long_name, **(units if self.flags is None else self.flags)}


_optional = partial(Variable, required=False)
#: Coordinates: names of images, concepts, classes and so on. ``string`` is variable-length UTF-8.
COORDINATES = {
    "image": Variable(("image",), "string", "image id"),
    "concept": Variable(("concept",), "string", "concept: a word or phrase"),
    "class_name": Variable(("class_name",), "string", "class of the teacher"),
    "method": _optional(("method",), "string", "projection method"),
    "metadata_column": _optional(
        ("metadata_column",), "string", "name of what is known of an image"
    ),
    "other_class": _optional(
        ("other_class",), "string", "class of the teacher that the data set lacks"
    ),
    "picture": _optional(("picture",), "string", "property of a picture"),
}
_OF_CLASSES = ("image", "class_name")
_OF_OTHERS = ("image", "other_class")
_LABELS = {"flag_values": [-1, 0, 1], "flag_meanings": "ignored absent present"}
VARIABLES = {
    # max(0, max over the image's segments of cos(segment, concept text)); see attribute "scores"
    "concept_score": Variable(("image", "concept"), "float32", "score of a concept in an image"),
    "teacher_logit": Variable(_OF_CLASSES, "float32", "logit of the teacher"),
    # on inputs that were reinforced with the labels
    "oracle_logit": _optional(_OF_CLASSES, "float32", "logit of the oracle; nan outside of fit"),
    # both kinds of logits for the teacher's other classes are needed for a softmax
    "other_logit": _optional(
        _OF_OTHERS, "float32", "logit of the teacher for a class that the data set lacks"
    ),
    "other_oracle_logit": _optional(_OF_OTHERS, "float32", "the oracle's; nan outside of fit"),
    "teacher_feature": _optional(
        ("image", "feature"), "float32", "image vector that the teacher's heads sit on"
    ),
    "label": Variable(_OF_CLASSES, "int8", "true label", flags=_LABELS),
    "split": Variable(
        ("image",), "string", "what the image is for", flags={"flag_meanings": "fit tune holdout"}
    ),
    "segment_image": _optional(("segment",), "int32", "position of the segment's image"),
    "segment_concept": _optional(
        ("segment",), "int32", "position of the concept nearest to the segment"
    ),
    "segment_cosine": _optional(
        ("segment",), "float32", "cosine of the segment with that concept's text"
    ),
    "segment_embedding": _optional(
        ("segment", "embed"), "float16", "unit vector of the segment in the encoder's space"
    ),
    "segment_box": _optional(
        ("segment", "corner"), "float32", "x0, y0, x1, y1 as shares of the image's width and height"
    ),
    "concept_text_embedding": _optional(
        ("concept", "embed"), "float32", "unit vector of the concept's text in the encoder's space"
    ),
    "concept_projection": _optional(
        ("method", "concept", "xy"), "float32", "place of the concept on the map"
    ),
    # Per image a label map at thumbnail size; j counts from 1. Image i has the pixels from
    # offset[i] to offset[i + 1].
    "mask": _optional(
        ("mask_pixel",), "uint8", "label maps end to end: 0 no segment, j the image's j-th segment"
    ),
    "mask_offset": _optional(
        ("image_edge",), "int64", "where each image's label map begins in mask", "pixel"
    ),
    "thumbnail": _optional(("thumbnail_byte",), "uint8", "JPEG files end to end", "byte"),
    "thumbnail_offset": _optional(
        ("image_edge",), "int64", "where each image's file begins in thumbnail", "byte"
    ),
    "thumbnail_shape": _optional(
        ("image", "side"), "int32", "height and width of the thumbnail and the label map", "pixel"
    ),
    # on the map of the concepts
    "segment_projection": _optional(
        ("method", "segment", "xy"),
        "float32",
        "place of the segment on the map; nan if it is not in the sample",
    ),
    # Inputs of scores beside the embeddings. Method "centred": the mean vectors of segments and
    # texts. Method "contrast": the log of the softmax's denominator per segment.
    "score_centre": _optional(("kind", "embed"), "float32", "means that scores are measured from"),
    "segment_normaliser": _optional(
        ("segment",), "float32", "logarithm of the softmax's denominator"
    ),
    "image_digest": _optional(
        ("image",), "string", "SHA-256 of the image's file, or what else identifies its content"
    ),
    "caption": _optional(("image",), "string", "caption of the image"),
    "near_group": _optional(
        ("image",), "int32", "position of the first image that is near-equal to the image"
    ),
    # such as its camera or its location
    "metadata": _optional(
        ("image", "metadata_column"), "string", "what is known of an image; empty where it is not"
    ),
    # how well a network knows each pixel, in maps like "mask"
    "knowledge_contrast": _optional(
        ("mask_pixel",),
        "float16",
        "entropy of the background less that of the pixel, in nats; nan where not measured",
    ),
    # of the whole picture, such as brightness
    "picture_property": _optional(
        ("image", "picture"),
        "float32",
        "value of a property of the picture, see vocabulary.picture_properties",
    ),
}
#: All arrays of a store by name.
ARRAYS = COORDINATES | VARIABLES
#: Optional parts of a store: it has all arrays of a part, or none.
PARTS: dict[str, tuple[str, ...]] = {
    "photos": ("thumbnail", "thumbnail_offset", "thumbnail_shape"),
    "segments": (
        *("segment_image", "segment_concept", "segment_cosine", "segment_embedding"),
        *("segment_box", "mask", "mask_offset"),
    ),
    "texts": ("concept_text_embedding",),
    "maps": ("method", "concept_projection"),
    "metadata": ("metadata_column", "metadata"),
    "others": ("other_class", "other_logit"),
    "pictures": ("picture", "picture_property"),
}
#: Sentence for the user on a part that a store lacks.
LACKS = {
    "photos": "This store has no photos: images are shown by their ids.",
    "segments": "This store has no segments: which part of an image shows a concept is unknown.",
    "texts": "This store has no text vectors of its concepts.",
    "maps": "This store has no map of its concepts: one is made from their text vectors.",
}
#: The same for a store whose scores were given as tables.
LACKS_OF_TABLES = {
    "photos": "This store has no photos: rows are shown by their ids.",
    "segments": "This store has no segments: its concepts are columns of a table.",
    "maps": "This store has no map of its concepts: scores from tables have no text vectors, from "
    "which a map is made.",
}
#: The same for a store whose scores are words of captions.
LACKS_OF_WORDS = {
    "photos": "This store has no photos: images are shown by their captions.",
    "segments": "This store has no segments: its concepts are words of captions.",
    "maps": "This store has no map of its concepts, which are words of captions.",
}
#: Parts that a store must have to have another part.
NEEDED_PARTS = {"segments": ("photos", "texts")}
#: Arrays read in pieces, per image; all others are read whole and checked against their hash.
PIECEWISE = frozenset({"mask", "thumbnail", "knowledge_contrast"})
#: Small arrays, read and checked when a store is opened.
READ_ON_OPENING = (
    *COORDINATES,
    "label",
    "split",
    "teacher_logit",
    "other_logit",
    "segment_image",
    "segment_concept",
    "segment_box",
    "concept_text_embedding",
    "concept_projection",
    "thumbnail_shape",
    "thumbnail_offset",
    "mask_offset",
)
#: Sizes of dimensions that are the same in every store.
FIXED = {"corner": 4, "xy": 2, "side": 2, "kind": 2}
#: Arrays that can be added to a store later. No student depends on them, so ``content_hash``, which
#: ties a history to its store, leaves them out.
ADDED_LATER = frozenset({"knowledge_contrast", "picture", "picture_property"})
#: Required attributes of a store, besides the hashes, which ``write_store`` adds.
ATTRIBUTES = ("title", "encoder", "preprocessing", "corpus", "teacher", "inputs_hash")


def part_faults(names: Container[Any]) -> list[str]:
    """Return a message per incomplete part (``PARTS``) of a store with the arrays ``names``."""
    wrong = []
    for part, arrays in PARTS.items():
        present = [name for name in arrays if name in names]
        missing = [name for name in arrays if name not in names]
        if present and missing:
            wrong.append(f"{present[0]} needs {', '.join(missing)}, which the store lacks")
        if present:
            lost = [other for other in NEEDED_PARTS.get(part, ()) if PARTS[other][0] not in names]
            wrong += [f"{part} need {other} ({PARTS[other][0]}), which it lacks" for other in lost]
    return wrong


#: Number of values that are read at a time to be hashed.
_PART = 1 << 20


class ArrayHash:
    """SHA-256 of an array whose rows are passed part by part to ``update``.

    It covers type, shape, and values in little-endian C order; strings are hashed as UTF-8 lines.
    ``dtype`` is "string", or a numeric dtype.
    """

    def __init__(self, dtype: np.dtype | str, shape: tuple[int, ...]) -> None:
        self._text = dtype == "string"
        self._dtype = None if self._text else np.dtype(dtype).newbyteorder("<")
        name = self._dtype.name if self._dtype else "string"
        self._digest = hashlib.sha256(f"{name}{tuple(map(int, shape))}".encode())

    def update(self, part: np.ndarray) -> None:
        """Add the next rows of the array to the hash."""
        if self._dtype is None:
            self._digest.update("".join(f"{text}\n" for text in part.ravel()).encode())
        else:
            little = np.ascontiguousarray(part, dtype=self._dtype)
            self._digest.update(little.reshape(-1).view(np.uint8).data)

    def hexdigest(self) -> str:
        """Return the hash of all rows as hexadecimal digits."""
        return self._digest.hexdigest()


def array_hash(values: Sliced) -> str:
    """Return the ``ArrayHash`` of an array in memory, or of an array on disk, read by rows."""
    text = values.dtype.kind in "OUT"
    digest = ArrayHash("string" if text else values.dtype, values.shape)
    rows = max(1, _PART // max(1, math.prod(values.shape[1:])))
    for start in range(0, values.shape[0], rows):
        digest.update(np.asarray(values[start : start + rows]))
    return digest.hexdigest()


def content_hash(variable_hashes: Mapping[str, str]) -> str:
    """Return the SHA-256 of a store's content, over the sorted names and hashes of its arrays; the
    arrays ``ADDED_LATER`` are left out."""
    names = sorted(set(variable_hashes) - ADDED_LATER)
    lines = (f"{name} {variable_hashes[name]}\n" for name in names)
    return hashlib.sha256("".join(lines).encode()).hexdigest()
