"""Schema of a store, which is one Zarr group: its arrays, their types, attributes and hashes."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from inficond_panel.common.arrays import Sliced

FORMAT_VERSION = 1
#: Scoring method of concept scores that the user passed: any finite number, also below 0.
GIVEN = "given"
#: Methods to score a concept in an image, see ``concepts.scoring``; the first is the default.
SCORING_METHODS = ("max_cosine", "contrast", "centred", GIVEN)
#: Attribute of the group. The store follows the CF conventions for these four attributes only.
CONVENTIONS = "CF-1.11 (long_name, units, flag_values, history), inficond-store-1"
_ONE = "1"
_TEXT = {
    "image": "image id",
    "concept": "concept: a word or phrase",
    "class_name": "class of the teacher",
    "method": "projection method",
    "metadata_column": "name of what is known of an image",
    "other_class": "class of the teacher that the data set lacks",
    "picture": "property of a picture",
    "metadata": "what is known of an image; empty where it is not",
    "image_digest": "SHA-256 of the image's file, or what else identifies its content",
}
_NUMBERS: dict[str, tuple[str, str]] = {
    "concept_score": ("score of a concept in an image", _ONE),
    "teacher_logit": ("logit of the teacher", _ONE),
    "oracle_logit": ("logit of the oracle; nan outside of fit", _ONE),
    "other_logit": ("logit of the teacher for a class that the data set lacks", _ONE),
    "other_oracle_logit": ("the oracle's; nan outside of fit", _ONE),
    "teacher_feature": ("image vector that the teacher's heads sit on", _ONE),
    "segment_image": ("position of the segment's image", _ONE),
    "segment_concept": ("position of the concept nearest to the segment", _ONE),
    "segment_cosine": ("cosine of the segment with that concept's text", _ONE),
    "segment_embedding": ("unit vector of the segment in the encoder's space", _ONE),
    "segment_box": ("x0, y0, x1, y1 as shares of the image's width and height", _ONE),
    "concept_text_embedding": ("unit vector of the concept's text in the encoder's space", _ONE),
    "concept_projection": ("place of the concept on the map", _ONE),
    "segment_projection": ("place of the segment on the map; nan if it is not in the sample", _ONE),
    "score_centre": ("means that scores are measured from", _ONE),
    "segment_normaliser": ("logarithm of the softmax's denominator", _ONE),
    "mask": ("label maps end to end: 0 no segment, j the image's j-th segment", _ONE),
    "knowledge_contrast": (
        "entropy of the background less that of the pixel, in nats; nan where not measured",
        _ONE,
    ),
    "mask_offset": ("where each image's label map begins in mask", "pixel"),
    "thumbnail": ("JPEG files end to end", "byte"),
    "thumbnail_offset": ("where each image's file begins in thumbnail", "byte"),
    "picture_property": ("value of a property of the picture, see vocabulary.pictures", _ONE),
    "thumbnail_shape": ("height and width of the thumbnail and the label map", "pixel"),
}
_FLAGS: dict[str, dict[str, Any]] = {
    "label": {
        "long_name": "true label",
        "flag_values": [-1, 0, 1],
        "flag_meanings": "ignored absent present",
    },
    "split": {
        "long_name": "what the image is for",
        "flag_meanings": "fit tune holdout",
    },
}


@dataclass(frozen=True)
class Variable:
    """Array of the store: names of its dimensions, its dtype, and whether each store has it."""

    dims: tuple[str, ...]
    dtype: str
    required: bool = True


#: Coordinates: names of images, concepts, classes and so on. ``string`` is variable-length UTF-8.
COORDINATES = {
    "image": Variable(("image",), "string"),
    "concept": Variable(("concept",), "string"),
    "class_name": Variable(("class_name",), "string"),
    "method": Variable(("method",), "string", required=False),
    "metadata_column": Variable(("metadata_column",), "string", required=False),
    "other_class": Variable(("other_class",), "string", required=False),
    "picture": Variable(("picture",), "string", required=False),
}
VARIABLES = {
    # max(0, max over the image's segments of cos(segment, concept text)); see attribute "scores"
    "concept_score": Variable(("image", "concept"), "float32"),
    "teacher_logit": Variable(("image", "class_name"), "float32"),
    # logits of the teacher on inputs that were reinforced with the labels; nan outside "fit"
    "oracle_logit": Variable(("image", "class_name"), "float32", required=False),
    # both kinds of logits for the teacher's classes that the data set lacks, needed for a softmax
    "other_logit": Variable(("image", "other_class"), "float32", required=False),
    "other_oracle_logit": Variable(("image", "other_class"), "float32", required=False),
    # image vectors, inputs of the teacher's heads
    "teacher_feature": Variable(("image", "feature"), "float32", required=False),
    # 1 present, 0 absent, -1 ignored
    "label": Variable(("image", "class_name"), "int8"),
    # "fit", "tune" or "holdout"
    "split": Variable(("image",), "string"),
    "segment_image": Variable(("segment",), "int32", required=False),
    "segment_concept": Variable(("segment",), "int32", required=False),
    "segment_cosine": Variable(("segment",), "float32", required=False),
    # unit length, half precision
    "segment_embedding": Variable(("segment", "embed"), "float16", required=False),
    # x0, y0, x1, y1 as shares of the image's width and height
    "segment_box": Variable(("segment", "corner"), "float32", required=False),
    "concept_text_embedding": Variable(("concept", "embed"), "float32", required=False),
    "concept_projection": Variable(("method", "concept", "xy"), "float32", required=False),
    # Per image a label map at thumbnail size: 0 no segment, j the image's j-th segment (from 1).
    # The maps are stored end to end; image i has pixels offset[i] to offset[i + 1].
    "mask": Variable(("mask_pixel",), "uint8", required=False),
    "mask_offset": Variable(("image_edge",), "int64", required=False),
    # JPEG files, stored end to end likewise
    "thumbnail": Variable(("thumbnail_byte",), "uint8", required=False),
    "thumbnail_offset": Variable(("image_edge",), "int64", required=False),
    # height, width of the thumbnail and of its label map
    "thumbnail_shape": Variable(("image", "side"), "int32", required=False),
    # x, y of the segments on the concepts' maps; nan if a segment is not in the sample
    "segment_projection": Variable(("method", "segment", "xy"), "float32", required=False),
    # Inputs of scores beside the embeddings. Method "centred": the mean vectors of segments and
    # texts. Method "contrast": the log of the softmax's denominator per segment.
    "score_centre": Variable(("kind", "embed"), "float32", required=False),
    "segment_normaliser": Variable(("segment",), "float32", required=False),
    # id of an image's content, such as the SHA-256 of its file
    "image_digest": Variable(("image",), "string", required=False),
    # Properties of an image, such as its camera or its location; "" if unknown. A store has
    # "metadata" and "metadata_column", or neither.
    "metadata": Variable(("image", "metadata_column"), "string", required=False),
    # How well a network knows each pixel, in maps like "mask": mean entropy of the background minus
    # the pixel's entropy, in nats. nan for images that were not measured.
    "knowledge_contrast": Variable(("mask_pixel",), "float16", required=False),
    # properties of the whole picture, such as brightness; with "picture", or neither
    "picture_property": Variable(("image", "picture"), "float32", required=False),
}
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


def attributes_of(name: str) -> dict[str, Any]:
    """Return the CF attributes of the array ``name``: long_name, units or flags."""
    if name in _FLAGS:
        return _FLAGS[name]
    if name in _TEXT:
        return {"long_name": _TEXT[name]}
    long_name, units = _NUMBERS[name]
    return {"long_name": long_name, "units": units}


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
            for text in part.ravel():
                self._digest.update(str(text).encode() + b"\n")
        else:
            little = np.ascontiguousarray(part, dtype=self._dtype)
            self._digest.update(little.reshape(-1).view(np.uint8).data)

    def hexdigest(self) -> str:
        """Return the hash of all rows as hexadecimal digits."""
        return self._digest.hexdigest()


def array_hash(values: Sliced) -> str:
    """Return the ``ArrayHash`` of an array in memory, or of an array on disk, read by rows."""
    if values.dtype.kind in "OUT":
        digest = ArrayHash("string", values.shape)
        digest.update(np.asarray(values))
        return digest.hexdigest()
    digest = ArrayHash(values.dtype, values.shape)
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
