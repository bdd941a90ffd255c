"""Drawn multi-label scenes for the demo: Twemoji art on painted backdrops.

    scenes = SceneSet(seed=0, images={"fit": 800, "tune": 400, "holdout": 400}, size=(192, 144))
    scenes.image_ids    # ("scene-00000", ...), one for each image
    scenes.split        # ("fit", ..., "tune", ..., "holdout", ...)
    scenes.classes      # 16 class names
    scenes.labels       # (N, 16) int8 in {0, 1}
    scenes.captions     # N strings
    scenes.metadata     # (N, 2) texts: setting and light
    scenes.image(i)     # PIL image, RGB, of the given size

Every scene is a function of (seed, index) alone, so any subset in any order gives the same images.
"""

from precompute.recipes.scenes.sceneset import SceneSet
from precompute.recipes.scenes.shortcuts import SCENE_SHORTCUTS, SPREAD, Shortcut, SpreadShortcut
from precompute.recipes.scenes.things import CLASSES, concept_names

__all__ = [
    "CLASSES",
    "SCENE_SHORTCUTS",
    "SPREAD",
    "SceneSet",
    "Shortcut",
    "SpreadShortcut",
    "concept_names",
]
