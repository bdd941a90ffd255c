"""Agreement of student and teacher, and the discrepancy of concepts where they disagree."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inficond_panel.distill.metrics.checked_outcomes import check_decisions, check_outcomes
from inficond_panel.distill.metrics.outcome import decision_metrics
from inficond_panel.distill.scores.scores import Array


@dataclass(frozen=True)
class Counts:
    """Images of one label by who decides rightly (InFiConD, sec. 5, student performance view)."""

    both_right: int
    student_wrong: int
    both_wrong: int
    teacher_wrong: int

    @property
    def total(self) -> int:
        """Number of images."""
        return self.both_right + self.student_wrong + self.both_wrong + self.teacher_wrong


@dataclass(frozen=True)
class Agreement:
    """Counts among the positive and among the negative images."""

    positives: Counts
    negatives: Counts

    def teacher_metrics(self) -> dict[str, float]:
        """Accuracy, precision, recall and f1 of the teacher; nan where undefined."""
        right, wrong = (
            [
                getattr(side, both) + getattr(side, alone)
                for side in (self.positives, self.negatives)
            ]
            for both, alone in (("both_right", "student_wrong"), ("both_wrong", "teacher_wrong"))
        )
        found = decision_metrics(tp=right[0], fp=wrong[1], fn=wrong[0], tn=right[1])
        return {name: float(value) for name, value in found.items()}


def agreement(label: NDArray, student: NDArray[np.bool_], teacher: NDArray[np.bool_]) -> Agreement:
    """Return the counts for labels 1 and 0, from the decisions of student and teacher, all (n,).

    Images with label -1 are left out.
    """
    label = np.asarray(label)
    check_outcomes(label)
    check_decisions(student, teacher)
    return Agreement(
        positives=_counts(student[label == 1], teacher[label == 1]),
        negatives=_counts(~student[label == 0], ~teacher[label == 0]),
    )


def _counts(student_right: NDArray, teacher_right: NDArray) -> Counts:
    return Counts(
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
    """Mean score of the images decided differently less the mean of the others (C,).

    Over the positive images, or over the negative ones, of scores (n, C), by the decisions of
    student and teacher (n,). nan where one of the two groups is empty.
    """
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
