"""Verdict on a class: does its student do worse on ``tune`` than on ``fit``, by more than noise?

A student does better on the photos that it was fitted to than on others, shift or not. So each
photo of ``fit`` is judged by a student that was fitted without it, and those of ``tune`` by the
same students. Compared are

- the separation: mean logit of the positives less that of the negatives;
- AP, with the photos of ``fit`` weighed so that the class is as frequent as in ``tune``: AP falls
  with the frequency alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from inficond_panel.distill.metrics.bootstrap import Interval, draw_counts
from inficond_panel.distill.metrics.outcome import Outcome
from inficond_panel.distill.scores.array_api import Array
from inficond_panel.vocabulary.metrics import AP

SHIFT, NONE, UNKNOWN = "shift", "none", "unknown"
#: Loss of AP that has to be excluded before it is said that there is none.
LARGE_LOSS = 0.1
#: Chance of a loss where there is none, shared out between separation and AP.
ALPHA = 0.04
#: Level of the intervals that the verdict goes by, whatever that of the intervals stated elsewhere.
VERDICT_LEVEL = 1 - ALPHA
DRAWS = 400


@dataclass(frozen=True)
class Judged:
    """Labels (n,) of one class in {1, 0}, and logits (V, n) of V students that did not see them."""

    label: NDArray
    logits: Array

    @property
    def separation(self) -> tuple[float, float]:
        """Mean logit of the positives less that of the negatives, and its variance.

        The students' mean, and the mean of their variances: they judge the same photos.
        """
        sides = [self.logits[:, self.label == side] for side in (1, 0)]
        difference = sides[0].mean(axis=1) - sides[1].mean(axis=1)
        variance = sum(side.var(axis=1, ddof=1) / side.shape[1] for side in sides)
        return float(difference.mean()), float(np.mean(variance))

    def ap(self, counts: NDArray) -> Array:
        """AP under each row of counts or weights (rows, n), as the mean over the students."""
        values = [Outcome(self.label, logit).values(AP.key, counts) for logit in self.logits]
        return np.asarray(np.mean(values, axis=0))


@dataclass(frozen=True)
class Verdict:
    """Separation and AP on ``fit``, and what of them is lost on ``tune``.

    Intervals are one-sided at ALPHA / 2 on each side, so that a lower limit above 0 is a shift.
    """

    separation: float
    ap: float
    separation_lost: Interval
    ap_lost: Interval

    @property
    def kind(self) -> str:
        """``shift`` if either is lost by more than noise, ``none`` if a large loss is excluded.

        Otherwise ``unknown``: there are too few photos to say.
        """
        if self.separation_lost.low > 0 or self.ap_lost.low > 0:
            return SHIFT
        return NONE if self.ap_lost.high <= LARGE_LOSS else UNKNOWN

    @property
    def times_to_decide(self) -> float:
        """Times as many photos, about, that would decide a verdict ``unknown`` by AP.

        The interval is taken to narrow with the root of the number of photos around the same
        estimate, until it excludes either 0 or ``LARGE_LOSS``, whichever is sooner.
        """
        lost = self.ap_lost
        loss, room = lost.estimate, LARGE_LOSS - lost.estimate
        excludes_none = ((loss - lost.low) / loss) ** 2 if loss > 0 else np.inf
        excludes_large = ((lost.high - loss) / room) ** 2 if room > 0 else np.inf
        return float(min(excludes_none, excludes_large))


def verdict(fit: Judged, tune: Judged, *, seed: int = 0) -> Verdict:
    """Compare a class on the photos of ``fit`` with those of ``tune``."""
    (ours, our_variance), (theirs, their_variance) = fit.separation, tune.separation
    error = float(np.sqrt(our_variance + their_variance)) * -ndtri(ALPHA / 2)
    lost = ours - theirs
    frequency = np.where(fit.label == 1, _odds(tune.label) / _odds(fit.label), 1.0)
    ap, drawn = _ap(fit, frequency, seed)
    other, others = _ap(tune, np.ones(len(tune.label)), seed + 1)
    low, high = np.nanquantile(drawn - others, [ALPHA / 2, 1 - ALPHA / 2])
    return Verdict(
        ours, ap, Interval(lost, lost - error, lost + error), Interval(ap - other, low, high)
    )


def _odds(label: NDArray) -> float:
    return float(np.count_nonzero(label == 1) / np.count_nonzero(label == 0))


def _ap(judged: Judged, weight: Array, seed: int) -> tuple[float, Array]:
    """AP under these weights (n,), and its bootstrap draws (DRAWS,)."""
    counts = np.concatenate([weight[None], draw_counts(len(weight), DRAWS, seed) * weight])
    values = judged.ap(counts)  # together, so that each student is sorted once
    return float(values[0]), values[1:]
