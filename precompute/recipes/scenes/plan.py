"""Plan a scene: choose its things and their positions, before anything is drawn."""

from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from precompute.recipes.scenes.art import shape
from precompute.recipes.scenes.scene import Placement, Scene, overlap, with_visibility
from precompute.recipes.scenes.settings import SCENE_SETTINGS
from precompute.recipes.scenes.shortcuts import SCENE_SHORTCUTS, SPREAD
from precompute.recipes.scenes.surroundings import places, surroundings
from precompute.recipes.scenes.things import Thing, catalogue

TRIES = 14
CROWDED = 0.6  # largest share of a box that a neighbour may cover
SKY_CONCEPTS = ("sky", "lowsky", "daysky", "nightsky")
HORIZON = ("town", "country")
SCALES = {"town": 0.5, "country": 0.5, "wall": 0.8, "shelf": 0.62, "table": 0.75, "doorway": 0.68}
FRONT, FAR_OUTDOORS, FAR_INDOORS = 0.95, 0.4, 0.62  # scale in front, at the horizon, at the wall

Ranges = dict[str, tuple[float, float]]


def plan(key: tuple[int, int], size: tuple[int, int], planted: bool) -> Scene:
    """Return the planned scene of `key` (seed, index); with `planted` shortcuts are active."""
    rng = np.random.default_rng(key)
    scene = surroundings(rng, size)
    ranges = places(scene)
    placements: list[Placement] = []
    for thing in _wanted(rng, scene, ranges, planted):
        placement = _place(rng, scene, ranges, thing, placements)
        if placement is not None:
            placements.append(placement)
    placements.sort(key=lambda placement: placement.depth)
    rails = ("railway track",) if any(p.place == "rail" for p in placements) else ()
    visible = with_visibility(size, placements)
    return replace(scene, placements=visible, stuff=(*scene.stuff, *rails))


def _wanted(rng: np.random.Generator, scene: Scene, ranges: Ranges, planted: bool) -> list[Thing]:
    """Return the things to place: first contexts of shortcuts, then classes, then clutter."""
    fitting = [thing for thing in catalogue().values() if _fits(thing, ranges)]
    wanted: list[Thing] = []
    for label, chance in SCENE_SETTINGS[scene.setting].classes.items():
        count = int(rng.random() < chance) * (1 + int(rng.random() < 0.25))
        kinds = [thing for thing in fitting if thing.label == label]
        wanted += [kinds[rng.integers(len(kinds))] for _ in range(count if kinds else 0)]
    present = {thing.label for thing in wanted}
    drawn = {shortcut.draw(rng, planted, shortcut.label in present) for shortcut in SCENE_SHORTCUTS}
    wanted = [thing for thing in fitting if thing.name in drawn] + wanted
    contexts = {name for shortcut in SCENE_SHORTCUTS for name in shortcut.context}
    clutter = [thing for thing in fitting if not thing.label and thing.name not in contexts]
    odds = np.array([1 / _share_of_settings(thing) for thing in clutter])
    number = int(rng.integers(3, 9))
    chosen = rng.choice(len(clutter), size=number, replace=False, p=odds / odds.sum())
    things = wanted + [clutter[i] for i in chosen]
    return _spread(rng, things, fitting) if planted else things


def _spread(rng: np.random.Generator, things: list[Thing], fitting: list[Thing]) -> list[Thing]:
    """Return the things to place, the spread shortcut's first; others of it are removed."""
    present = any(thing.label == SPREAD.label for thing in things)
    drawn = SPREAD.draw(rng, [thing.name for thing in fitting], present)
    context = [thing for thing in fitting if thing.name in drawn]
    return context + [thing for thing in things if thing.name not in SPREAD.things]


def _fits(thing: Thing, ranges: Ranges) -> bool:
    return any(place in ranges for place in thing.places)


@cache
def _share_of_settings(thing: Thing) -> float:
    """Return the summed weight of the settings that can hold a thing; rare things get more odds."""
    total = 0.0
    for setting in SCENE_SETTINGS.values():
        outdoors = {"sky", "lowsky", "daysky", *setting.horizon}
        free = {"table", "shelf", "wall", "doorway"} if setting.indoors else outdoors
        total += setting.weight * any(p in free or p in setting.places for p in thing.places)
    return max(total, 0.5)


@dataclass(frozen=True)
class _Spot:
    """Candidate position of a thing: the kind of place, and the height of its foot in pixels."""

    place: str
    foot: float


def _place(
    rng: np.random.Generator, scene: Scene, ranges: Ranges, thing: Thing, others: list[Placement]
) -> Placement | None:
    """Return a placement with little overlap, the best of a few tries; None if all are crowded."""
    options = [place for place in thing.places if place in ranges]
    code = thing.art[rng.integers(len(thing.art))]
    best, least = None, CROWDED
    for _ in range(TRIES):
        place = options[rng.integers(len(options))]
        spot = _Spot(place, rng.uniform(*ranges[place]))
        candidate = _candidate(rng, scene, spot, thing, code)
        covered = max((overlap(candidate.box, other.box) for other in others), default=0.0)
        limit = 0.25 if place in ("table", "shelf", "wall") else rng.uniform(0, CROWDED)
        if covered <= limit:
            return candidate
        if covered <= least:
            best, least = candidate, covered
    return best


def _candidate(
    rng: np.random.Generator, scene: Scene, spot: _Spot, thing: Thing, code: str
) -> Placement:
    width, height = scene.size
    left, right = 0.03 * width, 0.97 * width
    if spot.place in ("table", "shelf"):
        fitting = scene.fittings[spot.place]
        left, right = fitting[0], fitting[2]
    scale = height * _scale(rng, scene, spot) * rng.uniform(0.85, 1.15)
    wide, high = (thing.size * scale * share for share in shape(code))
    x = rng.uniform(left, max(left + 1, right - wide))
    foot = max(spot.foot, 0.9 * high) if spot.place in SKY_CONCEPTS else spot.foot
    foot -= thing.pole * scale
    still = spot.place in (*HORIZON, "wall")
    swing = 14 if spot.place in SKY_CONCEPTS else 3
    return Placement(
        thing=thing,
        code=code,
        place=spot.place,
        box=(x, foot - high, x + wide, foot),
        depth=_depth(scene, spot),
        flip=bool(rng.random() < 0.5),
        angle=0.0 if still else float(rng.uniform(-swing, swing)),
        hue=int(rng.integers(256)) if thing.hue and rng.random() < 0.7 else 0,
    )


def _scale(rng: np.random.Generator, scene: Scene, spot: _Spot) -> float:
    """Return the scale of a thing at a spot: smaller, the nearer its foot is to the horizon."""
    if spot.place in SKY_CONCEPTS:
        return float(rng.uniform(0.45, 0.9))
    if spot.place in SCALES:
        return SCALES[spot.place]
    depth = (spot.foot - scene.horizon) / (scene.size[1] - scene.horizon)
    start = FAR_INDOORS if SCENE_SETTINGS[scene.setting].indoors else FAR_OUTDOORS
    return start + (FRONT - start) * depth


def _depth(scene: Scene, spot: _Spot) -> float:
    """Return a number to sort things by for painting: background first, then by foot; things on a
    table come after it."""
    if spot.place == "table":
        return scene.fittings["table"][3] + 0.01 * spot.foot
    behind = spot.place in (*SKY_CONCEPTS, *HORIZON, "wall", "shelf", "doorway")
    return spot.foot - 1000.0 * (behind and spot.place != "lowsky")
