"""Spread of scores: standard deviations, constant columns, and the photos that carry a spread.

A constant column has no spread, but its mean is rounded, and what is computed from the differences
to that mean is rounding too: a number of about 1e-17 that is not 0. So a quotient by a spread needs
a tolerance. It is on the range, since a rare 1 among 0s has a small spread but a whole range.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from inficond_panel.distill.sources import Array

#: Range of values, relative to the largest absolute value, up to which they are constant: about one
#: rounding of float32 (2^-24 to 2^-23), in which scores are stored.
ROUNDING = 1e-7
#: The same for logits, which are computed in float64: some thousand roundings.
LOGIT_ROUNDING = 1e-12
#: Rows that are centred at one time, and columns whose medians are found at one time.
_ROWS, _COLUMNS = 1024, 512
#: Most rows that a median is taken of.
_SAMPLE = 20_000


def constant(values: NDArray, rounding: float = ROUNDING) -> NDArray[np.bool_]:
    """Return the mask (C,) of the columns of (N, C) whose values are all equal, up to rounding."""
    values = np.asarray(values)
    if not len(values):
        return np.ones(values.shape[1:], dtype=bool)
    low, high = values.min(axis=0), values.max(axis=0)
    size = np.maximum(np.abs(low), np.abs(high)).astype(np.float64)
    return np.asarray(high.astype(np.float64) - low <= rounding * size)


def spread(scores: NDArray) -> Array:
    """Return the standard deviation (C,) of each column of (N, C): exactly 0 of a constant one."""
    mean = np.asarray(scores).mean(axis=0, dtype=np.float64)
    squares = np.zeros_like(mean)
    for block in centred(scores, mean):
        squares += np.einsum("ij,ij->j", block, block)
    squares[constant(scores)] = 0.0
    return np.sqrt(squares / len(scores))


def divisor(scores: NDArray) -> Array:
    """Return the spread (C,) to divide the columns of (N, C) by: 1 for a constant column."""
    size = spread(scores)
    return np.where(size > 0, size, 1.0)


def support(scores: NDArray) -> Array:
    """Return the number of photos (C,) that carry each concept's spread, from scores (N, C).

    It is (sum of |d|)^2 / (sum of d^2), d being a score less the concept's median: the effective
    sample size (Kish 1965) of the deviations. For scores of 0 and 1 it is the number of photos with
    the rarer of the two; of N normal scores it is 0.64 N; of one outlier among equal scores 1; of a
    constant score 0. Scale and offset do not change it.
    """
    scores = np.asarray(scores)
    middle = np.concatenate([np.zeros(0), *_medians(scores)])
    first, second = np.zeros((2, len(middle)))
    for block in centred(scores, middle):
        first += np.abs(block, out=block).sum(axis=0)
        second += np.einsum("ij,ij->j", block, block)
    second[constant(scores)] = 0.0
    return np.divide(first**2, second, out=np.zeros_like(first), where=second > 0)


def _medians(scores: NDArray) -> Iterator[Array]:
    """Yield the medians of some columns after the other; of many rows a sample has them."""
    sample = scores[:: max(1, -(-len(scores) // _SAMPLE))]
    for column in range(0, scores.shape[1], _COLUMNS):
        yield np.median(sample[:, column : column + _COLUMNS].astype(np.float64), axis=0)


def centred(scores: NDArray, middle: Array) -> Iterator[Array]:
    """Yield the scores (N, C) less ``middle`` (C,), some rows after the other."""
    for first in range(0, len(scores), _ROWS):
        yield np.asarray(scores[first : first + _ROWS], dtype=np.float64) - middle
