"""Concept scores and teacher logits: synthetic ones that resemble photos', or those of a store.

Synthetic scores are made as real ones are: an image has a few segments, a segment a vector near
its image's, and a score is the best cosine of the image's segments with the concept's vector, cut
at 0. The vectors' variance falls off as a power of the dimension, and concepts come in families.
The constants are chosen so that ``describe`` says nearly what it says of 584 words on COCO photos
(median and 95th percentile of |correlation| 0.13 and 0.42, nearest twin 0.72, zeros 0.21, 90 % of
the variance in 108 directions). A teacher's logit is a sparse linear function of the scores plus
what no concept explains, with mean -4.5 and spread 3.5.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_DIMENSIONS, _SEGMENTS, _DECAY = 256, 6, 0.32
_BLOCK = 2048


def synthetic(
    images: int, concepts: int, classes: int, seed: int = 0
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Scores (N, C) and logits (N, K)."""
    rng = np.random.default_rng(seed)
    spread = np.arange(1, _DIMENSIONS + 1, dtype=np.float32) ** -_DECAY
    families = rng.standard_normal((max(1, concepts // 3), _DIMENSIONS), dtype=np.float32)
    words = rng.standard_normal((concepts, _DIMENSIONS), dtype=np.float32)
    words = _unit((words + families[rng.integers(len(families), size=concepts)]) * spread)
    common = 0.35 * _unit(words.mean(axis=0))
    scores = np.empty((images, concepts), np.float32)
    for first in range(0, images, _BLOCK):
        rows = scores[first : first + _BLOCK]
        shape = len(rows), _SEGMENTS, _DIMENSIONS
        image = rng.standard_normal((len(rows), 1, _DIMENSIONS), dtype=np.float32)
        own = rng.standard_normal(shape, dtype=np.float32)
        segments = _unit((0.75 * image + 0.65 * own) * spread + common)
        np.maximum((segments @ words.T).max(axis=1), 0, out=rows)
    return scores, _logits(scores, classes, rng)


def of_store(path: Path) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Scores and logits of the images that students fit on."""
    from inficond_panel.store import open_store

    store = open_store(path)
    rows = np.asarray(store.split) == "fit"
    return store.concept_score[rows], store.teacher_logit[rows].astype(np.float64)


def describe(scores: NDArray) -> str:
    """Statistics of scores that tell how hard they are for a solver."""
    sample = scores[:4000].astype(np.float64)
    sample = sample[:, sample.std(axis=0) > 0]
    correlation = np.abs(np.corrcoef(sample.T))
    pairs = correlation[np.triu_indices(len(correlation), 1)]
    twin = np.median((correlation - np.eye(len(correlation))).max(axis=0))
    power = np.linalg.eigvalsh(np.cov(sample.T))[::-1].cumsum()
    rank = int(np.searchsorted(power / power[-1], 0.9)) + 1
    return (
        f"|correlation| of two concepts: median {np.median(pairs):.2f}, 95 % "
        f"{np.quantile(pairs, 0.95):.2f}, nearest twin {twin:.2f}; zeros "
        f"{(sample == 0).mean():.2f}; 90 % of the variance in {rank} directions"
    )


def _unit(vectors: NDArray) -> NDArray:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def _logits(scores: NDArray, classes: int, rng: np.random.Generator) -> NDArray[np.float64]:
    mean, spread = scores.mean(axis=0), scores.std(axis=0) + 1e-6
    weights = np.zeros((scores.shape[1], classes))
    for k in range(classes):
        chosen = rng.choice(len(weights), 15, replace=False)
        weights[chosen, k] = rng.normal(0, 1, 15) / spread[chosen]
    explained = (scores - mean) @ weights
    explained *= 2.5 / explained.std(axis=0)
    rest = rng.standard_normal(explained.shape) * 2.0
    return explained + rest + rng.normal(-4.5, 1.5, classes)
