"""Rules by which a task is done."""

from __future__ import annotations

from dataclasses import dataclass

from inficond_panel.study.spec.tasks import (
    DoneWhen,
    GainsBy,
    IterationsMade,
    ParticipantSays,
    ReachesTeacher,
    ReachesValue,
)
from inficond_panel.tuning import Student
from inficond_panel.vocabulary.metrics import AP
from inficond_panel.vocabulary.splits import TUNE

SPLIT = TUNE
ITERATIONS = "iterations"  #: what a standing counts, where it is no metric


@dataclass(frozen=True)
class Standing:
    """Standing of a task: ``value`` of ``what``, and the ``target`` that it is to reach.

    Both are None where the participant decides when it is done; ``value`` is nan where undefined.
    """

    what: str
    value: float | None
    target: float | None

    @property
    def done(self) -> bool:
        """True if the target is reached."""
        if self.value is None or self.target is None:
            return False
        return self.value >= self.target


def standing(rule: DoneWhen, start: Student, student: Student, iterations: int) -> Standing:
    """Standing of a student, after so many ``iterations`` from ``start``."""
    if isinstance(rule, ParticipantSays):
        return Standing("", None, None)
    if isinstance(rule, IterationsMade):
        return Standing(ITERATIONS, iterations, rule.count)
    now = student.metrics
    if isinstance(rule, ReachesTeacher):
        return Standing(AP.key, now.ap, now.teacher_ap - rule.margin)
    if isinstance(rule, ReachesValue):
        return Standing(rule.metric, getattr(now, rule.metric), rule.value)
    assert isinstance(rule, GainsBy)
    before = getattr(start.metrics, rule.metric)
    return Standing(rule.metric, getattr(now, rule.metric), before + rule.by)
