"""Combine the results of the stages into a store's arrays and attributes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from inficond_panel.common import clock
from inficond_panel.store.near_images import ALLOWED, check_across, near_images
from inficond_panel.store.skipped import skipped_text
from inficond_panel.version import __version__
from inficond_panel.vocabulary.picture_properties import PICTURE_PROPERTIES
from inficond_panel.vocabulary.tasks import NEAR_DUPLICATES, TASKS
from precompute.batches.results import PICTURE_ARRAY, Arrays, Segmented
from precompute.concepts.corpus import zero_warnings
from precompute.datasets.labels import without_positives
from precompute.encoder import encoder_digest
from precompute.pipeline.inputs import Inputs
from precompute.pipeline.near_photos import near_groups
from precompute.pipeline.stages import STAGE_ARRAYS, concepts, facts_of


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
        arrays[PICTURE_ARRAY] = pictures
    if dataset.metadata is not None:
        arrays["metadata_column"] = np.array(dataset.metadata_columns)
        arrays["metadata"] = dataset.metadata[read]
    if others := facts_of(results["teacher"]).get("others"):
        arrays["other_class"] = np.array(others)
    for name, names in STAGE_ARRAYS.items():
        for array in names:
            if array in results[name]:
                values = results[name][array]
                arrays[array] = values[read] if name == "teacher" else values
    attrs = _attributes(inputs, segmented.reason, results, records)
    attrs["warnings"] += zero_warnings(results["scores"]["concept_score"])
    attrs["warnings"] += without_positives(split, label, dataset.classes)
    group = near_groups(inputs, segmented, arrays)
    near = near_images(group, split, list(map(str, arrays["image"])))
    check_across(near, inputs.across_splits, ALLOWED, inputs.listing)
    attrs["near_across"] = list(near.across)
    attrs["warnings"] += [f"{NEAR_DUPLICATES}: {near.across_text}"] if near.across else []
    if near.groups:
        arrays["near_group"] = group
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
            *([skipped_text(skipped)] if skipped else []),
        ],
    }


def _offsets(lengths: np.ndarray) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
