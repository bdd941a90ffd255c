"""What-if curves: metrics over one influence, the others unchanged or refitted.

Where a thumb adjusts targets, the refitted curve is the path of thumbs: each of its points is what
a thumb gives.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from inficond_panel.common.interval import Interval
from inficond_panel.distill import (
    Band,
    ClassMetrics,
    Fit,
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
from inficond_panel.tuning import Intent, Node, Student, Tuner
from inficond_panel.tuning.fitting.images import scores_on
from inficond_panel.tuning.fitting.recipe import solve_all, start_from
from inficond_panel.tuning.fitting.terms import Terms
from inficond_panel.tuning.repairs.cross_fit import logits_if
from inficond_panel.tuning.thumb_targets import thumb_path
from inficond_panel.tuning.thumbs import box, short_words
from inficond_panel.vocabulary.intents import TARGET
from inficond_panel.vocabulary.metrics import DECISIONS, FIDELITY

#: Metrics whose change has an interval at each point.
CHANGES = (*DECISIONS, FIDELITY.key)


@dataclass(frozen=True)
class CurvePoint:
    """One point of a what-if curve: metrics on a split of a student with another influence.

    ``thumb`` is the thumb that gives the influence; None for the node's student, and where the
    influence is fixed. Points are drawn in the order of ``place``: what thumbs on the concept then
    add to its targets (``Adjustment.gain``), or the influence. ``changes`` are differences from the
    node's student, by metric of ``CHANGES``. ``level`` counts refinements of the grid, ``share`` is
    the part of all points computed so far.
    """

    influence: float
    metrics: ClassMetrics
    changes: Mapping[str, Interval]
    level: int
    share: float
    fit: Fit
    place: float
    thumb: Intent | None = None

    @property
    def words(self) -> str:
        """The point's thumb, such as ``▲ ×2``; ``now`` without one."""
        return short_words(self.thumb) if self.thumb else "now"


def refit_curve(
    tuner: Tuner,
    student: Student,
    concept: str,
    *,
    levels: int = 4,
    cancelled: Cancelled | None = None,
) -> Iterator[CurvePoint]:
    """Yield points of a what-if curve with the other influences refitted, coarse to fine.

    If a thumb adjusts targets (``Tuner.refit`` target), the points are thumbs on the concept, from
    ▼ to ▲ (``thumb_path``), and each is the student of their preview. Else they are values of the
    influence: refits on the split ``fit`` by the exact solver (``distill.refit_what_if``), within
    the node's bounds except a bound on the concept itself. Metrics are those on the student's
    split: cross-fitted where the student has spent its images. Stop iterating to stop the work.
    Raises ``TuningError`` for a concept on which a thumb changes nothing.
    """
    curve = _thumb_curve if tuner.refit == TARGET else _held_curve
    yield from curve(tuner, student, concept, levels, cancelled)


def _thumb_curve(
    tuner: Tuner, student: Student, concept: str, levels: int, cancelled: Cancelled | None
) -> Iterator[CurvePoint]:
    """Yield the points of ``refit_curve`` at thumbs: the students that previews of them show."""
    name, node, noise = student.class_name, student.node, tuner.spec.views.noise()
    plan = thumb_path(tuner.spec.views.factors, tuner.spec.tuning.factor, levels)
    for done, (level, sized) in enumerate(plan, start=1):
        thumb = None if sized is None else Intent(name, concept, *sized)
        at = node if thumb is None else tuner.preview(node, [thumb], cancelled)
        after = tuner.at(at, student.split)[name]
        yield CurvePoint(
            after.weight(concept),
            after.metrics,
            change_intervals(student.outcome, after.outcome, CHANGES, **noise),
            level,
            done / len(plan),
            start_from(at, range(len(tuner.store.classes)) if tuner.joint else [after.column]),
            _own_gain(tuner, at, name, concept),
            thumb,
        )


def _own_gain(tuner: Tuner, node: Node, class_name: str, concept: str) -> float:
    """Return what thumbs on this one concept add to the targets of a class at ``node``."""
    adjusted = tuner.terms(node).get(class_name, Terms()).adjusted
    return next((each.gain for each in adjusted if each.concepts == (concept,)), 0.0)


def _held_curve(
    tuner: Tuner, student: Student, concept: str, levels: int, cancelled: Cancelled | None
) -> Iterator[CurvePoint]:
    """Yield the points of ``refit_curve`` at fixed influences."""
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
        at = point.influence
        yield CurvePoint(at, metrics, changes, point.level, point.share, point.fit, at)


def _points(
    tuner: Tuner, student: Student, concept: str, levels: int, cancelled: Cancelled | None
) -> Iterator[RefitPoint]:
    """Return the refits of one class's student along the influence axis."""
    data, concepts, k = tuner.data_at(student.node), tuner.store.concepts, student.column
    lower, upper = box(student.node.bounds, [student.class_name], concepts)
    settings = tuner.spec.students
    return refit_what_if(
        data.problem([k]).within(lower, upper),
        concepts.index(concept),
        start_from(student.node, [k]),
        *influence_axis(student.weights, student.weight(concept)),
        levels=levels,
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
        return solve_all(
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
