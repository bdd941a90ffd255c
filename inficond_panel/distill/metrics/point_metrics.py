"""Point metrics of one class, and agreement with the teacher; nan where a metric is undefined.

Labels are 1 (present), 0 (absent) or -1 (ignored). Teacher and student decide by the rule in
outcome.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inficond_panel.distill.metrics.calibration import check_decisions, check_outcomes
from inficond_panel.distill.metrics.formulas import ClassMetrics, decision_metrics
from inficond_panel.distill.metrics.outcome import Outcome
from inficond_panel.distill.sources import Array, check_weights
from inficond_panel.distill.spread import LOGIT_ROUNDING, constant
from inficond_panel.vocabulary.metrics import AP, METRICS


def class_metrics(
    label: NDArray, student_logit: NDArray, teacher_logit: NDArray, threshold: float = 0.0
) -> ClassMetrics:
    """Return all point metrics of one class of a multi-label task, from labels (1, 0, -1) and
    logits (n,); student and teacher decide "present" above ``threshold``."""
    teacher = Outcome(label, teacher_logit, cutoff=threshold)
    return measure(Outcome(label, student_logit, teacher.all_decided, threshold), teacher)


def measure(student: Outcome, teacher: Outcome) -> ClassMetrics:
    """Return all point metrics, from outcomes of student and teacher on the same images.

    The student's outcome must hold the teacher's decisions; one teacher's outcome may be passed
    with many students.
    """
    n, positives = len(student.positive), int(student.positive.sum())
    share = float(np.mean(teacher.all_decided)) if len(student.all_logits) else np.nan
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
    """Return average precision, as scikit-learn's ``average_precision_score``.

    The sum over the ranking of (recall gained) × precision, ties as one step; nan without
    positives. Images with label -1 are left out. Raises DataError for invalid arguments.
    """
    outcome = Outcome(label, score)
    if sample_weight is None:
        return outcome.value(AP.key)
    weights = np.asarray(sample_weight)
    check_weights(weights)
    return float(outcome.values(AP.key, weights[None, outcome.known])[0])


def correlation(a: Array, b: Array) -> float:
    """Return the Pearson correlation of two columns (n,); nan if either is constant."""
    each = np.stack([a, b]).T  # each column lies in one piece, which is quicker
    if len(a) < 2 or constant(each, LOGIT_ROUNDING).any():
        return np.nan
    a, b = a - a.mean(), b - b.mean()
    scale = np.sqrt((a @ a) * (b @ b))
    return float(np.clip((a @ b) / scale, -1, 1)) if scale > 0 else np.nan


@dataclass(frozen=True)
class DecisionCounts:
    """Counts of images of one label by whether student and teacher decide rightly (InFiConD, sec.
    5, Student Performance)."""

    both_right: int
    student_wrong: int
    both_wrong: int
    teacher_wrong: int

    @property
    def total(self) -> int:
        """Number of images with this label."""
        return self.both_right + self.student_wrong + self.both_wrong + self.teacher_wrong


@dataclass(frozen=True)
class Agreement:
    """Counts of right and wrong decisions of student and teacher, for positive and for negative
    images."""

    positives: DecisionCounts
    negatives: DecisionCounts

    def teacher_metrics(self) -> dict[str, float]:
        """Return accuracy, precision, recall and f1 of the teacher, by name; nan if undefined."""
        right, wrong = (
            [
                getattr(side, both) + getattr(side, alone)
                for side in (self.positives, self.negatives)
            ]
            for both, alone in (("both_right", "student_wrong"), ("both_wrong", "teacher_wrong"))
        )
        metrics = decision_metrics(tp=right[0], fp=wrong[1], fn=wrong[0], tn=right[1])
        return {name: float(value) for name, value in metrics.items()}


def agreement(label: NDArray, student: NDArray[np.bool_], teacher: NDArray[np.bool_]) -> Agreement:
    """Count right and wrong decisions of student and teacher, from masks (n,) and labels (n,).

    Images with label -1 are left out."""
    label = np.asarray(label)
    check_outcomes(label)
    check_decisions(student, teacher)
    return Agreement(
        positives=_counts(student[label == 1], teacher[label == 1]),
        negatives=_counts(~student[label == 0], ~teacher[label == 0]),
    )


def _counts(student_right: NDArray, teacher_right: NDArray) -> DecisionCounts:
    return DecisionCounts(
        both_right=int(np.count_nonzero(student_right & teacher_right)),
        student_wrong=int(np.count_nonzero(~student_right & teacher_right)),
        both_wrong=int(np.count_nonzero(~student_right & ~teacher_right)),
        teacher_wrong=int(np.count_nonzero(student_right & ~teacher_right)),
    )


def discrepancy(
    scores: NDArray,
    label: NDArray,
    student: NDArray[np.bool_],
    teacher: NDArray[np.bool_],
    positives: bool,
) -> Array:
    """Return each concept's mean score (C,) where student and teacher decide differently, less its
    mean where they agree.

    Both means are over the positive images if ``positives``, else over the negative images.
    Scores are (n, C), decisions (n,). nan if they differ, or agree, on all of these images."""
    check_outcomes(np.asarray(label))
    check_decisions(student, teacher)
    chosen = np.asarray(label) == (1 if positives else 0)
    differs = student != teacher
    apart, alike = chosen & differs, chosen & ~differs
    if not apart.any() or not alike.any():
        return np.full(np.shape(scores)[1:], np.nan)
    return _mean(scores, apart) - _mean(scores, alike)


def _mean(scores: NDArray, rows: NDArray) -> Array:
    return np.asarray(scores)[rows].mean(axis=0, dtype=np.float64)
