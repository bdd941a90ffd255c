"""Compare the two activations of a teacher, softmax and a sigmoid per class, by labels.

Images have one class each. Both activations give a probability of each class, and so both are
scored in one form: the binary log loss, summed over the classes. A network that is over-confident
on these images would lose by its scale alone, and a softmax of two classes with logits z, -z is a
sigmoid per class at another scale. So each activation is scored at its best temperature, its one
free number, and a softmax network is not taken for another one because of its scale. The logits of
a softmax are free up to a constant per image, which a sigmoid per class takes for evidence.

Which activation predicts the labels better need not be the one that the teacher was trained with:
that an image has exactly one class is knowledge, which a softmax adds to outputs of sigmoids, too.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inficond_panel.common.teacher_outputs import log_odds
from inficond_panel.distill.metrics.point_metrics import average_precision
from inficond_panel.vocabulary.tasks import SIGMOID, SOFTMAX

#: Least number of images for a comparison.
LEAST_IMAGES = 30
#: Standard errors of a clear difference: 99.9 %, two-sided.
CLEAR = 3.29
#: Largest number of images that are used; of more, this many are drawn with a fixed seed.
MOST_IMAGES = 20_000
#: Bounds of the logarithm of a temperature, of logits with a root mean square of 1.
_LOG_TEMPERATURES = (-5.0, 5.0)


@dataclass(frozen=True)
class ActivationFit:
    """How well softmax and sigmoids predict the labels: log losses in nats per image.

    ``difference`` is the loss of sigmoids minus that of the softmax in standard errors, paired by
    image. ``softmax_ap`` and ``column_ap`` are mean APs of the softmax's log-odds and of the
    logits as they are, ``chance`` that of logits that tell nothing: the mean share of a class.
    """

    softmax_loss: float
    sigmoid_loss: float
    difference: float
    softmax_ap: float
    column_ap: float
    chance: float

    @property
    def better(self) -> str:
        """Activation that predicts the labels clearly better: softmax, sigmoid, or ""."""
        if abs(self.difference) < CLEAR:
            return ""
        return SOFTMAX if self.difference > 0 else SIGMOID


def fit_activations(
    logits: NDArray, label: NDArray, other: NDArray | None = None
) -> ActivationFit | None:
    """Return the comparison on logits ``(n, K)``, labels ``(n, K)`` 0/1, -1 if unknown, and logits
    ``(n, M)`` of a softmax's other classes; None with fewer than 30 images of a known class, or
    fewer than two classes."""
    other = np.empty((len(logits), 0)) if other is None else other
    finite = np.isfinite(logits).all(axis=1) & np.isfinite(other).all(axis=1)
    rows = np.flatnonzero(finite & ((label == 1).sum(axis=1) == 1))
    if len(rows) < LEAST_IMAGES or logits.shape[1] < 2:
        return None
    if len(rows) > MOST_IMAGES:
        rows = np.sort(np.random.default_rng(0).choice(rows, MOST_IMAGES, replace=False))
    own, other, positive = logits[rows].astype(np.float64), other[rows], label[rows] == 1
    every = np.hstack([own, other])
    free = _size(every - every.mean(axis=1, keepdims=True))  # of a constant per image
    softmax = _least_losses(lambda t: log_odds(own / t, other / t), positive, free)
    sigmoid = _least_losses(lambda t: own / t, positive, _size(own))
    return ActivationFit(
        float(softmax.mean()),
        float(sigmoid.mean()),
        _standardized(sigmoid - softmax),
        _mean_ap(log_odds(own, other), positive),
        _mean_ap(own, positive),
        float(positive.mean(axis=0)[positive.any(axis=0)].mean()),
    )


def _size(values: NDArray) -> float:
    """Return the root mean square of values; 1 if all are 0."""
    return float(np.sqrt(np.mean(values**2))) or 1.0


def _least_losses(at: Callable[[float], NDArray], positive: NDArray, size: float) -> NDArray:
    """Return the log loss of each image (n,) at the temperature with the least mean loss; ``at``
    returns the log-odds (n, K) at a temperature, of logits of this ``size``."""
    from scipy.optimize import minimize_scalar  # noqa: PLC0415 - takes long to load

    def losses(log_temperature: float) -> NDArray:
        values = at(size * math.exp(log_temperature))
        return np.logaddexp(0, np.where(positive, -values, values)).sum(axis=1)

    best = minimize_scalar(lambda t: losses(t).mean(), bounds=_LOG_TEMPERATURES, method="bounded")
    return losses(best.x)


def _standardized(differences: NDArray) -> float:
    """Return the mean of differences (n,) in standard errors; 0 if all are 0."""
    error = differences.std(ddof=1) / math.sqrt(len(differences))
    return float(differences.mean() / error) if error else 0.0


def _mean_ap(values: NDArray, positive: NDArray) -> float:
    """Return the mean AP of the classes that have positives."""
    present = np.flatnonzero(positive.any(axis=0))
    return float(np.mean([average_precision(positive[:, k], values[:, k]) for k in present]))
