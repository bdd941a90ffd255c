"""Columns of scores whose values are in another order in a group of images, or reversed.

A column whose rows are shifted, or joined by the wrong name, keeps its values and goes with nothing
any more; one with the sign reversed goes the other way. The other images give a ridge regression of
each column on all others: in the group what it predicts is unrelated to the values of a displaced
column, and opposed to those of a reversed one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inficond_panel.common.ordering import strongest
from inficond_panel.common.threads import one_thread
from inficond_panel.distill.exchanged import MOST_COLUMNS, every_kth
from inficond_panel.distill.sources import Array
from inficond_panel.distill.spread import divisor

#: Least images of the group, and of the others.
LEAST_GROUP, LEAST_OTHERS = 100, 100
#: Least correlation of a column with what the others predict, among the other images; largest one
#: in the group, as a share of it (of an opposed column with the other sign); and standard errors by
#: which it is below that, and from 0.
LEAST_KNOWN, _LEFT, _ERRORS = 0.3, 0.5, 3.0
#: Least and largest spread of the values in the group, and least spread of what is predicted, in
#: spreads of the others: where nothing varies, nothing is correlated.
_SPREAD = (0.5, 2.0)
#: Most columns in another order, as a share of all: else it is the images that differ.
_MOST = 0.25
_RIDGE = 0.05
#: Number of columns with which each correlates most.
_STRONGEST = 3
#: Most images of each side that are looked at.
MOST_IMAGES = 3_000


@dataclass(frozen=True)
class Displaced:
    """Columns (indices) of a group that go with no other column there, and those that go the other
    way (``opposed``), though among the other images they go with them."""

    unrelated: tuple[int, ...] = ()
    opposed: tuple[int, ...] = ()


def displaced_columns(
    others: NDArray, group: NDArray, beside: tuple[NDArray, NDArray] | None = None
) -> Displaced:
    """Return the columns of ``group`` (m, C) that are unrelated, or opposed, to what the scores
    ``others`` (n, C) of the other images say of them.

    ``beside`` are further columns (n, K) and (m, K), such as labels, that predict and are not
    tested. None with fewer than ``LEAST_GROUP`` or ``LEAST_OTHERS`` images, with more than
    ``MOST_COLUMNS``, or where many columns are so: then the images are others. Of many images
    ``MOST_IMAGES`` are looked at."""
    if len(group) < LEAST_GROUP or len(others) < LEAST_OTHERS:
        return Displaced()
    columns = group.shape[1]
    if beside:
        others, group = np.hstack([others, beside[0]]), np.hstack([group, beside[1]])
    if others.shape[1] > MOST_COLUMNS:
        return Displaced()
    with one_thread():
        return _displaced(every_kth(others, MOST_IMAGES), every_kth(group, MOST_IMAGES), columns)


def _displaced(others: Array, group: Array, columns: int) -> Displaced:
    mean, spread = others.mean(axis=0), divisor(others)
    learned, rest = ((each - mean) / spread for each in (others[::2], others[1::2]))
    wide = (group - mean) / spread
    precision = _precision(learned)
    known, error = _known(precision, rest, columns), _ERRORS / np.sqrt(len(group))
    varies, most = wide.std(axis=0)[:columns], max(1, _MOST * columns)
    tested = (known >= LEAST_KNOWN) & (varies >= _SPREAD[0]) & (varies <= _SPREAD[1])
    opposed = list[int]()
    while len(opposed) <= most:  # one after another: a reversed column opposes its like, too
        here = _known(precision, wide, columns)
        against = tested & (here <= -np.maximum(error, _LEFT * known))
        if not against.any():
            break
        opposed.append(int(np.argmin(np.where(against, here, np.inf))))
        wide[:, opposed[-1]] *= -1
    gone = (here + error <= _LEFT * known) & (np.abs(here) <= error)
    unrelated = np.flatnonzero(tested & gone & ~_goes_along(rest, wide, columns, error)).tolist()
    if len(unrelated) + len(opposed) > most:
        return Displaced()
    return Displaced(tuple(unrelated), tuple(sorted(opposed)))


def _goes_along(rest: Array, wide: Array, columns: int, error: float) -> NDArray[np.bool_]:
    """Return which columns (C,) correlate in the group as they do among the ``rest`` with one of
    the ``_STRONGEST`` others: what predicts them there may have changed, not they themselves."""
    with np.errstate(divide="ignore", invalid="ignore"):  # a constant column goes with none
        both = (np.asarray(np.corrcoef(each, rowvar=False)) for each in (rest, wide))
        there, here = (np.nan_to_num(each[:columns]) for each in both)
    there[np.arange(columns), np.arange(columns)] = 0.0
    first = np.stack([strongest(row)[:_STRONGEST] for row in there])
    signs = np.sign(np.take_along_axis(there, first, axis=1))
    return np.asarray((signs * np.take_along_axis(here, first, axis=1) > error).any(axis=1))


def _precision(learned: Array) -> Array:
    """Return the inverse covariance (C + K, C + K) of images, with a ridge."""
    ridge = _RIDGE + learned.shape[1] / len(learned)
    covariance = learned.T @ learned / len(learned)
    return np.asarray(np.linalg.inv(covariance + ridge * np.eye(len(covariance))))


def _known(precision: Array, images: Array, columns: int) -> Array:
    """Return the correlation (C,) of each column of ``images`` with what a ridge regression on all
    others predicts, which a ``precision`` gives."""
    predicted = (images - images @ precision / np.diag(precision))[:, :columns]
    predicted = predicted - predicted.mean(axis=0)
    values = images[:, :columns] - images[:, :columns].mean(axis=0)
    size = np.sqrt((values**2).sum(axis=0) * (predicted**2).sum(axis=0))
    return np.divide((values * predicted).sum(axis=0), size, out=np.zeros(columns), where=size > 0)
