"""Average precision of one ranking under any number of sample weights, from one sort.

A row of counts (a bootstrap draw, a slice, weights) says how much each image counts. The sort does
not depend on it, so it is made once; each row then costs one cumulative sum.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inficond_panel.distill.scores import Array

Index = NDArray[np.intp]
#: Values of a block of counts, so that it stays in the processor's cache.
_BLOCK_VALUES = 1 << 18


@dataclass(frozen=True)
class Ranked:
    """Images in order of falling logit. Equal logits are one step: no order among them is better.

    Only steps that hold a positive matter (r of them): precision is read there, and recall grows
    nowhere else. ``order`` (n,) ends with the last of them; ``ends`` (r,) are the last positions
    of these steps; ``positives`` are the positive images in order, ``starts`` (r,) where each
    step's first stands in that list.
    """

    order: Index
    ends: Index
    positives: Index
    starts: Index

    def average_precision(self, counts: NDArray | None = None) -> Array:
        """AP of each row of counts (rows, images): (rows,); nan where no positive counts.

        The sum over the steps of (recall gained) × precision, which is scikit-learn's
        ``average_precision_score``. Without counts each image counts once: (1,).
        """
        return self._each_block(counts, _area)

    def eleven_point(self, counts: NDArray | None = None) -> Array:
        """VOC's AP, as average_precision: mean over recalls 0, 0.1 … 1 of the best precision there.

        "There" is at that recall or above (Everingham et al. 2010, IJCV 88, sec. 4.2).
        """
        return self._each_block(counts, _eleven)

    def _each_block(
        self, counts: NDArray | None, formula: Callable[[Array, Array], Array]
    ) -> Array:
        if counts is None:
            return formula(*self._unweighted())
        if not len(self.ends):
            return np.full(len(counts), np.nan)
        rows = max(1, _BLOCK_VALUES // max(len(self.order), 1))
        blocks = [counts[first : first + rows] for first in range(0, len(counts), rows)]
        return np.concatenate([formula(*self._cuts(block)) for block in blocks])

    def _unweighted(self) -> tuple[Array, Array]:
        hits = np.diff(np.append(self.starts, len(self.positives)))
        return self.ends[None].astype(np.float64) + 1, hits[None].astype(np.float64)

    def _cuts(self, counts: NDArray) -> tuple[Array, Array]:
        """Weight above each cut (rows, r), and weight of the positives gained by it (rows, r)."""
        exact = np.int64 if counts.dtype.kind in "iub" else np.float64
        above = np.cumsum(np.take(counts, self.order, axis=1), axis=1, dtype=exact)[:, self.ends]
        gained = np.take(counts, self.positives, axis=1)
        hits = np.add.reduceat(gained, self.starts, axis=1, dtype=np.float64)
        return above.astype(np.float64), hits


def rank(positive: NDArray[np.bool_], logit: NDArray) -> Ranked:
    """Sort images by logit (n,), for the positives among them (n,)."""
    order = np.argsort(-np.asarray(logit), kind="stable")
    ends = np.append(np.flatnonzero(np.diff(logit[order])), len(order) - 1)[: len(order)]
    at = np.flatnonzero(positive[order])
    step, starts = np.unique(np.searchsorted(ends, at), return_index=True)
    ends = ends[step]
    last = ends[-1] + 1 if len(ends) else 0
    return Ranked(order[:last], ends, order[at], starts)


def _area(above: Array, hits: Array) -> Array:
    found = np.cumsum(hits, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        precision = np.where(above > 0, found / above, 0.0)
        return (hits * precision).sum(axis=1) / (found[:, -1] if found.size else 0.0)


def _eleven(above: Array, hits: Array) -> Array:
    found = np.cumsum(hits, axis=1)
    if not found.size:
        return np.full(len(hits), np.nan)
    precision = np.divide(found, above, out=np.zeros_like(found), where=above > 0)
    whole = found[:, -1:]
    best = [
        np.where(10 * found >= tenth * whole * (1 - 1e-12), precision, 0.0).max(axis=1)
        for tenth in range(11)
    ]
    return np.where(whole[:, 0] > 0, np.mean(best, axis=0), np.nan)
