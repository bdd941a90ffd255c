"""Students of one class over lambda: AP with its interval, fidelity, and the concepts left.

With them what ``lambda: auto`` would take there, which need not be the one of highest AP."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from inficond_panel.common.blas_threads import one_thread
from inficond_panel.distill import Fit, Interval, Outcome, metric_intervals
from inficond_panel.distill.scores.scores import Array
from inficond_panel.tuning.cures.choice import choose
from inficond_panel.tuning.cures.resolution import (
    enough,
    judging,
    lambdas_tried,
    logits_of_tune,
)
from inficond_panel.tuning.fitting.class_fit import ClassFit
from inficond_panel.tuning.fitting.held_out import fit_each, learns_from_tune, unseen_logits
from inficond_panel.tuning.fitting.terms import Terms
from inficond_panel.tuning.intents.intent import check_name
from inficond_panel.tuning.node import Node
from inficond_panel.tuning.student import Student
from inficond_panel.tuning.tuner import Tuner
from inficond_panel.vocabulary.metrics import AP, FIDELITY
from inficond_panel.vocabulary.splits import TUNE

#: Metrics of a student that lambda is judged by.
MEASURED = (AP.key, FIDELITY.key)


@dataclass(frozen=True)
class PenaltyPoint:
    """The student at one ``value`` of lambda; ``now`` where that is the one in force.

    ``auto`` where it is the one that ``lambda: auto`` would take. ``concepts`` counts its weights
    that are not 0. ``metrics`` are those of ``MEASURED`` by key, on the images of a split, with
    their bootstrap intervals over these.
    """

    value: float
    now: bool
    auto: bool
    concepts: int
    metrics: dict[str, Interval]


@dataclass(frozen=True)
class AutoChoice:
    """What ``lambda: auto`` would take alone, and why, by the labels of tune.

    ``best`` is the lambda of highest AP, ``first`` the one to stay with; ``gain`` the AP of the
    best less that of the first, and ``error`` its standard error.
    """

    taken: float
    best: float
    first: float
    gain: float
    error: float


@dataclass(frozen=True)
class PenaltyPath:
    """Points of growing lambda; ``auto`` is None where these students or labels allow no choice."""

    points: tuple[PenaltyPoint, ...]
    auto: AutoChoice | None


def penalty_path(tuner: Tuner, node: Node, class_name: str, split: str = TUNE) -> PenaltyPath:
    """Students of a class at ``node`` over lambda, other terms and bounds in force.

    The values are those that ``lambda: auto`` tries, and the one in force. Looks at the holdout are
    the caller's to count. Raises ``TuningError`` for a class that is not there.
    """
    check_name("class", class_name, tuner.store.classes)
    student, own = tuner.cures.class_fit(node, class_name), tuner.at(node, split)[class_name]
    here = student.data.lambda_of(student.k)
    with one_thread():
        path = lambdas_tried(student, student.terms)
        values = sorted({*path, here})
        fits = _fits(tuner, student, values)
        auto = _auto(tuner, student, path, [fits[values.index(value)] for value in path])
        points, each = [], _logits(student, values, fits, own)
    for value, fit, logits in zip(values, fits, each, strict=True):
        cutoff = student.cutoff_of(fit, own.scores, own.cutoff)
        outcome = Outcome(own.labels, logits, own.teacher_decided, cutoff)
        left = int(np.count_nonzero(fit.weights[:, 0]))
        measured = metric_intervals(outcome, MEASURED, **tuner.spec.views.noise())
        taken = auto is not None and value == auto.taken
        points.append(PenaltyPoint(value, value == here, taken, left, measured))
    return PenaltyPath(tuple(points), auto)


def _fits(tuner: Tuner, student: ClassFit, values: list[float]) -> list[Fit]:
    tried = _tried(student, values)
    if tuner.joint:
        return [student.under(terms).base for terms in tried]
    found = fit_each(student, tried, student.lower, student.upper)
    return [found.at(np.array([place])) for place in range(len(values))]


def _tried(student: ClassFit, values: list[float]) -> list[Terms]:
    return [replace(student.terms, penalty=value) for value in values]


def _logits(student: ClassFit, values: list[float], fits: list[Fit], own: Student) -> Array:
    """Logits ``(len(fits), n)`` of the images of ``own``, by students that did not learn them."""
    if own.split == TUNE and learns_from_tune(student.terms, student.store):
        return unseen_logits(student, _tried(student, values))
    return student.logits_of_each(fits, own.scores)


def _auto(tuner: Tuner, student: ClassFit, path: list[float], fits: list[Fit]) -> AutoChoice | None:
    """The choice among the students ``fits`` of the values of ``path``, as the cure makes it."""
    judged = judging(tuner.cures.photos(student), student.terms)
    if tuner.cures.refused is not None or not enough(judged):
        return None
    if any(each.of_tune for each in student.terms.learned):
        tried = _tried(student, path)
        logits = logits_of_tune(judged, tried, student.lower, student.upper)
    else:
        logits = student.logits_of_each(fits, judged.tune_scores)
    made = choose(judged.tune_label, logits)
    return AutoChoice(path[made.taken], path[made.best], path[0], made.gain, made.error)
