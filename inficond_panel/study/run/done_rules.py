"""Rules by which a task is done."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from inficond_panel.study.run.study_events import Event
from inficond_panel.study.spec.tasks import (
    AnswersGiven,
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
#: What a standing counts, where it is no metric, and its name on the page.
ITERATIONS, ANSWERS = "iterations", "answers"
COUNTED = {ITERATIONS: "Fine-tunes", ANSWERS: "Photos answered"}


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


def answered(events: Iterable[Event]) -> int:
    """Number of photos that a participant has answered yes or no, by the events of a task."""
    images: set[str] = set()
    for event in events:
        if event.action == "photo-answer" and event.payload["answer"] is not None:
            images.add(event.payload["image"])
        elif event.action == "photo-undo":
            images -= set(event.payload["images"])
    return len(images)


def standing(
    rule: DoneWhen, start: Student, student: Student, iterations: int, answers: int = 0
) -> Standing:
    """Standing of a student, after so many ``iterations`` from ``start`` and photos answered."""
    if isinstance(rule, ParticipantSays):
        return Standing("", None, None)
    if isinstance(rule, IterationsMade):
        return Standing(ITERATIONS, iterations, rule.count)
    if isinstance(rule, AnswersGiven):
        return Standing(ANSWERS, answers, rule.count)
    now = student.metrics
    if isinstance(rule, ReachesTeacher):
        return Standing(AP.key, now.ap, now.teacher_ap - rule.margin)
    if isinstance(rule, ReachesValue):
        return Standing(rule.metric, getattr(now, rule.metric), rule.value)
    assert isinstance(rule, GainsBy)
    before = getattr(start.metrics, rule.metric)
    return Standing(rule.metric, getattr(now, rule.metric), before + rule.by)
