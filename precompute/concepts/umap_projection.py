"""Project concepts and segments to the plane by PCA, t-SNE or UMAP (InFiConD, sec. 5, view c)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from inficond_panel.common.arrays import Sliced
from inficond_panel.common.installation import needs
from inficond_panel.concepts.scoring import along_axes, among_neighbours

#: Perplexity of t-SNE, and neighbours of UMAP; smaller with few concepts.
_PERPLEXITY = 30.0
_NEIGHBOURS = 15
#: With fewer concepts than this, every method is replaced by PCA.
_FEW = 4
_BLOCK = 8192


def project(embedding: np.ndarray, methods: Sequence[str], seed: int) -> np.ndarray:
    """Project concepts ``(concept, embed)`` to 2-D: ``(method, concept, 2)`` float32.

    Methods are ``pca``, ``tsne`` and ``umap``. The same seed gives the same points on one machine.
    Raises ``MissingExtraError`` for ``umap`` if umap-learn is not installed.
    """
    run = {"pca": _pca, "tsne": _tsne, "umap": _umap}
    values = np.asarray(embedding, dtype=np.float64)
    return np.stack([run[method](values, seed) for method in methods]).astype(np.float32)


def project_segments(
    embedding: Sliced,
    text: np.ndarray,
    concepts: np.ndarray,
    methods: Sequence[str],
    most: int,
    seed: int,
) -> np.ndarray:
    """Project segments to the concepts' maps: ``(method, segment, 2)`` float32.

    ``embedding`` ``(segment, embed)`` may be an array on disk; ``concepts`` is the result of
    ``project`` for ``text``. Of more than ``most`` segments a seeded sample is projected; others
    get nan. On a PCA map segments are projected to its axes, then shifted and scaled to the
    concepts' mean and spread, since images and texts are separate in an encoder's space. On other
    maps each segment is placed among its nearest concepts. Memory holds the result and one block.
    """
    count = embedding.shape[0]
    points = np.full((len(methods), count, 2), np.nan, dtype=np.float32)
    axes = {m: along_axes(text, concepts[m]) for m, name in enumerate(methods) if name == "pca"}
    free = np.array([m for m in range(len(methods)) if m not in axes], dtype=int)
    for rows in _blocks(count, most, seed):
        first = rows[0]
        block = np.asarray(embedding[first : rows[-1] + 1])[rows - first].astype(np.float32)
        if len(free):
            near = among_neighbours(block, text, np.moveaxis(concepts[free], 0, 1))
            points[free[:, None], rows] = np.moveaxis(near, 1, 0)
        for m, axis in axes.items():
            points[m, rows] = block @ axis
    for m in axes:
        points[m] = _matched(points[m], concepts[m])
    return points


def _blocks(count: int, most: int, seed: int) -> Iterator[np.ndarray]:
    """Yield the positions of the segments to project, ascending, in blocks of at most 8,192."""
    chosen = np.arange(count)
    if count > most:
        chosen = np.sort(np.random.default_rng(seed).choice(count, most, replace=False))
    for start in range(0, count, _BLOCK):
        low, high = np.searchsorted(chosen, [start, start + _BLOCK])
        if high > low:
            yield chosen[low:high]


def _matched(points: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Shift and scale points along each axis to the mean and spread of ``reference``."""
    finite = points[~np.isnan(points[:, 0])].astype(np.float64)
    if not len(finite):
        return points
    spread = finite.std(0)
    stretch = reference.std(0) / np.where(spread > 0, spread, 1)
    return ((points - finite.mean(0)) * stretch + reference.mean(0)).astype(np.float32)


def _pca(values: np.ndarray, seed: int) -> np.ndarray:
    from sklearn.decomposition import PCA

    points = np.zeros((len(values), 2))
    axes = min(2, *values.shape)
    if len(values) > 1:
        points[:, :axes] = PCA(axes, svd_solver="full", random_state=seed).fit_transform(values)
    return points


def _tsne(values: np.ndarray, seed: int) -> np.ndarray:
    """Project by t-SNE, started from PCA, with a smaller perplexity for few concepts."""
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    if len(values) < _FEW:
        return _pca(values, seed)
    perplexity = min(_PERPLEXITY, (len(values) - 1) / 3)
    with threadpool_limits(1):  # the same points on any machine, and no stalls on a busy one
        tsne = TSNE(perplexity=perplexity, init=_start(values, seed, 1e-4), random_state=seed)
        return tsne.fit_transform(values)


def _umap(values: np.ndarray, seed: int) -> np.ndarray:
    """Project by UMAP (cosine), started from PCA, in one thread: the seed determines the result."""
    with needs(
        "The projection umap", "umap", more=", or remove umap from concepts.projections.methods."
    ):
        from umap import UMAP
    if len(values) < _FEW:
        return _pca(values, seed)
    umap = UMAP(
        n_neighbors=min(_NEIGHBOURS, len(values) - 1),
        metric="cosine",
        init=_start(values, seed, 10.0),
        random_state=seed,
        n_jobs=1,
    )
    return umap.fit_transform(values)


def _start(values: np.ndarray, seed: int, spread: float) -> np.ndarray:
    """Return 2-D PCA points, scaled so that their first axis has standard deviation ``spread``."""
    points = _pca(values, seed)
    return points * (spread / max(points[:, 0].std(), 1e-12))
