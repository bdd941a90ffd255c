"""Scenes that are drawn from a seed."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

from inficond_panel.common.installation import missing_extra
from inficond_panel.spec.sections.dataset import ScenesDataset
from inficond_panel.vocabulary.splits import SPLITS
from precompute.datasets.dataset import Dataset

if TYPE_CHECKING:
    from precompute.recipes.scenes import SceneSet


def scenes_dataset(section: ScenesDataset) -> Dataset:
    """The data set of ``kind: scenes``.

    Raises ``MissingExtraError`` where the recipe, which no wheel holds, or a package of it is
    missing.
    """
    section.check_recipe()
    make_scenes = _scene_set()
    counts = {split: getattr(section.images, split) for split in SPLITS}
    scenes = make_scenes(section.seed, counts, section.size, section.shortcuts)
    return Dataset(
        ids=tuple(scenes.image_ids),
        split=tuple(scenes.split),
        classes=tuple(scenes.classes),
        label=np.asarray(scenes.labels, dtype=np.int8),
        load=scenes.image,
        digest=lambda i: hashlib.sha256(scenes.image(i).tobytes()).hexdigest(),
        foreground=lambda i: foreground(scenes, i),
        metadata_columns=scenes.metadata_columns,
        metadata=scenes.metadata,
    )


def _scene_set() -> Any:
    try:
        from precompute.recipes.scenes import SceneSet
    except ModuleNotFoundError as error:
        raise missing_extra("Drawing scenes", error, "demo") from error
    return SceneSet


def foreground(scenes: SceneSet, i: int) -> np.ndarray:
    """Mask ``(height, width)`` of a scene: places where things that count for a class are seen."""
    found, placements = scenes.regions(i), scenes.plan(i).placements
    counted = [
        label
        for label, placement in zip(found.placement, placements, strict=True)
        if placement.thing.label
    ]
    return np.isin(found.labels, counted)
