"""What students decide, and how well: logits and metrics of a node, kept while in use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from inficond_panel.distill import ClassMetrics, Outcome, decision_function, measure
from inficond_panel.errors import TuningError
from inficond_panel.once import once
from inficond_panel.store import Store
from inficond_panel.store.finite import check_finite
from inficond_panel.tuning.intents.intent import did_you_mean
from inficond_panel.tuning.node import Node

#: What is kept of nodes in use, by all sessions together: logits, and as much again of outcomes.
_KEPT_BYTES = 1 << 27
_KEPT_NODES = 8, 256  # at least, at most


class Evaluation:
    """Logits and metrics of nodes on one store, with the decision threshold of each class.

    Raises ``TuningError`` for a threshold of a class that the store does not know, and
    ``DataError`` for teacher logits or concept scores that are NaN or infinite.
    """

    def __init__(self, store: Store, thresholds: Mapping[str, float]) -> None:
        _check_thresholds(thresholds, store.classes)
        for what, values, columns in (
            ("teacher logits", store.teacher_logit, store.classes),
            ("concept scores", store.concept_score, store.concepts),
        ):
            aid = "Correct or drop these images"
            check_finite(store, what, values, columns, store.images, aid)
        self.store = store
        self.thresholds = dict(thresholds)
        kept = int(np.clip(_KEPT_BYTES // max(store.teacher_logit.size * 8, 1), *_KEPT_NODES))
        self.logits = once(kept)(self._logits)
        self.metrics = once(_KEPT_NODES[1])(self._metrics)
        self.outcomes = once(kept)(self._outcomes)
        self.teacher_outcomes = once(3)(self._teacher_outcomes)

    def threshold(self, class_name: str) -> float:
        """Logit above which a class is decided to be present; 0 unless the spec says other."""
        return self.thresholds.get(class_name, 0.0)

    def _logits(self, node: Node) -> np.ndarray:
        logits = decision_function(self.store.concept_score, node.weights, node.intercepts)
        logits.setflags(write=False)
        return logits

    def _metrics(self, node: Node, split: str) -> dict[str, ClassMetrics]:
        students, teachers = self.outcomes(node, split), self.teacher_outcomes(split)
        return {name: measure(students[name], teachers[name]) for name in self.store.classes}

    def _outcomes(self, node: Node, split: str) -> dict[str, Outcome]:
        """What the students of a node say of a split, by class: sorted once for all metrics."""
        return self._outcomes_of(self.logits(node), split)

    def _teacher_outcomes(self, split: str) -> dict[str, Outcome]:
        return self._outcomes_of(self.store.teacher_logit, split)

    def _outcomes_of(self, logits: np.ndarray, split: str) -> dict[str, Outcome]:
        rows = self.store.rows(split)
        label, said, teacher = self.store.label[rows], logits[rows], self.store.teacher_logit[rows]
        return {
            name: Outcome(label[:, k], said[:, k], teacher[:, k], self.threshold(name))
            for k, name in enumerate(self.store.classes)
        }


def _check_thresholds(thresholds: Mapping[str, float], classes: Sequence[str]) -> None:
    for name in thresholds:
        if name not in classes:
            raise TuningError(
                f"students.threshold names a class {name!r} that is not in the store."
                f"{did_you_mean(name, classes)}",
                "Correct the spec.",
            )
