"""Collinear concepts: correlation of their scores, and the groups that it makes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from inficond_panel.common.blas_threads import one_thread
from inficond_panel.distill.scores.array_api import Array

#: Images that a correlation is taken from at most: at r = 0.8 its standard error is then 0.0025.
SAMPLE = 20_000
_BLOCK = 4096


def spread(scores: NDArray) -> Array:
    """Standard deviation of each concept's score (C,), over the images of scores (N, C)."""
    mean = np.asarray(scores).mean(axis=0, dtype=np.float64)
    total = np.zeros_like(mean)
    for block in _centred(scores, mean):
        total += np.einsum("ij,ij->j", block, block)
    return np.sqrt(total / len(scores))


def correlation(scores: NDArray) -> Array:
    """Pearson correlation of the concepts' scores (C, C), over the images of scores (N, C).

    Of more than 20,000 images, every second, third ... is taken. A concept whose score is the
    same everywhere correlates with none, not even with itself.
    """
    sample = np.asarray(scores)[:: -(-len(scores) // SAMPLE)]
    mean = sample.mean(axis=0, dtype=np.float64)
    gram = np.zeros((len(mean), len(mean)))
    with one_thread():
        for block in _centred(sample, mean):
            gram += block.T @ block
    size = np.sqrt(np.diag(gram))
    # What rounding of the mean leaves of a constant column is no spread.
    size[size <= 1e-7 * np.sqrt(len(sample)) * np.abs(mean)] = np.inf
    return np.clip(gram / size / size[:, None], -1.0, 1.0)


def components(correlation: Array, threshold: float) -> list[tuple[int, ...]]:
    """Groups of two and more concepts that hang together by correlations (C, C) >= threshold.

    Connected components: no concept outside a group correlates with one inside by as much, so
    that no twin is missed. Two members need not correlate by as much themselves.
    """
    _, group = connected_components(correlation >= threshold, directed=False)
    order = np.argsort(group, kind="stable")
    cuts = np.flatnonzero(np.diff(group[order])) + 1
    parts = [tuple(sorted(part.tolist())) for part in np.split(order, cuts)]
    return sorted(part for part in parts if len(part) > 1)


def collinear(correlation: Array, concept: int, threshold: float = 0.8) -> list[tuple[int, float]]:
    """Other concepts that correlate (C, C) with this one by the threshold or more.

    Pairs (concept, correlation), the highest first.
    """
    r = correlation[concept]
    order = np.argsort(-r, kind="stable")
    return [(int(j), float(r[j])) for j in order if j != concept and r[j] >= threshold]


def _centred(scores: NDArray, mean: Array) -> Iterator[Array]:
    for first in range(0, len(scores), _BLOCK):
        yield np.asarray(scores[first : first + _BLOCK], dtype=np.float64) - mean
