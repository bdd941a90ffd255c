"""Scenes that are drawn from a seed."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from precompute.datasets.dataset import Dataset


def scenes_dataset(section: Any) -> Dataset:
    """The data set of ``kind: scenes``."""
    from precompute.scenes import SceneSet

    counts = {split: getattr(section.images, split) for split in ("fit", "tune", "holdout")}
    scenes = SceneSet(section.seed, counts, section.size, section.shortcuts)
    return Dataset(
        ids=tuple(scenes.image_ids),
        split=tuple(scenes.split),
        classes=tuple(scenes.classes),
        label=np.asarray(scenes.labels, dtype=np.int8),
        load=scenes.image,
        digest=lambda i: hashlib.sha256(scenes.image(i).tobytes()).hexdigest(),
    )
