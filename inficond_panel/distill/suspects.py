"""Suspects: concepts that a student relies on, correlated with the class in ``fit`` only; verdict.

Presence of a concept. Scores have no zero and no bound that is the same for all concepts, so no
fixed threshold tells a photo with the concept from one without. The score that divides photos into
two groups with the least variance within them does, whatever the scores' scale (Otsu 1979, IEEE
Trans. SMC 9). Where they do not fall into two groups it is near their middle, and the shares of
``fit`` and ``tune`` that lie above it can be compared all the same.

Suspects. A student learns from ``fit`` what goes with the class there. For each concept c with
scores x_c:

- *reliance*: partial correlation of x_c with the student's logit given the label, on photos that
  the student was not fitted to. It leans on the concept if its logit rises with the score among
  photos of equal label, be it by the concept's own weight or by those of its companions: L1 spreads
  one thing over many concepts, and often gives the plainest word for it no weight at all.
- *lost bond*: D_fit,c - D_tune,c, D the mean score of the positives less that of the negatives,
  in its standard errors (z). It is turned so that z > 0 where what the student leans on has
  weakened. The variance of the positives' scores, and of the negatives', is pooled over both
  splits: ten positives of tune tell their own so badly that among hundreds of concepts some seem
  to have hardly any, and a class without a fault was called shifted in one of five.
- *weakening*: sqrt(max(t_1, 0)^2 + max(t_0, 0)^2), t_1 the fall of the positives' mean from fit to
  tune and t_0 the rise of the negatives', each in standard errors, turned as above. z is as
  uncertain as the scarcer kind of photo; here the surer one counts.
- *lost separation*: w_c (D_fit,c - D_tune,c). Summed over all concepts it is exactly the
  separation (mean logit of positives less negatives) that the student loses.

The *score* is sqrt(reliance) times weakening. All is cross-fitted: the students are fitted without
one fold of ``fit`` each, and only that fold is compared with ``tune``. In the student's own photos
its weights follow chance, and chance looks like a bond.

Verdict. A student does better on the photos that it was fitted to than on others, shift or not. So
each photo of ``fit`` is evaluated by a student that was fitted without it, and those of ``tune`` by
the same students. Compared are

- the separation: mean logit of the positives less that of the negatives;
- AP, with the photos of ``fit`` weighed so that the class is as frequent as in ``tune``: AP falls
  with the frequency alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri, stdtr

from inficond_panel.distill.metrics.bootstrap import Interval, draw_counts
from inficond_panel.distill.metrics.outcome import Outcome
from inficond_panel.distill.scores import ScoreLike, Scores
from inficond_panel.distill.sources import Array
from inficond_panel.errors import DataError
from inficond_panel.vocabulary.metrics import AP


@dataclass(frozen=True)
class Presence:
    """Shares of photos, positives and negatives, whose score is above ``threshold``."""

    threshold: float
    fit: tuple[float, float]
    tune: tuple[float, float]


def presence(fit: ArrayLike, fit_label: NDArray, tune: ArrayLike, tune_label: NDArray) -> Presence:
    """Presence of one concept, by its scores (n,) and labels (n,) in {1, 0} on both splits.

    The threshold is of the scores of ``fit`` alone.
    """
    threshold = dividing_score(fit)
    return Presence(
        threshold, _shares(fit, fit_label, threshold), _shares(tune, tune_label, threshold)
    )


def dividing_score(scores: ArrayLike) -> float:
    """Middle between two groups of scores (n,) with the least variance within; nan without two."""
    values = np.sort(np.asarray(scores, dtype=np.float64))
    sizes = np.arange(1, len(values))
    sums = np.cumsum(values)
    below, above = sums[:-1] / sizes, (sums[-1] - sums[:-1]) / (len(values) - sizes)
    between = sizes * (len(values) - sizes) * (above - below) ** 2
    between[values[1:] == values[:-1]] = -1.0  # equal scores are in one group
    if between.max(initial=-1.0) < 0:
        return float("nan")
    at = int(between.argmax())
    return float((values[at] + values[at + 1]) / 2)


def _shares(scores: ArrayLike, label: NDArray, threshold: float) -> tuple[float, float]:
    above = np.asarray(scores) > threshold
    return float(above[label == 1].mean()), float(above[label == 0].mean())


class Photos:
    """Concept scores (n, C) and labels (n,) of one class in {1, 0}.

    Raises DataError if they do not fit, a label is neither 0 nor 1, or fewer than two photos show
    the class or its absence: one photo has no variance.
    """

    def __init__(self, scores: ScoreLike, label: NDArray) -> None:
        self.scores, self.label = Scores.of(scores), np.asarray(label)
        if len(self.label) != self.scores.shape[0]:
            raise DataError(
                f"{self.scores.shape[0]} rows of scores have {len(self.label)} labels.",
                "Give one label per photo.",
            )
        if not np.isin(self.label, (0, 1)).all():
            raise DataError("A label is neither 0 nor 1.", "Leave out the photos without a label.")
        self._sides = np.stack([self.label == 1, self.label == 0], axis=1).astype(np.float64)
        self.counts = self._sides.sum(axis=0)
        if self.counts.min() < 2:
            raise DataError(
                "Fewer than two photos show the class, or its absence.", "Give more photos."
            )
        self._mean, self._variance = self.scores.moments(self._sides / self.counts)

    @property
    def means(self) -> Array:
        """Mean score of the positives and of the negatives (2, C)."""
        return self._mean

    @property
    def squares(self) -> Array:
        """Sums of squares about these means (2, C)."""
        return self._variance * self.counts[:, None]

    @property
    def bond(self) -> Array:
        """Mean score of the positives less the mean score of the negatives (C,)."""
        return self._mean[0] - self._mean[1]

    def partial_correlation(self, values: NDArray) -> Array:
        """Return the partial correlation (V, C) of values (V, n), given the label.

        It is 0 if a value or a concept is constant.
        """
        means = self._sides / self.counts
        within = np.asarray(values, dtype=np.float64).T
        within = within - self._sides @ (means.T @ within)
        covariance = self.scores.gradient(within)
        size = np.sqrt(np.outer(self.counts @ self._variance, (within**2).sum(axis=0)))
        return np.divide(covariance, size, out=np.zeros_like(size), where=size > 0).T


@dataclass(frozen=True)
class Suspicion:
    """Measures of each concept against one student, each (C,).

    ``z`` is the lost correlation in standard errors, ``weakening`` the loss on either side of the
    label; ``fit_bond`` and ``tune_bond`` are the correlations in the two splits, ``lost`` is the
    lost separation in logits. ``p`` is the one-sided p-value of ``z``.
    """

    reliance: Array
    z: Array
    weakening: Array
    lost: Array
    p: Array
    fit_bond: Array
    tune_bond: Array

    @cached_property
    def q(self) -> Array:
        """``p`` adjusted over all concepts for the rate of false discoveries.

        Benjamini and Hochberg 1995, JRSS B 57.
        """
        from scipy.stats import false_discovery_control  # noqa: PLC0415 - slow to load

        return np.asarray(false_discovery_control(self.p))

    @property
    def score(self) -> Array:
        """Square root of the reliance, whatever its sign, times weakening."""
        return np.sqrt(np.abs(self.reliance)) * self.weakening

    @property
    def doubt(self) -> Array:
        """Reliance, of either sign, times lost correlation, at least 0: for the adaptive penalty.

        It is more cautious than the score. As a factor of penalties the score repairs no more, and
        harms some students without a fault.
        """
        return np.abs(self.reliance) * np.maximum(self.z, 0.0)

    def ranked(self, besides: Sequence[int] = ()) -> NDArray[np.intp]:
        """Concepts of a score above 0 but for those ``besides``, the most suspect first."""
        score = self.score
        score[list(besides)] = 0.0
        order = np.argsort(-score, kind="stable")
        return order[score[order] > 0]


def suspicion(
    folds: Sequence[Photos], tune: Photos, logits: NDArray, weights: NDArray
) -> Suspicion:
    """Measure the concepts against the students of one class.

    ``folds`` are the photos of ``fit`` in V parts; the student of row v of ``weights`` (V, C) was
    fitted without part v, and row v of ``logits`` (V, n) are its logits of the photos of ``tune``.
    """
    reliance, bonds = tune.partial_correlation(logits), np.array([part.bond for part in folds])
    z, p, weakening = lost_bond(np.sign(reliance), folds, tune)
    return Suspicion(
        reliance=reliance.mean(axis=0),
        z=z,
        weakening=weakening,
        lost=(weights * (bonds - tune.bond)).mean(axis=0),
        p=p,
        fit_bond=bonds.mean(axis=0),
        tune_bond=tune.bond,
    )


def lost_bond(sign: Array, folds: Sequence[Photos], tune: Photos) -> tuple[Array, Array, Array]:
    """Return the lost correlation z, its one-sided p-value, and the weakening, each (C,).

    They concern the concepts that the students of the V ``folds`` rely on with this ``sign`` (V,
    C).
    """
    counts = np.array([part.counts for part in folds])
    variance, freedom = _pooled(folds, tune)
    lost = np.array([part.bond for part in folds]) - tune.bond
    # Each fold speaks for its share of the photos; the variances are of independent means.
    size = (1 / counts).T @ sign**2 / len(folds) ** 2
    parts = variance * (size + np.outer(1 / tune.counts, sign.mean(axis=0) ** 2))
    error = np.sqrt(parts.sum(axis=0))
    z = np.divide((sign * lost).mean(axis=0), error, out=np.zeros_like(error), where=error > 0)
    return z, _p_value(z, parts, freedom), _weakening(sign, folds, tune, variance)


def _pooled(folds: Sequence[Photos], tune: Photos) -> tuple[Array, Array]:
    """Variance of the scores of positives and of negatives (2, C), from all photos, and its degrees
    of freedom (2,)."""
    counts = np.array([part.counts for part in (*folds, tune)])
    freedom = (counts - 1).sum(axis=0)
    squares = np.sum([part.squares for part in (*folds, tune)], axis=0)
    return squares / freedom[:, None], freedom


def _weakening(sign: Array, folds: Sequence[Photos], tune: Photos, variance: Array) -> Array:
    """Return the weakening (C,) of concepts that the students rely on with this sign (V, C), by
    the pooled variance (2, C)."""
    counts = np.array([part.counts for part in folds])
    share, total = counts / counts.sum(axis=0), counts.sum(axis=0)
    lost = np.array([part.means - tune.means for part in folds])
    fall = np.einsum("vs,vc,vsc->sc", share, sign, lost) * np.array([[1.0], [-1.0]])
    error = np.sqrt(variance * (1 / total + 1 / tune.counts)[:, None])
    t = np.divide(fall, error, out=np.zeros_like(fall), where=error > 0)
    return np.asarray(np.sqrt((np.maximum(t, 0) ** 2).sum(axis=0)))


def _p_value(z: Array, parts: Array, freedom: Array) -> Array:
    """One-sided p-values (C,) by Student's t, its degrees of freedom by Satterthwaite (1946)."""
    tiny = np.finfo(np.float64).tiny
    spread = (parts**2 / freedom[:, None]).sum(axis=0)
    joint = parts.sum(axis=0) ** 2 / np.maximum(spread, tiny)
    return np.asarray(stdtr(np.maximum(joint, 1.0), -z))


SHIFT, NONE, UNKNOWN = "shift", "none", "unknown"
#: Loss of AP that has to be excluded before it is said that there is none.
LARGE_LOSS = 0.1
#: Chance of a loss where there is none, shared out between separation and AP.
ALPHA = 0.04
#: Level of the intervals that the verdict goes by, whatever that of the intervals stated elsewhere.
VERDICT_LEVEL = 1 - ALPHA
DRAWS = 400


@dataclass(frozen=True)
class UnseenLogits:
    """Labels (n,) of one class in {1, 0}, and logits (V, n) of V students that did not see them."""

    label: NDArray
    logits: Array

    @property
    def separation(self) -> tuple[float, float]:
        """Separation: mean logit of the positives less that of the negatives, and its variance.

        Both are means over the students, which share the photos.
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
    """Separation and AP on ``fit``, and the loss of each on ``tune``.

    Intervals are one-sided at ALPHA / 2 on each side, so that a lower limit above 0 is a shift.
    """

    separation: float
    ap: float
    separation_lost: Interval
    ap_lost: Interval

    @property
    def kind(self) -> str:
        """``shift`` if either loss exceeds noise, ``none`` if a large loss is excluded.

        Otherwise ``unknown``: there are too few photos to decide.
        """
        if self.separation_lost.low > 0 or self.ap_lost.low > 0:
            return SHIFT
        return NONE if self.ap_lost.high <= LARGE_LOSS else UNKNOWN

    @property
    def times_to_decide(self) -> float:
        """Approximate factor on the number of photos that would decide a verdict ``unknown`` by AP.

        The interval is assumed to narrow with the root of the number of photos around the same
        estimate, until it excludes either 0 or ``LARGE_LOSS``, whichever is sooner.
        """
        lost = self.ap_lost
        loss, room = lost.estimate, LARGE_LOSS - lost.estimate
        excludes_none = ((loss - lost.low) / loss) ** 2 if loss > 0 else np.inf
        excludes_large = ((lost.high - loss) / room) ** 2 if room > 0 else np.inf
        return float(min(excludes_none, excludes_large))


def verdict(fit: UnseenLogits, tune: UnseenLogits, *, seed: int = 0) -> Verdict:
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


def _ap(unseen: UnseenLogits, weight: Array, seed: int) -> tuple[float, Array]:
    """AP under these weights (n,), and its bootstrap draws (DRAWS,)."""
    counts = np.concatenate([weight[None], draw_counts(len(weight), DRAWS, seed) * weight])
    values = unseen.ap(counts)  # together, so that each student is sorted once
    return float(values[0]), values[1:]
