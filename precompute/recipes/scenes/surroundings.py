"""Draw an empty scene at random: setting, light, painted furniture, and places for things."""

import numpy as np

from precompute.recipes.scenes.scene import Scene
from precompute.recipes.scenes.settings import SCENE_SETTINGS

SKIES = {"day": "sky", "sunset": "sunset sky", "night": "night sky"}

# Outdoors: name of a fitting, the settings that can have it, its probability in them.
OUTDOORS: tuple[tuple[str, tuple[str, ...], float], ...] = (
    ("fence", ("park", "farm"), 0.35),
    ("bush", ("park", "lake", "street"), 0.35),
    ("street lamp", ("street", "park", "harbour", "station"), 0.4),
    ("bench", ("park", "station", "harbour", "lake"), 0.3),
    ("path", ("park",), 0.5),
)
ROOMS = (("table", 0.8), ("shelf", 0.5), ("rug", 0.35), ("curtain", 0.3))


def surroundings(rng: np.random.Generator, size: tuple[int, int]) -> Scene:
    """Return a random scene without things: setting, light, furniture, horizon."""
    names = list(SCENE_SETTINGS)
    weights = np.array([setting.weight for setting in SCENE_SETTINGS.values()])
    name = names[rng.choice(len(names), p=weights / weights.sum())]
    setting = SCENE_SETTINGS[name]
    light = str(rng.choice(tuple(SKIES), p=(0.72, 0.14, 0.14)))
    horizon = size[1] * rng.uniform(*((0.56, 0.68) if setting.indoors else (0.34, 0.48)))
    texture_seed = int(rng.integers(2**31))
    if setting.indoors:
        stuff: tuple[str, ...] = (str(rng.choice(setting.walls)),)
        wanted = [fitting for fitting, chance in ROOMS if rng.random() < chance]
    else:
        backdrop = str(rng.choice((*setting.far, "")))
        stuff = (SKIES[light], *filter(None, (backdrop,)))
        wanted = [
            fitting
            for fitting, where, chance in OUTDOORS
            if name in where and rng.random() < chance
        ]
    fittings = {fitting: _fitting(rng, fitting, size, horizon) for fitting in wanted}
    materials = tuple(material for material, *_ in setting.ground if material != "gravel")
    return Scene(name, size, light, horizon, texture_seed, fittings, (*stuff, *materials, *wanted))


def _fitting(
    rng: np.random.Generator, name: str, size: tuple[int, int], horizon: float
) -> tuple[float, ...]:
    """Return a random position for the fitting `name`: the numbers that its painter reads."""
    width, height = size
    if name == "table":
        left, span = rng.uniform(0.04, 0.4), rng.uniform(0.4, 0.56)
        top = horizon + height * rng.uniform(-0.02, 0.06)
        return left * width, top, (left + span) * width, top + 0.2 * height
    if name == "shelf":
        left = rng.uniform(0.05, 0.5)
        return left * width, rng.uniform(0.3, 0.36) * height, (left + 0.42) * width
    if name == "curtain":
        return (float(rng.choice((0.0, 0.86))) * width,)
    if name == "path":
        return tuple(rng.uniform(0.2, 0.8, 2))
    return float(rng.uniform(0.1, 0.9)) * width, float(rng.random())


def places(scene: Scene) -> dict[str, tuple[float, float]]:
    """Return for each place of a scene the range of foot heights in pixels, from far to near."""
    height, horizon = scene.size[1], scene.horizon
    setting = SCENE_SETTINGS[scene.setting]
    ranges = {
        place: (horizon + low * (height - horizon), horizon + high * (height - horizon))
        for place, (low, high) in setting.places.items()
    }
    return ranges | (_room_places(scene) if setting.indoors else _outdoor_places(scene))


def _room_places(scene: Scene) -> dict[str, tuple[float, float]]:
    height = scene.size[1]
    ranges = {
        "wall": (0.3 * height, 0.42 * height),
        "doorway": (scene.horizon + 1, scene.horizon + 2),
    }
    if "table" in scene.fittings:
        top = scene.fittings["table"][1]
        ranges["table"] = (top + 1, top + 0.035 * height)
    if "shelf" in scene.fittings:
        ranges["shelf"] = (scene.fittings["shelf"][1],) * 2
    return ranges


def _outdoor_places(scene: Scene) -> dict[str, tuple[float, float]]:
    height, horizon = scene.size[1], scene.horizon
    return {
        "sky": (0.16 * height, horizon - 0.03 * height),
        "lowsky": (0.25 * height, horizon + 0.08 * height),
        "nightsky" if scene.light == "night" else "daysky": (0.14 * height, 0.28 * height),
        **dict.fromkeys(SCENE_SETTINGS[scene.setting].horizon, (horizon + 0.5, horizon + 2)),
    }
