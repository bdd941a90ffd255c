"""Training scenes, and random crops of them with the words that each crop shows."""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn.functional import affine_grid, grid_sample

from precompute.recipes.scenes import concept_names
from precompute.recipes.scenes.draw import draw
from precompute.recipes.scenes.jumble import jumble
from precompute.recipes.scenes.plan import plan
from precompute.recipes.scenes.scene import SEEN_SHARE, Scene, caption, labels

CHUNK = 250  # scenes drawn by one task of a worker
WHOLE = 0.85  # views that show at least this share of a side count as whole scenes


@dataclass(frozen=True)
class SceneView:
    """A batch of crops. pixels: (B, 3, side, side) in 0..1. words: (B, C) 1, 0 or -1 (unknown)."""

    pixels: torch.Tensor
    words: torch.Tensor
    captions: list[str]


@dataclass(frozen=True)
class TrainingScenes:
    """Scenes without shortcuts: pixels (N, 3, height, width) uint8, plans and labels."""

    pixels: torch.Tensor
    scenes: tuple[Scene, ...]
    labels: torch.Tensor


def _drawn(job: tuple[int, tuple[int, int], range]) -> tuple[list[Scene], np.ndarray]:
    seed, size, indices = job
    plans = [(jumble if i % 2 else _plain)((seed, i), size) for i in indices]
    return plans, np.stack([np.asarray(draw(scene)) for scene in plans])


def _plain(key: tuple[int, int], size: tuple[int, int]) -> Scene:
    return plan(key, size, planted=False)


def training_scenes(seed: int, count: int, size: tuple[int, int], workers: int) -> TrainingScenes:
    """Return `count` drawn scenes, every second jumbled. The number of workers changes no pixel."""
    starts = range(0, count, CHUNK)
    jobs = [(seed, size, range(start, min(start + CHUNK, count))) for start in starts]
    with ProcessPoolExecutor(workers) as pool:
        parts = list(pool.map(_drawn, jobs))
    scenes = tuple(scene for plans, _ in parts for scene in plans)
    return TrainingScenes(
        pixels=torch.from_numpy(np.concatenate([px for _, px in parts])).permute(0, 3, 1, 2),
        scenes=scenes,
        labels=torch.from_numpy(labels(scenes)).float(),
    )


def views(
    data: TrainingScenes, side: int, batch: int, rng: np.random.Generator
) -> Iterator[SceneView]:
    """Yield one epoch of square views of `side` pixels, in batches: whole scenes, and crops down to
    half a side."""
    order = rng.permutation(len(data.scenes))
    for start in range(0, len(order) - batch + 1, batch):
        chosen = order[start : start + batch]
        share = np.where(rng.random(batch) < 0.35, 1.0, rng.uniform(0.5, 1.0, batch))
        corner = rng.random((batch, 2)) * (1 - share)[:, None]
        flip = rng.random(batch) < 0.5
        crops = np.c_[corner, corner + share[:, None]]
        pixels = _cut(data.pixels[chosen].float() / 255, crops, flip, side)
        seen = [_words(data.scenes[i], crop) for i, crop in zip(chosen, crops, strict=True)]
        yield SceneView(
            pixels, torch.from_numpy(np.stack([w for w, _ in seen])), [c for _, c in seen]
        )


def _cut(pixels: torch.Tensor, crops: np.ndarray, flip: np.ndarray, side: int) -> torch.Tensor:
    """Return crops (left, top, right, bottom in shares of the sides), mirrored where `flip`."""
    theta = np.zeros((len(crops), 2, 3), dtype=np.float32)
    theta[:, 0, 0] = (crops[:, 2] - crops[:, 0]) * np.where(flip, -1, 1)
    theta[:, 1, 1] = crops[:, 3] - crops[:, 1]
    theta[:, :, 2] = crops[:, :2] + crops[:, 2:] - 1
    grid = affine_grid(torch.from_numpy(theta), [len(crops), 3, side, side], align_corners=False)
    return grid_sample(pixels, grid, padding_mode="border", align_corners=False)


def _words(scene: Scene, crop: np.ndarray) -> tuple[np.ndarray, str]:
    """Return for each concept if a crop shows it (1), not (0) or in part (-1); and a caption."""
    names = concept_names()
    index = {name: i for i, name in enumerate(names)}
    words = np.zeros(len(names), dtype=np.int8)
    width, height = scene.size
    window = crop * (width, height, width, height)
    kept = []
    for placement in scene.placements:
        box = placement.box
        wide = min(box[2], window[2]) - max(box[0], window[0])
        high = min(box[3], window[3]) - max(box[1], window[1])
        inside = max(wide, 0) * max(high, 0) / ((box[2] - box[0]) * (box[3] - box[1]))
        shown = placement.visible >= SEEN_SHARE and inside >= 0.6
        kept += [placement] if shown else []
        for name in placement.thing.words:
            if shown:
                words[index[name]] = 1
            elif inside > 0.05 and words[index[name]] == 0:
                words[index[name]] = -1
    whole = crop[2] - crop[0] >= WHOLE
    for name in scene.stuff:
        words[index[name]] = 1 if whole else -1
    return words, caption(scene, kept)
