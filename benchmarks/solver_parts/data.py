"""Concept scores and teacher logits: synthetic ones that resemble photos', or those of a store.

Synthetic scores are made as real ones are: an image has a few segments, a segment a vector near
its image's, and a score is the best cosine of the image's segments with the concept's vector, cut
at 0. The vectors' variance falls off as a power of the dimension, and concepts come in families.
The constants are chosen so that ``describe`` says nearly what it says of 584 words on COCO photos
with a small encoder (median and 95th percentile of |correlation| 0.13 and 0.42, nearest twin 0.72,
zeros 0.21, 90 % of the variance in 108 directions). With ``decay=AS_CLIP`` fewer dimensions have
most of the variance, and the median is 0.27, nearer to that of CLIP's encoders. A teacher's logit
is a sparse linear function of the scores plus what no concept explains, with mean -4.5 and spread
3.5.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

_DIMENSIONS, _SEGMENTS = 256, 6
#: Powers by which the vectors' variance falls off: as of a small encoder, and as of CLIP's.
AS_SMALL, AS_CLIP = 0.32, 0.44
_BLOCK = 2048


def synthetic(
    images: int, concepts: int, classes: int, seed: int = 0, decay: float = AS_SMALL
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Scores (N, C) and logits (N, K)."""
    parts = zip(*synthetic_blocks(images, concepts, classes, seed, decay), strict=True)
    scores, logits = map(np.concatenate, parts)
    return scores, logits


def synthetic_blocks(
    images: int, concepts: int, classes: int, seed: int = 0, decay: float = AS_SMALL
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float64]]]:
    """The same in blocks of images, so that they need not fit into memory."""
    rng = np.random.default_rng(seed)
    spread = np.arange(1, _DIMENSIONS + 1, dtype=np.float32) ** -decay
    families = rng.standard_normal((max(1, concepts // 3), _DIMENSIONS), dtype=np.float32)
    words = rng.standard_normal((concepts, _DIMENSIONS), dtype=np.float32)
    words = _unit((words + families[rng.integers(len(families), size=concepts)]) * spread)
    common = 0.35 * _unit(words.mean(axis=0))
    teacher = None
    for first in range(0, images, _BLOCK):
        count = min(_BLOCK, images - first)
        image = rng.standard_normal((count, 1, _DIMENSIONS), dtype=np.float32)
        own = rng.standard_normal((count, _SEGMENTS, _DIMENSIONS), dtype=np.float32)
        segments = _unit((0.75 * image + 0.65 * own) * spread + common)
        scores = np.maximum((segments @ words.T).max(axis=1), 0)
        teacher = teacher or _teacher(scores, classes, rng)
        yield scores, teacher(scores)


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


def _teacher(
    scores: NDArray, classes: int, rng: np.random.Generator
) -> Callable[[NDArray], NDArray[np.float64]]:
    """The teacher's logits of any scores; their spread is that on these ``scores``."""
    spread, concepts = scores.std(axis=0) + 1e-6, scores.shape[1]
    chosen = np.stack([rng.choice(concepts, 15, replace=False) for _ in range(classes)])
    values = rng.normal(0, 1, chosen.shape) / spread[chosen]
    of_class = np.repeat(np.arange(classes), 15)
    weights = sparse.csr_array((values.ravel(), (chosen.ravel(), of_class)), (concepts, classes))
    weights *= 2.5 / (scores @ weights).std(axis=0)
    offset = rng.normal(-4.5, 1.5, classes) - scores.mean(axis=0, dtype=np.float64) @ weights
    return lambda some: some @ weights + offset + rng.standard_normal((len(some), classes)) * 2.0
