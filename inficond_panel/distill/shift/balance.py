"""Balance: weights of ``fit``'s photos that give named concepts the distribution of ``tune``.

Within the class, and within its absence, a logistic regression with an L2 penalty tells ``tune``
from ``fit`` by the standardised scores of the named concepts. Its odds, corrected for the numbers
of photos, estimate the ratio of the two densities (Bickel et al. 2009, JMLR 10, "Discriminative
learning under covariate shift"), which is the weight of a photo of ``fit``; it is cut at e^-4 and
e^4, so that no photo speaks for all. Both sides together weigh as the class has it in ``tune``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from inficond_panel.distill.folds import FOLDS, stratified_folds
from inficond_panel.distill.scores.array_api import Array
from inficond_panel.errors import DataError

#: L2 penalties that are tried, on standardised scores and the mean loss.
PENALTIES = (1e-3, 1e-2, 1e-1)
#: Largest size of a log density ratio.
CUT = 4.0
_TOLERANCE, _STEPS, _RIDGE = 1e-12, 50, 1e-12


@dataclass(frozen=True)
class Balance:
    """Weights (n,) of the photos of ``fit``, of mean 1, and what is left of the photos.

    ``effective`` are the effective sample sizes (Kish 1965) of positives and of negatives,
    (sum of weights)^2 / (sum of squared weights); ``penalties`` are the L2 penalties that
    cross-validation chose for the two.
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
    seed: int = 0,
    least: int = FOLDS,
) -> Balance:
    """Weights that balance scores (n, m) of the named concepts, for labels (n,) in {1, 0}.

    The same seed gives the same folds. Raises DataError where a side has fewer than ``least``
    photos in either split.
    """
    weights = np.empty(len(fit_label))
    effective, penalties = [], []
    for side in (1, 0):
        ours, theirs = fit_label == side, tune_label == side
        _check_counts(int(ours.sum()), int(theirs.sum()), side, least)
        ratio, penalty = density_ratio(fit_scores[ours], tune_scores[theirs], seed=seed)
        weights[ours] = ratio / ratio.mean() * (theirs.mean() / ours.mean())
        effective.append(float(ratio.sum() ** 2 / (ratio**2).sum()))
        penalties.append(penalty)
    return Balance(weights, (effective[0], effective[1]), (penalties[0], penalties[1]))


def density_ratio(ours: NDArray, theirs: NDArray, *, seed: int = 0) -> tuple[Array, float]:
    """Density of ``theirs`` (m photos, C) over that of ``ours`` (n, C) at each of ours (n,).

    Returns it with the L2 penalty that was chosen.
    """
    scores = _standardised(np.concatenate([ours, theirs]))
    target = np.repeat([0.0, 1.0], [len(ours), len(theirs)])
    penalty = _chosen_penalty(scores, target, seed)
    logit = scores[: len(ours)] @ ridge_logistic(scores, target, penalty)
    logit -= np.log(len(theirs) / len(ours))
    return np.exp(np.clip(logit, -CUT, CUT)), penalty


def _chosen_penalty(scores: Array, target: Array, seed: int) -> float:
    """The penalty of least cross-validated loss."""
    fold, loss = stratified_folds(target[:, None], FOLDS, seed), np.zeros(len(PENALTIES))
    for number in range(FOLDS):
        out = fold == number
        for place, penalty in enumerate(PENALTIES):
            logit = scores[out] @ ridge_logistic(scores[~out], target[~out], penalty)
            loss[place] += (np.logaddexp(0, logit) - target[out] * logit).sum()
    return PENALTIES[int(np.argmin(loss))]


def ridge_logistic(scores: Array, target: Array, penalty: float) -> Array:
    """Weights (C,) of least mean loss plus penalty / 2 x their squares; the first is free of it.

    Newton's method with halved steps. Scores are few columns, the first of them 1: the solver of
    students, made for many columns and an L1 penalty, takes twenty times as long.
    """
    price = np.full(scores.shape[1], penalty)
    price[0] = 0.0

    def value(weights: Array) -> float:
        logit = scores @ weights
        loss = np.logaddexp(0, logit) - target * logit
        return float(loss.mean() + price @ weights**2 / 2)

    weights, least = np.zeros(scores.shape[1]), float(np.log(2.0))
    for _ in range(_STEPS):
        p = expit(scores @ weights)
        slope = scores.T @ (p - target) / len(target) + price * weights
        bend = (scores.T * (p * (1 - p))) @ scores / len(target) + np.diag(price)
        step = np.linalg.solve(bend + _RIDGE * np.eye(len(bend)), slope)
        if slope @ step <= _TOLERANCE:
            break
        length = 1.0
        while (found := value(weights - length * step)) > least - 1e-4 * length * (slope @ step):
            length /= 2
        weights, least = weights - length * step, found
    return weights


def _standardised(scores: NDArray) -> Array:
    wide = np.asarray(scores, dtype=np.float64)
    spread = wide.std(axis=0)
    centred = (wide - wide.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    return np.concatenate([np.ones((len(wide), 1)), centred], axis=1)


def _check_counts(ours: int, theirs: int, side: int, least: int) -> None:
    if min(ours, theirs) < least:
        what = "show the class" if side else "do not show the class"
        raise DataError(
            f"{ours} photos of fit and {theirs} of tune {what}; {least} of each are needed.",
            "Give more labelled photos, or tune by thumbs.",
        )
