"""Regions of a scene: a label map of what is visible at each pixel."""

from dataclasses import dataclass, replace

import numpy as np

from precompute.recipes.scenes.backdrop import paint_backdrop
from precompute.recipes.scenes.draw import layers
from precompute.recipes.scenes.scene import Scene
from precompute.recipes.scenes.settings import SCENE_SETTINGS

_BEHIND = ("hill", "skyline")


@dataclass(frozen=True)
class Regions:
    """Label map ``(height, width)`` of a scene, and the name of each label.

    Each thing has a label, also two things of one kind; so has each painted part (sky or wall,
    hills and houses, each band of ground, furniture). ``placement`` are the labels of the scene's
    placements, in their order. The label of a hidden thing has no pixel.
    """

    labels: np.ndarray
    names: tuple[str, ...]
    placement: tuple[int, ...]


def regions(scene: Scene) -> Regions:
    """Return the regions of a scene: each layer, in painting order, takes the pixels it covers.

    A half-covered pixel counts as covered. Shadows belong to the layer below, marks on the ground
    to the ground."""
    labels, names = _backdrop(scene)
    rng = np.random.default_rng(scene.texture_seed)
    canvas = paint_backdrop(scene, rng)
    before, placement = np.array(canvas), []
    for name, cover in layers(canvas, scene, rng):
        if cover is None:
            mask = (np.asarray(canvas) != before).any(-1)
        else:
            mask = np.asarray(cover) >= 128
            placement.append(len(names))
        labels[mask] = len(names)
        names.append(name)
        before = np.array(canvas)
    return Regions(labels, tuple(names), tuple(placement))


def _backdrop(scene: Scene) -> tuple[np.ndarray, list[str]]:
    width, height = scene.size
    horizon, setting = round(scene.horizon), SCENE_SETTINGS[scene.setting]
    labels = np.zeros((height, width), dtype=np.int16)
    names = [scene.stuff[0]]
    for material, low, high in setting.ground:
        top, bottom = (round(horizon + edge * (height - horizon)) for edge in (low, high))
        labels[top:bottom] = len(names)
        names.append(material)
    behind = [name for name in _BEHIND if name in scene.stuff]
    if behind:  # painted last, so that the other random numbers are equal with and without it
        bare = replace(scene, stuff=tuple(name for name in scene.stuff if name not in behind))
        labels[(_painted(scene) != _painted(bare)).any(-1)] = len(names)
        names.append(" and ".join(behind))
    return labels, names


def _painted(scene: Scene) -> np.ndarray:
    return np.asarray(paint_backdrop(scene, np.random.default_rng(scene.texture_seed)))
