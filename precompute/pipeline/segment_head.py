"""The head of a spec that names no checkpoint: what it is trained from, and its training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from precompute.batches.stages import key_of
from precompute.segments import SegmentSettings
from precompute.segments.training import Training, train_head


def training_of(section: Any) -> Training | None:
    """Settings of the training that a spec's section ``concepts.segments`` asks for, if any."""
    head = getattr(section, "head", None)
    if head is None or head.checkpoint is not None:
        return None
    return Training(head.images, head.epochs, head.seed)


def photos_for(training: Training, keys: list[str], split: tuple[str, ...]) -> list[int]:
    """Positions of the photos to train on: of ``fit``, drawn by their content, not their order."""
    fit = {key: i for i, key in enumerate(keys) if split[i] == "fit"}
    drawn = sorted(fit, key=lambda key: key_of("head", [training.seed, key]))
    return [fit[key] for key in drawn[: training.images]]


def head_inputs(
    training: Training,
    keys: list[str],
    split: tuple[str, ...],
    encoder: dict[str, Any],
    text: dict[str, Any],
) -> dict[str, Any]:
    """All that the trained head depends on; ``text`` tells what the class prototypes are."""
    photos = [keys[i] for i in photos_for(training, keys, split)]
    return {
        **asdict(training),
        "photos": key_of("photos", photos),
        "encoder": encoder,
        "text": key_of("text", text),
    }


def with_head(
    settings: SegmentSettings,
    inputs: Any,
    encoder: Any,
    store: Path,
    progress: Callable[[str], None],
    cancelled: Callable[[], bool],
) -> SegmentSettings:
    """The settings with the head of ``precompute.pipeline.inputs.Inputs``, which is trained first.

    It lies beside the store, as ``<store's stem>.head.safetensors``, and serves for other runs.
    """
    if inputs.training is None:
        return settings
    path = store.with_name(f"{store.stem}.head.safetensors")
    positions = photos_for(inputs.training, inputs.keys, inputs.dataset.split)
    train_head(
        [partial(inputs.dataset.load, i) for i in positions],
        encoder,
        lambda: prototypes(encoder, inputs),
        inputs.training,
        path,
        inputs.head_inputs,
        progress,
        cancelled,
    )
    return replace(settings, head=str(path))


def prototypes(encoder: Any, inputs: Any) -> np.ndarray:
    """Vectors of the concepts' texts."""
    from inficond_panel.concepts.texts import embed_concepts

    return embed_concepts(encoder, list(inputs.words.values()), inputs.prompts)
