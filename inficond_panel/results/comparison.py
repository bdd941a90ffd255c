"""Any two iterations side by side: intents, weights, metrics with their noise, changed sides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from inficond_panel.distill import ClassMetrics, Interval, Outcome, change_intervals, measure
from inficond_panel.distill.metrics.bootstrap import mean_change
from inficond_panel.results.churn import Churn, churn
from inficond_panel.results.compensation import Mover, moves
from inficond_panel.results.cross_fitted import chosen_on_tune, evaluation_outcome
from inficond_panel.tuning.documents import metrics_document
from inficond_panel.tuning.node import Node
from inficond_panel.tuning.replay import branch
from inficond_panel.tuning.student import Student
from inficond_panel.tuning.tuner import Tuner
from inficond_panel.vocabulary.confidence import Noise
from inficond_panel.vocabulary.metrics import METRICS
from inficond_panel.vocabulary.splits import TUNE


@dataclass(frozen=True)
class ClassComparison:
    """One class whose students differ.

    ``changes`` are after - before of each metric, with paired-bootstrap intervals over the images
    of the split; ``movers`` the concepts whose influence changed most, by logits (the change of
    the weight times the spread of the score on ``fit``); ``churn`` the images that changed sides.
    Metrics and changes are ``cross_fitted`` where the labels of the split chose terms of one of the
    two (``results.cross_fitted``).
    """

    class_name: str
    before: ClassMetrics
    after: ClassMetrics
    changes: dict[str, Interval]
    movers: tuple[Mover, ...]
    churn: Churn
    cross_fitted: bool = False


@dataclass(frozen=True)
class Comparison:
    """Two nodes on one split.

    ``ancestor`` is the latest node that both follow from; ``only_before`` and ``only_after`` are
    the iterations of each side since then, oldest first. ``mean_ap`` is the change in the mean AP
    over all classes with positives; ``classes`` holds those whose students differ, ``unchanged``
    names the others. Intervals are at ``level``.
    """

    before: Node
    after: Node
    split: str
    ancestor: Node
    only_before: tuple[Node, ...]
    only_after: tuple[Node, ...]
    level: float
    mean_ap: Interval
    classes: tuple[ClassComparison, ...]
    unchanged: tuple[str, ...]

    def of(self, class_name: str) -> ClassComparison:
        """The comparison of one class; ``KeyError`` where its students are the same."""
        return {item.class_name: item for item in self.classes}[class_name]

    def to_json(self) -> dict[str, Any]:
        """Plain data; what is undefined is None."""
        return {
            "before": _node(self.before),
            "after": _node(self.after),
            "split": self.split,
            "ancestor": _node(self.ancestor),
            "only_before": [_step(node) for node in self.only_before],
            "only_after": [_step(node) for node in self.only_after],
            "level": self.level,
            "mean_ap": change_document(self.mean_ap),
            "classes": {item.class_name: _class(item) for item in self.classes},
            "unchanged": list(self.unchanged),
        }


def compare(
    tuner: Tuner,
    before: Node,
    after: Node,
    split: str = TUNE,
    *,
    metrics: Sequence[str] = tuple(METRICS),
    draws: int | None = None,
    top: int = 10,
) -> Comparison:
    """Compare any two nodes of one history on ``split``; neither need follow from the other.

    Changes are from ``before`` to ``after``. Each class that differs tells its ``top`` movers.
    Looks at the holdout are the caller's to count.
    """
    old, new = branch(tuner, before), branch(tuner, after)
    shared = sum(a == b for a, b in zip(old, new, strict=False))
    same = (before.weights == after.weights).all(axis=0) & (before.intercepts == after.intercepts)
    names, noise = tuner.store.classes, tuner.spec.views.noise(draws)
    was, now = tuner.at(before, split), tuner.at(after, split)
    judged_before, judged_after = (
        [evaluation_outcome(tuner, node, split, name) for name in names] for node in (before, after)
    )
    return Comparison(
        before=before,
        after=after,
        split=split,
        ancestor=old[shared - 1],
        only_before=tuple(old[shared:]),
        only_after=tuple(new[shared:]),
        level=noise["level"],
        mean_ap=mean_change(judged_before, judged_after, **noise),
        classes=tuple(
            _compared(tuner, (was[name], now[name]), judged, metrics, noise, top)
            for name, kept, judged in zip(
                names, same, zip(judged_before, judged_after, strict=True), strict=True
            )
            if not kept
        ),
        unchanged=tuple(name for name, kept in zip(names, same, strict=True) if kept),
    )


def _compared(
    tuner: Tuner,
    students: tuple[Student, Student],
    judged: tuple[Outcome, Outcome],
    metrics: Sequence[str],
    noise: Noise,
    top: int,
) -> ClassComparison:
    """Comparison of two students, by their outcomes that may judge."""
    (before, after), concepts = students, tuner.store.concepts
    moved = moves(tuner.fit_data, concepts, before.weights, after.weights, (), top)
    chosen = after.split == TUNE and any(
        chosen_on_tune(tuner, each.node, each.class_name) for each in (before, after)
    )
    was, now = (_metrics(tuner, *each) for each in zip(students, judged, strict=True))
    movers = sorted((*moved.up, *moved.down), key=lambda mover: -abs(mover.change))
    return ClassComparison(
        class_name=after.class_name,
        before=was,
        after=now,
        changes=change_intervals(*judged, metrics, **noise),
        movers=tuple(movers[:top]),
        churn=churn(before, after),
        cross_fitted=chosen,
    )


def _metrics(tuner: Tuner, student: Student, judged: Outcome) -> ClassMetrics:
    """Metrics of the outcome that may judge a student."""
    if judged is student.outcome:
        return student.metrics
    return measure(judged, tuner.teacher_outcomes(student.split)[student.class_name])


def change_document(change: Interval) -> dict[str, Any]:
    """A change with its interval; None where undefined."""
    return {
        **change.json(),
        "within_noise": change.within_noise if np.isfinite(change.estimate) else None,
    }


def _node(node: Node) -> dict[str, Any]:
    return {"id": node.id, "number": node.number, "weights_hash": node.weights_hash}


def _step(node: Node) -> dict[str, Any]:
    return {**_node(node), "intents": [item.to_json() for item in node.asked]}


def _class(item: ClassComparison) -> dict[str, Any]:
    movers = [vars(mover).copy() for mover in item.movers]
    for mover in movers:
        del mover["takes_over"]  # of a tuned concept's change; here no concept is singled out
    return {
        "before": metrics_document(item.before, tuple(METRICS)),
        "after": metrics_document(item.after, tuple(METRICS)),
        "changes": {name: change_document(change) for name, change in item.changes.items()},
        "movers": movers,
        "churn": item.churn.to_json(),
        "cross_fitted": item.cross_fitted,
    }
