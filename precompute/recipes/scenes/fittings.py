"""Paint fittings: furniture and similar parts of a scene that are not Twemoji art."""

from collections.abc import Callable, Iterator

import numpy as np
from PIL import Image, ImageDraw

from precompute.recipes.scenes.scene import Scene

WOOD = (150, 104, 62)
WOOD_DARK = (118, 80, 46)


def paint_back_fittings(
    canvas: Image.Image, scene: Scene, rng: np.random.Generator
) -> Iterator[str]:
    """Paint all fittings behind the things: rug, curtain, shelf, fence, path, bush, lamp, bench.

    Yields the name of each fitting after it is painted.
    """
    for name, paint in _PAINTERS.items():
        if name in scene.fittings:
            paint(ImageDraw.Draw(canvas), scene, scene.fittings[name], rng)
            yield name


def paint_table(canvas: Image.Image, scene: Scene, rng: np.random.Generator) -> None:
    """Paint the table, seen a little from above."""
    left, top, right, foot = scene.fittings["table"]
    pen, slab = ImageDraw.Draw(canvas), 0.045 * scene.size[1]
    for x in (left + 4, right - 8):
        pen.rectangle((x, top + slab, x + 4, foot), fill=WOOD_DARK)
    shade = int(rng.integers(-14, 20))
    wood = tuple(v + shade for v in WOOD)
    pen.polygon([(left + 5, top), (right - 5, top), (right, top + slab), (left, top + slab)], wood)
    pen.rectangle((left, top + slab, right, top + slab + 3), fill=WOOD_DARK)


def _rug(
    pen: ImageDraw.ImageDraw, scene: Scene, at: tuple[float, ...], rng: np.random.Generator
) -> None:
    width, height = scene.size
    x, y = at[0], scene.horizon + (0.35 + 0.4 * at[1]) * (height - scene.horizon)
    colour = tuple(int(v) for v in rng.integers(90, 220, 3))
    pen.ellipse((x - 0.3 * width, y - 0.09 * height, x + 0.3 * width, y + 0.09 * height), colour)
    inner = tuple(min(255, v + 30) for v in colour)
    pen.ellipse((x - 0.22 * width, y - 0.06 * height, x + 0.22 * width, y + 0.06 * height), inner)


def _curtain(
    pen: ImageDraw.ImageDraw, scene: Scene, at: tuple[float, ...], rng: np.random.Generator
) -> None:
    colour = rng.integers(110, 215, 3)
    for fold in range(7):
        x = at[0] + fold * 4
        tone = tuple(int(v * (1.0 if fold % 2 else 0.84)) for v in colour)
        pen.rectangle((x, 0, x + 3, scene.horizon + 2), fill=tone)


def _shelf(
    pen: ImageDraw.ImageDraw, scene: Scene, at: tuple[float, ...], rng: np.random.Generator
) -> None:
    left, top, right = at
    pen.rectangle((left, top, right, top + 4), fill=WOOD)
    for x in (left + 6, right - 9):
        pen.rectangle((x, top + 4, x + 3, top + 9), fill=WOOD_DARK)


def _fence(
    pen: ImageDraw.ImageDraw, scene: Scene, at: tuple[float, ...], rng: np.random.Generator
) -> None:
    width, height = scene.size
    foot = scene.horizon + (0.1 + 0.1 * at[1]) * (height - scene.horizon)
    high = 0.12 * height
    for y in (foot - 0.75 * high, foot - 0.35 * high):
        pen.rectangle((0, y, width, y + 2), fill=(176, 128, 80))
    for x in range(4, width, 16):
        pen.rectangle((x, foot - high, x + 3, foot), fill=(150, 104, 62))


def _path(
    pen: ImageDraw.ImageDraw, scene: Scene, at: tuple[float, ...], rng: np.random.Generator
) -> None:
    width, height = scene.size
    far, near = at[0] * width, at[1] * width
    middle, bend = (scene.horizon + height) / 2, (far + near) / 2 + rng.uniform(-0.2, 0.2) * width
    pen.polygon(
        [(far - 3, scene.horizon), (far + 3, scene.horizon), (bend + 13, middle),
         (near + 32, height), (near - 32, height), (bend - 13, middle)],
        fill=(214, 196, 150),
    )  # fmt: skip


def _bush(
    pen: ImageDraw.ImageDraw, scene: Scene, at: tuple[float, ...], rng: np.random.Generator
) -> None:
    width, height = scene.size
    foot = scene.horizon + 0.12 * at[1] * (height - scene.horizon) + 4
    for _ in range(9):
        x, radius = at[0] + rng.normal(0, 0.06) * width, rng.uniform(0.03, 0.06) * height
        tone = tuple(int(v) for v in np.array((58, 120, 52)) + rng.uniform(-16, 22))
        pen.ellipse((x - radius, foot - 1.7 * radius, x + radius, foot), fill=tone)


def _lamp(
    pen: ImageDraw.ImageDraw, scene: Scene, at: tuple[float, ...], rng: np.random.Generator
) -> None:
    height = scene.size[1]
    foot, x = scene.horizon + 0.16 * (height - scene.horizon), at[0]
    top = foot - 0.42 * height
    pen.rectangle((x - 1, top, x + 1, foot), fill=(60, 66, 72))
    pen.ellipse((x - 5, top - 8, x + 5, top + 2), fill=(255, 240, 180), outline=(60, 66, 72))


def _bench(
    pen: ImageDraw.ImageDraw, scene: Scene, at: tuple[float, ...], rng: np.random.Generator
) -> None:
    height = scene.size[1]
    foot, x = scene.horizon + 0.72 * (height - scene.horizon), at[0]
    for rise in (0.1, 0.14, 0.06):
        pen.rectangle((x - 20, foot - rise * height, x + 20, foot - rise * height + 3), fill=WOOD)
    for leg in (x - 16, x + 14):
        pen.rectangle((leg, foot - 0.13 * height, leg + 2, foot), fill=(70, 74, 80))


_PAINTERS: dict[str, Callable[..., None]] = {
    "rug": _rug,
    "curtain": _curtain,
    "shelf": _shelf,
    "path": _path,
    "fence": _fence,
    "bush": _bush,
    "street lamp": _lamp,
    "bench": _bench,
}
