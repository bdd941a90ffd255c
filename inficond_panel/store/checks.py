"""Checks of a store's attributes, labels and arrays; each returns or yields messages on faults."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inficond_panel.common.names import equal_names, pair_text
from inficond_panel.common.near_words import listed
from inficond_panel.errors import Remedy
from inficond_panel.store.schema import ATTRIBUTES, COORDINATES, SCORING_METHODS, content_hash
from inficond_panel.vocabulary.splits import SPLITS
from inficond_panel.vocabulary.tasks import ACTIVATIONS, TASKS

_NUMBER, _NO = (int, float), type(None)
#: Types of the attributes by name ("?": optional): a Python type, a tuple of types, [type of every
#: item], [type of item 1, of item 2, ...] or {str: type of every value}.
_KINDS: dict[str, Any] = {
    **dict.fromkeys((*ATTRIBUTES, "content_hash"), str),
    "preprocessing": (str, dict),
    "variable_hashes": {str: str},
    **dict.fromkeys(("history?", "encoder_digest?", "attributes_hash?"), str),
    **dict.fromkeys(("task?", "teacher_activation?", "teacher_order?"), str),
    "prompts?": [str],
    "synonyms?": {str: [str]},
    "skipped?": [[str]],
    "warnings?": [str],
    "near_across?": [str],
    "stages?": {str: dict},
    "scores?": dict,
    "knowledge?": dict,
}
_PARTS: dict[str, dict[str, Any]] = {
    "scores": {"method?": str, "temperature?": _NUMBER},
    "knowledge": {"b": _NUMBER, "network": str, "layer": (str, _NO)},
}
_OF_A_STAGE = {
    "key": str,
    "made?": (str, _NO),
    "seconds?": (*_NUMBER, _NO),
    "inputs?": dict,
    "told?": dict,
    "encoding?": str,
    "skipped?": [[str]],
}


def attributes_hash(attrs: Mapping[Any, Any]) -> str:
    """Return the SHA-256 of ``attrs`` without ``attributes_hash``: sorted ASCII JSON, no spaces."""
    rest = {name: value for name, value in attrs.items() if name != "attributes_hash"}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def attribute_faults(attrs: Mapping[Any, Any]) -> list[str]:
    """Return messages on a store's missing or invalid attributes, except format and version."""
    wrong = list(_misfits("", attrs, _KINDS))
    if wrong:
        return wrong
    if content_hash(attrs["variable_hashes"]) != attrs["content_hash"]:
        return ["its attribute content_hash does not match its attribute variable_hashes"]
    if attrs.get("attributes_hash") not in (None, attributes_hash(attrs)):
        return ["its attributes do not match their hash, attributes_hash"]
    for name in _PARTS.keys() & attrs.keys():
        wrong += _misfits(f"{name}.", attrs[name], _PARTS[name])
    for name, stage in attrs.get("stages", {}).items():
        wrong += _misfits(f"stages.{name}.", stage, _OF_A_STAGE)
    for name, words in (("task", TASKS), ("teacher_activation", ACTIVATIONS)):
        if attrs.get(name, words[0]) not in words:
            wrong.append(f"the attribute {name} is {attrs[name]!r}, not one of {', '.join(words)}")
    return wrong or list(_scores_faults(attrs.get("scores", {})))


def _misfits(prefix: str, values: Mapping[Any, Any], kinds: Mapping[str, Any]) -> Iterator[str]:
    for marked, kind in kinds.items():
        name = marked.removesuffix("?")
        if name in values and not _is(values[name], kind):
            yield f"the attribute {prefix}{name} has the wrong type"
        elif name not in values and name == marked:
            yield f"the attribute {prefix}{name} is missing"


def _is(value: Any, kind: Any) -> bool:
    if isinstance(kind, list):
        fits = isinstance(value, list) and len(kind) in (1, len(value))
        return fits and all(map(_is, value, kind if len(kind) > 1 else kind * len(value)))
    if isinstance(kind, dict):
        return isinstance(value, dict) and all(_is(item, kind[str]) for item in value.values())
    return isinstance(value, kind) and not isinstance(value, bool)


def _scores_faults(scores: Mapping[str, Any]) -> Iterator[str]:
    method = scores.get("method", SCORING_METHODS[0])
    if method not in SCORING_METHODS:
        yield f"the attribute scores.method is {method!r}, not one of {', '.join(SCORING_METHODS)}"
    if method == "contrast" and not scores.get("temperature", 0) > 0:
        yield "the attribute scores.temperature is not a number above 0"


#: Remedy for images with several classes or none.
ONE_CLASS_REMEDY = (
    "Leave these images out, or allow any number of classes per image: task: multi_label"
)
_NAMED = 3
#: Data look single-label if at most 1 of this many labelled images has several classes or none.
_RULE = 20


def is_single_label(label: NDArray) -> bool:
    """Return True if K > 1 and all labelled images of labels ``(n, K)`` have exactly one class;
    False if no image is labelled."""
    several = label.ndim == 2 and label.shape[1] > 1
    return bool(several and (label >= 0).any() and not _wrong(label).any())


def one_class_note(label: NDArray, images: Sequence[str]) -> Remedy:
    """Return a note for the user if the labels ``(n, K)`` of multi-label data look single-label,
    since at most 1 of 20 labelled images has several classes or none; else an empty one. Its text
    for Python has the arguments to pass."""
    known = (label >= 0).any(axis=1)
    wrong = np.flatnonzero(_wrong(label))
    if label.shape[1] < 2 or not known.any() or _RULE * len(wrong) > known.sum():
        return Remedy("")
    counts = f"{known.sum() - len(wrong)} of {known.sum()} labelled images have exactly one class"
    names = quoted([images[i] for i in wrong.tolist()], _NAMED)
    correct = f"correct the labels of {names}, " if names else ""
    start = f"{counts}, but the task is multi_label. If each image shows exactly one class, "
    return Remedy(
        f"{start}{correct}set task to single_label, and set activation to the teacher's last "
        "layer, softmax or sigmoid.",
        f'{start}{correct}pass task="single_label" and activation="softmax"; if the teacher was '
        'trained for each class separately, task="single_label" alone.',
    )


def single_label_fault(label: NDArray, images: Sequence[str], classes: Sequence[str]) -> str:
    """Return a message that names the images with several classes or none in the labels ``(n, K)``
    of single-label data; "" if there are no such images."""
    if len(classes) < 2:
        return f"Single-label data need two classes or more, but {classes[0]!r} is the only class."
    wrong = np.flatnonzero(_wrong(label))
    if not len(wrong):
        return ""
    several = (label[wrong] == 1).sum(axis=1) > 1
    faults = []
    for rows, what in ((wrong[several], "several classes"), (wrong[~several], "no class")):
        if len(rows):
            names = quoted([images[i] for i in rows.tolist()], _NAMED)
            faults.append(f"{len(rows)} of {len(label)} images have {what}: {names}")
    return f"The task is single_label, but {'; '.join(faults)}."


def class_positions(label: NDArray) -> NDArray[np.intp]:
    """Return the index of each image's class ``(n,)``, from labels ``(n, K)`` of single-label data;
    -1 if the class is unknown."""
    return np.where((label == 1).any(axis=1), (label == 1).argmax(axis=1), -1)


def whole_labels(label: NDArray) -> NDArray[np.int8]:
    """Return single-label labels ``(n, K)`` without gaps: 1 for an image's class, 0 for its other
    classes; all are -1 if the image's class is unknown."""
    known = (label == 1).any(axis=1, keepdims=True)
    return np.where(known, label == 1, -1).astype(np.int8)


def quoted(names: Sequence[str], most: int) -> str:
    """Return the first ``most`` names in quotes, and the number of the others; "" for no names."""
    return listed([repr(name) for name in names], most) if names else ""


def _wrong(label: NDArray) -> NDArray[np.bool_]:
    """Return the mask of images with several classes, or with none although labels are known."""
    positives = (label == 1).sum(axis=1)
    return (positives > 1) | ((positives == 0) & (label >= 0).any(axis=1))


#: Sizes of dimensions by name.
Sizes = Mapping[Hashable, int]
#: What is wrong with an array, and the index of the first wrong value; () if no value is to blame.
Fault = tuple[str, tuple[int, ...]]
Rule = Callable[[np.ndarray, Sizes], Fault | None]

#: Largest height or width of a thumbnail, in pixels: a label map of this size is read whole.
MOST_SIDE = 8192
#: Most segments of one image: a label map has 8 bits, and 0 means no segment.
MOST_SEGMENTS = 255


def value_fault(name: str, values: np.ndarray, sizes: Sizes, *, signed: bool) -> Fault | None:
    """Return the fault in the values of the array ``name``, and the index of the first wrong
    value; None if all are valid. With ``signed``, concept scores may be below 0.
    """
    rule = _finite if signed and name == "concept_score" else _RULES.get(name)
    return rule(values, sizes) if rule else None


def pieces_fault(name: str, offset: np.ndarray, lengths: np.ndarray | None, size: int) -> str:
    """Return a message if ``offset`` does not divide the ``size`` values of the array ``name`` into
    pieces; "" if it does. Piece i is the values from ``offset[i]`` to ``offset[i + 1]``.

    ``lengths`` are the lengths that the pieces must have; None allows any lengths.
    """
    steps = np.diff(offset)
    if offset[0] != 0 or offset[-1] != size or (steps < 0).any():
        return f"{name}_offset does not rise from 0 to {size}, the number of values of {name}"
    if lengths is not None and (steps != lengths).any():
        image = int(np.flatnonzero(steps != lengths)[0])
        return f"{name}_offset does not fit thumbnail_shape, first at the image with index {image}"
    return ""


def _names(values: np.ndarray, _: Sizes) -> Fault | None:
    names = [str(name) for name in values]
    if not all(name.strip() for name in names):
        return "has an empty name", ()
    if twice := equal_names(names):
        return f"has the name {pair_text(*twice[0])} twice", ()
    return None


def _splits(values: np.ndarray, _: Sizes) -> Fault | None:
    known = np.logical_or.reduce([values == split for split in SPLITS])
    return _at(~known, f"are none of {', '.join(SPLITS)}")


def _between(low: int, high: Callable[[Sizes], int]) -> Rule:
    def rule(values: np.ndarray, sizes: Sizes) -> Fault | None:
        most = high(sizes)
        if _within(values, low, most):
            return None
        return _at((values < low) | (values > most), f"are not between {low} and {most}")

    return rule


def _segment_images(values: np.ndarray, sizes: Sizes) -> Fault | None:
    if fault := _IMAGES(values, sizes):
        return fault
    if (np.diff(values) < 0).any():
        return "does not ascend: segments must be in the order of their images", ()
    if len(values) and np.bincount(values).max() > MOST_SEGMENTS:
        return f"gives an image more than {MOST_SEGMENTS} segments", ()
    return None


def _finite(values: np.ndarray, _: Sizes) -> Fault | None:
    if _half_is_finite(values) if values.dtype == np.float16 else _within(values, *_RANGE):
        return None
    return _at(~np.isfinite(values), "are NaN or infinite")


def _scores(values: np.ndarray, _: Sizes) -> Fault | None:
    if _within(values, 0, _LARGEST):
        return None
    return _at(~((values >= 0) & (values < np.inf)), "are below 0, NaN or infinite")


def _within(values: np.ndarray, low: float, high: float) -> bool:
    """Return True if all values are from ``low`` to ``high``; makes no mask, which may be large."""
    return not values.size or bool(values.min() >= low and values.max() <= high)  # false for nan


def _half_is_finite(values: np.ndarray) -> bool:
    """Return True if all float16 values are finite, by their bits, which are compared many times as
    quickly as the values: from these limits on they are infinity and NaN, of both signs."""
    bits = np.ascontiguousarray(values)
    limits = ((np.int16, 0x7C00), (np.uint16, 0xFC00))
    return not bits.size or all(bits.view(kind).max() < limit for kind, limit in limits)


def _at(bad: np.ndarray, what: str) -> Fault | None:
    if not bad.any():
        return None
    first = np.unravel_index(int(bad.argmax()), bad.shape)
    return f"has {np.count_nonzero(bad)} values that {what}", tuple(int(index) for index in first)


_LARGEST = np.finfo(np.float64).max
_RANGE = -_LARGEST, _LARGEST
_IMAGES = _between(0, lambda sizes: sizes["image"] - 1)
_RULES: dict[str, Rule] = {
    **dict.fromkeys(COORDINATES, _names),
    "split": _splits,
    "label": _between(-1, lambda _: 1),
    "segment_image": _segment_images,
    "segment_concept": _between(0, lambda sizes: sizes["concept"] - 1),
    "thumbnail_shape": _between(1, lambda _: MOST_SIDE),
    "concept_score": _scores,
    **dict.fromkeys(
        (
            "teacher_logit",
            "other_logit",
            "teacher_feature",
            "segment_cosine",
            "segment_embedding",
            "segment_box",
            "concept_text_embedding",
            "concept_projection",
            "score_centre",
            "segment_normaliser",
        ),
        _finite,
    ),
}
