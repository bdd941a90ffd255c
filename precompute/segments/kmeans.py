"""Spherical k-means of an image's cells with a term for their position.

A segment is then uniform in the encoder's space and comparable with a text vector, as in CLIP-S⁴
(He et al., 2023), which clusters its pixel embeddings so.
"""

from __future__ import annotations

import numpy as np

from precompute.segments.regions import connect, numbered, places, unit

ITERATIONS = 10


def cluster_kmeans(
    cells: np.ndarray, max_segments: int, seed: int, spatial: float = 1.0
) -> np.ndarray:
    """Cut cells ``(h, w, embed)`` into at most ``max_segments`` connected segments ``(h, w)``.

    Minimises Σ 1 - cos(cell, centre) + ``spatial``·(distance to the cluster's middle)². Seeded as
    k-means++ (Arthur and Vassilvitskii, 2007).
    """
    height, width, _ = cells.shape
    direction = unit(cells.reshape(height * width, -1).astype(np.float32))
    place = np.float32(np.sqrt(spatial)) * places(height, width)
    labels = _first_labels(direction, place, min(max_segments, height * width), seed)
    for _ in range(ITERATIONS):
        member = np.eye(int(labels.max()) + 1, dtype=np.float32)[labels]
        member = member[:, member.any(0)]
        centre = unit(member.T @ direction)
        middle = member.T @ place / member.sum(0)[:, None]
        update = _cost(direction, place, centre, middle).argmin(1)
        if np.array_equal(update, labels):
            break
        labels = update
    return connect(numbered(labels).reshape(height, width))


def _first_labels(direction: np.ndarray, place: np.ndarray, count: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    chosen = [int(rng.integers(len(direction)))]
    cost = np.empty((len(direction), count), dtype=np.float32)
    for j in range(count):
        at = chosen[j : j + 1]
        cost[:, j] = _cost(direction, place, direction[at], place[at])[:, 0]
        if j + 1 < count:
            nearest = np.maximum(cost[:, : j + 1].min(1), 0).astype(np.float64)
            nearest[chosen] = 0
            if not nearest.any():
                break
            chosen.append(int(rng.choice(len(nearest), p=nearest / nearest.sum())))
    return cost[:, : len(chosen)].argmin(1)


def _cost(
    direction: np.ndarray, place: np.ndarray, centre: np.ndarray, middle: np.ndarray
) -> np.ndarray:
    away = np.square(place[:, None] - middle[None]).sum(-1)
    return 1 - direction @ centre.T + away
