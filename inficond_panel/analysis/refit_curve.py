"""The refit what-if of a node: metrics over one influence, the other concepts re-optimised."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from inficond_panel.distill import (
    ClassMetrics,
    Fit,
    Interval,
    Outcome,
    change_intervals,
    class_metrics,
    decision_function,
    influence_axis,
    refit_what_if,
)
from inficond_panel.tuning.fitting.refit import Cancelled, start_from
from inficond_panel.tuning.intents.bounds import box
from inficond_panel.tuning.student import Student
from inficond_panel.tuning.tuner import Tuner
from inficond_panel.vocabulary.metrics import DECISIONS, FIDELITY

#: Metrics whose change has an interval at each point.
CHANGES = (*DECISIONS, FIDELITY.key)


@dataclass(frozen=True)
class CurvePoint:
    """Metrics on a split with one influence fixed; ``share`` of the points are known with it.

    ``changes`` are those from the node's student, by metric of ``CHANGES``.
    """

    influence: float
    metrics: ClassMetrics
    changes: dict[str, Interval]
    level: int
    share: float
    fit: Fit


def refit_curve(
    tuner: Tuner,
    student: Student,
    concept: str,
    *,
    levels: int = 4,
    cancelled: Cancelled | None = None,
) -> Iterator[CurvePoint]:
    """Yield points over the influence axis, coarse to fine; see ``distill.refit_what_if``.

    Solved on the split ``fit`` by the exact solver, within the bounds in force at the node, but
    for one on the concept itself; measured on the student's split. Stop asking to stop.
    """
    data, concepts, k = tuner.data_at(student.node), tuner.store.concepts, student.column
    lower, upper = box(student.node.bounds, [student.class_name], concepts)
    scores, labels, now = student.scores, student.labels, student.outcome
    beside = student.teacher_logits, student.threshold
    settings = tuner.spec.students
    points = refit_what_if(
        data.gathered,
        data.targets[:, k],
        concepts.index(concept),
        start_from(student.node, [k]),
        *influence_axis(student.weights, student.weight(concept)),
        levels=levels,
        l1=data.l1_of(k),
        l2=float(data.l2[k]),
        lower=lower[:, 0],
        upper=upper[:, 0],
        sample_weight=data.weight(k),
        tolerance=settings.tolerance if settings.solver == "exact" else 1e-6,
        cancelled=cancelled,
    )
    for point in points:
        logit = decision_function(scores, point.fit.weights, point.fit.intercepts)[:, 0]
        found = class_metrics(labels, logit, *beside)
        changes = change_intervals(now, Outcome(labels, logit, *beside), CHANGES)
        yield CurvePoint(point.influence, found, changes, point.level, point.share, point.fit)
