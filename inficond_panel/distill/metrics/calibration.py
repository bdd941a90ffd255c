"""Calibration of probabilities, Brier score and ECE; checks of labels, logits and decisions.

The probability of a class is sigmoid(logit); the decision threshold plays no part. The probability
of "present" is evaluated, not the larger of "present" and "absent": for a rare class the larger is
near 1 whatever the student's logit.

ECE (Naeini, Cooper, Hauskrecht 2015, AAAI, "Obtaining well calibrated probabilities using
Bayesian binning"; Guo et al. 2017, ICML, eq. 3): images are sorted into B bins by probability, and

    ECE = sum_b (n_b / n) |mean label in b - mean probability in b|

Bins are of equal width, (0, 1/B], (1/B, 2/B], ..., as in Guo et al.; or of equal mass, cut at the
ranks of the probabilities (Nixon et al. 2019, CVPR workshops, "Measuring calibration in deep
learning"), where images of equal probability share a bin. ECE is biased upwards: noise in a bin
adds to ECE and never reduces it. ``ece_floor`` estimates the bias for a perfect student.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from inficond_panel.distill.metrics.formulas import squared_error
from inficond_panel.distill.sources import Array, check_finite
from inficond_panel.errors import DataError


def check_outcomes(label: NDArray, *logits: NDArray, classes: int = 2) -> None:
    """Raise DataError for invalid labels (n,) or logits (n rows each).

    A label is 1, 0 or -1 (ignored); with one class per image it is the index of one of the
    ``classes``, or -1. A logit is a finite number.
    """
    wrong = label[~np.isin(label, np.arange(-1, classes))]
    if len(wrong):
        raise DataError(
            f"{len(wrong)} of {len(label)} labels are not between -1 and {classes - 1}: the first "
            f"is {wrong[0]}.",
            "Give 1 for present, 0 for absent and -1 for ignored."
            if classes == 2
            else "Give the index of the image's class, or -1 where it is unknown.",
        )
    for logit in logits:
        if len(logit) != len(label):
            raise DataError(
                f"There are {len(label)} labels and {len(logit)} rows of logits.",
                "Give one row for each image.",
            )
        if not np.isfinite(logit).all():
            check_finite(logit, "logits")


def check_decisions(*masks: NDArray) -> None:
    """Raise DataError if any of ``masks`` is not boolean; logits, for example, are not."""
    for mask in masks:
        if np.asarray(mask).dtype != np.bool_:
            raise DataError(
                f"Decisions are True or False, not {np.asarray(mask).dtype}.",
                "Convert logits with decided() of distill.metrics.outcome.",
            )


#: Bins of the ECE (Guo et al. 2017 use 15), and whether they hold equally many images.
BINS, EQUAL_MASS = 15, False


def brier(label: NDArray, logit: NDArray) -> float:
    """Return the mean of (probability - label)² over images with label 0 or 1; nan without any.

    Source: Brier 1950, Monthly Weather Review 78, in the form for one event.
    """
    probability, positive = _known(label, logit)
    return float(np.mean(squared_error(probability, positive))) if len(positive) else np.nan


def ece(label: NDArray, logit: NDArray, bins: int = BINS, equal_mass: bool = EQUAL_MASS) -> float:
    """Return the expected calibration error over images with label 0 or 1; nan without any.

    The ``bins`` are of equal width, or of equal mass if ``equal_mass``."""
    probability, positive = _known(label, logit)
    if not len(positive):
        return np.nan
    where = bin_of(probability, bins, equal_mass)
    return float(np.abs(np.bincount(where, probability - positive)).sum() / len(positive))


def ece_floor(logit: NDArray, bins: int = BINS, equal_mass: bool = EQUAL_MASS) -> float:
    """Return the expected ECE of a perfectly calibrated student with these logits (n,).

    With labels drawn from its probabilities p, the error of bin b has variance v_b = sum p(1 - p);
    E|error| is about sqrt(2 v_b / pi). (The idea of Bröcker and Smith 2007, Weather and
    Forecasting 22: what a reliable forecast would look like on as many images.)
    """
    logit = np.asarray(logit, dtype=np.float64)
    check_outcomes(np.zeros(len(logit), dtype=np.int8), logit)
    probability = expit(logit)
    if not len(probability):
        return np.nan
    where = bin_of(probability, bins, equal_mass)
    variance = np.bincount(where, probability * (1 - probability))
    return float(np.sqrt(2 / np.pi * variance).sum() / len(probability))


def bin_of(probability: Array, bins: int, equal_mass: bool) -> NDArray[np.intp]:
    """Return the bin of each probability (n,), from 0 to bins - 1.

    A bin of equal width includes its upper edge. With equal mass, an image with a probability above
    that of m of the n images is in bin floor(bins m / n).
    """
    if equal_mass:
        below = np.searchsorted(np.sort(probability), probability, side="left")
        return bins * below // len(probability)
    edges = np.linspace(0, 1, bins + 1)
    return np.searchsorted(edges[1:-1], probability, side="left")


def _known(label: NDArray, logit: NDArray) -> tuple[Array, NDArray[np.bool_]]:
    label = np.asarray(label)
    logit = np.asarray(logit, dtype=np.float64)
    check_outcomes(label, logit)
    known = label >= 0
    return expit(logit[known]), label[known] > 0
