"""Platt scaling: the line, or the weighted sum of logits, by which labels are likeliest."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from inficond_panel.distill.sources import Array


def platt_scaling(label: NDArray, logits: Array) -> tuple[Array, float]:
    """Return the slopes (S,), each 0 or more, and the constant of a logistic regression of labels
    (n,) in {1, 0} on logits (n, S): of one score its calibration, of several their combination.

    As Platt (1999, "Probabilistic outputs for support vector machines") it is fitted to
    (p + 1) / (p + 2) for p positives, and to 1 / (q + 2) for q negatives, so that slopes stay
    finite.
    """
    from scipy.optimize import minimize  # noqa: PLC0415 - slow to load

    positives = np.count_nonzero(label == 1)
    target = np.where(
        label == 1, (positives + 1) / (positives + 2), 1 / (len(label) - positives + 2)
    )
    mean, spread = logits.mean(axis=0), logits.std(axis=0)
    spread = np.where(spread > 0, spread, 1.0)
    inputs = np.column_stack([(logits - mean) / spread, np.ones(len(logits))])

    def loss(line: Array) -> tuple[float, Array]:
        logit = inputs @ line
        return (np.logaddexp(0, logit) - target * logit).sum(), inputs.T @ (expit(logit) - target)

    start = [*[1 / len(spread)] * len(spread), 0.0]
    bounds = [*[(0, None)] * len(spread), (None, None)]
    *slopes, constant = minimize(loss, start, jac=True, bounds=bounds).x
    slope = np.array(slopes) / spread
    return slope, float(constant - slope @ mean)
