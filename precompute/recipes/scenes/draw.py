"""Draw a planned scene as an image."""

from collections.abc import Iterator

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from precompute.recipes.scenes.art import tinted
from precompute.recipes.scenes.backdrop import paint_backdrop
from precompute.recipes.scenes.fittings import paint_back_fittings, paint_table
from precompute.recipes.scenes.plan import HORIZON, SKY_CONCEPTS
from precompute.recipes.scenes.scene import Placement, Scene, SceneBox

GROUNDLESS = (*SKY_CONCEPTS, *HORIZON, "wall", "water")
LIGHT = {"day": (1.0, 1.0, 1.0), "sunset": (1.06, 0.92, 0.82), "night": (0.56, 0.62, 0.82)}


def draw(scene: Scene) -> Image.Image:
    """Draw a scene as an RGB image."""
    rng = np.random.default_rng(scene.texture_seed)
    canvas = paint_backdrop(scene, rng)
    for _ in layers(canvas, scene, rng):
        pass
    return _lit(canvas, scene, rng)


def layers(
    canvas: Image.Image, scene: Scene, rng: np.random.Generator
) -> Iterator[tuple[str, Image.Image | None]]:
    """Paint fittings and things on the backdrop, the nearest last; yield (name, cover) after each.

    ``cover`` is the mask (mode L) of the pixels that a thing covers, without its shadow; None for a
    fitting.
    """
    for name in paint_back_fittings(canvas, scene, rng):
        yield name, None
    table_foot = scene.fittings["table"][3] if "table" in scene.fittings else np.inf
    for placement in scene.placements:
        if placement.depth >= table_foot:
            paint_table(canvas, scene, rng)
            yield "table", None
            table_foot = np.inf
        yield placement.thing.name, _paste(canvas, placement)
    if np.isfinite(table_foot):
        paint_table(canvas, scene, rng)
        yield "table", None


def _paste(canvas: Image.Image, placement: Placement) -> Image.Image:
    left, top, right, bottom = placement.box
    size = (max(2, round(right - left)), max(2, round(bottom - top)))
    drawing = tinted(placement.code, placement.hue).resize(size, Image.Resampling.HAMMING)
    if placement.flip:
        drawing = drawing.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if placement.angle:
        drawing = drawing.rotate(placement.angle, Image.Resampling.BICUBIC, expand=True)
    cover = Image.new("L", canvas.size)
    if placement.thing.pole:
        _pole(canvas, cover, placement)
    elif placement.place not in GROUNDLESS:
        _shadow(canvas, placement.box)
    corner = (
        round((left + right - drawing.width) / 2),
        round(bottom - (size[1] + drawing.height) / 2),
    )
    canvas.paste(drawing, corner, drawing)
    cover.paste(255, corner, drawing.getchannel("A"))
    return cover


def _shadow(canvas: Image.Image, box: SceneBox) -> None:
    left, _, right, bottom = box
    width = right - left
    flat = Image.new("L", (max(4, round(width * 1.1)), max(3, round(width * 0.2))))
    ImageDraw.Draw(flat).ellipse((1, 0, flat.width - 2, flat.height - 1), fill=80)
    corner = (round(left - 0.05 * width), round(bottom - 0.6 * flat.height))
    canvas.paste((25, 25, 35), corner, flat.filter(ImageFilter.GaussianBlur(1)))


def _pole(canvas: Image.Image, cover: Image.Image, placement: Placement) -> None:
    left, top, right, bottom = placement.box
    middle = (left + right) / 2
    long_side = max(right - left, bottom - top)
    foot = bottom + placement.thing.pole * long_side / placement.thing.size
    half = max(1.0, 0.04 * long_side)
    _shadow(canvas, (middle - 4 * half, top, middle + 4 * half, foot))
    at = (middle - half, bottom - 2, middle + half, foot)
    ImageDraw.Draw(canvas).rectangle(at, fill=(92, 98, 105))
    ImageDraw.Draw(cover).rectangle(at, fill=255)


def _lit(canvas: Image.Image, scene: Scene, rng: np.random.Generator) -> Image.Image:
    """Return the image with the scene's light, uneven exposure, a little blur and grain."""
    width, height = scene.size
    blur = rng.uniform(0, 0.6)
    pixels = np.asarray(canvas.filter(ImageFilter.GaussianBlur(blur)), dtype=np.float32)
    light = np.array(LIGHT[scene.light], dtype=np.float32) * rng.uniform(0.82, 1.12)
    light = light * rng.uniform(0.95, 1.05, 3).astype(np.float32)
    left, right = rng.uniform(0.85, 1.1, 2)
    ramp = np.linspace(left, right, width, dtype=np.float32)[None, :, None]
    grain = rng.normal(0, rng.uniform(0.5, 2.5), (height, width, 1)).astype(np.float32)
    return Image.fromarray((pixels * light * ramp + grain).clip(0, 255).astype(np.uint8))
