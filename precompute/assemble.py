"""Arrays and attributes of the store, from what was encoded."""

from __future__ import annotations

from typing import Any

import numpy as np

from inficond_panel.store import SPLITS
from precompute.batches import Arrays
from precompute.concepts import concept_scores
from precompute.encoded import encoding_of
from precompute.encoder import Encoder, encoder_digest
from precompute.inputs import Inputs
from precompute.project import project


def assemble(
    inputs: Inputs, encoder: Encoder, text: np.ndarray, encoded: Arrays
) -> tuple[Arrays, dict[str, Any]]:
    """Arrays and attributes of the store.

    Scores are computed from the half-precision embeddings that the store keeps, so that a concept
    scored from these later is scored alike.
    """
    read = np.flatnonzero(encoded["reason"] == "")
    segment_image = np.repeat(np.arange(len(read)), encoded["segments"])
    score, best, cosine = concept_scores(encoded["embedding"], segment_image, text)
    shape = encoded["thumbnail_shape"]
    split, label = np.array(inputs.dataset.split)[read], inputs.dataset.label[read]
    arrays = {
        "image": np.array(inputs.dataset.ids)[read],
        "concept": np.array(inputs.concepts),
        "class_name": np.array(inputs.dataset.classes),
        "method": np.array(inputs.projections.methods),
        "concept_score": score,
        "teacher_logit": inputs.logit[read],
        "label": label,
        "split": split,
        "segment_image": segment_image,
        "segment_concept": best,
        "segment_cosine": cosine,
        "segment_embedding": encoded["embedding"],
        "segment_box": encoded["box"],
        "concept_text_embedding": text,
        "concept_projection": project(text, inputs.projections.methods, inputs.projections.seed),
        "mask": encoded["mask"],
        "mask_offset": _offsets(shape.prod(1)),
        "thumbnail": encoded["thumbnail"],
        "thumbnail_offset": _offsets(encoded["thumbnail_length"]),
        "thumbnail_shape": shape,
    }
    if inputs.dataset.metadata is not None:
        arrays["metadata_column"] = np.array(inputs.dataset.metadata_columns)
        arrays["metadata"] = inputs.dataset.metadata[read]
    skipped = skipped_images(encoded["reason"], inputs)
    attrs = {
        "title": inputs.title,
        "encoder": encoder.name,
        "encoder_digest": encoder_digest(inputs.encoder),
        "preprocessing": encoder.preprocessing,
        "prompts": inputs.prompts,
        "corpus": inputs.corpus,
        "teacher": inputs.teacher,
        "inputs_hash": inputs.inputs_hash,
        "encoding": encoding_of(inputs.encoding_hash, encoded["reason"]),
        "skipped": skipped,
        "warnings": _warnings(skipped, split, label, inputs.dataset.classes),
    }
    return arrays, attrs


def _offsets(lengths: np.ndarray) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])


def _warnings(
    skipped: list[tuple[str, str]], split: np.ndarray, label: np.ndarray, classes: tuple[str, ...]
) -> list[str]:
    found = [f"skipped the image {image}: {reason}" for image, reason in skipped]
    for name in SPLITS:
        positives = (label[split == name] == 1).sum(0)
        absent = [classes[k] for k in np.flatnonzero(positives == 0)]
        if absent:
            found.append(f"no positive in {name} (metrics undefined): {', '.join(absent)}")
    return found


def skipped_images(reason: np.ndarray, inputs: Inputs) -> list[tuple[str, str]]:
    """Ids of the images left out, each with the reason; ``reason`` is "" for the others."""
    return [(inputs.dataset.ids[i], str(reason[i])) for i in np.flatnonzero(reason != "")]
