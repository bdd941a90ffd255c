"""Out-of-sample gain: of choosing a lever's student, and of choosing a lever.

It is in AP, or in the accuracy of the worst group at equal numbers (``choosing.compared_values``).

In each bootstrap draw, the drawn photos make the choice, and the photos that were not drawn measure
its gain. The estimate is the mean over the draws (the leave-one-out bootstrap of Efron and
Tibshirani 1997, "Improvements on cross-validation: the .632+ bootstrap method", JASA 92, applied to
a choice). The interval is the spread of the gain on the drawn photos, centred at the estimate. If a
few draws differ much from all others, they move the mean but not the quantiles, and these may leave
the estimate out; then the interval is normal. If the quantiles are equal though draws differ, the
draws say nothing of the spread, and there is no interval.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from inficond_panel.common.interval import Interval
from inficond_panel.distill.sources import Array
from inficond_panel.tuning.repairs.choosing import (
    Cell,
    chosen,
    compared_values,
    errors,
    merits,
    mildest,
)
from inficond_panel.vocabulary.confidence import CONFIDENCE, least_draws, tails

GAIN_DRAWS = 400


@dataclass(frozen=True)
class Gain(Interval):
    """Change in AP or in the worst group, 0 to 1, with its interval at ``level``."""

    level: float = CONFIDENCE

    def __str__(self) -> str:
        """Return ``+0.031 [+0.004, +0.060]``, the unit of the tables in a terminal."""
        return self.text(sign=True)

    def json(self) -> dict[str, float | None]:
        """Return estimate, limits and level as plain numbers; None if undefined."""
        return {**super().json(), "level": self.level}


def around(estimate: float, error: float, level: float = CONFIDENCE) -> Gain:
    """Return a gain whose interval is normal, from ``estimate`` and its standard error."""
    half = float(ndtri(tails(level)[1])) * error
    return Gain(estimate, estimate - half, estimate + half, level=level)


@dataclass(frozen=True)
class Change:
    """Change in AP or in the worst group of one class, with its bootstrap draws (draws,).

    ``few``: it has no limits, since a group has too few photos for them."""

    estimate: float
    draws: Array = field(compare=False, repr=False)
    few: bool = False

    @property
    def error(self) -> float:
        """Standard error of the change, from its draws; 0 if the student did not change."""
        defined = self.draws[~np.isnan(self.draws)]
        return float(defined.std(ddof=1)) if len(defined) > 1 else 0.0

    def gain(self, level: float = CONFIDENCE) -> Gain:
        """Return the change with its percentile interval at ``level``.

        The interval is normal if the draws are too few for this level, or their quantiles leave the
        estimate out. It is undefined if ``few``, or if the quantiles of different draws are equal.
        """
        known = self.draws[~np.isnan(self.draws)]
        if self.few or not len(known):
            return Gain(self.estimate, np.nan, np.nan, level=level)
        if not self.estimate and not known.any():
            return Gain(0.0, 0.0, 0.0, level=level)  # the student does not change
        if least_draws(level) > len(self.draws):
            return around(self.estimate, self.error, level)
        low, high = np.quantile(known, tails(level))
        if low == high:
            return Gain(self.estimate, np.nan, np.nan, level=level)
        if not low <= self.estimate <= high:
            return around(self.estimate, self.error, level)
        return Gain(self.estimate, float(low), float(high), level=level)


#: Change of an unchanged student.
NO_CHANGE = Change(0.0, np.zeros(GAIN_DRAWS))


def mean_change(changes: Sequence[Change]) -> Change:
    """Return the mean of ``changes`` of several classes, in the estimate and in each draw."""
    if not changes:
        return NO_CHANGE
    draws = np.array([c.draws for c in changes])
    known = ~np.isnan(draws)
    counts = known.sum(axis=0)
    means = np.full(len(counts), np.nan)  # of a draw without a positive of any class
    np.divide(np.where(known, draws, 0.0).sum(axis=0), counts, out=means, where=counts > 0)
    few = any(c.few for c in changes)
    return Change(float(np.mean([c.estimate for c in changes])), means, few)


@dataclass(frozen=True)
class ChoiceGain:
    """Gain (draws,) of each draw's choice over the unchanged student.

    ``drawn`` is the gain on the drawn photos, which made the choice, ``left_out`` the gain on the
    other photos, and ``taught`` the change of the gain because the student learns drawn photos.
    ``beside`` is the gain of the same choices in AP, if they were made by the worst group.
    """

    drawn: Array
    left_out: Array
    taught: Array
    beside: ChoiceGain | None = None

    @cached_property
    def gain(self) -> Change:
        """Out-of-sample gain of the choice, with the draws for its interval."""
        estimate, spread = _mean(self.left_out), self.drawn + self.taught
        return Change(estimate, spread - _mean(spread) + estimate)

    @property
    def ap_change(self) -> Change:
        """Out-of-sample change of AP."""
        return (self.beside or self).gain


def gain_of_choice(
    label: NDArray,
    logits: Array,
    counts: NDArray,
    *,
    careful: bool,
    by_ap: bool = True,
    taught: Sequence[Array] = (),
    cell: Cell = None,
    strength: NDArray | None = None,
) -> ChoiceGain:
    """Return the gain of choosing the best student of m over the first, by ``choosing.merits``.

    The gain is in ``compared_values``, also if students are compared by likelihood.

    The first is a candidate only with ``careful``, and then left only for a gain above one standard
    error, as in ``repairs.choosing``. ``logits`` (m, n) are held-out logits, ``label`` (n,) is in
    {1, 0}, and ``counts`` (draws, n) are the numbers of times that a draw has each photo.
    ``taught`` are the changes by teaching (default 0): of this gain, and of that in AP.
    ``strength`` (m,), by which the best is the ``choosing.mildest``, is equal of all by default.
    """
    moved = list(taught) or [np.zeros(len(counts))] * 2
    values = _both_sides(label, logits, counts, cell)
    by = merits(label, logits, counts, by_ap=by_ap, cell=cell)
    level = np.zeros(len(by)) if strength is None else strength
    if careful:
        best = chosen(by, errors(by))
    else:
        best = 1 + mildest(by[1:], level[1:], np.nanstd(by[1:], axis=1, ddof=1))
    found = ChoiceGain(*_gains(values, best), moved[0])
    if cell is None:
        return found
    taken, best = np.unique(np.append(0, best), return_inverse=True)  # the first comes first
    beside = _gains(_both_sides(label, logits[taken], counts, None), best[1:])
    return replace(found, beside=ChoiceGain(*beside, moved[1]))


def _both_sides(label: NDArray, logits: Array, counts: NDArray, cell: Cell) -> list[Array]:
    """Return what students are compared by (m, draws), on the drawn and on the other photos."""
    return [compared_values(label, logits, each, cell) for each in (counts, counts == 0)]


def _gains(values: Sequence[Array], best: NDArray[np.intp]) -> tuple[Array, Array]:
    draw = np.arange(len(best))
    drawn, left_out = (side[best, draw] - side[0] for side in values)
    return drawn, left_out


def gain_of_levers(levers: Sequence[ChoiceGain]) -> ChoiceGain:
    """Return the gain of choosing the lever (kind of repair) with the largest gain, if above 0.

    In each draw, the estimate is the gain on the drawn photos less the mean optimism of the lever.
    """
    optimism = [_mean(lever.drawn) - lever.gain.estimate for lever in levers]
    stated = np.array([lever.drawn for lever in levers]) - np.array(optimism)[:, None]
    best, draw = np.argmax(np.nan_to_num(stated), axis=0), np.arange(stated.shape[1])
    some = stated[best, draw] > 0

    def of_choice(each: Sequence[ChoiceGain]) -> ChoiceGain:
        def taken(values: Sequence[Array]) -> Array:
            return np.where(some, np.array(values)[best, draw], 0.0)

        return ChoiceGain(
            taken([one.drawn for one in each]),
            taken([one.left_out for one in each]),
            taken([one.taught for one in each]),
        )

    beside = [lever.beside for lever in levers if lever.beside is not None]
    return replace(of_choice(levers), beside=of_choice(beside) if beside else None)


def _mean(values: Array) -> float:
    """Return the mean over draws with a defined value; 0 without any."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else 0.0
