"""Baselines that are often better than a student: the class's own word, and a model of tune."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from inficond_panel.distill import average_precision, decision_function, fit
from inficond_panel.distill.folds import stratified_folds
from inficond_panel.distill.scores.scores import Array

FOLDS = 5
#: L1 penalties that are tried for the model of tune.
PENALTIES = (3e-4, 1e-3, 3e-3, 1e-2)


def cross_fitted_model(scores: NDArray, label: NDArray, seed: int = 0) -> Array:
    """Logits (n,) of a logistic regression on labels (n,), of photos that it was not fitted to.

    The L1 penalty of a fold is the one whose AP is highest on the other folds.
    """
    folds = stratified_folds(label[:, None], FOLDS, seed)
    logit = np.empty((len(label), len(PENALTIES)))
    for fold in range(FOLDS):
        out = folds == fold
        targets = np.repeat(label[~out, None].astype(float), len(PENALTIES), axis=1)
        found = fit(scores[~out], targets, l1=PENALTIES, tolerance=1e-4)
        logit[out] = decision_function(scores[out], found.weights, found.intercepts)
    chosen = np.empty(len(label))
    for fold in range(FOLDS):
        out = folds == fold
        values = [average_precision(label[~out], column) for column in logit[~out].T]
        chosen[out] = logit[out, int(np.nanargmax(values))]
    return chosen
