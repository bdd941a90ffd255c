"""Jumbled scenes for training: things of all kinds, equally likely, anywhere, in any setting.

Things are not correlated with each other or the setting, so that an encoder must learn the things.
"""

from dataclasses import replace

import numpy as np

from precompute.recipes.scenes.art import shape
from precompute.recipes.scenes.scene import Placement, Scene, overlap, with_visibility
from precompute.recipes.scenes.surroundings import surroundings
from precompute.recipes.scenes.things import Thing, catalogue

MOST_COVERED = 0.3
TRIES = 12


def jumble(key: tuple[int, int], size: tuple[int, int]) -> Scene:
    """Return the jumbled scene with the `key` (seed, index) and the `size` (width, height)."""
    rng = np.random.default_rng(key)
    scene = surroundings(rng, size)
    things = list(catalogue().values())
    placements: list[Placement] = []
    for i in rng.integers(len(things), size=int(rng.integers(8, 15))):
        for _ in range(TRIES):
            candidate = _anywhere(rng, size, things[i])
            if all(overlap(candidate.box, p.box) <= MOST_COVERED for p in placements):
                placements.append(candidate)
                break
    placements.sort(key=lambda placement: placement.depth)
    return replace(scene, placements=with_visibility(size, placements))


def _anywhere(rng: np.random.Generator, size: tuple[int, int], thing: Thing) -> Placement:
    width, height = size
    code = thing.art[rng.integers(len(thing.art))]
    scale = height * rng.uniform(0.4, 0.95)
    wide, high = (min(thing.size, 0.6) * scale * share for share in shape(code))
    foot = rng.uniform(high, height)
    x = rng.uniform(0, width - wide)
    return Placement(
        thing=thing,
        code=code,
        place=thing.places[0],
        box=(x, foot - high, x + wide, foot),
        depth=foot,
        flip=bool(rng.random() < 0.5),
        angle=float(rng.uniform(-10, 10)),
        hue=int(rng.integers(256)) if thing.hue and rng.random() < 0.7 else 0,
    )
