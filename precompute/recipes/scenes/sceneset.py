"""A set of scenes, in the form that the pipeline reads."""

from functools import cached_property

import numpy as np
from PIL import Image

from inficond_panel.vocabulary.splits import FIT
from precompute.recipes.scenes.draw import draw
from precompute.recipes.scenes.plan import plan
from precompute.recipes.scenes.regions import Regions, regions
from precompute.recipes.scenes.scene import Scene, caption, labels
from precompute.recipes.scenes.things import CLASSES


class SceneSet:
    """N scenes, drawn on demand. Scene i depends only on (seed, i, size, whether it has shortcuts).

    seed: any non-negative integer. images: number of images of each split, in this order. size:
    (width, height) in pixels. shortcuts: whether the split `fit` has the planted shortcuts.
    """

    classes = CLASSES
    metadata_columns = ("setting", "light")

    def __init__(
        self,
        seed: int,
        images: dict[str, int],
        size: tuple[int, int] = (192, 144),
        shortcuts: bool = True,
    ) -> None:
        self.seed, self.size = seed, size
        self.split = tuple(name for name, count in images.items() for _ in range(count))
        self.image_ids = tuple(f"scene-{i:05d}" for i in range(len(self.split)))
        self._planted = tuple(shortcuts and name == FIT for name in self.split)

    def __len__(self) -> int:
        return len(self.split)

    def plan(self, i: int) -> Scene:
        """Return the plan of scene i."""
        return plan((self.seed, i), self.size, self._planted[i])

    @cached_property
    def scenes(self) -> tuple[Scene, ...]:
        """The plans of all scenes."""
        return tuple(self.plan(i) for i in range(len(self)))

    @cached_property
    def labels(self) -> np.ndarray:
        """Labels (N, K) int8: 1 if a thing of the class is visible, else 0."""
        return labels(self.scenes)

    @cached_property
    def metadata(self) -> np.ndarray:
        """Setting and light of each scene: texts (N, 2)."""
        return np.array([(scene.setting, scene.light) for scene in self.scenes])

    @cached_property
    def captions(self) -> tuple[str, ...]:
        """Captions, one sentence per scene."""
        return tuple(caption(scene) for scene in self.scenes)

    def image(self, i: int) -> Image.Image:
        """Draw scene i as an RGB image of the set's size."""
        return draw(self.plan(i))

    def regions(self, i: int) -> Regions:
        """Return the regions of scene i: what is visible at each pixel."""
        return regions(self.plan(i))
