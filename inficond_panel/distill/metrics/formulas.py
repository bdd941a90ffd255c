"""Formulas of the metrics of one class, and the numbers of one student.

A new metric is its record in ``vocabulary/metrics.py``, and here a field of ``ClassMetrics`` and a
formula: of decisions in ``decision_metrics``, of a mean over images in ``ERRORS_OF_IMAGES``; all
intervals, tables, files and the model card follow. Ranks are in weighted_ap.py, bins in
calibration.py.

==========  =====================================================================================
ap          average precision, as scikit-learn's (weighted_ap.py)
accuracy    (TP + TN) / n
precision   TP / (TP + FP); undefined without positive decisions
recall      TP / (TP + FN); undefined without positives, and so is ap
f1          2 TP / (2 TP + FP + FN)
fidelity    share of all images, labelled or not, on which student and teacher decide alike
brier, ece  calibration.py
==========  =====================================================================================
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inficond_panel.distill.sources import Array
from inficond_panel.vocabulary.metrics import ACCURACY, BRIER, F1, PRECISION, RECALL

_Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class ClassMetrics:
    """Metrics of one student against labels and teacher.

    Against the labels, over the ``n`` labelled images: average precision of student and teacher,
    precision, recall, f1, accuracy, ``brier`` and ``ece``. Against the teacher, over
    all images: ``fidelity`` (share of equal decisions), ``constant_fidelity`` (of the best constant
    decision), ``logit_correlation`` (Pearson), ``differ`` (number of different decisions).
    """

    ap: float
    teacher_ap: float
    precision: float
    recall: float
    f1: float
    accuracy: float
    fidelity: float
    constant_fidelity: float
    logit_correlation: float
    n: int
    positives: int
    negatives: int
    differ: int
    brier: float = np.nan
    ece: float = np.nan


def decision_metrics(
    tp: float | NDArray, fp: float | NDArray, fn: float | NDArray, tn: float | NDArray
) -> dict[str, Array]:
    """Return accuracy, precision, recall and f1, by name, from counts of any one shape."""
    return {
        ACCURACY.key: ratio(np.add(tp, tn), np.add(np.add(tp, tn), np.add(fp, fn))),
        PRECISION.key: ratio(tp, np.add(tp, fp)),
        RECALL.key: ratio(tp, np.add(tp, fn)),
        F1.key: ratio(np.multiply(2, tp), np.add(np.multiply(2, tp), np.add(fp, fn))),
    }


#: Masks of the images that a metric is a share of, from masks of the images that have the class and
#: of those that are named; F1 follows from such a share (few_images.py). By key.
SHARE_OF: dict[str, Callable[[_Mask, _Mask], _Mask]] = {
    ACCURACY.key: lambda positive, decided: np.ones(len(positive), dtype=bool),
    PRECISION.key: lambda positive, decided: decided,
    RECALL.key: lambda positive, decided: positive,
    F1.key: lambda positive, decided: positive | decided,
}


def ratio(part: float | NDArray, whole: float | NDArray) -> Array:
    """Return part / whole, nan where whole is 0."""
    whole = np.asarray(whole, dtype=np.float64)
    return np.divide(part, whole, out=np.full(whole.shape, np.nan), where=whole > 0)


def squared_error(probability: Array, positive: _Mask) -> Array:
    """Return the squared error (n,) of each image's probability of "present"."""
    return (probability - positive) ** 2


#: Functions of the error per image, by the key of the metric that is their mean.
ERRORS_OF_IMAGES: dict[str, Callable[[Array, _Mask], Array]] = {BRIER.key: squared_error}
