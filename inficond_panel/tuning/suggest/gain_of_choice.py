"""Gain in AP of choosing among students, and then among levers, on photos that did not choose.

In each bootstrap draw of the photos the drawn ones choose, and those that were not drawn measure
what the choice gains. The mean over the draws is the stated gain (the leave-one-out bootstrap of
Efron and Tibshirani 1997, "Improvements on cross-validation: the .632+ bootstrap method", JASA 92,
here of a choice). Its interval is the spread of the gain among the drawn photos, moved to the mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from inficond_panel.distill.scores.scores import Array
from inficond_panel.tuning.cures.choice import ap_values, chosen, errors
from inficond_panel.tuning.suggest.suggestion import Change


@dataclass(frozen=True)
class Choice:
    """Gain in AP of what each draw takes (draws,), over the student as it is.

    ``drawn`` is that among the photos drawn, which chose, ``left_out`` that among the others, and
    ``taught`` its change as the drawn photos teach too.
    """

    drawn: Array
    left_out: Array
    taught: Array

    @cached_property
    def gain(self) -> Change:
        """Gain on photos that did not choose."""
        estimate, spread = _mean(self.left_out), self.drawn + self.taught
        return Change(estimate, spread - _mean(spread) + estimate)


def gain_of_choice(
    label: NDArray, logits: Array, counts: NDArray, *, careful: bool, taught: Array | None = None
) -> Choice:
    """Gain, over the first of m students, of taking the one of highest AP of the others.

    ``careful``: of all, the first being left only for a gain above one standard error, as
    ``cures.choice`` has it. ``logits`` (m, n) are of photos that the students did not learn from,
    ``label`` (n,) is in {1, 0}, and each row of ``counts`` (draws, n) says how often a draw has
    each photo.
    """
    drawn, left_out = ap_values(label, logits, counts), ap_values(label, logits, counts == 0)
    best, place = _best(drawn, careful=careful), np.arange(len(counts))
    return Choice(
        drawn[best, place] - drawn[0],
        left_out[best, place] - left_out[0],
        np.zeros(len(counts)) if taught is None else taught,
    )


def gain_of_levers(levers: Sequence[Choice]) -> Change:
    """Gain of taking the lever of the largest stated gain above 0, or none.

    In each draw a lever's gain is stated by the drawn photos, less the mean optimism of its choice.
    """
    optimism = [_mean(lever.drawn) - lever.gain.estimate for lever in levers]
    stated = np.array([lever.drawn for lever in levers]) - np.array(optimism)[:, None]
    best, place = np.argmax(np.nan_to_num(stated), axis=0), np.arange(stated.shape[1])
    some = stated[best, place] > 0
    drawn, left_out, taught = (
        np.where(some, np.array(values)[best, place], 0.0)
        for values in zip(*((one.drawn, one.left_out, one.taught) for one in levers), strict=True)
    )
    return Choice(drawn, left_out, taught).gain


def _best(values: Array, *, careful: bool) -> NDArray[np.intp]:
    """Places (draws,) of the students to take, by their AP (m, draws)."""
    if careful:
        return chosen(values, errors(values))
    return 1 + np.argmax(np.nan_to_num(values[1:]), axis=0)


def _mean(values: Array) -> float:
    """Mean of the draws that tell; 0 where none does."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else 0.0
