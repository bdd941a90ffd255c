"""The noise of what-if curves: metrics over one influence as the change from now."""

from __future__ import annotations

import numpy as np

from inficond_panel.distill import Band, change_band
from inficond_panel.tuning import Student
from inficond_panel.vocabulary.confidence import CONFIDENCE


def change_along(
    student: Student,
    concept: str,
    metric: str,
    grid: np.ndarray,
    draws: int = 200,
    level: float = CONFIDENCE,
) -> Band:
    """Change of one metric along an ascending grid of influences, with its paired interval."""
    return change_band(
        student.slope(concept),
        student.logits,
        student.weight(concept),
        student.labels,
        grid,
        metric,
        draws,
        level=level,
        threshold=student.threshold,
        teacher=student.teacher_logits,
    )
