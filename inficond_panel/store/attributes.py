"""Attributes of a store's arrays: ``long_name``, ``units`` and others of the CF conventions."""

from __future__ import annotations

from typing import Any

#: Of the group. The arrays are no geoscience, so no more of CF is claimed than these attributes.
CONVENTIONS = "CF-1.11 (long_name, units, flag_values, history), inficond-store-1"

_ONE = "1"
_TEXT = {
    "image": "image id",
    "concept": "concept: a word or phrase",
    "class_name": "class of the teacher",
    "method": "projection method",
    "metadata_column": "name of what is known of an image",
    "other_class": "class of the teacher that the data set lacks",
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


def attributes_of(name: str) -> dict[str, Any]:
    """Attributes of an array of the schema."""
    if name in _FLAGS:
        return _FLAGS[name]
    if name in _TEXT:
        return {"long_name": _TEXT[name]}
    long_name, units = _NUMBERS[name]
    return {"long_name": long_name, "units": units}
