"""Reliability diagrams and calibration error of logits, per class or pooled, and their entropy.

The reliability diagram (Murphy and Winkler 1977, Applied Statistics 26; Guo et al. 2017, ICML,
sec. 2) shows for each bin of images how often the class is there against the mean probability that
it is. The expected calibration error (ECE) is the mean distance from the diagonal, by images; bins
and formula are as in ``distill.calibration``. Lee et al. (BMVC 2023, eq. 5) take the ECE of the
softmax's likeliest class; with several labels an image each class has a probability of its own.
Pooled, each pair of an image and a class is one event.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import entr, expit

from inficond_panel.distill.metrics.calibration import BINS, bin_of, ece, ece_floor

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Reliability:
    """A reliability diagram; arrays ``(B,)``, nan for a bin without events.

    Bins reach from ``lower`` to ``upper`` (of equal mass: their least and largest probability).
    ``probability`` is the mean probability in a bin, ``frequency`` the share of its ``events`` in
    which the class is present. ``floor`` is the ECE that perfectly calibrated logits would show on
    as many events.
    """

    lower: Array
    upper: Array
    events: NDArray[np.int64]
    probability: Array
    frequency: Array
    ece: float
    floor: float
    equal_mass: bool


def reliability(
    label: NDArray, logit: NDArray, bins: int = BINS, equal_mass: bool = False
) -> Reliability:
    """Reliability diagram of labels (1, 0, or -1: left out) and logits, ``(n,)`` or ``(n, K)``.

    With ``(n, K)`` the classes are pooled. Bins are of equal width, or hold equally many events.
    """
    label, logit = np.asarray(label).ravel(), np.asarray(logit, dtype=np.float64).ravel()
    known = label >= 0
    probability, positive = expit(logit[known]), label[known] > 0
    where = bin_of(probability, bins, equal_mass) if len(probability) else np.zeros(0, np.intp)
    events = np.bincount(where, minlength=bins)
    lower, upper = np.linspace(0, 1, bins + 1)[:-1], np.linspace(0, 1, bins + 1)[1:]
    if equal_mass:
        lower, upper = _reach(probability, where, bins)
    return Reliability(
        lower=lower,
        upper=upper,
        events=events,
        probability=_mean(where, probability, events),
        frequency=_mean(where, positive.astype(np.float64), events),
        ece=ece(label, logit, bins, equal_mass),
        floor=ece_floor(logit[known], bins, equal_mass),
        equal_mass=equal_mass,
    )


def pooled_errors(
    label: NDArray, logit: NDArray, bins: int = BINS, equal_mass: bool = False
) -> tuple[Array, Array]:
    """Sums of probability less label of each image by bin ``(n, B)``, and its events ``(n,)``.

    Of labels and logits ``(n, K)``, pooled over the classes. For images counted ``c`` times the
    ECE is ``abs(c @ errors).sum() / (c @ events)``: the images keep their bins.
    """
    label, logit = np.asarray(label), np.asarray(logit, dtype=np.float64)
    known = label >= 0
    errors = np.zeros((len(label), bins))
    if known.any():
        probability = expit(logit[known])
        where = bin_of(probability, bins, equal_mass)
        np.add.at(errors, (np.nonzero(known)[0], where), probability - (label[known] > 0))
    return errors, known.sum(axis=1).astype(np.float64)


def entropy(logit: NDArray) -> Array:
    """Entropy of each output, in nats, of the shape of the logits: H(sigmoid(logit)).

    Its sum over classes is the entropy of an image's outputs taken as independent: what the
    softmax's entropy is for one label an image (Lee et al. 2023, sec. 4.1).
    """
    logit = np.asarray(logit, dtype=np.float64)
    return np.asarray(entr(expit(logit)) + entr(expit(-logit)))


def _reach(probability: Array, where: NDArray[np.intp], bins: int) -> tuple[Array, Array]:
    lower, upper = np.full(bins, np.inf), np.full(bins, -np.inf)
    np.minimum.at(lower, where, probability)
    np.maximum.at(upper, where, probability)
    empty = np.isinf(lower)
    return np.where(empty, np.nan, lower), np.where(empty, np.nan, upper)


def _mean(where: NDArray[np.intp], values: Array, events: NDArray[np.int64]) -> Array:
    total = np.bincount(where, values, minlength=len(events))
    return np.divide(total, events, out=np.full(len(events), np.nan), where=events > 0)
