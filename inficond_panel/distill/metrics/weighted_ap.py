"""Average precision of one ranking under any number of sample weights, from one sort.

A row of counts (a bootstrap draw, a slice, weights) holds the weight of each image. The sort does
not depend on the counts, so it is made once; each row then costs one cumulative sum.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from inficond_panel.distill.sources import Array

Index = NDArray[np.intp]
#: Differences of logits below this share of the largest logit are rounding. Images with equal
#: scores have equal logits, but a processor may add the terms in another order from row to row.
TIE = 1e-12
#: Values of a block of counts. Sums are taken image by image, which is fastest where the counts of
#: an image lie side by side (``draw_counts``).
_BLOCK_VALUES = 1 << 20
#: Images whose counts are converted and summed at one time where a block cannot hold all.
_IMAGES = 2048
_TINY = np.finfo(np.float64).tiny


@dataclass(frozen=True)
class Ranked:
    """Ranking of images by falling logit; images of equal logit form one step of the ranking.
    Logits that differ only by rounding are equal (``TIE``).

    Only the r steps with a positive matter: precision is read at them, and recall grows at no other
    step. ``order`` holds image indices up to the last of these steps, out of ``images`` images;
    ``ends`` (r,) are the last positions of these steps; ``positives`` are the indices of positive
    images in order, and ``starts`` (r,) the position in ``positives`` of each step's first.
    """

    images: int
    order: Index
    ends: Index
    positives: Index
    starts: Index

    def average_precision(self, counts: NDArray | None = None) -> Array:
        """Return the AP (rows,) by each row of counts (rows, images); nan if it has no positive.

        The sum over the steps of (recall gained) × precision, which is scikit-learn's
        ``average_precision_score``. Without counts each image counts once, and the shape is (1,).
        """
        if counts is None or len(counts) * len(self.order) <= _BLOCK_VALUES:
            return self._at_once(counts)
        none: NDArray = np.zeros(len(counts), exact_type(counts))
        above = recall = area = none
        for everyone, hits in self._parts(counts):
            everyone[0] += above
            above = np.cumsum(everyone, axis=0, out=everyone)[-1].copy()
            so_far = np.cumsum(hits, axis=0, dtype=hits.dtype) + recall
            terms, recall = hits * (so_far / np.maximum(everyone, _TINY)), so_far[-1]
            terms[0] += area
            area = terms.sum(axis=0)
        with np.errstate(invalid="ignore"):
            return np.asarray(area / recall)

    def _at_once(self, counts: NDArray | None) -> Array:
        """Return the AP (rows,) by all rows of counts, in one block."""
        if counts is None:
            hits = np.diff(np.append(self.starts, len(self.positives)))
            return _area(self.ends[:, None] + 1, hits[:, None])
        if not len(self.ends):
            return np.full(len(counts), np.nan)
        gained = self._steps.astype(exact_type(counts)) @ counts.T
        everyone, hits = np.split(gained, 2)  # weights of each step's images, of its positives
        return _area(np.cumsum(everyone, axis=0, dtype=gained.dtype), hits)

    def _parts(self, counts: NDArray) -> Iterator[tuple[NDArray, NDArray]]:
        """Yield the weight of the images that each step adds, and of the positives among these,
        (steps, rows) each, for a few steps at a time."""
        bounds, lasts = np.append(0, self.ends + 1), np.append(self.starts, len(self.positives))
        cuts = np.searchsorted(bounds, np.arange(0, bounds[-1], _IMAGES))
        for first, last in pairwise(np.unique(np.append(cuts, len(self.ends)))):
            yield (
                _sums(self.order, bounds[first : last + 1], counts),
                _sums(self.positives, lasts[first : last + 1], counts),
            )

    @cached_property
    def _steps(self) -> csr_array:
        """Sparse 0/1 matrix (2 r, images): r rows mark the images that each step adds, r more rows
        the positives among these."""
        members = np.concatenate([self.order, self.positives])
        lasts = np.append(self.starts[1:], len(self.positives))
        bounds = np.concatenate([[0], self.ends + 1, len(self.order) + lasts])
        shape = 2 * len(self.ends), self.images
        return csr_array((np.ones(len(members), np.int32), members, bounds), shape=shape)


def _sums(images: Index, bounds: Index, counts: NDArray) -> NDArray:
    """Return the sums (groups, rows) of counts (rows, all images) over the images of each group,
    ``images[bounds[g] : bounds[g + 1]]``."""
    kind, size = exact_type(counts), bounds[-1] - bounds[0]
    some: NDArray = counts.T.take(images[bounds[0] : bounds[-1]], axis=0).astype(kind)
    of_group = (np.ones(size, kind), np.arange(size), bounds - bounds[0])
    return csr_array(of_group, shape=(len(bounds) - 1, size)) @ some


def rank(positive: NDArray[np.bool_], logit: NDArray) -> Ranked:
    """Rank images by falling logit (n,); ``positive`` (n,) is the mask of the positives."""
    order, falling = _falling(np.asarray(logit))
    ends = ends_of_ties(falling)
    hits = np.flatnonzero(positive[order])
    step, starts = np.unique(np.searchsorted(ends, hits), return_index=True)
    ends = ends[step]
    last = ends[-1] + 1 if len(ends) else 0
    return Ranked(len(order), order[:last], ends, order[hits], starts)


def _falling(logit: NDArray) -> tuple[Index, NDArray]:
    """Return the order (n,) of falling logits, of equal ones by index, and the logits in it."""
    order = np.argsort(-logit)  # a fraction of the time of a stable sort, which ties need
    falling = logit[order]
    if (falling[1:] == falling[:-1]).any():
        order = np.argsort(-logit, kind="stable")
        falling = logit[order]
    return order, falling


def ends_of_ties(falling: NDArray) -> Index:
    """Return the last position of each run of equal values, for values (n,) in falling order.

    Values are equal if they differ from the next by no more than ``TIE`` times the largest.
    """
    with np.errstate(invalid="ignore"):
        gaps = falling[:-1] - falling[1:]
    tie = TIE * np.abs(falling).max(initial=0, where=np.isfinite(falling))
    return np.flatnonzero(np.append(gaps > tie, True)[: len(falling)])


def exact_type(counts: NDArray) -> type:
    """Return the smallest type in which sums of counts (rows, images) over images are exact."""
    if counts.dtype.kind not in "iub":
        return np.float64
    return np.int32 if counts.itemsize == 1 and counts.shape[1] < 1 << 23 else np.int64


def _area(above: NDArray, hits: NDArray) -> Array:
    recall, precision = _precision(above, hits)
    with np.errstate(invalid="ignore"):
        return (hits * precision).sum(axis=0) / (recall[-1] if recall.size else 0.0)


def _precision(above: NDArray, hits: NDArray) -> tuple[NDArray, Array]:
    """Return the weight of the positives up to each step, and the precision there (0 if none)."""
    hits_so_far = np.cumsum(hits, axis=0, dtype=hits.dtype)
    return hits_so_far, hits_so_far / np.maximum(above, _TINY)
