"""Weighted Gram matrix of columns that several classes of one softmax use."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from inficond_panel.distill.scores.array_api import Array, namespace, to_host
from inficond_panel.distill.scores.gathered_columns import Columns


class JointGram(NamedTuple):
    """Second derivatives of a softmax's loss by weights (M, M), by intercepts (K, K) and both
    (K, M), the columns less ``pivot`` (M,)."""

    weights: Array
    intercepts: Array
    mixed: Array
    pivot: Array


def joint_gram(
    columns: Columns, used: Sequence[NDArray[np.intp]], probability: Array, weight: Array
) -> JointGram:
    """Sum over the images of a_i (diag(p_i) - p_i p_i') times x_i x_i', for probabilities (N, K)
    and weights a (N,).

    ``used`` are the columns of each class; weights are in the order of classes, then of columns.
    """
    union = np.unique(np.concatenate(list(used)))
    places = [np.searchsorted(union, each) for each in used]
    pivot = columns.pivot(union) if len(union) else np.empty(0)
    size = sum(map(len, places)) + len(places)
    total = np.zeros((size, size))
    for part in columns.map(
        partial(_block, pivot=pivot, places=places), union, probability, weight
    ):
        total += part
    ends = np.cumsum([len(each) + 1 for each in places]) - 1  # each class's intercept is last
    inner = np.setdiff1d(np.arange(size), ends)
    return JointGram(
        total[np.ix_(inner, inner)],
        total[np.ix_(ends, ends)],
        total[np.ix_(ends, inner)],
        np.concatenate([pivot[each] for each in places]),
    )


def added(grams: list[JointGram]) -> JointGram:
    """Sum of Gram matrices of the same columns."""
    first = grams[0]
    for other in grams[1:]:
        first = first._replace(
            weights=first.weights + other.weights,
            intercepts=first.intercepts + other.intercepts,
            mixed=first.mixed + other.mixed,
        )
    return first


def _block(
    rows: Any, probability: Array, weight: Array, pivot: Array, places: list[NDArray[np.intp]]
) -> Array:
    xp = namespace(rows)
    centred = to_host(xp.astype(rows, xp.float64)) - pivot[:, None]
    one = np.ones((1, centred.shape[1]))
    parts = [np.concatenate([centred[each], one]) for each in places]
    root = np.sqrt(weight)
    outer = np.concatenate(
        [part * (root * p) for part, p in zip(parts, probability.T, strict=True)]
    )
    total = -(outer @ outer.T)
    first = 0
    for part, p in zip(parts, probability.T, strict=True):
        own = slice(first, first + len(part))
        scaled = part * np.sqrt(weight * p)
        total[own, own] += scaled @ scaled.T
        first += len(part)
    return total
