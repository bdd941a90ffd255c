"""Drift of concept scores between photos: tests, and sample weights that correct for drift.

Two tests, each at half the level, so that photos like those of ``fit`` raise either alarm with a
chance of at most the level:

- *concepts*: two-sample Kolmogorov-Smirnov test of each concept (asymptotic p by the exact
  one-sample distribution at the effective number of photos), with p-values adjusted to control the
  false discovery rate (Benjamini and Hochberg 1995, JRSS B 57);
- *far photos*: the distance to the 10th nearest photo of ``fit``, each concept in standard
  deviations (Sun et al. 2022, ICML, "Out-of-distribution detection with deep nearest neighbors").
  Far is beyond the 99 % quantile of the distances within ``fit``, of each photo to the others, in
  standard deviations of the others: with its own, a rare word would be nearer for the few photos
  of ``fit`` that have it than for others that do. Of m
  photos from the distribution of the n of ``fit``, the number beyond the r-th largest distance is
  beta-binomial with (m, r, n + 1 - r).

Balance (reweighting). Among the positives, and among the negatives, a logistic regression with an
L2 penalty separates ``tune`` from ``fit`` by the standardised scores of the named concepts. Its
odds, corrected for the numbers of photos, estimate the ratio of the two densities (Bickel et al.
2009, JMLR 10, "Discriminative learning under covariate shift"), which is the weight of a photo of
``fit``; it is clipped to [e^-4, e^4], so that no photo dominates. The total weights of positives
and negatives have the class's proportions in ``tune``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from inficond_panel.distill.exchanged import exchanged_columns
from inficond_panel.distill.ks import ks_tests
from inficond_panel.distill.metrics.bootstrap import FOLDS, stratified_folds
from inficond_panel.distill.metrics.groups import Groups, counted_once, distinct, of_rows
from inficond_panel.distill.sources import Array
from inficond_panel.distill.spread import divisor
from inficond_panel.errors import DataError
from inficond_panel.vocabulary.confidence import CONFIDENCE

#: Largest p value that is a drift: the chance of a false alarm.
LARGEST_P = 0.05
#: Least number of new photos for a test.
LEAST_PHOTOS = 20
#: Least and largest number of photos of ``fit`` that new photos are compared with.
LEAST_FIT, MOST_FIT = 50, 2_000
_NEIGHBOUR = 10
_TOGETHER = 2_048  # photos whose distances are computed at one time
#: Share of a sum of squares up to which it is rounding: all scores but one are equal.
_ALL_EQUAL = 1e-9
_FAR = 0.01  #: share of the photos of ``fit`` that counts as far


@dataclass(frozen=True)
class ConceptDrift:
    """Kolmogorov-Smirnov test of one concept's scores, new photos against photos of ``fit``.

    ``median`` and ``mean`` are of the new photos; ``p_adjusted`` is p adjusted for the number of
    concepts. If all scores are 0 or 1 (``binary``), the means are the shares of ones."""

    concept: str
    binary: bool
    statistic: float
    p: float
    p_adjusted: float
    fit_median: float
    median: float
    fit_mean: float
    mean: float

    @property
    def drifted(self) -> bool:
        """True if the concept's scores are distributed differently: p is at most LARGEST_P / 2."""
        return self.p_adjusted <= LARGEST_P / 2


@dataclass(frozen=True)
class Drift:
    """Tests of new photos for drift from the photos of ``fit``.

    ``concepts`` are sorted by p. ``far`` of the ``photos`` are far: their nearest photos of
    ``fit`` are more distant than usual within ``fit``. ``share`` is the share of far photos, with
    the interval ``low`` to ``high`` (Clopper-Pearson) at ``level``; ``expected`` is the share for
    photos like ``fit``, and ``p`` the probability of ``far`` or more far photos. ``lacking`` is
    the reason why nothing was tested, or "". ``exchanged`` are pairs of concepts whose scores look
    exchanged (``exchanged_columns``). ``things`` is what a sentence calls the photos.
    """

    photos: int
    fit_photos: int
    lacking: str = ""
    concepts: tuple[ConceptDrift, ...] = ()
    far: int = 0
    share: float = np.nan
    low: float = np.nan
    high: float = np.nan
    level: float = CONFIDENCE
    expected: float = np.nan
    p: float = np.nan
    exchanged: tuple[tuple[str, str], ...] = ()
    things: str = "photos"

    @property
    def drifted(self) -> tuple[ConceptDrift, ...]:
        """Concepts whose scores differ significantly from ``fit``."""
        return tuple(each for each in self.concepts if each.drifted)

    @property
    def far_drift(self) -> bool:
        """True if significantly more photos are far than expected."""
        return bool(self.p <= LARGEST_P / 2)

    @property
    def alarm(self) -> bool:
        """True if significantly many photos are far, or the scores of any concept differ or look
        exchanged."""
        return self.far_drift or bool(self.drifted) or bool(self.exchanged)


def drift(
    fitted: NDArray,
    new: NDArray,
    concepts: list[str],
    seed: int = 0,
    level: float = CONFIDENCE,
    *,
    things: str = "photos",
) -> Drift:
    """Test concept scores ``new`` (m, C) for drift from the scores ``fitted`` (n, C) of ``fit``.

    If ``fit`` has more than 2,000 photos, 2,000 of them are drawn by ``seed``. ``level`` is the
    confidence level of the interval of the share of far photos. An alarm does not depend on it, but
    on ``LARGEST_P``. ``things`` is the word of the sentences for photos.
    """
    from scipy.stats import betabinom, binomtest  # noqa: PLC0415 - slow to load

    fitted, new = _drawn(fitted, seed), np.asarray(new)
    sides = ((new, LEAST_PHOTOS, f"new {things}"), (fitted, LEAST_FIT, f"{things} of fit"))
    for scores, least, what in sides:
        if len(scores) < least:
            lacking = f"there are {len(scores)} {what}, and {least} are needed"
            return Drift(len(new), len(fitted), lacking, things=things)
    limit, expected, distances = _far(fitted, new)
    far = int((distances > limit).sum())
    tail = round(expected * (len(fitted) + 1))
    within = binomtest(far, len(new)).proportion_ci(level)
    return Drift(
        photos=len(new),
        fit_photos=len(fitted),
        concepts=_concepts(fitted, new, concepts),
        far=far,
        share=far / len(new),
        low=float(within.low),
        high=float(within.high),
        level=level,
        expected=expected,
        p=float(betabinom.sf(far - 1, len(new), tail, len(fitted) + 1 - tail)),
        exchanged=tuple((concepts[a], concepts[b]) for a, b in exchanged_columns(fitted, new)),
        things=things,
    )


def drifted_concepts(
    fitted: NDArray, new: NDArray, concepts: list[str], used: NDArray[np.bool_], seed: int = 0
) -> tuple[ConceptDrift, ...]:
    """Return the concepts that ``drift`` finds drifted, by the test per concept alone, of those
    that are ``used`` (C,); empty with too few photos."""
    if len(fitted) < LEAST_FIT or len(new) < LEAST_PHOTOS or not used.any():
        return ()
    names = [name for name, tested in zip(concepts, used, strict=True) if tested]
    tested = _concepts(_drawn(fitted, seed)[:, used], np.asarray(new)[:, used], names)
    return tuple(each for each in tested if each.drifted)


def _drawn(fitted: NDArray, seed: int) -> Array:
    """Return the scores of all photos of fit, or of ``MOST_FIT`` that are drawn."""
    if len(fitted) > MOST_FIT:
        chosen = np.random.default_rng(seed).choice(len(fitted), MOST_FIT, replace=False)
        fitted = fitted[np.sort(chosen)]
    return np.asarray(fitted, dtype=np.float64)


def _concepts(fitted: Array, new: NDArray, concepts: list[str]) -> tuple[ConceptDrift, ...]:
    from scipy.stats import false_discovery_control  # noqa: PLC0415 - slow to load

    largest, p = ks_tests(fitted, new)
    medians = np.median(fitted, axis=0), np.median(new, axis=0)
    means = fitted.mean(axis=0), new.mean(axis=0)
    columns = (largest, p, false_discovery_control(p), *medians, *means)
    binary = _binary(fitted) & _binary(new)
    return tuple(
        ConceptDrift(concepts[c], bool(binary[c]), *(float(column[c]) for column in columns))
        for c in np.lexsort((-largest, p))
    )


def _binary(scores: NDArray) -> NDArray[np.bool_]:
    """Return which columns (C,) of scores (n, C) have no values but 0 and 1."""
    return np.asarray(((scores == 0) | (scores == 1)).all(axis=0))


def _far(fitted: Array, new: NDArray) -> tuple[float, float, Array]:
    """Return the distance beyond which a photo is far, the share of ``fit`` beyond it, and the
    distances (m,) of the new photos to ``fit``."""
    centre, size = fitted.mean(axis=0), divisor(fitted)
    among_fit = _nearest(_squares_among(fitted - centre))
    fitted = (fitted - centre) / size
    tail = max(1, int(_FAR * (len(among_fit) + 1)))
    some = (new[first : first + _TOGETHER] for first in range(0, len(new), _TOGETHER))
    distances = [_nearest(_squares((scores - centre) / size, fitted)) for scores in some]
    limit = float(np.sort(among_fit)[-tail])
    return limit, tail / (len(among_fit) + 1), np.concatenate(distances)


def _squares(a: Array, b: Array) -> Array:
    return np.asarray((a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2 * a @ b.T)


def _squares_among(centred: Array) -> Array:
    """Return the squared distances (n, n) of each photo to the others, from centred scores (n, C);
    row i is in standard deviations of all photos but i, its own distance is infinite."""
    n, squares = len(centred), centred**2
    total = squares.sum(axis=0)
    others = total - squares * n / (n - 1)  # sums of squares about the mean of the others
    spread = others > _ALL_EQUAL * total
    weight = np.where(spread, (n - 1) / np.where(spread, others, 1.0), 1.0)
    among = (weight * squares).sum(axis=1)[:, None] + weight @ squares.T
    among -= 2 * (weight * centred) @ centred.T
    np.fill_diagonal(among, np.inf)
    return among


def _nearest(squares: Array) -> Array:
    """Return the distance to the 10th nearest neighbour, from squared distances (rows, n)."""
    nearest = np.partition(squares, _NEIGHBOUR - 1, axis=1)[:, _NEIGHBOUR - 1]
    return np.sqrt(np.maximum(nearest, 0.0))


#: L2 penalties that are tried, on standardised scores and the mean loss.
PENALTIES = (1e-3, 1e-2, 1e-1)
#: Largest size of the log of a density ratio: larger ones are clipped.
MOST_LOG_RATIO = 4.0
_TOLERANCE, _STEPS, _RIDGE = 1e-12, 50, 1e-12


@dataclass(frozen=True)
class BalanceWeights:
    """Weights (n,), of mean 1, of the photos of ``fit`` that make their scores like ``tune``'s.

    ``effective`` are the effective sample sizes (Kish 1965) of positives and of negatives, (sum of
    weights)^2 / (sum of squared weights); ``penalties`` are the L2 penalties of the two logistic
    regressions, chosen by cross-validation.
    """

    weights: Array
    effective: tuple[float, float]
    penalties: tuple[float, float]


def balance(
    fit_scores: NDArray,
    fit_label: NDArray,
    tune_scores: NDArray,
    tune_label: NDArray,
    *,
    least: int = FOLDS,
    groups: tuple[Groups, Groups] = (None, None),
) -> BalanceWeights:
    """Return weights of the photos of ``fit`` that make their scores distributed as in ``tune``.

    Scores are (photos, C), labels (photos,) in {1, 0}; positives and negatives are weighted
    separately. ``groups`` (photos,) of fit and of tune: see ``metrics.groups``.

    Raises DataError if either split has fewer than ``least`` positives or negatives, of which
    near-equal photos count once."""
    weights = np.empty(len(fit_label))
    effective, penalties = [], []
    for side in (1, 0):
        in_fit, in_tune = fit_label == side, tune_label == side
        ours, theirs = distinct(groups[0], in_fit), distinct(groups[1], in_tune)
        if min(ours, theirs) < least:
            what = "show the class" if side else "do not show the class"
            raise DataError(
                f"{ours} images of fit and {theirs} of tune {what}; {least} of each are needed"
                f"{counted_once(groups[0]) or counted_once(groups[1])}.",
                "Give more labelled images, or tune by thumbs.",
            )
        sides = of_rows(groups[0], in_fit), of_rows(groups[1], in_tune)
        ratio, penalty = density_ratio(fit_scores[in_fit], tune_scores[in_tune], sides)
        weights[in_fit] = ratio / ratio.mean() * (in_tune.mean() / in_fit.mean())
        effective.append(float(ratio.sum() ** 2 / (ratio**2).sum()))
        penalties.append(penalty)
    return BalanceWeights(weights, (effective[0], effective[1]), (penalties[0], penalties[1]))


def density_ratio(
    ours: NDArray, theirs: NDArray, groups: tuple[Groups, Groups] = (None, None)
) -> tuple[Array, float]:
    """Estimate the ratio (n,) of the density of ``theirs`` (m, C) to the density of ``ours``
    (n, C), at each photo of ``ours``. ``groups`` (n,) and (m,) are as for ``balance``.

    Returns the ratio and the chosen L2 penalty.
    """
    wide = np.concatenate([ours, theirs]).astype(np.float64)
    centred = (wide - wide.mean(axis=0)) / divisor(wide)
    scores = np.concatenate([np.ones((len(wide), 1)), centred], axis=1)
    target = np.repeat([0.0, 1.0], [len(ours), len(theirs)])
    penalty = _chosen_penalty(scores, target, _joined(*groups, len(ours), len(theirs)))
    logit = scores[: len(ours)] @ ridge_logistic(scores, target, penalty)
    logit -= np.log(len(theirs) / len(ours))
    return np.exp(np.clip(logit, -MOST_LOG_RATIO, MOST_LOG_RATIO)), penalty


def _joined(ours: Groups, theirs: Groups, n: int, m: int) -> Groups:
    """Return the groups (n + m,) of both sets of photos, of which no group is in both."""
    if ours is None and theirs is None:
        return None
    first = np.arange(n) if ours is None else ours
    second = np.arange(m) if theirs is None else theirs
    return np.concatenate([first, second + int(first.max(initial=0)) + 1])


def _chosen_penalty(scores: Array, target: Array, group: Groups) -> float:
    """Return the L2 penalty with the least cross-validated loss for targets (n,) in {1, 0}."""
    fold, loss = stratified_folds(target[:, None], FOLDS, 0, group), np.zeros(len(PENALTIES))
    for number in range(FOLDS):
        out = fold == number
        for index, penalty in enumerate(PENALTIES):
            logit = scores[out] @ ridge_logistic(scores[~out], target[~out], penalty)
            loss[index] += (np.logaddexp(0, logit) - target[out] * logit).sum()
    return PENALTIES[int(np.argmin(loss))]


def ridge_logistic(scores: Array, target: Array, penalty: float) -> Array:
    """Return weights (C,) of least mean logistic loss plus penalty / 2 x sum of squared weights.

    The first weight is not penalised: the first column of ``scores`` is 1. Newton's method with
    halved steps, for few columns; the students' solver takes twenty times as long.
    """
    ridge = np.full(scores.shape[1], penalty)
    ridge[0] = 0.0

    def value(weights: Array) -> float:
        logit = scores @ weights
        loss = np.logaddexp(0, logit) - target * logit
        return float(loss.mean() + ridge @ weights**2 / 2)

    weights, least = np.zeros(scores.shape[1]), float(np.log(2.0))
    for _ in range(_STEPS):
        p = expit(scores @ weights)
        slope = scores.T @ (p - target) / len(target) + ridge * weights
        bend = (scores.T * (p * (1 - p))) @ scores / len(target) + np.diag(ridge)
        step = np.linalg.solve(bend + _RIDGE * np.eye(len(bend)), slope)
        if slope @ step <= _TOLERANCE:
            break
        length = 1.0
        while (tried := value(weights - length * step)) > least - 1e-4 * length * (slope @ step):
            length /= 2
        weights, least = weights - length * step, tried
    return weights
