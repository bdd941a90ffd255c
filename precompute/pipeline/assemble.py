"""Combine the results of the stages into a store's arrays and attributes; find near-duplicates.

Photos are compared by their thumbnails at 16 x 16. Likeness is the correlation of two thumbnails,
in grey and, if that is high, over all three colours; another size, quality or brightness of a photo
leaves it near 1. A mirrored copy counts as a duplicate. No photo is removed.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np
from PIL import Image

from inficond_panel.common import clock
from inficond_panel.common.near_words import listed
from inficond_panel.version import __version__
from inficond_panel.vocabulary.pictures import PICTURE_PROPERTIES
from inficond_panel.vocabulary.splits import SPLITS
from inficond_panel.vocabulary.tasks import NEAR_DUPLICATES, TASKS
from precompute.batches.results import PICTURES, Arrays, Segmented
from precompute.concepts.corpus import zero_warnings
from precompute.encoder import encoder_digest
from precompute.pipeline.inputs import Inputs
from precompute.pipeline.stages import OUTPUTS, concepts, facts_of

#: Likeness (correlation) from which two photos are reported as near-duplicates.
LIKENESS = 0.995
_SIDE = 16
#: Photos whose grey levels have a smaller standard deviation are not compared.
_FLAT = 4.0
_ROWS = 2048
_SHOWN = 5
#: Maximum number of pairs searched for, and of the most similar pairs that a store keeps.
_MOST, _KEPT = 100_000, 1_000

#: Positions of two photos, and their likeness.
Pair = tuple[int, int, float]


def near_duplicates(
    small: np.ndarray, ids: Sequence[str], split: np.ndarray
) -> list[tuple[str, str, float]]:
    """Return pairs of nearly equal images of different splits, most similar first, at most 1,000.

    A pair is (id, id, likeness). ``small`` are the images as ``small_photos`` returns them.
    """
    pairs = sorted(near_pairs(small, split), key=lambda pair: (-pair[2], pair[:2]))
    return [(str(ids[a]), str(ids[b]), likeness) for a, b, likeness in pairs[:_KEPT]]


def near_warning(found: Sequence[tuple[str, str, float]], split_of: Mapping[str, str]) -> str:
    """Return a warning: the number of near-duplicate pairs ``found``, and the first five."""
    named = [
        f"{one} ({split_of[one]}) = {other} ({split_of[other]}), {likeness:.3f}"
        for one, other, likeness in found
    ]
    shown = listed(named, _SHOWN, "; ")
    count = f"{len(found)} or more" if len(found) >= _KEPT else f"{len(found)}"
    pairs = "pair" if len(found) == 1 else "pairs"
    return f"{NEAR_DUPLICATES}: {count} {pairs} of likeness {LIKENESS} and above: {shown}"


def small_photos(jpeg_of: Callable[[int], bytes], count: int) -> np.ndarray:
    """Return ``count`` photos at 16 x 16 as ``(count, 16, 16, 3)`` uint8, from JPEG thumbnails."""
    small = np.empty((count, _SIDE, _SIDE, 3), np.uint8)
    for i in range(count):
        with Image.open(io.BytesIO(jpeg_of(i)), formats=("JPEG",)) as image:
            image.draft("RGB", (4 * _SIDE, 4 * _SIDE))  # decode at a fraction of the size; faster
            rgb = image.convert("RGB").resize((_SIDE, _SIDE), Image.Resampling.BILINEAR)
        small[i] = np.asarray(rgb)
    return small


def near_pairs(small: np.ndarray, split: np.ndarray) -> list[Pair]:
    """Return pairs of nearly equal photos in different splits, at most 100,000. A pair is (index,
    index, likeness) in ``small``, the array of ``small_photos``."""
    return list(islice(_pairs(small, split), _MOST))


def _pairs(small: np.ndarray, split: np.ndarray) -> Iterator[Pair]:
    grey = small.reshape(len(small), -1, 3).mean(2, dtype=np.float32)
    seen = np.flatnonzero(grey.std(1) >= _FLAT)
    unit = _unit(grey[seen])
    mirrored = unit.reshape(len(unit), _SIDE, _SIDE)[:, :, ::-1].reshape(unit.shape)
    of = np.unique(split, return_inverse=True)[1][seen]
    for start in range(0, len(seen), _ROWS):
        rows = slice(start, start + _ROWS)
        alike = unit[rows] @ unit[start:].T >= LIKENESS
        alike |= unit[rows] @ mirrored[start:].T >= LIKENESS
        alike &= of[rows][:, None] != of[start:][None]
        for i, j in np.argwhere(alike):
            if j > i:
                a, b = int(seen[start + i]), int(seen[start + j])
                three = np.stack([small[a], small[b], small[b][:, ::-1]])
                one, *others = _unit(three.reshape(3, -1).astype(np.float32))
                likeness = max(float(one @ other) for other in others)
                if likeness >= LIKENESS:
                    yield a, b, likeness


def _unit(values: np.ndarray) -> np.ndarray:
    """Return rows after subtracting each row's mean and scaling the row to length 1."""
    centred = values - values.mean(1, keepdims=True)
    return np.asarray(centred / np.linalg.norm(centred, axis=1, keepdims=True))


def assemble(
    inputs: Inputs,
    segmented: Segmented,
    results: Mapping[str, Arrays],
    records: Mapping[str, Mapping[str, Any]],
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the arrays and the attributes of the store, from the results of all stages.
    ``records`` has the time and speed of each stage."""
    read, dataset = segmented.read, inputs.dataset
    split, label = np.array(dataset.split)[read], dataset.label[read]
    arrays: dict[str, Any] = {
        "image": np.array(dataset.ids)[read],
        "concept": np.array(concepts(inputs, results["text"])),
        "class_name": np.array(dataset.classes),
        "method": np.array(inputs.methods),
        "image_digest": np.array(inputs.digests)[read],
        "label": label,
        "split": split,
        **encoded_arrays(segmented),
    }
    if (pictures := segmented.pictures) is not None:
        arrays["picture"] = np.array([each.key for each in PICTURE_PROPERTIES])
        arrays[PICTURES] = pictures
    if dataset.metadata is not None:
        arrays["metadata_column"] = np.array(dataset.metadata_columns)
        arrays["metadata"] = dataset.metadata[read]
    if others := facts_of(results["teacher"]).get("others"):
        arrays["other_class"] = np.array(others)
    for name, names in OUTPUTS.items():
        for array in names:
            if array in results[name]:
                values = results[name][array]
                arrays[array] = values[read] if name == "teacher" else values
    attrs = _attributes(inputs, segmented.reason, results, records)
    attrs["warnings"] += zero_warnings(results["scores"]["concept_score"])
    attrs["warnings"] += _without_positives(split, label, dataset.classes)
    if near := near_duplicates(small_encoded(segmented), arrays["image"], split):
        split_of = dict(zip(map(str, arrays["image"]), map(str, split), strict=True))
        attrs["warnings"] += [near_warning(near, split_of)]
        attrs["near_duplicates"] = list(map(list, near))
    return arrays, attrs


def encoded_arrays(segmented: Segmented) -> dict[str, Any]:
    """Return the arrays of a store that hold segments and thumbnails."""
    encoded: Mapping[str, Any] = segmented.arrays
    shape = np.asarray(encoded["thumbnail_shape"])
    return {
        "segment_image": np.repeat(np.arange(len(shape), dtype=np.int32), encoded["segments"]),
        "segment_embedding": encoded["embedding"],
        "segment_box": encoded["box"],
        "mask": encoded["mask"],
        "mask_offset": _offsets(shape.prod(1)),
        "thumbnail": encoded["thumbnail"],
        "thumbnail_offset": _offsets(np.asarray(encoded["thumbnail_length"])),
        "thumbnail_shape": shape,
    }


def small_encoded(segmented: Segmented) -> np.ndarray:
    """Return the thumbnails of all readable photos at 16 x 16, as ``small_photos`` returns them."""
    edges = _offsets(np.asarray(segmented.arrays["thumbnail_length"]))

    def jpeg(i: int) -> bytes:
        return bytes(segmented.arrays["thumbnail"][slice(int(edges[i]), int(edges[i + 1]))])

    return small_photos(jpeg, len(edges) - 1)


def _attributes(
    inputs: Inputs,
    reason: Sequence[str],
    results: Mapping[str, Arrays],
    records: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    skipped, teacher = inputs.skipped(reason), facts_of(results["teacher"])
    dataset = inputs.dataset
    stages = {
        name: {"key": inputs.stage_keys[name], **records.get(name, {}), "inputs": values}
        for name, values in inputs.stages.items()
    }
    digest_of = dict(zip(dataset.ids, inputs.digests, strict=True)) if skipped else {}
    stages["segments"] |= {
        "encoding": inputs.encoding_key,
        "skipped": [[image, why, digest_of[image]] for image, why in skipped],
    }
    for name, arrays in results.items():
        if facts := facts_of(arrays):
            stages[name]["told"] = facts
    words = facts_of(results["text"])
    now = clock.stamp()
    single = {"task": dataset.task} if dataset.task != TASKS[0] else {}
    order = {"teacher_order": as_given} if (as_given := inputs.teacher.section.order) else {}
    return {
        "title": inputs.title,
        **single,
        "history": f"{now} inficond precompute, version {__version__}",
        "encoder": inputs.encoder_inputs["model"],
        "encoder_digest": encoder_digest(inputs.encoder),
        "preprocessing": words["preprocessing"],
        "prompts": inputs.prompts,
        "corpus": inputs.corpus,
        "synonyms": {
            name: inputs.words[name][1:]
            for name in concepts(inputs, results["text"])
            if inputs.words[name][1:]
        },
        **facts_of(results["scores"]),
        **teacher["attrs"],
        **order,
        "inputs_hash": inputs.inputs_hash,
        "stages": stages,
        "skipped": skipped,
        "warnings": [
            *dataset.notes,
            *teacher["warnings"],
            *words["warnings"],
            *(f"skipped the image {image}: {why}" for image, why in skipped),
        ],
    }


def _offsets(lengths: np.ndarray) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])


def _without_positives(split: np.ndarray, label: np.ndarray, classes: Sequence[str]) -> list[str]:
    lacking = []
    for name in SPLITS:
        positives = (label[split == name] == 1).sum(0)
        absent = [name for name, n in zip(classes, positives, strict=True) if n == 0]
        if absent:
            lacking.append(f"no positive in {name} (metrics undefined): {', '.join(absent)}")
    return lacking
