"""Suspect concepts (a student relies on them, they are correlated with the class in ``fit`` only),
and the verdict on whether the student does worse on ``tune``.

Presence of a concept. Concepts' scores share no zero and no range, so no fixed threshold separates
photos with the concept from photos without it. Otsu's threshold does, at any scale: it divides the
scores into the two groups with the least variance within (Otsu 1979, IEEE Trans. SMC 9). Where
scores do not form two groups, the threshold is near their middle, and the shares of ``fit`` and
``tune`` above it can still be compared.

Suspects. A student learns which concepts are correlated with the class in ``fit``. For each concept
c with scores x_c:

- *reliance*: partial correlation of x_c with the student's logit given the label, on photos that
  the student was not fitted to. The student relies on the concept if its logit rises with the score
  among photos of equal label, through the weight of the concept or of correlated concepts: L1
  spreads one thing over many concepts, and often gives the plainest word for it no weight at all.
- *lost correlation* (``lost_bond``): D_fit,c - D_tune,c in standard errors (z), where D is the mean
  score of the positives less the mean score of the negatives. Its sign is such that z > 0 means a
  weaker correlation in tune. The variances of the positives' and of the negatives' scores are
  pooled over both splits: from ten positives of tune a variance is so uncertain that, among
  hundreds of concepts, a few seem nearly 0, and one of five classes without a fault showed a shift.
- *weakening*: sqrt(max(t_1, 0)^2 + max(t_0, 0)^2), t_1 the fall of the positives' mean from fit to
  tune and t_0 the rise of the negatives' mean, each in standard errors, with the same sign rule. z
  is as uncertain as the scarcer of positives and negatives; weakening counts the surer of the two.
- *least variance*: the variance of the positives' scores, or of the negatives', is taken to be at
  least that of all scores, divided by the number of these photos: as if one of them differed. Else
  t is infinite for scores of 0 and 1 that are 1 on all positives of fit, and 0 on all of tune.
- *lost separation*: w_c (D_fit,c - D_tune,c). Its sum over all concepts is exactly the student's
  loss of separation (mean logit of positives less mean logit of negatives).

A lost correlation is a shift by itself if it is clear over all concepts (``CLEAR``) and strong: the
correlation with the class that is lost, times the square root of the reliance (``LEAST_STRENGTH``).

The *suspect score* is sqrt(reliance) times weakening. What is suspect is also correlated with the
class in ``fit``, in the direction of the reliance, by ``LEARNED`` of the difference or more: else
there was nothing to learn from it, the sign of the reliance is noise, and a correlation that only
``tune`` has looks like one of its absence that is lost. A concept that fewer than ``LEAST_SUPPORT``
photos carry (``spread.support``) is no suspect: by so few photos a t is not normal, and among
hundreds of rare words some are far apart by chance. All is cross-fitted: each student is fitted
without one fold of ``fit``, and only that fold is compared with ``tune``. On a student's training
photos its weights follow chance, and chance looks like a correlation.

Verdict. A student does better on the photos that it was fitted to than on others, shift or not. So
each photo of ``fit`` is evaluated by a student that was fitted without it, and the photos of
``tune`` by the same students. Two measures are compared:

- separation: mean logit of the positives less mean logit of the negatives;
- AP, with the photos of ``fit`` weighted so that the class is as frequent as in ``tune``: AP falls
  with the frequency alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri, stdtr

from inficond_panel.common.interval import Interval
from inficond_panel.distill.metrics.bootstrap import draw_counts
from inficond_panel.distill.metrics.groups import Groups, first_of, part_means, parts_of
from inficond_panel.distill.metrics.outcome import Outcome
from inficond_panel.distill.scores import ScoreLike, Scores
from inficond_panel.distill.sources import Array
from inficond_panel.distill.spread import LOGIT_ROUNDING
from inficond_panel.errors import DataError
from inficond_panel.vocabulary.metrics import AP


@dataclass(frozen=True)
class Presence:
    """Presence of one concept: on each split, the share of the positives and of the
    negatives whose concept score is above ``threshold``. ``positives`` are their numbers on ``fit``
    and ``tune``."""

    threshold: float
    fit: tuple[float, float]
    tune: tuple[float, float]
    positives: tuple[int, int]

    @property
    def fall(self) -> float:
        """Share of the positives on ``fit`` less that on ``tune``, in standard errors."""
        (learned, other), sizes = (self.fit[0], self.tune[0]), np.array(self.positives)
        pooled = float(np.average([learned, other], weights=sizes))
        error = np.sqrt(pooled * (1 - pooled) * (1 / sizes).sum())
        return float((learned - other) / error) if error > 0 else 0.0

    @property
    def apart(self) -> float:
        """Difference of the shares of both splits: that of the positives or of the negatives, the
        larger one."""
        return max(abs(fit - tune) for fit, tune in zip(self.fit, self.tune, strict=True))


def presence(
    fit: ArrayLike,
    fit_label: NDArray,
    tune: ArrayLike,
    tune_label: NDArray,
    threshold: float | None = None,
) -> Presence:
    """Return the shares of positives and of negatives that show one concept, on each split.

    Scores and labels in {1, 0} are (n,). Without a ``threshold`` it is chosen on the scores of
    ``fit`` alone.
    """
    threshold = dividing_score(fit) if threshold is None else threshold
    return Presence(
        threshold,
        _shares(fit, fit_label, threshold),
        _shares(tune, tune_label, threshold),
        (int((fit_label == 1).sum()), int((tune_label == 1).sum())),
    )


def dividing_score(scores: ArrayLike) -> float:
    """Return Otsu's threshold, which divides scores (n,) into two groups; nan if all are equal."""
    values = np.sort(np.asarray(scores, dtype=np.float64))
    sizes = np.arange(1, len(values))
    sums = np.cumsum(values)
    below, above = sums[:-1] / sizes, (sums[-1] - sums[:-1]) / (len(values) - sizes)
    between = sizes * (len(values) - sizes) * (above - below) ** 2
    between[values[1:] == values[:-1]] = -1.0  # equal scores are in one group
    if between.max(initial=-1.0) < 0:
        return float("nan")
    last_below = int(between.argmax())
    return float((values[last_below] + values[last_below + 1]) / 2)


def parting_score(one: ArrayLike, other: ArrayLike) -> float:
    """Return the threshold above which the share of ``one`` scores (n,) exceeds that of ``other``
    ones (m,) most: where their distribution functions are farthest apart."""
    first, second = (np.sort(np.asarray(each, dtype=np.float64)) for each in (one, other))
    values = np.unique(np.concatenate([first, second]))
    ahead = np.searchsorted(second, values, "right") / len(second)
    ahead -= np.searchsorted(first, values, "right") / len(first)
    at = int(ahead.argmax())
    return float(values[at : at + 2].mean())


def shows(scores: ArrayLike, threshold: float) -> NDArray[np.bool_]:
    """Return the mask (n,) of the photos that show a concept, by its scores (n,) and its dividing
    score: none if all scores of ``fit`` are equal."""
    return np.asarray(np.asarray(scores) > threshold)


def _shares(scores: ArrayLike, label: NDArray, threshold: float) -> tuple[float, float]:
    above = shows(scores, threshold)
    return float(above[label == 1].mean()), float(above[label == 0].mean())


class SideMeans:
    """Means and squared deviations of concept scores over positives (row 0) and negatives (row 1).

    ``counts`` (2,) are the numbers of photos, ``means`` (2, C) the mean scores, ``squares`` (2, C)
    the sums of squared deviations from them.
    """

    def __init__(self, counts: Array, mean: Array, variance: Array) -> None:
        self.counts, self.means, self.squares = counts, mean, variance * counts[:, None]

    @property
    def bond(self) -> Array:
        """Correlation with the class: mean score of positives less mean score of negatives (C,)."""
        return self.means[0] - self.means[1]


def side_means(scores: ScoreLike, label: NDArray, folds: NDArray) -> list[SideMeans]:
    """Return the means of each fold's photos, in one pass over scores (n, C), from labels (n,) in
    {1, 0} and fold numbers (n,) from 0; each fold has positives and negatives."""
    of_fold = folds[:, None] == np.arange(folds.max() + 1)
    sides = of_fold[:, :, None] & (label[:, None] == (1, 0))[:, None, :]
    counts = sides.sum(axis=0).astype(np.float64)
    mean, variance = Scores.of(scores).moments((sides / counts).reshape(len(label), -1))
    shape = (*counts.shape, -1)
    return list(map(SideMeans, counts, mean.reshape(shape), variance.reshape(shape)))


#: False discovery rate at which a lost correlation alone is a shift.
CLEAR = 0.01
#: False discovery rate of a suspect above which it is only one that may be the reason.
UNCERTAIN = 0.05
#: Least strength for that. Two splits of the same photos differ a little in some of hundreds of
#: concepts, on most of which a student hardly relies.
LEAST_STRENGTH = 0.1
#: Least number of photos that carry a suspect (``spread.support``): as many as a class needs.
LEAST_SUPPORT = 10


#: Least correlation in ``fit``, in the direction of the reliance, as a share of the difference.
LEARNED = 0.2


class Photos(SideMeans):
    """Photos of one split, with concept scores (n, C) and labels (n,) of one class in {1, 0}.

    Raises DataError if the lengths differ, a label is neither 0 nor 1, or there are fewer than two
    positives or negatives: one photo has no variance.
    """

    def __init__(self, scores: ScoreLike, label: NDArray) -> None:
        self.scores, self.label = Scores.of(scores), np.asarray(label)
        if len(self.label) != self.scores.shape[0]:
            raise DataError(
                f"{self.scores.shape[0]} rows of scores have {len(self.label)} labels.",
                "Give one label per image.",
            )
        if not np.isin(self.label, (0, 1)).all():
            raise DataError("Labels must be 0 or 1.", "Leave out the images without a label.")
        self._sides = np.stack([self.label == 1, self.label == 0], axis=1).astype(np.float64)
        counts = self._sides.sum(axis=0)
        if counts.min() < 2:
            raise DataError("Fewer than two images have label 1, or label 0.", "Label more images.")
        super().__init__(counts, *self.scores.moments(self._sides / counts))

    def within(self, values: NDArray) -> Array:
        """Return ``values`` (V, n) less their means over the photos of equal label, (n, V): 0 where
        they are constant but for rounding."""
        given = np.asarray(values, dtype=np.float64).T
        within = given - self._sides @ ((self._sides / self.counts).T @ given)
        within[:, np.ptp(within, axis=0) <= LOGIT_ROUNDING * np.abs(given).max(axis=0)] = 0.0
        return np.asarray(within)

    def partial_correlation(self, values: NDArray) -> Array:
        """Return the partial correlation (V, C) of ``values`` (V, n) and scores, given the label.

        It is 0 if the values or the concept's scores are constant.
        """
        within = self.within(values)
        covariance = self.scores.gradient(within)
        size = np.sqrt(np.outer(self.squares.sum(axis=0), (within**2).sum(axis=0)))
        return np.divide(covariance, size, out=np.zeros_like(size), where=size > 0).T


@dataclass(frozen=True)
class Suspicion:
    """Measures (C,) of how suspect each concept is for one student; the module defines them.

    ``z`` is the lost correlation in standard errors and ``p`` its one-sided p-value; ``weakening``
    combines the losses of positives and negatives; ``fit_bond`` and ``tune_bond`` are
    ``Photos.bond`` on the two splits; ``lost`` is the lost separation in logits.
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
        """P-values adjusted over all concepts to control the false discovery rate (C,).

        Benjamini and Hochberg 1995, JRSS B 57.
        """
        from scipy.stats import false_discovery_control  # noqa: PLC0415 - slow to load

        return np.asarray(false_discovery_control(self.p))

    @property
    def score(self) -> Array:
        """Suspect score (C,): square root of the absolute reliance, times weakening."""
        return np.sqrt(np.abs(self.reliance)) * self.weakening

    @property
    def penalty_factor(self) -> Array:
        """Factor (C,) of the adaptive penalty: absolute reliance times lost correlation, if > 0.

        It is more cautious than ``score``, which as a factor of penalties repairs no more and
        harms some students without a fault.
        """
        return np.abs(self.reliance) * np.maximum(self.z, 0.0)

    @property
    def learned(self) -> Array:
        """Correlation with the class in fit (C,) in the direction of the reliance."""
        return np.sign(self.reliance) * self.fit_bond

    def strength(self, spread: Array, share: float) -> Array:
        """Return the strength (C,) of what is lost: the lost correlation times the square root of
        the reliance, as ``shared_bias`` has it for what is not lost.

        ``spread`` (C,) are the scores' standard deviations, ``share`` that of the positives: a
        difference D of mean scores is a correlation of D / spread sqrt(share (1 - share)). No more
        is lost than the student could learn from fit."""
        lost = np.minimum(np.abs(self.fit_bond - self.tune_bond), np.maximum(self.learned, 0.0))
        lost *= np.sqrt(share * (1 - share))
        lost = np.divide(lost, spread, out=np.zeros_like(lost), where=spread > 0)
        return np.asarray(lost * np.sqrt(np.abs(self.reliance)))

    def clear(self, spread: Array, share: float, besides: Sequence[int] = ()) -> NDArray[np.intp]:
        """Return the indices of the concepts whose lost correlation alone is a shift, highest score
        first: it is no chance (``CLEAR``), and strong (``LEAST_STRENGTH``).

        ``spread`` and ``share`` are those of ``strength``; the concepts ``besides`` (indices) are
        left out."""
        ranked = self.ranked(besides)
        strong = self.strength(spread, share)[ranked] >= LEAST_STRENGTH
        return np.asarray(ranked[(self.q[ranked] <= CLEAR) & strong])

    def ranked(self, besides: Sequence[int] = ()) -> NDArray[np.intp]:
        """Return the indices of the concepts with a suspect score above 0 that the student could
        learn from fit (``LEARNED``), highest score first.

        The concepts ``besides`` (indices) are left out."""
        score = self.score
        score[self.learned < LEARNED * np.abs(self.fit_bond - self.tune_bond)] = 0.0
        score[list(besides)] = 0.0
        order = np.argsort(-score, kind="stable")
        return order[score[order] > 0]


def shown_share(shown: ArrayLike, photos: ArrayLike) -> Array:
    """Return the share of so many photos that show something, with one added that shows it and one
    that does not (Laplace's rule of succession): so no share is 0."""
    return (np.asarray(shown, dtype=np.float64) + 1) / (np.asarray(photos) + 2)


def suspicion(
    folds: Sequence[SideMeans], tune: Photos, logits: NDArray, weights: NDArray
) -> Suspicion:
    """Compute for the student of one class how suspect each concept is.

    ``folds`` are the photos of ``fit`` in V parts. Row v of ``weights`` (V, C) is the student that
    was fitted without part v, and row v of ``logits`` (V, n) are its logits on ``tune``.
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


def lost_bond(
    sign: Array, folds: Sequence[SideMeans], tune: SideMeans
) -> tuple[Array, Array, Array]:
    """Return each concept's lost correlation z, its one-sided p-value, and its weakening, all (C,).

    Row v of ``sign`` (V, C) is the sign of the reliance of the student fitted without fold v.
    """
    counts = np.array([part.counts for part in folds])
    freedom = (np.concatenate([counts, tune.counts[None]]) - 1).sum(axis=0)
    variance = np.sum([part.squares for part in (*folds, tune)], axis=0) / freedom[:, None]
    least = _total_variance([*folds, tune]) / (freedom[:, None] + 1)
    lost = np.array([part.bond for part in folds]) - tune.bond
    # A mean over the folds, whose variances add up; the photos of tune are shared by all folds.
    size = (1 / counts).T @ sign**2 / len(folds) ** 2
    size += np.outer(1 / tune.counts, sign.mean(axis=0) ** 2)
    parts = variance * size
    error = np.sqrt(np.maximum(parts.sum(axis=0), (least * size).sum(axis=0)))
    z = np.divide((sign * lost).mean(axis=0), error, out=np.zeros_like(error), where=error > 0)
    # Student's t with Satterthwaite's (1946) degrees of freedom
    spread = np.maximum((parts**2 / freedom[:, None]).sum(axis=0), np.finfo(np.float64).tiny)
    joint = np.maximum(parts.sum(axis=0) ** 2 / spread, 1.0)
    return (
        z,
        np.asarray(stdtr(joint, -z)),
        _weakening(sign, folds, tune, np.maximum(variance, least)),
    )


def _total_variance(parts: Sequence[SideMeans]) -> Array:
    """Return the variance (C,) of the scores of all these photos about their common mean."""
    counts = np.array([part.counts for part in parts])[..., None]
    means = np.array([part.means for part in parts])
    among = counts * (means - (counts * means).sum(axis=(0, 1)) / counts.sum()) ** 2
    within = np.array([part.squares for part in parts])
    return np.asarray((within + among).sum(axis=(0, 1)) / counts.sum())


def _weakening(sign: Array, folds: Sequence[SideMeans], tune: SideMeans, variance: Array) -> Array:
    """Return the weakening (C,), from the signs of the reliance (V, C) and the pooled variances
    (2, C), which are above 0 unless a concept is constant."""
    counts = np.array([part.counts for part in folds])
    share, total = counts / counts.sum(axis=0), counts.sum(axis=0)
    lost = np.array([part.means - tune.means for part in folds])
    fall = np.einsum("vs,vc,vsc->sc", share, sign, lost) * np.array([[1.0], [-1.0]])
    error = np.sqrt(variance * (1 / total + 1 / tune.counts)[:, None])
    t = np.divide(fall, error, out=np.zeros_like(fall), where=error > 0)
    return np.asarray(np.sqrt((np.maximum(t, 0) ** 2).sum(axis=0)))


SHIFT, NONE, UNKNOWN = "shift", "none", "unknown"
#: Loss of AP that the interval must exclude for the verdict ``none``.
LARGE_LOSS = 0.1
#: Chance of a false ``shift``, half for separation and half for AP.
ALPHA = 0.04
#: Level of the verdict's intervals, whatever the level of the intervals that are shown.
VERDICT_LEVEL = 1 - ALPHA
SUSPECT_DRAWS = 400


@dataclass(frozen=True)
class UnseenLogits:
    """Labels (n,) of one class in {1, 0}, and logits (V, n) of V students that were not fitted to
    these photos. ``group`` (n,): see ``metrics.groups``."""

    label: NDArray
    logits: Array
    group: Groups = None

    @property
    def separation(self) -> tuple[float, float]:
        """Separation (mean logit of positives less mean logit of negatives), and its variance.

        Both are means over the students, since all students share the photos. Near-equal photos
        of one label count as one photo, with their mean logit.
        """
        part = parts_of(self.group, self.label)
        label, logits = self.label[first_of(part)], part_means(self.logits.T, part).T
        logits = logits - logits[:, :1]  # so that equal logits have no separation by rounding
        sides = [logits[:, label == side] for side in (1, 0)]
        difference = sides[0].mean(axis=1) - sides[1].mean(axis=1)
        variance = sum(side.var(axis=1, ddof=1) / side.shape[1] for side in sides)
        return float(difference.mean()), float(np.mean(variance))


@dataclass(frozen=True)
class Verdict:
    """Test of whether a class's students do worse on ``tune`` than on ``fit``.

    ``separation`` and ``ap`` are measured on ``fit``; ``separation_lost`` and ``ap_lost`` are
    their falls on ``tune``. Each limit has the level ALPHA / 2, so a lower limit > 0 is a shift.
    """

    separation: float
    ap: float
    separation_lost: Interval
    ap_lost: Interval

    @property
    def kind(self) -> str:
        """``shift`` if separation or AP falls significantly, ``none`` if its interval excludes a
        fall of AP by more than ``LARGE_LOSS``, else ``unknown``: too few photos to decide.
        """
        if self.separation_lost.low > 0 or self.ap_lost.low > 0:
            return SHIFT
        return NONE if self.ap_lost.high <= LARGE_LOSS else UNKNOWN

    @property
    def times_to_decide(self) -> float:
        """Approximate factor by which more photos would decide an ``unknown`` verdict, by AP.

        The interval is assumed to narrow with the root of the number of photos around the same
        estimate, until it excludes either 0 or ``LARGE_LOSS``, whichever is sooner.
        """
        lost = self.ap_lost
        loss, room = lost.estimate, LARGE_LOSS - lost.estimate
        excludes_none = ((loss - lost.low) / loss) ** 2 if loss > 0 else np.inf
        excludes_large = ((lost.high - loss) / room) ** 2 if room > 0 else np.inf
        return float(min(excludes_none, excludes_large))


def verdict(fit: UnseenLogits, tune: UnseenLogits, *, seed: int = 0) -> Verdict:
    """Test whether a class's students do worse on ``tune`` than on ``fit``, from logits on photos
    that they were not fitted to."""
    (separation, variance), (tune_separation, tune_variance) = fit.separation, tune.separation
    error = float(np.sqrt(variance + tune_variance)) * -ndtri(ALPHA / 2)
    lost = separation - tune_separation
    frequency = np.where(fit.label == 1, _odds(tune.label) / _odds(fit.label), 1.0)
    ap, drawn = _ap(fit, frequency, seed)
    tune_ap, tune_drawn = _ap(tune, np.ones(len(tune.label)), seed + 1)
    low, high = np.nanquantile(drawn - tune_drawn, [ALPHA / 2, 1 - ALPHA / 2])
    separation_lost = Interval(lost, lost - error, lost + error)
    return Verdict(separation, ap, separation_lost, Interval(ap - tune_ap, low, high))


def _odds(label: NDArray) -> float:
    return float(np.count_nonzero(label == 1) / np.count_nonzero(label == 0))


def _ap(unseen: UnseenLogits, weight: Array, seed: int) -> tuple[float, Array]:
    """Return AP with these weights (n,) of the photos, and AP on bootstrap draws (DRAWS,), both the
    mean over the students."""
    students = [Outcome(unseen.label, logit) for logit in unseen.logits]  # each is sorted once

    def ap(counts: NDArray) -> Array:
        return np.asarray(np.mean([each.values(AP.key, counts) for each in students], axis=0))

    counts = draw_counts(len(weight), SUSPECT_DRAWS, seed, unseen.group)
    rows = max(_BLOCK // len(weight), 1)
    parts = (counts[first : first + rows] * weight for first in range(0, SUSPECT_DRAWS, rows))
    return float(ap(weight[None])[0]), np.concatenate([ap(part) for part in parts])


#: Weighted counts that are in memory at one time.
_BLOCK = 1 << 24
