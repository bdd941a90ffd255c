"""Concepts as points in the plane, from their text embeddings (InFiConD, sec. 5, view c)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def project(embedding: np.ndarray, methods: Sequence[str], seed: int) -> np.ndarray:
    """Project concepts ``(concept, embed)`` by each method: ``(method, concept, 2)`` float32."""
    run = {"pca": _pca, "tsne": _tsne}
    values = np.asarray(embedding, dtype=np.float64)
    return np.stack([run[method](values, seed) for method in methods]).astype(np.float32)


def _pca(values: np.ndarray, seed: int) -> np.ndarray:
    from sklearn.decomposition import PCA

    points = np.zeros((len(values), 2))
    axes = min(2, *values.shape)
    if len(values) > 1:
        points[:, :axes] = PCA(axes, svd_solver="full", random_state=seed).fit_transform(values)
    return points


def _tsne(values: np.ndarray, seed: int) -> np.ndarray:
    """t-SNE from the PCA, with a perplexity that suits few concepts."""
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    if len(values) < 4:
        return _pca(values, seed)
    perplexity = min(30.0, (len(values) - 1) / 3)
    start = _pca(values, seed)
    start *= 1e-4 / max(start[:, 0].std(), 1e-12)
    with threadpool_limits(1):  # the same points on any machine, and no stalls on a busy one
        return TSNE(perplexity=perplexity, init=start, random_state=seed).fit_transform(values)
