"""Correlations between concepts' scores, and groups of concepts that are correlated.

The matrix of all correlations is never made: it is larger than the scores where concepts are many.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from inficond_panel.common.threads import one_thread
from inficond_panel.distill.sources import Array
from inficond_panel.distill.spread import centred, spread

#: Largest number of images for a correlation: at r = 0.8 the standard error is then 0.0025.
SAMPLE = 20_000
#: Default correlation on ``fit`` from which concepts count as collinear.
COLLINEAR = 0.8
_ROWS = 512  #: rows of correlations made at one time


class Correlations:
    """Pearson correlations between concepts' scores (N, C).

    With more than 20,000 images only every second (third, ...) image is used. A concept with
    constant scores has correlation 0 with all concepts, itself included.
    """

    def __init__(self, scores: NDArray) -> None:
        self._sample = sample = np.asarray(scores)[:: -(-len(scores) // SAMPLE)]
        self._mean = sample.mean(axis=0, dtype=np.float64)
        self._spread = spread(sample)
        self._spread[self._spread == 0] = np.inf
        self._links: dict[float, dict[int, set[int]]] = {}  # neighbours by threshold, found so far
        self._guard = Lock()  # of the links: sessions ask at the same time

    def rows(self, concepts: Sequence[int]) -> Array:
        """Return the correlations (len(concepts), C) of some concepts (indices) with all."""
        at = list(concepts)
        products = np.zeros((len(at), len(self._mean)))
        with one_thread():
            for block in centred(self._sample, self._mean):
                products += block[:, at].T @ block
        covariance = products / len(self._sample)
        return np.clip(covariance / self._spread / self._spread[at, None], -1.0, 1.0)

    def pairs(self, threshold: float) -> Iterator[tuple[int, int]]:
        """Yield the pairs of concepts (indices) with a correlation >= ``threshold``."""
        for first in range(0, len(self._mean), _ROWS):
            rows = self.rows(range(first, min(first + _ROWS, len(self._mean))))
            for row, concept in np.argwhere(rows >= threshold).tolist():
                if concept > first + row:
                    yield first + row, concept

    def groups(self, concepts: Collection[int], threshold: float) -> list[tuple[int, ...]]:
        """Return the groups of two or more concepts (indices) that contain one of ``concepts``.

        Correlations >= ``threshold`` connect a group: no concept outside has such a correlation
        with a concept inside. Two members of a group may be correlated less.
        """
        with self._guard:
            links = self._links.setdefault(threshold, {})
            self._follow(concepts, threshold, links)
            found = {_reached(concept, links) for concept in concepts}
        return sorted(group for group in found if len(group) > 1)

    def _follow(
        self, concepts: Collection[int], threshold: float, links: dict[int, set[int]]
    ) -> None:
        """Add to ``links`` the neighbours of all concepts that can be reached from ``concepts``."""
        waiting = [concept for concept in dict.fromkeys(concepts) if concept not in links]
        while waiting:
            some, waiting = waiting[:_ROWS], waiting[_ROWS:]
            for concept, row in zip(some, self.rows(some) >= threshold, strict=True):
                links[concept] = set(np.flatnonzero(row).tolist())
            new = set().union(*(links[concept] for concept in some)) - set(links)
            waiting += sorted(new - set(waiting))


def _reached(start: int, links: Mapping[int, set[int]]) -> tuple[int, ...]:
    """Return the concepts that ``links`` connect to ``start``, itself included, sorted."""
    members, waiting = set[int](), [start]
    while waiting:
        concept = waiting.pop()
        if concept not in members:
            members.add(concept)
            waiting += links[concept] - members
    return tuple(sorted(members))


def collinear_parts(scores: NDArray, threshold: float = COLLINEAR) -> list[tuple[int, ...]]:
    """Return the columns of scores (N, m) as groups, ordered by their first member: correlations >=
    ``threshold`` connect columns. A column without any, and a constant one, is alone."""
    near = Correlations(scores).rows(range(scores.shape[1])) >= threshold
    links = {column: set(np.flatnonzero(row).tolist()) for column, row in enumerate(near)}
    return list(dict.fromkeys(_reached(column, links) for column in links))


def collinear(row: Array, concept: int, threshold: float = COLLINEAR) -> list[tuple[int, float]]:
    """Return the other concepts whose correlation with ``concept`` (an index) is >= threshold.

    They are pairs (index, correlation), the highest correlation first; ``row`` (C,) has the
    correlations of ``concept``.
    """
    order = np.argsort(-row, kind="stable")
    return [(int(j), float(row[j])) for j in order if j != concept and row[j] >= threshold]
