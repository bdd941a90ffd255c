"""Scenes that are drawn from a seed."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from precompute.datasets.dataset import Dataset


def scenes_dataset(section: Any) -> Dataset:
    """The data set of ``kind: scenes``."""
    from precompute.recipes.scenes import SceneSet

    counts = {split: getattr(section.images, split) for split in ("fit", "tune", "holdout")}
    scenes = SceneSet(section.seed, counts, section.size, section.shortcuts)
    return Dataset(
        ids=tuple(scenes.image_ids),
        split=tuple(scenes.split),
        classes=tuple(scenes.classes),
        label=np.asarray(scenes.labels, dtype=np.int8),
        load=scenes.image,
        digest=lambda i: hashlib.sha256(scenes.image(i).tobytes()).hexdigest(),
        foreground=lambda i: foreground(scenes, i),
    )


def foreground(scenes: Any, i: int) -> np.ndarray:
    """Mask ``(height, width)`` of a scene: places where things that count for a class are seen."""
    found, placements = scenes.regions(i), scenes.plan(i).placements
    counted = [
        label
        for label, placement in zip(found.placement, placements, strict=True)
        if placement.thing.label
    ]
    return np.isin(found.labels, counted)
