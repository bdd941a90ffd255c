"""Paint the backdrop of a scene: sky or wall, hills or houses at the horizon, and the ground."""

import numpy as np
from PIL import Image, ImageDraw

from precompute.recipes.scenes.scene import Scene
from precompute.recipes.scenes.settings import SCENE_SETTINGS

Rgb = tuple[float, float, float]

SKY: dict[str, tuple[Rgb, Rgb]] = {  # colour above, colour at the horizon
    "sky": ((96, 165, 230), (205, 232, 250)),
    "sunset sky": ((120, 110, 190), (255, 190, 120)),
    "night sky": ((28, 36, 92), (90, 100, 160)),
}
GROUND: dict[str, tuple[Rgb, Rgb]] = {  # colour at the far edge, colour in front
    "grass": ((140, 190, 105), (92, 158, 70)),
    "field": ((215, 190, 110), (178, 142, 76)),
    "road": ((122, 122, 128), (92, 92, 98)),
    "pavement": ((205, 200, 192), (182, 176, 168)),
    "water": ((130, 190, 225), (56, 132, 190)),
    "sand": ((245, 228, 180), (230, 204, 148)),
    "snow": ((228, 238, 248), (246, 250, 254)),
    "desert": ((232, 180, 116), (205, 146, 88)),
    "quay": ((170, 158, 145), (145, 132, 120)),
    "gravel": ((150, 146, 140), (134, 128, 122)),
    "platform": ((196, 188, 180), (168, 160, 154)),
    "runway": ((150, 152, 158), (118, 120, 128)),
    "wooden floor": ((196, 146, 96), (170, 118, 72)),
    "carpet": ((150, 150, 172), (126, 126, 150)),
    "tiled floor": ((222, 222, 216), (200, 200, 192)),
}
WALL_COLOURS: tuple[Rgb, ...] = (
    (238, 224, 200), (206, 224, 232), (220, 232, 208), (240, 214, 208), (222, 214, 236),
)  # fmt: skip

HILL_COLOURS = {"snow": (196, 210, 226), "desert": (214, 160, 110)}


def paint_backdrop(scene: Scene, rng: np.random.Generator) -> Image.Image:
    """Paint the backdrop of a scene, without fittings and things, as an RGB image."""
    width, height = scene.size
    pixels = np.empty((height, width, 3), dtype=np.float32)
    horizon = round(scene.horizon)
    setting = SCENE_SETTINGS[scene.setting]
    if setting.indoors:
        pixels[:horizon] = _wall(scene.stuff[0], (width, horizon), rng)
    else:
        pixels[:horizon] = _gradient(SKY[scene.stuff[0]], (width, horizon), rng, 10)
        pixels[:horizon] += 10 * _noise(rng, (width, horizon), (4, 4))[..., None]
    for material, low, high in setting.ground:
        top, bottom = (round(horizon + edge * (height - horizon)) for edge in (low, high))
        pixels[top:bottom] = _ground(material, (width, bottom - top), rng)
    canvas = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
    _skyline(canvas, scene, rng)
    _lines(canvas, scene)
    return canvas


def _noise(rng: np.random.Generator, size: tuple[int, int], cells: tuple[int, int]) -> np.ndarray:
    """Return smooth noise (height, width) of about unit spread; `cells`: bumps across and down."""
    coarse = rng.normal(size=(cells[1] + 1, cells[0] + 1)).astype(np.float32)
    return np.asarray(Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC))


def _gradient(
    ends: tuple[Rgb, Rgb], size: tuple[int, int], rng: np.random.Generator, jitter: float
) -> np.ndarray:
    width, height = size
    first, last = (np.array(end, np.float32) + rng.normal(0, jitter, 3) for end in ends)
    share = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    return np.broadcast_to(first + share * (last - first), (height, width, 3)).astype(np.float32)


def _ground(material: str, size: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Return one band of ground with the material's texture, as pixels (height, width, 3)."""
    width, height = size
    jitter = 26 if material == "carpet" else 8
    pixels = _gradient(GROUND[material], size, rng, jitter)
    rough = {"water": 7, "grass": 9, "field": 9, "gravel": 10, "snow": 4}.get(material, 5)
    fine = rng.normal(size=(height, width)).astype(np.float32)
    pixels += (rough * 0.6 * _noise(rng, size, (9, max(2, height // 5))) + rough * 0.3 * fine)[
        ..., None
    ]
    rows = np.arange(height)[:, None]
    if material == "water":
        wave = np.sin(rows * 1.3 + 2.5 * _noise(rng, size, (7, max(2, height // 4)))) > 0.86
        pixels += 34 * wave[..., None]
    if material in ("wooden floor", "tiled floor", "quay", "platform"):
        pixels *= np.where(_joints(size, material), 0.86, 1.0)[..., None]
    if material == "field":
        pixels += np.float32(12) * np.sin(_fan(size) * 60)[..., None]
    return pixels


def _fan(size: tuple[int, int]) -> np.ndarray:
    """Return horizontal positions (h, w) of pixels in perspective, seen from above the middle."""
    width, height = size
    x = np.arange(width, dtype=np.float32)[None, :] - width / 2
    return x / width / (0.25 + np.linspace(0, 1, height, dtype=np.float32)[:, None])


def _joints(size: tuple[int, int], material: str) -> np.ndarray:
    """Return a mask (h, w) of the joints between planks or slabs."""
    _, height = size
    depth = np.linspace(0, 1, height) ** 1.6
    rows = np.floor(depth * 6)
    crossing = np.r_[False, np.diff(rows) > 0][:, None]
    columns = np.floor(_fan(size) * (26 if material == "wooden floor" else 14))
    along = np.c_[np.zeros((height, 1), bool), np.diff(columns, axis=1) != 0]
    return along if material == "wooden floor" else along | crossing


def _wall(kind: str, size: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    width, height = size
    colour = WALL_COLOURS[rng.integers(len(WALL_COLOURS))]
    if kind == "brick wall":
        colour = (186, 106, 84)
    pixels = _gradient((colour, colour), size, rng, 9)
    pixels += 3 * _noise(rng, size, (6, 6))[..., None]
    y, x = np.mgrid[:height, :width]
    if kind == "striped wallpaper":
        pixels *= np.where((x // int(rng.integers(7, 12))) % 2, 0.88, 1.0)[..., None]
    if kind == "brick wall":
        joint = (y % 7 == 0) | ((x + 8 * ((y // 7) % 2)) % 16 == 0)
        pixels = np.where(joint[..., None], np.float32(208), pixels)
    if kind == "tiled wall":
        pixels = np.where(((y % 13 == 0) | (x % 13 == 0))[..., None], np.float32(250), pixels)
    return pixels


def _skyline(canvas: Image.Image, scene: Scene, rng: np.random.Generator) -> None:
    """Paint hills, or outlines of houses, along the horizon."""
    if "hill" in scene.stuff:
        _hills(canvas, scene, rng)
    if "skyline" in scene.stuff:
        _houses(canvas, scene, rng)


def _hills(canvas: Image.Image, scene: Scene, rng: np.random.Generator) -> None:
    width, height = scene.size
    tone = HILL_COLOURS.get(scene.setting, (112, 160, 112))
    x = np.arange(0, width + 4, 4)
    edge = np.full(len(x), scene.horizon - 0.09 * height)
    for turns in (5, 9):
        edge -= height * rng.uniform(0.02, 0.06) * np.sin(x / width * turns + rng.uniform(0, 6))
    crest = list(zip(x.tolist(), edge.tolist(), strict=True))
    outline = [(0, scene.horizon), *crest, (width, scene.horizon)]
    ImageDraw.Draw(canvas).polygon(outline, fill=tone)


def _houses(canvas: Image.Image, scene: Scene, rng: np.random.Generator) -> None:
    pen, (width, height), base = ImageDraw.Draw(canvas), scene.size, scene.horizon
    left = 0.0
    while left < width:
        wide, high = rng.uniform(0.06, 0.13) * width, rng.uniform(0.1, 0.26) * height
        tone = round(rng.uniform(130, 185))
        pen.rectangle((left, base - high, left + wide, base), fill=(tone, tone + 4, tone + 14))
        for x in range(round(left) + 3, round(left + wide) - 3, 5):
            for y in range(round(base - high) + 3, round(base) - 4, 7):
                pen.rectangle((x, y, x + 1, y + 2), fill=(246, 230, 168))
        left += wide


def _lines(canvas: Image.Image, scene: Scene) -> None:
    """Paint marks on roads and runways, edges of quay and platform, rails, skirting boards."""
    pen, (width, height), horizon = ImageDraw.Draw(canvas), scene.size, scene.horizon
    depth = height - horizon
    if scene.setting in ("street", "airfield"):
        y = horizon + (0.48 if scene.setting == "street" else 0.62) * depth
        for x in range(-6, width, 30):
            pen.rectangle((x, y, x + 16, y + 2), fill=(240, 240, 232))
    if scene.setting in ("harbour", "station"):
        y = horizon + (0.55 if scene.setting == "harbour" else 0.5) * depth
        pen.rectangle((0, y, width, y + 3), fill=(232, 226, 214))
    if "railway track" in scene.stuff:
        share = SCENE_SETTINGS[scene.setting].places["rail"][0]
        y = horizon + share * depth
        for x in range(0, width, 7):
            pen.rectangle((x, y - 3, x + 3, y + 3), fill=(112, 84, 62))
        pen.rectangle((0, y - 2, width, y - 1), fill=(90, 92, 98))
        pen.rectangle((0, y + 1, width, y + 2), fill=(90, 92, 98))
    if SCENE_SETTINGS[scene.setting].indoors:
        pen.rectangle((0, horizon - 3, width, horizon), fill=(236, 232, 224))
