"""Point metrics of one class. A metric that is undefined is nan, never 0.

Labels are 1 (present), 0 (absent) or -1 (ignored). Decisions are those of decisions.py, for teacher
and student alike.

==========  =====================================================================================
ap          average precision, as scikit-learn's (weighted_ap.py)
ap11        VOC 2007's 11-point average precision (weighted_ap.py)
accuracy    (TP + TN) / n
precision   TP / (TP + FP); undefined without positive decisions
recall      TP / (TP + FN); undefined without positives, and so are ap and ap11
f1          2 TP / (2 TP + FP + FN)
fidelity    share of all images, labelled or not, that student and teacher decide alike
brier, ece  calibration.py
==========  =====================================================================================
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inficond_panel.distill.metrics.outcome import Outcome
from inficond_panel.distill.scores.array_api import check_weights
from inficond_panel.distill.scores.scores import Array
from inficond_panel.vocabulary.metrics import AP, AP11, METRICS


@dataclass(frozen=True)
class ClassMetrics:
    """Metrics of one student against labels and teacher.

    Against the labels, over the ``n`` labelled images: average precision of student and teacher,
    precision, recall, f1, accuracy, and ``ap11``, ``brier``, ``ece``. Against the teacher, over
    all images: ``fidelity`` (share decided alike), ``constant_fidelity`` (the best constant
    student's), ``logit_correlation`` (Pearson), ``differ`` (number decided differently).
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
    ap11: float = np.nan
    brier: float = np.nan
    ece: float = np.nan


def class_metrics(
    label: NDArray, student_logit: NDArray, teacher_logit: NDArray, threshold: float = 0.0
) -> ClassMetrics:
    """All point metrics of one class of many per image, for labels and logits of shape (n,)."""
    teacher = Outcome(label, teacher_logit, cutoff=threshold)
    return measure(Outcome(label, student_logit, teacher.all_decided, threshold), teacher)


def measure(student: Outcome, teacher: Outcome) -> ClassMetrics:
    """All point metrics, from outcomes on the same images; the teacher's may serve many students.

    The student's outcome must know the teacher's decisions.
    """
    n, positives = len(student.positive), int(student.positive.sum())
    images = len(student.all_logits)
    share = float(np.mean(teacher.all_decided)) if images else np.nan
    return ClassMetrics(
        **{metric: student.value(metric) for metric in METRICS},
        teacher_ap=teacher.value(AP.key),
        constant_fidelity=max(share, 1 - share),
        logit_correlation=correlation(student.all_logits, teacher.all_logits),
        n=n,
        positives=positives,
        negatives=n - positives,
        differ=int(np.count_nonzero(~student.alike)),
    )


def average_precision(
    label: NDArray, score: NDArray, sample_weight: NDArray | None = None
) -> float:
    """Sum over the ranking of (recall gained) × precision, ties as one step; nan without positives.

    Equal to scikit-learn's ``average_precision_score``. Images with label -1 are left out. Raises
    DataError as ``check_outcomes`` and ``check_weights``.
    """
    return _by_weights(AP.key, label, score, sample_weight)


def average_precision_11(
    label: NDArray, score: NDArray, sample_weight: NDArray | None = None
) -> float:
    """VOC 2007's average precision over eleven recalls; arguments as in average_precision."""
    return _by_weights(AP11.key, label, score, sample_weight)


def _by_weights(
    metric: str, label: NDArray, score: NDArray, sample_weight: NDArray | None
) -> float:
    outcome = Outcome(label, score)
    if sample_weight is None:
        return outcome.value(metric)
    weights = np.asarray(sample_weight)
    check_weights(weights)
    return float(outcome.values(metric, weights[None, outcome.known])[0])


def correlation(a: Array, b: Array) -> float:
    """Pearson correlation of two columns (n,); nan where one of them is constant."""
    if len(a) < 2:
        return np.nan
    a, b = a - a.mean(), b - b.mean()
    scale = np.sqrt((a @ a) * (b @ b))
    return float(np.clip((a @ b) / scale, -1, 1)) if scale > 0 else np.nan
