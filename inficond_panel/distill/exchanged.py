"""Pairs of columns of scores whose values are exchanged in a group of images.

The other images give a mean and a covariance, and with them a squared distance of each image: the
quadratic form of the inverse covariance. Exchanged columns contradict the columns that correlate
with them; once they are exchanged back, nothing is left of that. Columns that merely differ in the
group, as by another sensor, would fit as well or better with an offset and a scale of their own.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from inficond_panel.common.threads import one_thread
from inficond_panel.distill.sources import Array
from inficond_panel.distill.spread import divisor

#: Least images of the group, and of the others.
LEAST_GROUP, LEAST_OTHERS = 20, 50
#: Least excess of a column (``_Others.excess``) that may be exchanged, and in standard errors.
_LEAST_EXCESS, _EXCESS_ERRORS = 0.4, 4.0
#: Largest share of it that is left once the columns are exchanged back; columns with a larger one
#: differ otherwise.
_LEFT = 0.25
#: Least z of the images' gains by an exchange, and least distance, in spreads, by which it moves
#: the values: exchanged copies are the same columns.
_LEAST_Z, _LEAST_MOVE = 5.0, 0.25
#: Least z of what an exchange gains beyond an offset and a scale.
_NO_DRIFT_Z = 4.0
#: Most columns that are compared with each other, and most images of the group and of the others.
_MOST, _MOST_GROUP, _MOST_OTHERS = 40, 2_000, 3_000
#: Least ridge of the correlations, and the distance at which values are clipped, in spreads.
_RIDGE, _CLIP = 0.05, 6.0
#: Most columns of which all correlations are taken.
MOST_COLUMNS = 2_000

Pair = tuple[int, int]


def exchanged_columns(
    others: NDArray, group: NDArray, beside: tuple[NDArray, NDArray] | None = None
) -> list[Pair]:
    """Return the pairs of columns (indices) of ``group`` (m, C) that fit the scores ``others``
    (n, C) of the other images only once they are exchanged; a column is in one pair at most.

    ``beside`` are further columns (n, K) and (m, K), such as logits, that are not exchanged. No
    pair is returned where much else differs between the two sets of images, if there are fewer
    than ``LEAST_GROUP`` or ``LEAST_OTHERS`` images, or more than ``MOST_COLUMNS``."""
    if len(group) < LEAST_GROUP or len(others) < LEAST_OTHERS:
        return []
    columns = group.shape[1]
    if beside:
        others, group = np.hstack([others, beside[0]]), np.hstack([group, beside[1]])
    if others.shape[1] > MOST_COLUMNS:
        return []
    with one_thread():
        model = _Others(every_kth(others, _MOST_OTHERS), columns)
        return _exchanged(model, every_kth(group, _MOST_GROUP))


def every_kth(scores: NDArray, most: int) -> Array:
    """Return at most ``most`` rows of scores (n, C), evenly."""
    return np.asarray(scores[:: -(-len(scores) // most)], dtype=np.float64)


class _Others:
    """Mean, spread and precision of the scores (n, C + K) of the other images; ``columns`` is C."""

    def __init__(self, scores: Array, columns: int) -> None:
        self.columns = columns
        self._mean, self._spread = scores.mean(axis=0), divisor(scores)
        wide = self.standardised(scores)
        ridge = _RIDGE + scores.shape[1] / len(scores)
        correlations = (wide.T @ wide / len(wide) + ridge * np.eye(len(wide.T))) / (1 + ridge)
        self.precision = np.linalg.inv(correlations)
        usual = ((wide @ self.precision) ** 2).mean(axis=0)
        self._usual = np.where(usual > 0, usual, np.inf)  # a constant column has no residuals

    def standardised(self, scores: Array, at: slice | NDArray[np.intp] = slice(None)) -> Array:
        """Return values (m, c) in the columns ``at``, in spreads from their means, clipped."""
        return np.clip((scores - self._mean[at]) / self._spread[at], -_CLIP, _CLIP)

    def distance(self, scores: Array) -> Array:
        """Return the squared distance (m,) of each image to the others."""
        wide = self.standardised(scores)
        return np.asarray(((wide @ self.precision) * wide).sum(axis=1))

    def excess(self, scores: Array) -> Array:
        """Return by how much the mean square (C,) of each column's residual, given all other
        columns, exceeds that of the other images: 0.5 for one and a half times."""
        residual = self.standardised(scores) @ self.precision
        return np.asarray(((residual**2).mean(axis=0) / self._usual)[: self.columns] - 1.0)

    def rescaled(self, scores: Array, at: list[int]) -> Array:
        """Return values (m, c) in the columns ``at`` with the means of the others, and with their
        spreads or less."""
        shrink = np.minimum(self._spread[at] / divisor(scores), 1.0)
        return np.asarray((scores - scores.mean(axis=0)) * shrink + self._mean[at])


def _exchanged(model: _Others, group: Array) -> list[Pair]:
    before = model.excess(group)
    pairs = _nearest_pairs(model, group, before)
    after = model.excess(_with_exchanged(group, pairs))
    columns = [c for pair in pairs for c in pair]
    if columns and (after >= _LEFT * before[columns].min()).sum() > len(columns):
        return []  # the group differs in much else
    gone = after <= _LEFT * before
    pairs = [pair for pair in pairs if gone[[*pair]].all()]
    back = _with_exchanged(group, pairs)
    return sorted(pair for pair in pairs if _is_no_drift(model, group, back, [*pair]))


def _nearest_pairs(model: _Others, group: Array, before: Array) -> list[Pair]:
    """Return the pairs whose exchange brings the images nearest to the others, one after another;
    ``before`` (C,) is the excess of each column of the group."""
    least = max(_LEAST_EXCESS, _EXCESS_ERRORS * np.sqrt(2 / len(group)))
    apart = sorted(int(c) for c in np.argsort(-before)[:_MOST] if before[c] >= least)
    pairs = list[Pair]()
    while pair := _best(model, _with_exchanged(group, pairs), apart):
        pairs.append(pair)
        apart = [c for c in apart if c not in pair]
    return pairs


def _with_exchanged(group: Array, pairs: list[Pair]) -> Array:
    """Return a copy of scores with the columns of each pair exchanged."""
    back = group.copy()
    for a, b in pairs:
        back[:, [a, b]] = group[:, [b, a]]
    return back


def _best(model: _Others, group: Array, apart: list[int]) -> Pair | None:
    """Return the pair of the columns ``apart`` whose exchange brings the images nearest to the
    others; None if no exchange clearly does."""
    if len(apart) < 2:
        return None
    pairs = list(combinations(apart, 2))
    gain, move = _gains(model, group, *np.array(pairs).T)
    clear = _is_above(gain, _LEAST_Z) & (move >= _LEAST_MOVE)
    nearest = int(np.argmax(np.where(clear, gain.mean(axis=0), -np.inf)))
    return pairs[nearest] if clear.any() else None


def _gains(
    model: _Others, group: Array, a: NDArray[np.intp], b: NDArray[np.intp]
) -> tuple[Array, Array]:
    """Return by how much the squared distance of each image falls (m, pairs) if its values of the
    columns ``a`` and ``b`` (pairs,) are exchanged, and how far that moves the values (pairs,), the
    root mean square of the column that moves less."""
    wide, precision = model.standardised(group), model.precision
    residual = wide @ precision
    in_a = model.standardised(group[:, b], a) - wide[:, a]
    in_b = model.standardised(group[:, a], b) - wide[:, b]
    rises = in_a * (2 * residual[:, a] + precision[a, a] * in_a + precision[a, b] * in_b)
    rises += in_b * (2 * residual[:, b] + precision[b, b] * in_b + precision[a, b] * in_a)
    squares = np.minimum((in_a**2).mean(axis=0), (in_b**2).mean(axis=0))
    return -rises, np.sqrt(squares)


def _is_no_drift(model: _Others, group: Array, back: Array, pair: list[int]) -> bool:
    """Return whether columns that are exchanged in ``back`` are no other sensors or units: an
    offset and a scale for each of the two make the images fit less."""
    drifted = back.copy()
    drifted[:, pair] = model.rescaled(group[:, pair], pair)
    gain = model.distance(drifted) - model.distance(back)
    return bool(_is_above(gain, _NO_DRIFT_Z))


def _is_above(gain: Array, z: float) -> NDArray[np.bool_]:
    """Return whether the mean of gains (m, ...) is more than ``z`` standard errors above 0."""
    error = gain.std(axis=0, ddof=1) / np.sqrt(len(gain))
    return np.asarray(gain.mean(axis=0) > z * error)
