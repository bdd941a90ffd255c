"""What differs between ``fit`` and ``tune``: labels, the share of the class, or the photos.

Each measure is of one class, on standardised scores of concepts, and moved by one cause as little
as may be by the others:

- *label noise*: a model of the labels of ``tune`` scores the photos of both splits, those of
  ``tune`` by folds that did not see them. Labels of ``fit`` are taken as y ~ (1 - m) p + a (1 - p)
  with p = expit(b_fit + s score), those of ``tune`` as y ~ expit(b_tune + s score); a and m are the
  shares of absent labelled present and of present labelled absent (Natarajan et al. 2013, "Learning
  with noisy labels", NeurIPS). The evidence is twice the logarithm of the likelihood ratio to
  a = m = 0. Another share of the class moves b_fit, and neither a nor m.
- *another share of the class*: positives among all, by the z of two proportions.
- *other photos*: a linear discriminant tells negatives of ``fit`` from negatives of ``tune``, fold
  by fold those that it did not see (a two-sample test by a classifier: Lopez-Paz and Oquab 2017,
  ICLR). The photos as a whole are others if it does, by the z of Mann and Whitney, and if the
  positives lie the same way, or nowhere. A correlation that is lost moves them the other way.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from scipy.stats import rankdata

from inficond_panel.distill.metrics.bootstrap import FOLDS
from inficond_panel.distill.sources import Array

#: Ridge of the discriminant, in variances of a standardised score.
RIDGE = 0.3
#: Largest share of labels that are taken as wrong: beyond it the classes change places.
MOST_WRONG = 0.5
#: Least shares of labels that are taken as wrong, added and missed, where labels are ranked.
LEAST = (0.01, 0.05)


@dataclass(frozen=True)
class LabelNoise:
    """Shares of the photos of ``fit`` whose label is wrong: of the absent, ``added`` as present; of
    the present, ``missed``. ``evidence`` is twice the logarithm of the likelihood ratio."""

    added: float
    missed: float
    evidence: float


def label_noise(
    fit_score: Array, fit_label: NDArray, tune_score: Array, tune_label: NDArray
) -> LabelNoise:
    """Noise of the labels (n,) of ``fit``, by one score per photo that ``tune`` alone taught."""
    from scipy.optimize import minimize  # noqa: PLC0415 - slow to load

    spread = tune_score.std() or 1.0
    sides = (fit_score / spread, fit_label, tune_score / spread, tune_label)

    def least(start: list[float]) -> tuple[float, Array]:
        bounds = [(None, None), (None, None), (0, None), *[(0.0, MOST_WRONG)] * (len(start) - 3)]
        minimum = minimize(_loss, start, args=sides, jac=True, method="L-BFGS-B", bounds=bounds)
        return float(minimum.fun), minimum.x

    clean, at = least([-2.0, -2.0, 1.0])
    starts = ((0.05, 0.05), (0.2, 0.05), (0.05, 0.3))
    noisy, values = min((least([*at, *start]) for start in starts), key=lambda one: one[0])
    return LabelNoise(float(values[3]), float(values[4]), max(0.0, 2 * (clean - noisy)))


def _loss(
    values: Array, fit_score: Array, fit_label: NDArray, tune_score: Array, tune_label: NDArray
) -> tuple[float, Array]:
    """Return the negative log likelihood and its gradient, by intercepts, slope and noise."""
    added, missed = values[3:] if len(values) > 3 else (0.0, 0.0)
    p = expit(values[0] + values[2] * fit_score)
    chance = np.clip(added + (1 - added - missed) * p, 1e-12, 1 - 1e-12)
    other = np.clip(expit(values[1] + values[2] * tune_score), 1e-12, 1 - 1e-12)
    loss = -_log_likelihood(fit_label, chance) - _log_likelihood(tune_label, other)
    by_chance = (chance - fit_label) / (chance * (1 - chance))
    by_logit = by_chance * (1 - added - missed) * p * (1 - p)
    gradient = [
        by_logit.sum(),
        (other - tune_label).sum(),
        by_logit @ fit_score + (other - tune_label) @ tune_score,
        by_chance @ (1 - p),
        -by_chance @ p,
    ]
    return loss, np.array(gradient[: len(values)])


def _log_likelihood(label: NDArray, chance: Array) -> float:
    return float(np.log(np.where(label == 1, chance, 1 - chance)).sum())


def wrong_chance(logit: Array, label: NDArray, noise: LabelNoise) -> Array:
    """Chance (n,) that a label is wrong, by logits (n,) of models that did not see its photo.

    By Bayes' rule from the shares of wrong labels, which are taken as no smaller than ``LEAST``, so
    that labels are ranked also where no noise is seen.
    """
    p, added, missed = expit(logit), max(noise.added, LEAST[0]), max(noise.missed, LEAST[1])
    as_present = added * (1 - p) / (added * (1 - p) + (1 - missed) * p)
    as_absent = missed * p / (missed * p + (1 - added) * (1 - p))
    return np.asarray(np.where(label == 1, as_present, as_absent))


def share_z(fit_label: NDArray, tune_label: NDArray) -> float:
    """z of the share of positives in ``fit`` less that in ``tune``, by labels (n,) in {1, 0}."""
    both = np.concatenate([fit_label, tune_label])
    variance = both.var() * (1 / len(fit_label) + 1 / len(tune_label))
    return float((fit_label.mean() - tune_label.mean()) / np.sqrt(variance)) if variance else 0.0


@dataclass(frozen=True)
class OtherPhotos:
    """Difference between photos of ``fit`` and of ``tune``, as z.

    ``negatives`` is along the direction that separates the negatives, ``positives`` along the same
    direction.
    """

    negatives: float
    positives: float


def other_photos(
    fit_scores: Array, fit_label: NDArray, tune_scores: Array, tune_label: NDArray, seed: int = 0
) -> OtherPhotos:
    """Whether photos (n, C) of the two splits are others, by standardised scores."""
    rng = np.random.default_rng(seed)
    sides = [(fit_scores, fit_label == 1), (tune_scores, tune_label == 1)]
    negatives, positives = (
        [scores[side == kind] for scores, side in sides] for kind in (False, True)
    )
    folds = [rng.integers(FOLDS, size=len(scores)) for scores in negatives]
    along = [np.empty(len(scores)) for scores in negatives]
    of_positives = [np.zeros(len(scores)) for scores in positives]
    for fold in range(FOLDS):
        inside = [scores[f != fold] for scores, f in zip(negatives, folds, strict=True)]
        direction = _discriminant(*inside)
        for half in range(2):
            out = folds[half] == fold
            along[half][out] = negatives[half][out] @ direction
            of_positives[half] += positives[half] @ direction
    return OtherPhotos(_rank_z(*along), _rank_z(*of_positives))


def _discriminant(one: Array, other: Array) -> Array:
    """Direction (C,) along which the first lie above the others."""
    within = sum(np.cov(scores.T, bias=True) * len(scores) for scores in (one, other))
    pooled = within / (len(one) + len(other)) + RIDGE * np.eye(one.shape[1])
    return np.asarray(np.linalg.solve(pooled, one.mean(axis=0) - other.mean(axis=0)))


def _rank_z(one: Array, other: Array) -> float:
    """z by which the first values rank above the others (Mann and Whitney)."""
    if not len(one) or not len(other):
        return 0.0
    ranks = rankdata(np.concatenate([one, other]))[: len(one)].sum()
    above = (ranks - len(one) * (len(one) + 1) / 2) / (len(one) * len(other)) - 0.5
    return float(above * np.sqrt(12 * len(one) * len(other) / (len(one) + len(other) + 1)))
