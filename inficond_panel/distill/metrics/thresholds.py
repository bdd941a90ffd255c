"""Thresholds chosen by labels, and selective prediction (decisions only where confident).

All thresholds between two neighbouring logits decide alike, so that n images give at most n
choices: the middle between neighbours. Of equally good thresholds the highest is chosen.

Selective prediction: an image is answered if its confidence is at least a threshold. Of n images
with counts c_i (all 1, or a bootstrap draw), and a_i = 1 where image i is answered:

==========  ======================================================================================
coverage    sum c_i a_i / sum c_i
accuracy    sum c_i a_i [the decision is right] / sum c_i a_i
f1          2 TP / (2 TP + FP + FN) among the answered images
==========  ======================================================================================

The curve of accuracy over coverage is 1 less the risk-coverage curve of El-Yaniv and Wiener 2010
(JMLR 11, "On the foundations of noise-free selective classification"); the largest coverage at an
accuracy is the choice of Geifman and El-Yaniv 2017 (NIPS, "Selective classification for deep
neural networks") with the share itself in place of its bound.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from inficond_panel.common.interval import NO_INTERVAL, Interval
from inficond_panel.distill.metrics.bootstrap import FOLDS, draw_counts, interval, stratified_folds
from inficond_panel.distill.metrics.few_images import f1_limits, wilson
from inficond_panel.distill.metrics.formulas import ratio
from inficond_panel.distill.metrics.groups import Groups, distinct
from inficond_panel.distill.metrics.outcome import Outcome
from inficond_panel.distill.metrics.top_class import TopClass
from inficond_panel.distill.metrics.weighted_ap import ends_of_ties
from inficond_panel.distill.sources import Array
from inficond_panel.vocabulary.confidence import CONFIDENCE, DRAWS, tails
from inficond_panel.vocabulary.metrics import ACCURACY

#: Distance of the threshold that decides all images to be positive from the lowest logit.
_BELOW = 1.0
#: Most thresholds of a curve.
_MOST = 201


@dataclass(frozen=True)
class ThresholdChoice:
    """Rule that chooses a threshold of logits (n,) by labels (n,) in {1, 0}.

    It maximises F1 or, if ``precision`` is not None, the recall among thresholds of at least this
    precision; nan if there is none. ``group`` (n,): see ``metrics.groups``.
    """

    label: NDArray
    logit: Array
    precision: float | None = None
    group: Groups = None

    def value(self) -> float:
        """Return the threshold chosen on all images; nan if no threshold qualifies."""
        return float(self.values(np.ones((1, len(self.label))))[0])

    def values(self, counts: NDArray) -> Array:
        """Return the threshold (rows,) chosen for each row of counts (rows, n) of the images."""
        order = np.argsort(-self.logit, kind="stable")
        logit, weight = self.logit[order], np.asarray(counts, dtype=np.float64)[:, order]
        last = ends_of_ties(logit)
        right = np.cumsum(weight * (self.label[order] == 1), axis=1)
        positives = right[:, -1:]
        decided, right = np.cumsum(weight, axis=1)[:, last], right[:, last]
        if self.precision is None:
            worth = ratio(2 * right, decided + positives)
        else:
            enough = ratio(right, decided) >= self.precision
            worth = np.where(enough & (right > 0), right, np.nan)
        cuts = (logit[last] + np.append(logit[last[:-1] + 1], logit[-1] - 2 * _BELOW)) / 2
        best = np.where(np.isnan(worth), -1.0, worth).argmax(axis=1)
        return np.where(np.isnan(worth).all(axis=1), np.nan, cuts[best])

    def limits(
        self, draws: int = DRAWS, seed: int = 0, level: float = CONFIDENCE
    ) -> tuple[float, float]:
        """Return the limits of the threshold's percentile interval over bootstrap draws.

        Both are nan if no threshold qualifies on any draw."""
        drawn = self.values(draw_counts(len(self.label), draws, seed, self.group))
        if np.isnan(drawn).all():
            return np.nan, np.nan
        low, high = np.nanquantile(drawn, tails(level))
        return float(low), float(high)

    def cross_fitted(self, seed: int = 0) -> Array:
        """Return each logit (n,) less a threshold that was chosen without the image's fold.

        The decision is positive if this is above 0. It is negative if no threshold qualifies.
        """
        folds = stratified_folds(self.label[:, None], FOLDS, seed, self.group)
        decided = np.empty(len(self.label))
        for fold in range(FOLDS):
            out = folds == fold
            chosen = ThresholdChoice(self.label[~out], self.logit[~out], self.precision).value()
            decided[out] = -1.0 if np.isnan(chosen) else self.logit[out] - chosen
        return decided


def counts_above(
    label: NDArray, logit: Array, also: float
) -> tuple[Array, NDArray[np.intp], NDArray[np.intp]]:
    """Return ascending thresholds (T,), and the numbers of positives and negatives (T,) above each.

    Labels (n,) are in {1, 0}, logits (n,). A threshold is the middle between two neighbouring
    logits; the first has all images above it, the last none. Of more than ``_MOST`` thresholds,
    ``_MOST`` at equal steps are kept. ``also`` is one more threshold to include."""
    logits = np.unique(logit)
    ends = logits[0] - 2 * _BELOW, logits[-1] + 2 * _BELOW
    middles = (np.append(ends[0], logits) + np.append(logits, ends[1])) / 2
    steps = np.linspace(0, len(middles) - 1, min(_MOST, len(middles)))
    cuts = np.unique(np.append(middles[np.unique(steps.round().astype(int))], also))
    positives, negatives = (np.sort(logit[label == side]) for side in (1, 0))
    above = [len(side) - np.searchsorted(side, cuts, "right") for side in (positives, negatives)]
    return cuts, above[0], above[1]


#: Least answered images for a threshold to be considered.
LEAST_DECIDED = 20
_STEPS = 20  #: points of a curve, at equal steps of coverage


@dataclass(frozen=True)
class CoveragePoint:
    """Share and quality of the decisions that have a confidence of at least ``threshold``.

    ``answered`` is their number, ``coverage`` their share of all decisions; ``gain`` is their
    accuracy less the accuracy of all decisions, on the same bootstrap draws."""

    threshold: float
    answered: int
    coverage: float
    accuracy: Interval
    f1: Interval
    gain: Interval


@dataclass(frozen=True)
class AbstainRule:
    """Rule to decide only on images of enough confidence, to reach the accuracy ``asked``.

    ``threshold`` is the least confidence, nan if none reaches the accuracy. ``coverage`` and
    ``accuracy`` are cross-fitted: the threshold for an image is chosen on the other folds' images.
    ``best`` is the largest accuracy of any threshold."""

    asked: float
    threshold: float
    coverage: float
    accuracy: Interval
    best: float

    @property
    def reached(self) -> bool:
        """True if a threshold reaches the accuracy ``asked``."""
        return bool(np.isfinite(self.threshold))


@dataclass(frozen=True)
class Decisions:
    """Decisions on n labelled images: ``confidence``, ``right``, and ``hit`` (true positive).

    ``group`` (n,): see ``metrics.groups``."""

    confidence: Array
    right: NDArray[np.bool_]
    hit: NDArray[np.bool_] | None = None  #: None where no class is the positive one
    group: Groups = None

    def curve(
        self, draws: int = DRAWS, seed: int = 0, level: float = CONFIDENCE
    ) -> list[CoveragePoint]:
        """Return accuracy over coverage, with intervals, the lowest coverage first.

        Images of equal confidence are answered together."""
        cuts = self._cuts()
        counts = draw_counts(len(self.right), draws, seed, self.group).astype(np.float64)
        gains, drawn = self._gains(cuts, np.ones((1, len(self.right)))), self._gains(cuts, counts)
        return [
            self._point(cut, interval(float(gain), of_draws, level, "gain"), level)
            for cut, gain, of_draws in zip(cuts, gains[0], drawn.T, strict=True)
        ]

    def _point(self, cut: float, gain: Interval, level: float) -> CoveragePoint:
        answered = self.confidence >= cut
        return CoveragePoint(
            threshold=float(cut),
            answered=int(answered.sum()),
            coverage=float(answered.mean()),
            accuracy=self._accuracy(answered, level),
            f1=self._f1(answered, level),
            gain=gain,
        )

    def _accuracy(self, answered: NDArray[np.bool_], level: float) -> Interval:
        if not answered.any():
            return NO_INTERVAL
        share = float(self.right[answered].mean())
        return Interval(share, *wilson(share, distinct(self.group, answered), level))

    def _f1(self, answered: NDArray[np.bool_], level: float) -> Interval:
        """Return F1 where some class is the positive one, and present or named; else nan."""
        if self.hit is None:
            return NO_INTERVAL
        there = answered & (self.hit | ~self.right)
        if not there.any():
            return NO_INTERVAL
        hits, every = np.count_nonzero(answered & self.hit), np.count_nonzero(there)
        f1 = 2 * hits / (hits + every)
        return Interval(f1, *f1_limits(f1, distinct(self.group, there), level))

    def rule(self, asked: float, seed: int = 0, level: float = CONFIDENCE) -> AbstainRule:
        """Return the rule with the largest coverage at which accuracy is at least ``asked``.

        ``seed`` divides the images into folds; ``level`` is that of the accuracy's interval."""
        answered = np.zeros(len(self.right), dtype=bool)
        folds = stratified_folds(self.right[:, None].astype(np.int8), FOLDS, seed, self.group)
        for fold in range(FOLDS):
            out = folds == fold
            chosen = Decisions(self.confidence[~out], self.right[~out]).threshold(asked)
            answered[out] = self.confidence[out] >= chosen  # nan: none
        coverage, accuracy = ratio(answered.sum(), len(answered)), self._accuracy(answered, level)
        return AbstainRule(asked, self.threshold(asked), float(coverage), accuracy, self.best)

    def threshold(self, asked: float) -> float:
        """Return the least confidence at which the accuracy is at least ``asked``; nan if none."""
        cuts, accuracy = self._steps
        enough = accuracy >= asked
        return float(cuts[enough][-1]) if enough.any() else np.nan

    @property
    def best(self) -> float:
        """Largest accuracy of any threshold; nan with fewer than ``LEAST_DECIDED`` images."""
        accuracy = self._steps[1]
        return float(accuracy.max()) if len(accuracy) else np.nan

    @cached_property
    def _steps(self) -> tuple[Array, Array]:
        """Falling confidences (m,), and for each the accuracy (m,) of the images that have at
        least this confidence."""
        order = np.argsort(-self.confidence, kind="stable")
        sorted_ = self.confidence[order]
        last = ends_of_ties(sorted_)
        last = last[last + 1 >= LEAST_DECIDED]
        return sorted_[last], np.cumsum(self.right[order])[last] / (last + 1.0)

    def _cuts(self) -> Array:
        """Return the least confidence at each step of coverage, falling, unique."""
        if not len(self.confidence):
            return np.empty(0)
        falling, shares = -np.sort(-self.confidence), np.arange(1, _STEPS + 1) / _STEPS
        at = np.ceil(shares * len(falling) - 1e-9).astype(int) - 1
        ends = ends_of_ties(falling)
        return falling[np.unique(ends[np.searchsorted(ends, np.maximum(at, 0))])]

    def _gains(self, cuts: Array, counts: Array) -> Array:
        """Return the gains in accuracy (rows, cuts): for each row of counts, of the images with a
        confidence of at least each cut, over all images."""
        answered = (self.confidence[:, None] >= cuts).astype(np.float64)
        accuracy = ratio(counts @ (answered * self.right[:, None]), counts @ answered)
        return np.asarray(accuracy - ratio(counts @ self.right, counts.sum(axis=1))[:, None])


def class_decisions(outcome: Outcome) -> Decisions:
    """Return a student's decisions on one class; confidence: the logit's distance to the cutoff."""
    right = outcome.decided == outcome.positive
    margin = np.abs(outcome.all_logits - outcome.cutoff)[outcome.known]
    group = outcome.groups(ACCURACY.key)
    return Decisions(margin, right, outcome.decided & outcome.positive, group)


def top_decisions(classifier: TopClass) -> Decisions:
    """Return a classifier's decisions; confidence is the probability of the likeliest class."""
    likeliest = classifier.all_logits[classifier.known].max(axis=1, initial=0.0)
    return Decisions(likeliest, classifier.right, group=classifier.known_groups)
