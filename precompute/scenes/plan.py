"""What stands where in a scene, decided before anything is drawn."""

from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from precompute.scenes import art
from precompute.scenes.settings import SETTINGS, Setting
from precompute.scenes.shortcuts import SHORTCUTS
from precompute.scenes.things import Thing, catalogue

SEEN = 0.35  # share of a thing's box that must stay uncovered for it to count as present
TRIES = 14
SKIES = ("sky", "lowsky", "daysky", "nightsky")
HIGH_PLACES = (*SKIES, "wall", "town", "country")
NEAR, FAR_SCALE = 0.95, 0.4  # scale of a thing in front and of one at the horizon


@dataclass(frozen=True)
class Placement:
    """A thing at its place: box in pixels (left, top, right, bottom), foot = its lower edge."""

    thing: Thing
    code: str
    place: str
    box: tuple[float, float, float, float]
    depth: float
    flip: bool
    angle: float
    hue: int
    visible: float = 1.0

    @property
    def label(self) -> str:
        """Class that it counts for, or ""."""
        return self.thing.label


@dataclass(frozen=True)
class Scene:
    """A whole plan. horizon: y of the horizon (or of the wall's foot) in pixels."""

    setting: str
    size: tuple[int, int]
    light: str
    horizon: float
    fittings: dict[str, tuple[float, ...]]
    stuff: tuple[str, ...]
    placements: tuple[Placement, ...]
    texture_seed: int

    def seen(self) -> list[Placement]:
        """The placements of which enough is uncovered to count."""
        return [placement for placement in self.placements if placement.visible >= SEEN]

    def words(self) -> list[str]:
        """Names of all concepts that can be seen: things, their classes, painted stuff."""
        names = {name for p in self.seen() for name in (p.thing.name, p.label) if name}
        return sorted(names | set(self.stuff))


def plan(key: tuple[int, int], size: tuple[int, int], planted: bool) -> Scene:
    """The scene with this (seed, index); `planted` says whether the shortcuts hold in it."""
    rng = np.random.default_rng(key)
    names = list(SETTINGS)
    weights = np.array([setting.weight for setting in SETTINGS.values()])
    name = names[rng.choice(len(names), p=weights / weights.sum())]
    setting = SETTINGS[name]
    light = str(rng.choice(("day", "sunset", "night"), p=(0.72, 0.14, 0.14)))
    low, high = (0.56, 0.68) if setting.indoors else (0.34, 0.48)
    scene = Scene(
        setting=name,
        size=size,
        light=light,
        horizon=size[1] * rng.uniform(low, high),
        fittings={},
        stuff=(),
        placements=(),
        texture_seed=int(rng.integers(2**31)),
    )
    return _furnish(rng, scene, setting, planted)


def _furnish(rng: np.random.Generator, scene: Scene, setting: Setting, planted: bool) -> Scene:
    scene = _with_fittings(rng, scene, setting)
    places = _places(scene, setting)
    placements: list[Placement] = []
    for thing in _wanted(rng, places, setting, planted):
        placed = _place(rng, scene, places, thing, placements)
        if placed is not None:
            placements.append(placed)
    placements.sort(key=lambda placement: placement.depth)
    rails = ("railway track",) if any(p.place == "rail" for p in placements) else ()
    return replace(
        scene, placements=_with_visibility(scene.size, placements), stuff=scene.stuff + rails
    )


def _with_fittings(rng: np.random.Generator, scene: Scene, setting: Setting) -> Scene:
    """Add what is painted and optional: table, shelf, rug, fence, lamp, backdrop of the horizon."""
    width, height = scene.size
    fittings: dict[str, tuple[float, ...]] = {}
    if setting.indoors:
        stuff = [str(rng.choice(setting.walls))]
        if rng.random() < (0.3 if scene.setting == "bathroom" else 0.8):
            left, span = rng.uniform(0.04, 0.4), rng.uniform(0.4, 0.56)
            top = scene.horizon + height * rng.uniform(-0.02, 0.06)
            fittings["table"] = (left * width, top, (left + span) * width, top + 0.2 * height)
        if rng.random() < 0.5:
            left = rng.uniform(0.05, 0.5)
            fittings["shelf"] = (left * width, rng.uniform(0.3, 0.36) * height,
                                 (left + 0.42) * width)  # fmt: skip
        if rng.random() < 0.35:
            fittings["rug"] = (rng.uniform(0.2, 0.8) * width, rng.uniform(0.35, 0.75))
        if rng.random() < 0.3:
            fittings["curtain"] = (float(rng.choice((0.0, 0.86))) * width,)
    else:
        stuff = [{"day": "sky", "sunset": "sunset sky", "night": "night sky"}[scene.light]]
        backdrop = str(rng.choice((*setting.far, "")))
        stuff += [backdrop] if backdrop else []
        if scene.setting in ("park", "farm") and rng.random() < 0.35:
            fittings["fence"] = (rng.uniform(0.04, 0.12),)
        if scene.setting in ("park", "lake", "street") and rng.random() < 0.35:
            fittings["bush"] = (rng.uniform(0.1, 0.9) * width, rng.uniform(0.0, 0.12))
        if scene.setting in ("street", "park", "harbour", "station") and rng.random() < 0.4:
            fittings["street lamp"] = (rng.uniform(0.08, 0.92) * width,)
        if scene.setting in ("park", "station", "harbour", "lake") and rng.random() < 0.3:
            fittings["bench"] = (rng.uniform(0.15, 0.85) * width,)
        if scene.setting == "park" and rng.random() < 0.5:
            fittings["path"] = (rng.uniform(0.2, 0.8), rng.uniform(0.2, 0.8))
    materials = [material for material, *_ in setting.ground if material != "gravel"]
    return replace(scene, fittings=fittings, stuff=(*stuff, *materials, *fittings))


def _places(scene: Scene, setting: Setting) -> dict[str, tuple[float, float]]:
    """Place -> its range of foot heights in pixels."""
    width, height = scene.size
    horizon = scene.horizon
    deep = {
        place: (horizon + low * (height - horizon), horizon + high * (height - horizon))
        for place, (low, high) in setting.places.items()
    }
    if setting.indoors:
        deep["wall"] = (0.3 * height, 0.42 * height)
        deep["doorway"] = (horizon + 1, horizon + 2)
        if "table" in scene.fittings:
            top = scene.fittings["table"][1]
            deep["table"] = (top + 1, top + 0.035 * height)
        if "shelf" in scene.fittings:
            deep["shelf"] = (scene.fittings["shelf"][1],) * 2
        return deep
    deep["sky"] = (0.16 * height, horizon - 0.03 * height)
    deep["lowsky"] = (0.25 * height, horizon + 0.08 * height)
    deep |= dict.fromkeys(setting.horizon, (horizon + 0.5, horizon + 2))
    deep["nightsky" if scene.light == "night" else "daysky"] = (0.14 * height, 0.28 * height)
    return deep


def _wanted(
    rng: np.random.Generator,
    places: dict[str, tuple[float, float]],
    setting: Setting,
    planted: bool,
) -> list[Thing]:
    """The things to place, the classes first, then the contexts, then the clutter."""
    things = catalogue()
    wanted, present = [], set()
    for label, chance in setting.classes.items():
        count = int(rng.random() < chance) * (1 + int(rng.random() < 0.25))
        kinds = [t for t in things.values() if t.label == label and _fits(t, places)]
        if count and kinds:
            present.add(label)
            wanted += [kinds[rng.integers(len(kinds))] for _ in range(count)]
    for shortcut in SHORTCUTS:
        name = shortcut.draw(rng, planted, shortcut.label in present)
        if name and _fits(things[name], places):
            wanted.append(things[name])
    contexts = {name for shortcut in SHORTCUTS for name in shortcut.context}
    clutter = [t for t in things.values()
               if not t.label and t.name not in contexts and _fits(t, places)]  # fmt: skip
    odds = 1 / np.array([_share_of_settings(t) for t in clutter])
    size = int(rng.integers(3, 8))
    chosen = rng.choice(len(clutter), size=size, replace=False, p=odds / odds.sum())
    return wanted + [clutter[i] for i in chosen]


@cache
def _share_of_settings(thing: Thing) -> float:
    """In how much of the settings the thing can be; what can be in few is drawn there more."""
    rooms = {"table", "shelf", "wall", "doorway"}
    total = 0.0
    for setting in SETTINGS.values():
        free = rooms if setting.indoors else {"sky", "lowsky", "daysky", *setting.horizon}
        total += setting.weight * any(p in free or p in setting.places for p in thing.places)
    return max(total, 0.5)


def _fits(thing: Thing, places: dict[str, tuple[float, float]]) -> bool:
    return any(place in places for place in thing.places)


def _place(
    rng: np.random.Generator,
    scene: Scene,
    places: dict[str, tuple[float, float]],
    thing: Thing,
    others: list[Placement],
) -> Placement | None:
    """A free spot for the thing: the first that covers little, or None for crowded clutter."""
    options = [place for place in thing.places if place in places]
    code = thing.art[rng.integers(len(thing.art))]
    best: tuple[float, Placement] | None = None
    for _ in range(TRIES):
        place = options[rng.integers(len(options))]
        candidate = _candidate(rng, scene, place, places[place], thing, code)
        cost = max((_overlap(candidate, other) for other in others), default=0.0)
        limit = rng.uniform(0.0, 0.6) if place not in ("table", "shelf", "wall") else 0.15
        if cost <= limit:
            return candidate
        if best is None or cost < best[0]:
            best = (cost, candidate)
    return best[1] if best and best[0] <= 0.6 else None


def _candidate(
    rng: np.random.Generator,
    scene: Scene,
    place: str,
    feet: tuple[float, float],
    thing: Thing,
    code: str,
) -> Placement:
    width, height = scene.size
    foot = rng.uniform(*feet)
    left, right = 0.03 * width, 0.97 * width
    if place in ("table", "shelf"):
        fitting = scene.fittings[place]
        left, right = fitting[0], fitting[2]
    long_side = thing.size * height * _scale(rng, scene, place, foot) * rng.uniform(0.85, 1.15)
    wide, high = (long_side * share for share in art.shape(code))
    x = rng.uniform(left, max(left + 1, right - wide))
    if place in SKIES:
        foot = max(foot, 0.9 * high)
    foot -= thing.pole * long_side / thing.size if thing.pole else 0
    swing = 14 if place in ("sky", "lowsky") else 3
    return Placement(
        thing=thing,
        code=code,
        place=place,
        box=(x, foot - high, x + wide, foot),
        depth=_depth(scene, place, foot + (thing.pole * long_side / thing.size)),
        flip=bool(rng.random() < 0.5),
        angle=float(rng.uniform(-swing, swing))
        if place not in ("town", "country", "wall")
        else 0.0,
        hue=int(rng.integers(256)) if thing.hue and rng.random() < 0.7 else 0,
    )


def _scale(rng: np.random.Generator, scene: Scene, place: str, foot: float) -> float:
    """Scale of a thing by its depth: smaller the nearer its foot is to the horizon."""
    if place in SKIES:
        return float(rng.uniform(0.45, 0.9))
    fixed = {
        "town": 0.5,
        "country": 0.5,
        "wall": 0.8,
        "shelf": 0.62,
        "table": 0.75,
        "doorway": 0.68,
    }
    if place in fixed:
        return fixed[place]
    depth = (foot - scene.horizon) / (scene.size[1] - scene.horizon)
    start = 0.62 if SETTINGS[scene.setting].indoors else FAR_SCALE
    return start + (NEAR - start) * depth


def _depth(scene: Scene, place: str, foot: float) -> float:
    """Order of painting: high places, then by foot; what stands on a table after the table."""
    if place in HIGH_PLACES or place in ("shelf", "doorway"):
        return foot - 1000.0 * (place != "lowsky")
    if place == "table":
        return scene.fittings["table"][3] + 0.01 * foot
    return foot


def _overlap(one: Placement, other: Placement) -> float:
    """Share of the smaller box that the two have in common."""
    a, b = one.box, other.box
    wide, high = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    if wide <= 0 or high <= 0:
        return 0.0
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
    return wide * high / min(areas)


def _with_visibility(size: tuple[int, int], ordered: list[Placement]) -> tuple[Placement, ...]:
    """Each placement with the share of its box that no later box covers (on a coarse grid)."""
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


def caption(scene: Scene, seen: list[Placement] | None = None) -> str:
    """A sentence with the setting and up to four of the things seen (all by default)."""

    def area(p: Placement) -> float:
        return (p.box[2] - p.box[0]) * (p.box[3] - p.box[1]) * p.visible

    shown = sorted(scene.seen() if seen is None else seen, key=area, reverse=True)
    names = list(dict.fromkeys(p.thing.name for p in shown))[:4]
    where = f"a drawing of {SETTINGS[scene.setting].caption}"
    if not names:
        return where
    return f"{where} with {', '.join(names[:-1])}{' and ' if names[1:] else ''}{names[-1]}"
