"""Kinds of shift between ``fit`` and ``tune``: label noise, prior shift, covariate shift.

Each measure concerns one class, uses standardised concept scores, and responds to one kind of
shift and as little as possible to the others:

- *label noise*: a model of the labels of ``tune`` scores the photos of both splits, those of
  ``tune`` by folds that did not see them. Labels of ``fit`` are taken as y ~ (1 - m) p + a (1 - p)
  with p = expit(b_fit + s score), those of ``tune`` as y ~ expit(b_tune + s score); a is the share
  of negatives labelled present, m the share of positives labelled absent (Natarajan et al. 2013,
  "Learning with noisy labels", NeurIPS). The evidence is twice the logarithm of the likelihood
  ratio to a = m = 0. Another share of the class changes b_fit, and neither a nor m.
- *another share of the class* (prior shift): share of positives, by the z of two proportions.
- *other photos* (covariate shift): a linear discriminant separates negatives of ``fit`` from those
  of ``tune``, each evaluated in a fold left out (a classifier two-sample test: Lopez-Paz and Oquab
  2017, ICLR). All photos differ if it separates them, by the z of Mann and Whitney, and positives
  differ in the same direction, or not at all. A lost correlation moves them the other way.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from inficond_panel.distill.metrics.bootstrap import FOLDS, stratified_folds
from inficond_panel.distill.metrics.point_metrics import average_precision
from inficond_panel.distill.scores import ScoreLike, Scores
from inficond_panel.distill.solver.exact import fit
from inficond_panel.distill.solver.objective import decision_function
from inficond_panel.distill.sources import Array

#: L1 penalties that are tried for the models of labels.
PENALTIES = (3e-4, 1e-3, 3e-3, 1e-2)
#: Ridge of the discriminant, in variances of a standardised score.
RIDGE = 0.3
#: Largest share of wrong labels in the model: beyond one half, present and absent swap meaning.
MOST_WRONG = 0.5
#: Least shares of wrong labels, added and missed, that are assumed when labels are ranked.
LEAST = (0.01, 0.05)
#: Photos whose scores are standardised at one time.
_PHOTOS = 4096


def cross_fitted_model(
    scores: ScoreLike, label: NDArray, others: ScoreLike, seed: int = 0
) -> tuple[Array, Array]:
    """Return logits of a logistic regression on labels: cross-fitted (n,), and of others (m,).

    ``scores`` are (n, C), ``label`` (n,) in {1, 0}. For each fold the L1 penalty with the highest
    AP on the other folds is chosen. Logits of ``others`` (m, C) are means over the folds' models.
    """
    folds, data = stratified_folds(label[:, None], FOLDS, seed), Scores.of(scores)
    inside, shape = folds[:, None] != np.arange(FOLDS), (-1, FOLDS, len(PENALTIES))
    model = fit(  # all folds at once: photos of a fold have weight 0
        data,
        np.repeat(label[:, None].astype(float), FOLDS * len(PENALTIES), axis=1),
        l1=PENALTIES * FOLDS,
        sample_weight=np.repeat(inside, len(PENALTIES), axis=1),
        tolerance=1e-4,
    )
    each = decision_function(data, model.weights, model.intercepts).reshape(shape)
    logit = each[np.arange(len(label)), folds]
    of_others = decision_function(others, model.weights, model.intercepts).reshape(shape)
    chosen, mean = np.empty(len(label)), np.zeros(len(of_others))
    for fold in range(FOLDS):
        out = folds == fold
        values = [average_precision(label[~out], column) for column in logit[~out].T]
        best = int(np.nanargmax(values))
        chosen[out] = logit[out, best]
        mean += of_others[:, fold, best] / FOLDS
    return chosen, mean


@dataclass(frozen=True)
class LabelNoise:
    """Shares of wrong labels in ``fit``: ``added``, of negatives labelled present, and ``missed``,
    of positives labelled absent. ``evidence`` is twice the log likelihood ratio to no noise."""

    added: float
    missed: float
    evidence: float


def label_noise(
    fit_scores: Array, fit_label: NDArray, tune_scores: Array, tune_label: NDArray
) -> LabelNoise:
    """Estimate the label noise of ``fit``, from labels (n,) and scores (n, S) of models that were
    not fitted to the labels of ``fit``."""
    from scipy.optimize import minimize  # noqa: PLC0415 - slow to load

    spread, slopes = tune_scores.std(axis=0), tune_scores.shape[1]
    spread = np.where(spread > 0, spread, 1.0)
    sides = (fit_scores / spread, fit_label, tune_scores / spread, tune_label)

    def least(start: list[float]) -> tuple[float, Array]:
        shares = len(start) - 2 - slopes
        bounds = [*[(None, None)] * 2, *[(0, None)] * slopes, *[(0.0, MOST_WRONG)] * shares]
        minimum = minimize(_loss, start, args=sides, jac=True, method="L-BFGS-B", bounds=bounds)
        return float(minimum.fun), minimum.x

    clean, at = least([-2.0, -2.0, *[1.0] * slopes])
    starts = ((0.05, 0.05), (0.2, 0.05), (0.05, 0.3))
    noisy, values = min((least([*at, *start]) for start in starts), key=lambda fitted: fitted[0])
    return LabelNoise(float(values[-2]), float(values[-1]), max(0.0, 2 * (clean - noisy)))


def _loss(
    values: Array, fit_scores: Array, fit_label: NDArray, tune_scores: Array, tune_label: NDArray
) -> tuple[float, Array]:
    """Return the negative log likelihood of the labels of both splits, and its gradient by
    ``values``: two intercepts, the slopes, and the two shares of wrong labels (or none)."""
    slope, noise = np.split(values[2:], [fit_scores.shape[1]])
    added, missed = noise if len(noise) else (0.0, 0.0)
    p = expit(values[0] + fit_scores @ slope)
    chance = np.clip(added + (1 - added - missed) * p, 1e-12, 1 - 1e-12)
    other = np.clip(expit(values[1] + tune_scores @ slope), 1e-12, 1 - 1e-12)
    loss = -_log_likelihood(fit_label, chance) - _log_likelihood(tune_label, other)
    by_chance = (chance - fit_label) / (chance * (1 - chance))
    by_logit = by_chance * (1 - added - missed) * p * (1 - p)
    gradient = [
        by_logit.sum(),
        (other - tune_label).sum(),
        *(by_logit @ fit_scores + (other - tune_label) @ tune_scores),
        by_chance @ (1 - p),
        -by_chance @ p,
    ]
    return loss, np.array(gradient[: len(values)])


def _log_likelihood(label: NDArray, chance: Array) -> float:
    return float(np.log(np.where(label == 1, chance, 1 - chance)).sum())


def wrong_chance(logit: Array, label: NDArray, noise: LabelNoise) -> Array:
    """Return the probability (n,) that each label is wrong, from cross-fitted logits (n,).

    Bayes' rule with the shares of ``noise``, which are raised to at least ``LEAST``, so that labels
    can be ranked even if no noise was estimated.
    """
    p, added, missed = expit(logit), max(noise.added, LEAST[0]), max(noise.missed, LEAST[1])
    as_present = added * (1 - p) / (added * (1 - p) + (1 - missed) * p)
    as_absent = missed * p / (missed * p + (1 - added) * (1 - p))
    return np.asarray(np.where(label == 1, as_present, as_absent))


def share_z(fit_label: NDArray, tune_label: NDArray) -> float:
    """Return the z-score of the share of positives in ``fit`` less their share in ``tune``, from
    labels (n,) in {1, 0}; 0 if all labels are equal."""
    both = np.concatenate([fit_label, tune_label])
    variance = both.var() * (1 / len(fit_label) + 1 / len(tune_label))
    return float((fit_label.mean() - tune_label.mean()) / np.sqrt(variance)) if variance else 0.0


@dataclass(frozen=True)
class OtherPhotos:
    """Differences between the photos of ``fit`` and ``tune``: z-scores of negatives, of positives.

    Both are measured along the direction that separates the negatives of ``fit`` and ``tune``.
    """

    negatives: float
    positives: float


def other_photos(
    fit_scores: NDArray,
    fit_label: NDArray,
    tune_scores: NDArray,
    tune_label: NDArray,
    seed: int = 0,
) -> OtherPhotos:
    """Test whether photos of the two splits differ, from scores (n, C) and labels (n,)."""
    rng, sides = np.random.default_rng(seed), (fit_scores, tune_scores)
    negative = [label != 1 for label in (fit_label, tune_label)]
    folds = [rng.integers(FOLDS, size=np.count_nonzero(each)) for each in negative]
    standard = _standard(sides)
    moments = [
        _moments(scores, standard, each, fold)
        for scores, each, fold in zip(sides, negative, folds, strict=True)
    ]
    rests = ([_together(side, fold) for side in moments] for fold in range(FOLDS))
    directions = np.stack([_discriminant(*rest) for rest in rests], axis=1)
    along = [
        np.concatenate([rows @ directions for rows in _blocks(scores, standard)])
        for scores in sides
    ]
    unseen = [
        every[each][np.arange(len(fold)), fold]
        for every, each, fold in zip(along, negative, folds, strict=True)
    ]
    positives = [every[~each].sum(axis=1) for every, each in zip(along, negative, strict=True)]
    return OtherPhotos(_rank_z(*unseen), _rank_z(*positives))


_Moments = tuple[int, Array, Array]  # number of photos, their sum (C,), sum of products (C, C)


def _standard(sides: Sequence[NDArray]) -> tuple[Array, Array]:
    """Return mean and standard deviation (C,) of the scores of both sides; 1 for a constant."""
    counts = np.array([len(scores) for scores in sides])
    share = counts / counts.sum()
    each = [Scores(scores).moments(np.full(len(scores), 1 / len(scores))) for scores in sides]
    means, variances = (np.stack(values) for values in zip(*each, strict=True))
    mean = share @ means
    spread = np.sqrt(share @ (variances + (means - mean) ** 2))
    return mean, np.where(spread > 1e-7 * np.abs(mean), spread, 1.0)  # a constant's is rounding


def _blocks(scores: NDArray, standard: tuple[Array, Array]) -> Iterator[Array]:
    """Yield the standardised scores of some photos (n, C) after the other, since all are many."""
    for first in range(0, len(scores), _PHOTOS):
        yield (scores[first : first + _PHOTOS] - standard[0]) / standard[1]


def _moments(
    scores: NDArray, standard: tuple[Array, Array], chosen: NDArray[np.bool_], folds: NDArray
) -> list[_Moments]:
    """Return the moments of each fold's standardised scores; ``folds`` are of the ``chosen``."""
    size, number = scores.shape[1], np.full(len(scores), -1)
    number[chosen] = folds
    sums, products = np.zeros((FOLDS, size)), np.zeros((FOLDS, size, size))
    for first, rows in zip(range(0, len(scores), _PHOTOS), _blocks(scores, standard), strict=True):
        for fold in range(FOLDS):
            part = rows[number[first : first + _PHOTOS] == fold]
            sums[fold] += part.sum(axis=0)
            products[fold] += part.T @ part
    return list(zip(np.bincount(folds, minlength=FOLDS).tolist(), sums, products, strict=True))


def _together(parts: list[_Moments], left_out: int) -> _Moments:
    """Return the sums of the moments of all parts, except the part at index ``left_out``."""
    counts, sums, products = zip(*(parts[:left_out] + parts[left_out + 1 :]), strict=True)
    return sum(counts), sum(sums), sum(products)


def _discriminant(one: _Moments, other: _Moments) -> Array:
    """Return the linear discriminant (C,), along which ``one`` lies above ``other``."""
    means = [total / count for count, total, _ in (one, other)]
    within = sum(
        products - count * np.outer(mean, mean)
        for (count, _, products), mean in zip((one, other), means, strict=True)
    )
    pooled = within / (one[0] + other[0]) + RIDGE * np.eye(len(means[0]))
    return np.asarray(np.linalg.solve(pooled, means[0] - means[1]))


def _rank_z(one: Array, other: Array) -> float:
    """Return the z-score of the Mann-Whitney test, > 0 if ``one`` ranks above ``other``."""
    if not len(one) or not len(other):
        return 0.0
    from scipy.stats import rankdata  # noqa: PLC0415 - slow to load

    ranks = rankdata(np.concatenate([one, other]))[: len(one)].sum()
    above = (ranks - len(one) * (len(one) + 1) / 2) / (len(one) * len(other)) - 0.5
    return float(above * np.sqrt(12 * len(one) * len(other) / (len(one) + len(other) + 1)))
