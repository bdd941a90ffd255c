"""Students of one class over lambda: AP with its interval, fidelity, and the concepts left."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from inficond_panel.common.blas_threads import one_thread
from inficond_panel.distill import Interval, Outcome, metric_intervals
from inficond_panel.tuning.cures.resolution import joint_fit, lambda_path
from inficond_panel.tuning.intents.intent import check_name
from inficond_panel.tuning.node import Node
from inficond_panel.tuning.tuner import Tuner
from inficond_panel.vocabulary.metrics import AP, FIDELITY

#: Metrics of a student that lambda is judged by.
MEASURED = (AP.key, FIDELITY.key)


@dataclass(frozen=True)
class PenaltyPoint:
    """The student at one ``value`` of lambda; ``now`` where that is the one in force.

    ``concepts`` counts its weights that are not 0. ``metrics`` are those of ``MEASURED`` by key, on
    the images of a split, with their bootstrap intervals over these.
    """

    value: float
    now: bool
    concepts: int
    metrics: dict[str, Interval]


def penalty_path(
    tuner: Tuner, node: Node, class_name: str, split: str = "tune"
) -> list[PenaltyPoint]:
    """Students of a class at ``node`` over lambda, other terms and bounds in force.

    The values are those that ``lambda: auto`` tries, and the one in force. Looks at the holdout are
    the caller's to count. Raises ``TuningError`` for a class that is not there.
    """
    check_name("class", class_name, tuner.store.classes)
    student, own = tuner.cures.class_fit(node, class_name), tuner.at(node, split)[class_name]
    plain = student.under(replace(student.terms, penalty=None))
    here = student.data.lambda_of(student.k)
    with one_thread():
        values = sorted({*lambda_path(plain), here})
        tried = [replace(student.terms, penalty=value) for value in values]
        if tuner.joint:
            fits = [student.under(terms).base for terms in tried]
        else:
            found = joint_fit(student, tried, student.lower, student.upper)
            fits = [found.at(np.array([place])) for place in range(len(values))]
    points, each = [], student.logits_of_each(fits, own.scores)
    for value, fit, logits in zip(values, fits, each, strict=True):
        outcome = Outcome(own.labels, logits, own.teacher_logits, own.threshold)
        left = int(np.count_nonzero(fit.weights[:, 0]))
        measured = metric_intervals(outcome, MEASURED, **tuner.spec.views.noise())
        points.append(PenaltyPoint(value, value == here, left, measured))
    return points
