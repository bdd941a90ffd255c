"""A synthetic store with photos' sizes, so that the page can be timed without any data set."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inficond_panel.store import write_store

SEGMENTS, EMBED, HEIGHT, WIDTH = 8, 128, 120, 160
_ATTRS = {
    "title": "Synthetic",
    "encoder": "none",
    "preprocessing": "none",
    "corpus": "synthetic words",
    "teacher": "synthetic teacher",
    "inputs_hash": "0" * 64,
}
_SPEC = """\
title: Synthetic
dataset: {kind: table, root: data, labels: labels.csv,
  splits: {fit: fit.txt, tune: tune.txt, holdout: holdout.txt}}
concepts: {corpus: words.txt,
  encoder: {kind: open_clip, model: ViT-B-32, pretrained: weights.pt}}
teacher: {kind: logits, path: logits.csv}
students: {lambda: 1.0e-4}
"""


def write_spec(folder: Path, fit: int, concepts: int, classes: int) -> Path:
    """Write a store with ``fit`` images to fit on, half as many each to tune on and to hold out."""
    write_store(folder / "synthetic.zarr", _arrays(fit, concepts, classes), _ATTRS)
    spec = folder / "synthetic.yaml"
    spec.write_text(_SPEC)
    return spec


def _arrays(fit: int, concepts: int, classes: int) -> dict[str, NDArray]:
    rng = np.random.default_rng(0)
    images = 2 * fit
    text = _unit(rng.standard_normal((concepts, EMBED), dtype=np.float32))
    image = rng.standard_normal((images, 1, EMBED), dtype=np.float32)
    own = rng.standard_normal((images, SEGMENTS, EMBED), dtype=np.float32)
    segment = _unit(image + own + 8 * text[rng.integers(concepts, size=(images, SEGMENTS))])
    score = np.empty((images, concepts), np.float32)
    nearest = np.empty((images, SEGMENTS), np.int64)
    cosine = np.empty((images, SEGMENTS), np.float32)
    for row in range(images):
        found = segment[row] @ text.T
        score[row] = np.maximum(found.max(axis=0), 0)
        nearest[row], cosine[row] = found.argmax(axis=1), found.max(axis=1)
    logit = _logits(rng, score, classes)
    corner = rng.uniform(0, 0.5, (images * SEGMENTS, 2))
    return {
        "image": np.array([f"{i:06d}" for i in range(images)]),
        "concept": np.array([f"concept {i}" for i in range(concepts)]),
        "class_name": np.array([f"class {k}" for k in range(classes)]),
        "method": np.array(["pca"]),
        "concept_score": score,
        "teacher_logit": logit,
        "label": (logit + rng.normal(0, 2, logit.shape) > 0).astype(np.int8),
        "split": np.array(["fit", "tune", "fit", "holdout"])[np.arange(images) % 4],
        "segment_image": np.repeat(np.arange(images), SEGMENTS),
        "segment_embedding": segment.reshape(-1, EMBED),
        "segment_box": np.hstack([corner, corner + 0.5]),
        "segment_concept": nearest.ravel(),
        "segment_cosine": cosine.ravel(),
        "concept_text_embedding": text,
        "concept_projection": text[None, :, :2],
        **_pictures(rng, images),
    }


def _logits(rng: np.random.Generator, score: NDArray, classes: int) -> NDArray:
    """A sparse linear teacher with noise; one image in about seven is positive."""
    weights = np.zeros((score.shape[1], classes))
    for k in range(classes):
        weights[rng.choice(len(weights), 15, replace=False), k] = rng.standard_normal(15)
    explained = (score - score.mean(axis=0)) @ weights
    return 2.5 * explained / explained.std(axis=0) + rng.normal(0, 1.5, explained.shape) - 3


def _pictures(rng: np.random.Generator, images: int) -> dict[str, NDArray]:
    """JPEGs with some detail, and label maps whose segments are stripes."""
    drawn = [_jpeg(rng) for _ in range(64)]
    jpegs = [drawn[i % len(drawn)] for i in range(images)]
    stripes = np.repeat(1 + np.arange(HEIGHT) * SEGMENTS // HEIGHT, WIDTH).astype(np.uint8)
    return {
        "mask": np.tile(stripes, images),
        "mask_offset": np.arange(images + 1) * HEIGHT * WIDTH,
        "thumbnail": np.frombuffer(b"".join(jpegs), np.uint8),
        "thumbnail_offset": np.cumsum([0, *map(len, jpegs)]),
        "thumbnail_shape": np.full((images, 2), (HEIGHT, WIDTH)),
    }


def _jpeg(rng: np.random.Generator) -> bytes:
    coarse = Image.fromarray(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8))
    buffer = io.BytesIO()
    coarse.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=80)
    return buffer.getvalue()


def _unit(vectors: NDArray) -> NDArray:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
