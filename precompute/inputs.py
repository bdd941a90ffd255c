"""All that a store is made from, read and checked before anything is computed, and its hashes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from inficond_panel.store import FORMAT_VERSION
from precompute.batches import Settings
from precompute.concepts import read_corpus
from precompute.datasets import Dataset, load_dataset
from precompute.encoder import encoder_digest
from precompute.teacher import read_logits

#: Raise it when the same inputs no longer give the same store.
RECIPE = 1


@dataclass(frozen=True)
class Inputs:
    """Inputs of one run. ``encoding_hash`` is of what the batches depend on, ``inputs_hash`` of
    everything."""

    title: str
    dataset: Dataset
    max_bad_share: float
    logit: np.ndarray
    teacher: str
    concepts: list[str]
    corpus: str
    prompts: list[str]
    encoder: Any
    settings: Settings
    projections: Any
    encoding_hash: str
    inputs_hash: str


def read_inputs(spec: Any, progress: Callable[[str], None]) -> Inputs:
    """Read what the spec names, except the photos' pixels; raises ``DataError``."""
    section = spec.concepts
    concepts = read_corpus(Path(section.corpus))
    dataset = load_dataset(spec.dataset)
    logit = read_logits(Path(spec.teacher.path), dataset.ids, dataset.classes)
    progress(f"{len(dataset.ids)} images, {len(dataset.classes)} classes, {len(concepts)} concepts")
    settings = Settings(
        section.encoder.batch,
        section.segments.max_per_image,
        section.segments.seed,
        section.thumbnails.size,
        section.thumbnails.quality,
    )
    encoding = {
        "recipe": RECIPE,
        "images": [dataset.digest(i) for i in range(len(dataset.ids))],
        "encoder": encoder_digest(section.encoder),
        "image_size": section.encoder.image_size,
        "segments": section.segments.method,
        "settings": asdict(settings),
    }
    everything = {
        "encoding": encoding,
        "format": FORMAT_VERSION,
        "ids": dataset.ids,
        "split": dataset.split,
        "classes": dataset.classes,
        "label": dataset.label.tobytes().hex(),
        "logit": logit.tobytes().hex(),
        "concepts": concepts,
        "prompts": section.prompts,
        "projections": [section.projections.methods, section.projections.seed],
    }
    if dataset.metadata is not None:
        everything["metadata"] = [dataset.metadata_columns, dataset.metadata.tolist()]
    return Inputs(
        title=spec.title,
        dataset=dataset,
        max_bad_share=spec.dataset.max_bad_share,
        logit=logit,
        teacher=Path(spec.teacher.path).stem,
        concepts=concepts,
        corpus=Path(section.corpus).stem,
        prompts=list(section.prompts),
        encoder=section.encoder,
        settings=settings,
        projections=section.projections,
        encoding_hash=_hash(encoding),
        inputs_hash=_hash(everything),
    )


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
