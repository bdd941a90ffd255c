"""A planned scene: its things with their positions, and the labels and captions that follow."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from precompute.recipes.scenes.settings import SCENE_SETTINGS
from precompute.recipes.scenes.things import CLASSES, Thing

SEEN_SHARE = 0.35  # share of a thing's box that must stay uncovered for it to count as present

SceneBox = tuple[float, float, float, float]


@dataclass(frozen=True)
class Placement:
    """A thing at a position in a scene. box: left, top, right, bottom in pixels.

    depth: order of painting, the nearest last. hue: rotation of hues, in steps of 1/256. visible:
    share of the box that no nearer thing covers.
    """

    thing: Thing
    code: str
    place: str
    box: SceneBox
    depth: float
    flip: bool
    angle: float
    hue: int
    visible: float = 1.0

    @property
    def area(self) -> float:
        """Visible area of the box in pixels."""
        left, top, right, bottom = self.box
        return (right - left) * (bottom - top) * self.visible


@dataclass(frozen=True)
class Scene:
    """Plan of a whole scene. horizon: y of the horizon, or of a wall's foot, in pixels.

    fittings: painted furniture by name, with the numbers that its painter needs (fittings.py).
    stuff: names of all painted parts, the sky or the wall first.
    """

    setting: str
    size: tuple[int, int]
    light: str
    horizon: float
    texture_seed: int
    fittings: dict[str, tuple[float, ...]]
    stuff: tuple[str, ...]
    placements: tuple[Placement, ...] = ()

    def seen(self) -> list[Placement]:
        """Return the placements of things that are visible enough to be labelled."""
        return [placement for placement in self.placements if placement.visible >= SEEN_SHARE]

    def words(self) -> list[str]:
        """Return the sorted names of all visible concepts: words for things, painted parts."""
        names = {word for placement in self.seen() for word in placement.thing.words}
        return sorted(names | set(self.stuff))


def overlap(one: SceneBox, other: SceneBox) -> float:
    """Return the area that two boxes share, divided by the smaller box's area."""
    wide = min(one[2], other[2]) - max(one[0], other[0])
    high = min(one[3], other[3]) - max(one[1], other[1])
    if wide <= 0 or high <= 0:
        return 0.0
    return wide * high / min((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))


def with_visibility(size: tuple[int, int], ordered: list[Placement]) -> tuple[Placement, ...]:
    """Return placements with their visible share: what no later box covers (on a grid of 2 px)."""
    owner = np.full((size[1] // 2, size[0] // 2), -1, dtype=np.int16)
    boxes = [tuple(max(0, round(v / 2)) for v in placement.box) for placement in ordered]
    for i, (x0, y0, x1, y1) in enumerate(boxes):
        owner[y0:y1, x0:x1] = i
    counts = np.bincount(owner[owner >= 0], minlength=len(ordered))
    areas = [max(1, (x1 - x0) * (y1 - y0)) for x0, y0, x1, y1 in boxes]
    return tuple(
        replace(placement, visible=min(1.0, counts[i] / areas[i]))
        for i, placement in enumerate(ordered)
    )


def labels(scenes: Sequence[Scene]) -> np.ndarray:
    """Return labels (N, K) int8 of scenes: 1 if a thing of the class is visible, else 0."""
    seen = [{placement.thing.label for placement in scene.seen()} for scene in scenes]
    return np.array([[name in names for name in CLASSES] for names in seen], dtype=np.int8)


def caption(scene: Scene, seen: list[Placement] | None = None) -> str:
    """Return a sentence with the setting and up to four things of `seen` (default: visible)."""
    shown = sorted(scene.seen() if seen is None else seen, key=lambda p: p.area, reverse=True)
    names = list(dict.fromkeys(p.thing.name for p in shown))[:4]
    where = f"a drawing of {SCENE_SETTINGS[scene.setting].caption}"
    if not names:
        return where
    return f"{where} with {', '.join(names[:-1])}{' and ' if names[1:] else ''}{names[-1]}"
