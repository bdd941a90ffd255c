"""What-if curves: metrics over one influence, the others unchanged or refitted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from inficond_panel.distill import (
    Band,
    ClassMetrics,
    Fit,
    Interval,
    Outcome,
    WhatIf,
    change_band,
    change_intervals,
    decision_function,
    influence_axis,
    measure,
    refit_what_if,
    what_if_curve,
)
from inficond_panel.distill.refits import Cancelled, RefitPoint, refit_grid, refit_points
from inficond_panel.distill.solver.centred_bounds import free_range
from inficond_panel.tuning.fitting.fit_data import scores_on
from inficond_panel.tuning.fitting.recipe import solve_joint, start_from
from inficond_panel.tuning.repairs.cross_fit import logits_if
from inficond_panel.tuning.student import Student
from inficond_panel.tuning.thumbs import box
from inficond_panel.tuning.tuner import Tuner
from inficond_panel.vocabulary.metrics import DECISIONS, FIDELITY

#: Metrics whose change has an interval at each point.
CHANGES = (*DECISIONS, FIDELITY.key)


@dataclass(frozen=True)
class CurvePoint:
    """One point of a what-if curve: metrics on a split with one influence fixed at a value.

    ``changes`` are differences from the node's student, by metric of ``CHANGES``. ``level`` counts
    refinements of the grid, ``share`` is the part of all points computed so far.
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
    """Yield points of a what-if curve with the other influences refitted, coarse to fine.

    Refits are on the split ``fit`` by the exact solver (``distill.refit_what_if``), within the
    node's bounds except a bound on the concept itself, and measured on the student's split:
    cross-fitted where the student has spent its images. Stop iterating to stop the work.
    """
    scores, labels = scores_on(student.store, student.split), student.labels
    now = student.outcome
    teacher = tuner.teacher_outcomes(student.split)[student.class_name]
    noise = tuner.spec.views.noise()
    spent = student.class_name in tuner.spent(student.node, student.split)
    key, weight = (student.class_name, concept), student.weight(concept)
    solve = _joint_points if tuner.joint else _points
    for point in solve(tuner, student, concept, levels, cancelled):
        logits = decision_function(
            scores, point.fit.weights, point.fit.intercepts, tuner.spec.students.link
        )
        logit, cutoff, present = logits[:, 0], student.cutoff, point.influence == weight
        if tuner.joint:  # the other classes are refitted too
            logit, cutoff = logits[:, student.column], tuner.cutoffs(logits).of(student.column)
        if spent and not present:
            held = {key: (point.influence, point.influence)}
            logit = logits_if(tuner, student.node, student.class_name, held=held)
        given = labels, logit, student.teacher_decided, cutoff
        outcome = now if present else Outcome(*given, group=student.groups)
        metrics = measure(outcome, teacher)
        changes = change_intervals(now, outcome, CHANGES, **noise)
        yield CurvePoint(point.influence, metrics, changes, point.level, point.share, point.fit)


def _points(
    tuner: Tuner, student: Student, concept: str, levels: int, cancelled: Cancelled | None
) -> Iterator[RefitPoint]:
    """Return the refits of one class's student along the influence axis."""
    data, concepts, k = tuner.data_at(student.node), tuner.store.concepts, student.column
    lower, upper = box(student.node.bounds, [student.class_name], concepts)
    settings = tuner.spec.students
    return refit_what_if(
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


def _joint_points(
    tuner: Tuner, student: Student, concept: str, levels: int, cancelled: Cancelled | None
) -> Iterator[RefitPoint]:
    """Return the refits of the joint student, all classes together.

    Influences that the bounds of other classes do not allow are left out.
    """
    data, store, k = tuner.data_at(student.node), tuner.store, student.column
    c, now = store.concepts.index(concept), student.weight(concept)
    lower, upper = box(student.node.bounds, store.classes, store.concepts)
    least, most = free_range(lower[c], upper[c], k)

    def solve(influence: float, near: Fit) -> Fit:
        lower[c, k] = upper[c, k] = influence
        return solve_joint(
            data,
            start=near,
            lower=lower,
            upper=upper,
            tolerance=tuner.spec.students.tolerance,
            cancelled=cancelled,
        )

    plan = refit_grid(now, *influence_axis(student.weights, now), levels)
    plan = [(level, v) for level, v in plan if v == now or least <= v <= most]
    start = start_from(student.node, range(len(store.classes)))
    return refit_points(solve, now, start, plan)


def exact_curves(student: Student, concept: str) -> WhatIf:
    """Return exact curves of the decision metrics over one influence, the others unchanged."""
    weight = student.weight(concept)
    return what_if_curve(
        student.slope(concept),
        student.logits,
        weight,
        student.labels,
        *influence_axis(student.weights, weight),
        cutoff=student.cutoff,
        teacher=student.teacher_decided,
    )


def change_along(
    student: Student, concept: str, metric: str, grid: np.ndarray, draws: int, level: float
) -> Band:
    """Return the change of a metric, with interval, over an ascending ``grid`` of one influence."""
    return change_band(
        student.slope(concept),
        student.logits,
        student.weight(concept),
        student.labels,
        grid,
        metric,
        draws,
        level=level,
        cutoff=student.cutoff,
        teacher=student.teacher_decided,
        group=student.groups,
    )
