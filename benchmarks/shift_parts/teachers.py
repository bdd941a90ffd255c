"""Logits of teachers of one class: made ones, and the store's own."""

from __future__ import annotations

from functools import cache, partial

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

from inficond_panel import distill
from inficond_panel.store import Store

#: *strong*: nearly always right, whatever the context. *honest*, *shortcut*: regressions on the
#: labels of fit, as it was drawn and as it is biased. *non-linear*: errors that follow from the
#: scores, by sines that no student can have. *own*: the store's. *trained*, *network*: an L2
#: regression and a network that were trained on the labels of the students' photos of fit, biased
#: ones too, and know them by heart. *folds*: the same regression, which is asked about a photo of
#: fit only where it was not fitted to it. *cross-fitted*: networks of all classes, each asked only
#: about photos that it was not trained on.
TEACHERS = (
    *("strong", "honest", "shortcut", "non-linear", "own"),
    *("trained", "network", "folds", "cross-fitted"),
)
#: Logits of a strong teacher: this far from 0, with this standard deviation.
STRONG = (2.5, 1.2)
#: Inverse L2 penalty of the regression that knows its photos by heart.
RIDGE = 0.01


def teacher_logits(
    teacher: str,
    store: Store,
    k: int,
    fit: NDArray[np.intp],
    seed: int,
    biased: NDArray[np.intp] | None = None,
) -> NDArray:
    """Logits (N,) of one of the ``TEACHERS``; ``fit`` are photos as they were drawn."""
    if teacher == "own":
        return store.teacher_log_odds[:, k].astype(np.float64)
    if teacher == "strong":
        return strong_logits(store, k, seed)
    if teacher == "non-linear":
        return nonlinear_logits(store, k, seed)
    if teacher == "cross-fitted":
        return cross_fitted_logits(store, seed)[:, k]
    if teacher in ("trained", "network", "folds"):
        learned = fit if biased is None else biased
        trained = partial(trained_logits, seed=seed, network=teacher == "network")
        return (folds_logits if teacher == "folds" else trained)(store, k, learned)
    return head_logits(store, k, biased if teacher == "shortcut" and biased is not None else fit)


def strong_logits(store: Store, k: int, seed: int) -> NDArray:
    """Logits (N,) of a teacher that is nearly always right, whatever the context.

    It does not know where the label is not known.
    """
    rng = np.random.default_rng([seed, k, 3])
    label = np.asarray(store.label)[:, k]
    sign = 1.0 * (label == 1) - 1.0 * (label == 0)
    return STRONG[0] * sign + rng.normal(0, STRONG[1], len(sign))


def head_logits(store: Store, k: int, rows: NDArray[np.intp]) -> NDArray:
    """Logits (N,) of a logistic regression on the labels of these photos."""
    label = np.asarray(store.label)[rows, k]
    known = rows[label >= 0]
    targets = (label[label >= 0] == 1).astype(float)[:, None]
    head = distill.fit(store.concept_score[known], targets, l1=1e-3, tolerance=1e-4)
    return distill.decision_function(store.concept_score, head.weights, head.intercepts)[:, 0]


def trained_logits(
    store: Store, k: int, rows: NDArray[np.intp], seed: int, *, network: bool
) -> NDArray:
    """Logits (N,) of an L2 regression or a network that was trained on the labels of these photos,
    as scikit-learn has them by default, on standardised scores."""
    label = np.asarray(store.label)[rows, k]
    model = _network(seed) if network else LogisticRegression(C=RIDGE, max_iter=1000)
    scores = _standard(store)
    model.fit(scores[rows[label >= 0]], label[label >= 0] == 1)
    return _logit(model.predict_proba(scores)[:, 1])


def folds_logits(store: Store, k: int, rows: NDArray[np.intp]) -> NDArray:
    """Logits (N,) of an L2 regression on the labels of these photos; each of them is scored by one
    that was fitted to the other four fifths."""
    label = np.asarray(store.label)[rows, k]
    known, present = rows[label >= 0], label[label >= 0] == 1
    model, scores = LogisticRegression(C=RIDGE, max_iter=1000), _standard(store)
    logits = np.asarray(model.fit(scores[known], present).decision_function(scores))
    logits[known] = cross_val_predict(model, scores[known], present, method="decision_function")
    return logits


@cache
def cross_fitted_logits(store: Store, seed: int) -> NDArray:
    """Logits (N, K) of networks for all classes, each on the fifth of the photos that it was not
    trained on. Where a label is not known it is taken as absent."""
    scores, label = _standard(store), np.asarray(store.label) == 1
    fold = np.random.default_rng([seed, 8]).integers(5, size=len(scores))
    logits = np.empty(label.shape)
    for number in range(5):
        out = fold == number
        model = _network(seed).fit(scores[~out], label[~out])
        logits[out] = _logit(model.predict_proba(scores[out]))
    return logits


def _network(seed: int) -> MLPClassifier:
    return MLPClassifier((64,), max_iter=60, random_state=seed)


def _standard(store: Store) -> NDArray:
    return StandardScaler().fit_transform(store.concept_score[np.arange(len(store.images))])


def _logit(probability: NDArray) -> NDArray:
    return logit(np.clip(probability.astype(np.float64), 1e-6, 1 - 1e-6))


def nonlinear_logits(store: Store, k: int, seed: int) -> NDArray:
    """Logits (N,) of a teacher that knows the labels, but for sines of 40 directions of scores."""
    rng = np.random.default_rng([seed, k, 9])
    score = np.asarray(store.concept_score[np.arange(len(store.images))])
    scaled = (score - score.mean(axis=0)) / (score.std(axis=0) + 1e-9)
    along = scaled @ rng.normal(size=(scaled.shape[1], 40)) / np.sqrt(scaled.shape[1])
    errors = np.sin(1.5 * along + rng.uniform(0, 2 * np.pi, 40)) @ rng.normal(size=40)
    return 1.3 * (2.0 * (np.asarray(store.label)[:, k] == 1) - 1) + errors / np.sqrt(20) - 0.6
