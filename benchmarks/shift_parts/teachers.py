"""Logits of teachers of one class: made ones, and the store's own."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from inficond_panel import distill
from inficond_panel.store import Store

#: *strong*: nearly always right, whatever the context. *honest*, *shortcut*: regressions on the
#: labels of fit, as it was drawn and as it is biased. *non-linear*: errors that follow from the
#: scores, by sines that no student can have. *own*: the store's.
TEACHERS = ("strong", "honest", "shortcut", "non-linear", "own")
#: Logits of a strong teacher: this far from 0, with this standard deviation.
STRONG = (2.5, 1.2)


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


def nonlinear_logits(store: Store, k: int, seed: int) -> NDArray:
    """Logits (N,) of a teacher that knows the labels, but for sines of 40 directions of scores."""
    rng = np.random.default_rng([seed, k, 9])
    score = np.asarray(store.concept_score[np.arange(len(store.images))])
    scaled = (score - score.mean(axis=0)) / (score.std(axis=0) + 1e-9)
    along = scaled @ rng.normal(size=(scaled.shape[1], 40)) / np.sqrt(scaled.shape[1])
    errors = np.sin(1.5 * along + rng.uniform(0, 2 * np.pi, 40)) @ rng.normal(size=40)
    return 1.3 * (2.0 * (np.asarray(store.label)[:, k] == 1) - 1) + errors / np.sqrt(20) - 0.6
