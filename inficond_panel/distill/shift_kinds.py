"""Kinds of shift between ``fit`` and ``tune``: label noise, prior shift, covariate shift.

Each measure concerns one class, uses standardised concept scores, and responds to one kind of
shift and as little as possible to the others:

- *label noise*: a model of the labels of ``tune`` scores the photos of both splits, those of
  ``tune`` by folds that did not see them. Labels of ``fit`` are taken as y ~ (1 - m) p + a (1 - p)
  with p = expit(b_fit + s score), those of ``tune`` as y ~ expit(b_tune + s score); a is the share
  of negatives labelled present, m the share of positives labelled absent (Natarajan et al. 2013,
  "Learning with noisy labels", NeurIPS). The evidence is twice the logarithm of the likelihood
  ratio to a = m = 0. Another share of the class changes b_fit, and neither a nor m. If the class
  is no logistic curve of the score (some images with the highest scores never show it), a and m can
  fit that misfit. Misfit is the same in both splits, so the evidence beyond it is the ratio where
  the curve of both has shares of its own.
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
from scipy.special import chdtri, expit, logit

from inficond_panel.distill.label_likelihood import (
    MOST_WRONG,
    SHARE_BOUNDS,
    Sides,
    label_loss,
    least_loss,
    standard_sides,
)
from inficond_panel.distill.metrics.bootstrap import FOLDS, stratified_folds
from inficond_panel.distill.metrics.groups import Groups
from inficond_panel.distill.metrics.point_metrics import average_precision
from inficond_panel.distill.scores import ScoreLike, Scores
from inficond_panel.distill.solver.exact import Fit, solve
from inficond_panel.distill.solver.objective import decision_function
from inficond_panel.distill.solver.problem import FitProblem
from inficond_panel.distill.sources import Array
from inficond_panel.distill.spread import constant
from inficond_panel.distill.through_class import NONE_OF_THEM, at_equal_shares, through_class

#: L1 penalties that are tried for the models of labels, until the AP of all folds falls.
PENALTIES = (1e-2, 3e-3, 1e-3, 3e-4)
#: Ridge of the discriminant, in variances of a standardised score.
RIDGE = 0.3
#: Least shares of wrong labels, added and missed, that are assumed when labels are ranked.
LEAST = (0.01, 0.05)
#: Most negatives of each split, and most positives, that are told apart.
MOST = 10_000
#: Most concepts of which the covariance is made, and photos of each split that it is made of.
MOST_CONCEPTS, MOST_SHARED = 2048, 4096
#: Photos whose scores are standardised at one time.
_PHOTOS = 1024
#: Relative residual of the discriminant: it only ranks photos.
_PRECISION = 1e-4


def cross_fitted_model(
    scores: ScoreLike, label: NDArray, others: ScoreLike, seed: int = 0, group: Groups = None
) -> tuple[Array, Array]:
    """Return logits of a logistic regression on labels: cross-fitted (n,), and of others (m,).

    ``scores`` are (n, C), ``label`` (n,) in {1, 0}. For each fold the L1 penalty with the highest
    AP on the other folds is chosen, of those down to the first with which the AP of all folds is
    lower. Logits of ``others`` (m, C) are means over the folds' models.
    Images of equal ``group`` (n,) are in one fold.
    """
    folds, data = stratified_folds(label[:, None], FOLDS, seed, group), Scores.of(scores)
    rows, models, logits, values = np.arange(len(label)), list[Fit](), list[Array](), list[Array]()
    for model in _path(data, label, folds):
        logit = decision_function(data, model.weights, model.intercepts)[rows, folds]
        others_of = (folds != fold for fold in range(FOLDS))
        value = np.array([average_precision(label[rest], logit[rest]) for rest in others_of])
        models, logits, values = [*models, model], [*logits, logit], [*values, value]
        if len(values) > 1 and np.all(value < values[-2]):
            break  # smaller penalties take most of the time, and overfit more
    best = np.nanargmax(values, axis=0)
    chosen = [models[index].at(np.array([fold])) for fold, index in enumerate(best)]
    weights = np.mean([model.weights for model in chosen], axis=0)
    intercept = np.mean([model.intercepts for model in chosen], axis=0)
    return np.array(logits)[best[folds], rows], decision_function(others, weights, intercept)[:, 0]


def _path(data: Scores, label: NDArray, folds: NDArray[np.intp]) -> Iterator[Fit]:
    """Yield the models (C, FOLDS) without each of the ``folds`` (n,), for each penalty; each starts
    from the one before."""
    targets = np.repeat(label[:, None].astype(float), FOLDS, axis=1)
    inside, model = folds[:, None] != np.arange(FOLDS), None
    for l1 in PENALTIES:  # images of a fold have weight 0, so that all folds are solved at once
        problem = FitProblem(data, targets, l1, sample_weight=inside)
        model = solve(problem, start=model, tolerance=1e-4)
        yield model


@dataclass(frozen=True)
class LabelNoise:
    """Shares of wrong labels of a split: ``added``, of negatives labelled present, and ``missed``,
    of positives labelled absent. ``evidence`` is twice the log likelihood ratio to no noise,
    ``models`` the number of models whose scores show it; ``denied`` says that another witness,
    which could have, does not, and the evidence is not beyond that; ``alone`` that it does not,
    however clear the evidence is."""

    added: float
    missed: float
    evidence: float
    models: int = 1
    denied: bool = False
    alone: bool = False

    @property
    def at_bound(self) -> bool:
        """True if a share is the largest that the model allows: then the model does not fit."""
        return max(self.added, self.missed) > 0.99 * MOST_WRONG


def label_noise(
    fit_scores: Array, fit_label: NDArray, tune_scores: Array, tune_label: NDArray
) -> LabelNoise:
    """Estimate the label noise of ``fit``, from labels (n,) and scores (n, S) of models that were
    not fitted to the labels of ``fit``."""
    sides = standard_sides(fit_scores, fit_label, tune_scores, tune_label)
    clean, at = least_loss([[-2.0, -2.0, *[1.0] * sides.width]], sides)
    by_shares = label_loss(np.array([*at, 0.0, 0.0]), sides).gradient[-2:]
    if (by_shares >= 0).all():  # a few wrong labels would be less likely
        return LabelNoise(0.0, 0.0, 0.0, sides.width)
    noisy, values = least_loss([[*at, *start] for start in _STARTS], sides)
    evidence = max(0.0, 2 * (clean - noisy))
    return LabelNoise(float(values[-2]), float(values[-1]), evidence, sides.width)


def share_limits(
    fit_scores: Array, fit_label: NDArray, tune_scores: Array, tune_label: NDArray, level: float
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return the limits of the shares ``added`` and ``missed`` of ``label_noise``, at this level.

    They are by profile likelihood: the shares that lower twice the log likelihood, of all other
    values the best, by no more than the quantile of chi-squared.
    """
    sides, least, values = _with_misfit(fit_scores, fit_label, tune_scores, tune_label)
    fall = chdtri(1, 1 - level)

    def holds(which: int, share: float) -> bool:
        bounds = [(share, share) if at == which else most for at, most in enumerate(SHARE_BOUNDS)]
        loss, _ = least_loss([values.tolist()], sides, bounds)
        return 2 * (loss - least) <= fall

    def limit(which: int, near: float, far: float) -> float:
        if holds(which, far):
            return far
        for _ in range(_HALVINGS):
            middle = (near + far) / 2
            near, far = (middle, far) if holds(which, middle) else (near, middle)
        return near

    added, missed = (
        (limit(which, share, 0.0), limit(which, share, MOST_WRONG))
        for which, share in enumerate(values[-4:-2])
    )
    return added, missed


def right_logits(
    fit_scores: Array, fit_label: NDArray, tune_scores: Array, tune_label: NDArray
) -> Array:
    """Return the logits (n,) that the images of ``fit`` show the class, whatever their labels, by a
    curve of both splits that may have shares of its own; arguments as for ``label_noise``."""
    (scores, *_), _, values = _with_misfit(fit_scores, fit_label, tune_scores, tune_label)
    low, high = values[-2:]
    rising = expit(values[0] + scores @ values[2:-4])
    return np.asarray(logit(np.clip(low + (1 - low - high) * rising, 1e-6, 1 - 1e-6)))


def _with_misfit(
    fit_scores: Array, fit_label: NDArray, tune_scores: Array, tune_label: NDArray
) -> tuple[Sides, float, Array]:
    """Return the sides of ``label_loss``, its least with all shares, and its values there."""
    sides = standard_sides(fit_scores, fit_label, tune_scores, tune_label)
    plain = [-2.0, -2.0, *[1.0] * sides.width]
    curves = ((0.0, 0.0), _STARTS[0])
    begins = [[*plain, *start, *curve] for start in _STARTS for curve in curves]
    return sides, *least_loss(begins, sides)


#: Halvings by which a limit is found.
_HALVINGS = 7


def beyond_misfit(
    fit_scores: Array, fit_label: NDArray, tune_scores: Array, tune_label: NDArray
) -> float:
    """Return the evidence for wrong labels of ``fit`` beyond a misfit that both splits share.

    Arguments as for ``label_noise``. It is twice the log likelihood ratio, where the curve of both
    splits goes from a share a0 to 1 - m0 instead of from 0 to 1.
    """
    sides = standard_sides(fit_scores, fit_label, tune_scores, tune_label)
    plain = [-2.0, -2.0, *[1.0] * sides.width]
    begins = [[*plain, 0.0, 0.0, *start] for start in _STARTS]
    clean, at = least_loss(begins, sides, [(0.0, 0.0)] * 2)
    begin, shares = at[: len(plain)], at[-2:]
    noisy, _ = least_loss([[*begin, *start, *shares] for start in _STARTS], sides)
    return max(0.0, 2 * (clean - noisy))


#: Shares from which the likelihood is maximised.
_STARTS = ((0.05, 0.05), (0.2, 0.05), (0.05, 0.3))


def wrong_chance(logit: Array, label: NDArray, noise: LabelNoise) -> Array:
    """Return the probability (n,) that each label is wrong, from cross-fitted logits (n,).

    Bayes' rule with the shares of ``noise``, which are raised to at least ``LEAST``, so that labels
    can be ranked even if no noise was estimated.
    """
    p, added, missed = expit(logit), max(noise.added, LEAST[0]), max(noise.missed, LEAST[1])
    as_present = added * (1 - p) / (added * (1 - p) + (1 - missed) * p)
    as_absent = missed * p / (missed * p + (1 - added) * (1 - p))
    return np.asarray(np.where(label == 1, as_present, as_absent))


NO_CONCEPT = -1
#: Spreads by which images differ by one concept alone, and how often as far as by any other.
LEAST_ALONE, TIMES_OTHERS = 0.3, 3.0


@dataclass(frozen=True)
class OtherPhotos:
    """Differences between the photos of ``fit`` and ``tune``: z-scores of negatives, of positives.

    Both are measured along the direction that separates the negatives of ``fit`` and ``tune``.
    ``through`` is the position of another class whose photos are the reason, or ``NONE_OF_THEM``.
    ``alone`` is the index of the concept by whose scores alone the negatives differ, or
    ``NO_CONCEPT``: by ``LEAST_ALONE`` spreads or more, and ``TIMES_OTHERS`` as far as by any other.
    """

    negatives: float
    positives: float
    through: int = NONE_OF_THEM
    alone: int = NO_CONCEPT


def other_photos(
    fit_scores: NDArray,
    fit_label: NDArray,
    tune_scores: NDArray,
    tune_label: NDArray,
    shared: Shared | None = None,
    others: tuple[NDArray, NDArray] | None = None,
    *,
    one_class: bool = False,
) -> OtherPhotos:
    """Test whether photos of the two splits differ, from scores (n, C) and labels (n,).

    At most ``MOST`` negatives and positives of each split are used, evenly drawn. ``shared`` is
    ``shared_by_classes`` of these photos, or of more; without it the same takes several times as
    long. ``others`` are labels (n, K) of other classes, of both splits, for ``through``. If each
    photo has ``one_class``, z of negatives is of what differs at equal shares of the others.
    """
    rng, sides = np.random.default_rng(0), (fit_scores, tune_scores)
    standard = _standard(sides) if shared is None else shared.standard
    factor = None if shared is None else shared.factor
    some = [evenly(np.flatnonzero(label != 1), MOST) for label in (fit_label, tune_label)]
    fold = np.concatenate([rng.integers(FOLDS, size=len(rows)) for rows in some])
    negatives = np.concatenate([_rows(*each, standard) for each in zip(sides, some, strict=True)])
    of_fit = np.arange(len(fold)) < len(some[0])
    directions = _discriminants(negatives, of_fit, fold, factor)
    along = (negatives @ directions)[np.arange(len(fold)), fold]
    shown = [evenly(np.flatnonzero(label == 1), MOST) for label in (fit_label, tune_label)]
    positives = [
        (_rows(*each, standard) @ directions).sum(axis=1) for each in zip(sides, shown, strict=True)
    ]
    pair, through, left = (along[of_fit], along[~of_fit]), NONE_OF_THEM, 1.0
    if others is not None:
        labels = [label[rows] for label, rows in zip(others, some, strict=True)]
        through = int(through_class(*(side[:, None] for side in pair), *labels)[0])
        left = _left_at_equal_shares(*pair, *labels) if one_class else 1.0
    alone = _alone(negatives[of_fit].mean(axis=0) - negatives[~of_fit].mean(axis=0))
    return OtherPhotos(left * _rank_z(*pair), _rank_z(*positives), through, alone)


def _left_at_equal_shares(
    fit: Array, tune: Array, fit_label: NDArray, tune_label: NDArray
) -> float:
    """Return which share, 0 to 1, of the difference of the means of ``fit`` and ``tune`` is left
    where the classes (labels (n, K)) are as frequent in both."""
    plain = fit.mean() - tune.mean()
    equal = fit.mean() - np.average(tune, weights=at_equal_shares(fit_label, tune_label))
    return float(np.clip(equal / plain, 0.0, 1.0)) if plain else 1.0


def _alone(apart: Array) -> int:
    """Return the index of the concept whose mean is ``apart`` (C,) by far the most, else
    ``NO_CONCEPT``."""
    sizes = np.append(np.abs(apart), 0.0)
    second, first = np.sort(sizes)[-2:]
    return int(sizes.argmax()) if first >= max(LEAST_ALONE, TIMES_OTHERS * second) else NO_CONCEPT


def evenly(rows: NDArray[np.intp], most: int) -> NDArray[np.intp]:
    """Return all rows, or ``most`` of them at equal distances."""
    return rows[np.linspace(0, len(rows) - 1, min(len(rows), most)).astype(np.intp)]


def _standard(sides: Sequence[NDArray]) -> tuple[Array, Array]:
    """Return mean and standard deviation (C,) of the scores of both sides; 1 for a constant."""
    counts = np.array([len(scores) for scores in sides])
    share = counts / counts.sum()
    each = [Scores(scores).moments(np.full(len(scores), 1 / len(scores))) for scores in sides]
    means, variances = (np.stack(values) for values in zip(*each, strict=True))
    mean = share @ means
    spread = np.sqrt(share @ (variances + (means - mean) ** 2))
    ends = np.stack([end for scores in sides for end in (scores.min(axis=0), scores.max(axis=0))])
    return mean, np.where(constant(ends), 1.0, spread)


def _rows(scores: NDArray, rows: NDArray[np.intp], standard: tuple[Array, Array]) -> NDArray:
    """Return the standardised scores of some photos, (rows, C) float32."""
    made = np.empty((len(rows), scores.shape[1]), np.float32)
    for first in range(0, len(rows), _PHOTOS):
        part = slice(first, first + _PHOTOS)
        made[part] = (scores[rows[part]] - standard[0]) / standard[1]
    return made


@dataclass(frozen=True)
class Shared:
    """What the discriminants of all classes of the same photos share.

    ``standard`` are mean and standard deviation (C,) of the scores. ``factor`` is the lower
    Cholesky factor (C, C) of the covariance of standardised scores, with the ridge of the
    discriminants; None for more than ``MOST_CONCEPTS``. It is near the covariance of the negatives
    of any class, so that their discriminants need few steps.
    """

    standard: tuple[Array, Array]
    factor: Array | None


def shared_by_classes(fit_scores: NDArray, tune_scores: NDArray) -> Shared:
    """Return what the discriminants of all classes share, from the scores (n, C) of both splits; of
    their covariance at most ``MOST_SHARED`` photos of each are used, evenly drawn."""
    sides = fit_scores, tune_scores
    standard, count = _standard(sides), sum(min(len(scores), MOST_SHARED) for scores in sides)
    if fit_scores.shape[1] > MOST_CONCEPTS:
        return Shared(standard, None)
    total = RIDGE * np.eye(fit_scores.shape[1])
    for scores in sides:
        some = _rows(scores, evenly(np.arange(len(scores)), MOST_SHARED), standard)
        total += some.T @ some / count
    return Shared(standard, np.asarray(np.linalg.cholesky(total), dtype=np.float64))


def _discriminants(
    rows: NDArray, first: NDArray[np.bool_], fold: NDArray, factor: Array | None = None
) -> NDArray:
    """Return a linear discriminant per fold (C, FOLDS), made without its rows.

    Rows (n, C) are ``first`` (n,) or not; the first ones lie above the others. The covariance of
    the concepts is never made, since it can be too large for memory: conjugate gradients need
    products with it, preconditioned by the ``factor`` of ``Shared``.
    """
    from scipy.linalg import cho_solve  # noqa: PLC0415 - slow to load
    from scipy.sparse.linalg import LinearOperator, cg  # noqa: PLC0415 - slow to load

    kept = fold[:, None] != np.arange(FOLDS)
    groups = [kept & each[:, None] for each in (first, ~first)]
    counts = [np.maximum(group.sum(axis=0), 1) for group in groups]
    pair = zip(groups, counts, strict=True)
    one, other = (rows.T @ group.astype(rows.dtype) / count for group, count in pair)

    def within(flat: Array) -> Array:
        """Return the product with the covariances within the groups, and the ridge."""
        wanted = flat.reshape(-1, FOLDS)
        along = rows @ wanted.astype(rows.dtype)
        centred = np.zeros_like(along)
        for group, count in zip(groups, counts, strict=True):
            centred += group * (along - (group * along).sum(axis=0) / count)
        return np.asarray(rows.T @ centred / sum(counts) + RIDGE * wanted).ravel()

    def near(flat: Array) -> Array:
        """Return nearly the solution of ``within``."""
        return np.asarray(cho_solve((factor, True), flat.reshape(-1, FOLDS))).ravel()

    shape = (one.size, one.size)
    guess = None if factor is None else LinearOperator(shape, near)
    wanted = (one - other).ravel()
    found, _ = cg(LinearOperator(shape, within), wanted, rtol=_PRECISION, M=guess)
    return np.asarray(found.reshape(-1, FOLDS), rows.dtype)


def _rank_z(one: Array, other: Array) -> float:
    """Return the z-score of the Mann-Whitney test, > 0 if ``one`` ranks above ``other``."""
    if not len(one) or not len(other):
        return 0.0
    from scipy.stats import rankdata  # noqa: PLC0415 - slow to load

    ranks = rankdata(np.concatenate([one, other]))[: len(one)].sum()
    above = (ranks - len(one) * (len(one) + 1) / 2) / (len(one) * len(other)) - 0.5
    return float(above * np.sqrt(12 * len(one) * len(other) / (len(one) + len(other) + 1)))
