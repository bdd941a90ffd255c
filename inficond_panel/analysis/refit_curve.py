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
from inficond_panel.tuning.node import Node
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
    node: Node,
    class_name: str,
    concept: str,
    split: str = "tune",
    *,
    levels: int = 4,
    cancelled: Cancelled | None = None,
) -> Iterator[CurvePoint]:
    """Yield points over the influence axis, coarse to fine; see ``distill.refit_what_if``.

    Solved on the split ``fit`` by the exact solver, within the bounds in force at the node, but
    for one on the concept itself. Stop asking to stop.
    """
    store, data = tuner.store, tuner.fit_data
    k, c = store.classes.index(class_name), store.concepts.index(concept)
    weights, rows = node.weights[:, k], store.rows(split)
    scores, label = store.concept_score[rows], store.label[rows, k]
    teacher, threshold = store.teacher_logit[rows, k], tuner.threshold(class_name)
    now = Outcome(label, tuner.logits(node)[rows, k], teacher, threshold)
    lower, upper = box(node.bounds, [class_name], store.concepts)
    students = tuner.spec.students
    points = refit_what_if(
        data.gathered,
        data.targets[:, k],
        c,
        start_from(node, [k]),
        *influence_axis(weights, float(weights[c])),
        levels=levels,
        l1=float(data.l1[k]),
        l2=float(data.l2[k]),
        lower=lower[:, 0],
        upper=upper[:, 0],
        sample_weight=data.weight(k),
        tolerance=students.tolerance if students.solver == "exact" else 1e-6,
        cancelled=cancelled,
    )
    for point in points:
        logit = decision_function(scores, point.fit.weights, point.fit.intercepts)[:, 0]
        found = class_metrics(label, logit, teacher, threshold)
        changes = change_intervals(now, Outcome(label, logit, teacher, threshold), CHANGES)
        yield CurvePoint(point.influence, found, changes, point.level, point.share, point.fit)
