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
from inficond_panel.tuning import Node, Tuner
from inficond_panel.vocabulary.metrics import AP

SPLIT = "tune"
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


def standing(
    rule: DoneWhen, tuner: Tuner, class_name: str, start: Node, node: Node, iterations: int
) -> Standing:
    """Standing of ``node``, after so many ``iterations`` from ``start``; metrics on tune."""
    if isinstance(rule, ParticipantSays):
        return Standing("", None, None)
    if isinstance(rule, IterationsMade):
        return Standing(ITERATIONS, iterations, rule.count)
    now = tuner.metrics(node, SPLIT)[class_name]
    if isinstance(rule, ReachesTeacher):
        return Standing(AP.key, now.ap, now.teacher_ap - rule.margin)
    if isinstance(rule, ReachesValue):
        return Standing(rule.metric, getattr(now, rule.metric), rule.value)
    assert isinstance(rule, GainsBy)
    before = getattr(tuner.metrics(start, SPLIT)[class_name], rule.metric)
    return Standing(rule.metric, getattr(now, rule.metric), before + rule.by)
