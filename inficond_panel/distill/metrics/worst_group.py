"""Accuracy in cells of label and group: the worst, and the mean weighted by the training images.

A cell is the images of one group with one label of a class, such as *present · water*. The accuracy
in a cell with the class is the group's recall; in a cell without it, one less the false calls.

*At equal numbers*, as many images are called as have the class: those with the largest logits.
Images with equal logits at the cut are called with equal shares. So the accuracies depend on the
ranking alone. A student that calls more images does not seem better for it, as it would at a fixed
threshold.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from inficond_panel.distill.metrics.formulas import ratio
from inficond_panel.distill.metrics.weighted_ap import ends_of_ties
from inficond_panel.distill.sources import Array

#: Values of a block of counts.
_BLOCK_VALUES = 1 << 22


def cell_accuracies(right: NDArray, cell: NDArray[np.intp], counts: NDArray | None = None) -> Array:
    """Return the accuracy in each cell (cells, rows) by each row of counts (rows, n); None: all 1.

    ``right`` (n,) is the share of each image that is decided as labelled: 0 or 1, or a share for
    each row (rows, n). ``cell`` (n,) numbers the cells from 0; an image of cell -1 is not counted.
    An accuracy is nan without an image.
    """
    weight = np.ones((1, len(cell))) if counts is None else counts.astype(np.float64)
    members = (cell[:, None] == np.arange(cell.max(initial=-1) + 1)).astype(np.float64)
    return ratio((weight * right) @ members, weight @ members).T


def accuracies_at_equal_numbers(
    positive: NDArray[np.bool_],
    logit: NDArray,
    cell: NDArray[np.intp],
    counts: NDArray | None = None,
) -> Array:
    """Return the accuracy in each cell (cells, rows), if as many images are called as have the
    class; arguments as in ``cell_accuracies``.

    ``positive`` and ``logit`` are (n,). All images take part in the ranking.
    """
    weight = np.ones((1, len(cell))) if counts is None else counts
    order = np.argsort(-np.asarray(logit), kind="stable")
    parts = [
        cell_accuracies(_right(positive[order], np.asarray(logit)[order], some), cell[order], some)
        for some in _blocks(weight, order)
    ]
    return np.concatenate(parts, axis=1)


def worst_cell(accuracies: Array) -> Array:
    """Return the least accuracy (rows,) of cells (cells, rows); nan if that of any cell is, or
    without cells."""
    if not len(accuracies):
        return np.full(accuracies.shape[1], np.nan)
    return np.asarray(accuracies.min(axis=0))


def _blocks(weight: NDArray, order: NDArray[np.intp]) -> Iterator[Array]:
    """Yield some rows of counts (rows, n) at a time, with the images in ``order``."""
    rows = max(1, _BLOCK_VALUES // max(len(order), 1))
    for first in range(0, len(weight), rows):
        yield weight[first : first + rows, order].astype(np.float64)


def _right(positive: NDArray[np.bool_], falling: NDArray, weight: Array) -> Array:
    """Return the share of each image (rows, n) that is decided as labelled, at equal numbers."""
    ends = ends_of_ties(falling)
    starts = np.append(0, ends[:-1] + 1)
    size = np.add.reduceat(weight, starts, axis=1)  # of each step of the ranking
    above = np.cumsum(size, axis=1) - size
    left = (weight @ positive.astype(np.float64))[:, None] - above
    called = np.clip(np.divide(left, size, out=np.zeros_like(size), where=size > 0), 0.0, 1.0)
    share = called.repeat(ends - starts + 1, axis=1)
    return np.asarray(np.where(positive, share, 1.0 - share))
