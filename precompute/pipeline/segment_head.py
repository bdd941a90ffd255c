"""Inputs of a trained segment head: settings, photos, encoder and class prototypes."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from inficond_panel.spec.sections.segments import Segments
from inficond_panel.vocabulary.splits import FIT
from precompute.batches.stages import key_of
from precompute.segments.training import Training


def training_of(section: Segments) -> Training | None:
    """Settings of the training that a spec's section ``concepts.segments`` asks for, if any."""
    head = getattr(section, "head", None)
    if head is None or head.checkpoint is not None:
        return None
    return Training(head.images, head.epochs, head.seed)


def photos_for(training: Training, keys: list[str], split: tuple[str, ...]) -> list[int]:
    """Positions of the photos to train on: of ``fit``, drawn by their content, not their order."""
    fit = {key: i for i, key in enumerate(keys) if split[i] == FIT}
    drawn = sorted(fit, key=lambda key: key_of("head", [training.seed, key]))
    return [fit[key] for key in drawn[: training.images]]


def head_inputs(
    training: Training,
    keys: list[str],
    split: tuple[str, ...],
    encoder: dict[str, Any],
    text: dict[str, Any],
) -> dict[str, Any]:
    """Inputs of the trained head; ``text`` describes the class prototypes."""
    photos = [keys[i] for i in photos_for(training, keys, split)]
    return {
        **asdict(training),
        "photos": key_of("photos", photos),
        "encoder": encoder,
        "text": key_of("text", text),
    }
