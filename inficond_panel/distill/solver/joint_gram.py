"""Second derivatives of a softmax's loss, from columns of the scores."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial, reduce
from operator import add
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from inficond_panel.distill.scores import BLOCK_IMAGES, Columns
from inficond_panel.distill.sources import Array, beside, namespace, to_host


class JointGram(NamedTuple):
    """Second derivatives of a softmax's loss by weights (M, M), by intercepts (K, K), and by both
    (K, M), for score columns from which ``pivot`` (M,) was subtracted."""

    weights: Array
    intercepts: Array
    mixed: Array
    pivot: Array


def joint_gram(
    columns: Columns, used: Sequence[NDArray[np.intp]], softmaxes: Sequence[tuple[Array, Array]]
) -> JointGram:
    """Return the second derivatives of a softmax's loss: the sum over ``softmaxes`` and images of
    a_i (diag(p_i) - p_i p_i') times x_i x_i', for probabilities (N, K), sample weights a (N,).

    ``used`` holds the columns of each class; the M weights are sorted by class, then by column.
    """
    union = np.unique(np.concatenate(list(used)))
    in_union = [np.searchsorted(union, each) for each in used]
    pivot = columns.pivot(union) if len(union) else np.empty(0)
    size = sum(map(len, in_union)) + len(in_union)
    block, total = partial(_joint_block, pivot=pivot, places=in_union), np.zeros((size, size))
    for probability, weight in softmaxes:
        of_one = np.zeros((size, size))
        for part in columns.map(block, union, probability, weight):
            of_one += part
        total += of_one
        del of_one  # as large as the total
    ends = np.cumsum([len(each) + 1 for each in in_union]) - 1  # each class's intercept is last
    inner = np.setdiff1d(np.arange(size), ends)
    return JointGram(
        total[np.ix_(inner, inner)],
        total[np.ix_(ends, ends)],
        total[np.ix_(ends, inner)],
        np.concatenate([pivot[each] for each in in_union]),
    )


def _joint_block(
    rows: Any, probability: Array, weight: Array, pivot: Array, places: list[NDArray[np.intp]]
) -> Array:
    images = rows.shape[1]
    firsts = range(0, images, BLOCK_IMAGES)
    parts = (slice(first, min(first + BLOCK_IMAGES, images)) for first in firsts)
    sums = (_joint_sum(rows[:, i], probability[i], weight[i], pivot, places) for i in parts)
    return to_host(reduce(add, sums))


def _joint_sum(
    rows: Any, probability: Array, weight: Array, pivot: Array, places: list[NDArray[np.intp]]
) -> Any:
    xp = namespace(rows)
    centred = xp.astype(rows, xp.float64) - beside(pivot[:, None], rows)
    one = beside(np.ones((1, rows.shape[1])), rows)
    parts = [xp.concat([xp.take(centred, beside(at, rows), axis=0), one]) for at in places]
    root = np.sqrt(weight)
    roots = beside(root * probability.T, rows)
    outer = xp.concat([part * of_one for part, of_one in zip(parts, roots, strict=True)])
    total = -(outer @ outer.T)
    first = 0
    for part, of_one in zip(parts, beside(np.sqrt(weight * probability.T), rows), strict=True):
        columns = slice(first, first + part.shape[0])
        scaled = part * of_one
        total[columns, columns] += scaled @ scaled.T
        first += part.shape[0]
    return total
