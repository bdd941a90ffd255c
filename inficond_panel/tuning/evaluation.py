"""Evaluation of students: logits and metrics of a node, kept while in use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache

import numpy as np

from inficond_panel.common.cache import Latest, once
from inficond_panel.common.near_words import near
from inficond_panel.distill import (
    ClassMetrics,
    Outcome,
    Scores,
    TeacherSkill,
    decision_function,
    measure,
    teacher_skill,
)
from inficond_panel.distill.metrics.top_class import one_of_classes
from inficond_panel.errors import TuningError
from inficond_panel.store import Store
from inficond_panel.tuning.iteration import Iteration
from inficond_panel.tuning.node import Node
from inficond_panel.vocabulary.tasks import SIGMOID, SOFTMAX

#: What is kept of nodes in use, by all sessions together: logits, and as much again of outcomes.
_KEPT_BYTES = 1 << 27
_KEPT_NODES = 8, 256  # at least, at most
#: Metrics kept of nodes by all sessions together; those of one class of one node count as one.
_KEPT_METRICS = 1 << 17


class Evaluation:
    """Logits and metrics of nodes on one store, with the decision threshold per class.

    They are kept by student, not by node: a refit leaves most students as they were, and one that
    was previewed is known when it is made. With ``link`` softmax a logit is the log-odds of its
    class, which depends on the weights of all. Raises ``TuningError`` for a threshold of a class
    that the store does not know.
    """

    def __init__(self, store: Store, thresholds: Mapping[str, float], link: str = SIGMOID) -> None:
        _check_thresholds(thresholds, store.classes)
        self.store, self.link = store, link
        self.thresholds = dict(thresholds)
        nodes = int(np.clip(_KEPT_BYTES // max(store.teacher_logit.nbytes, 1), *_KEPT_NODES))
        students = nodes * max(len(store.classes), 1)
        self._columns: Latest[_Student, np.ndarray] = Latest(students)
        self._outcomes: Latest[tuple[_Student, str], Outcome] = Latest(students)
        self._measured: Latest[tuple[_Student, str], ClassMetrics] = Latest(students)
        nodes = max(_KEPT_METRICS // max(len(store.classes), 1), _KEPT_NODES[0])
        self._of_nodes: Latest[tuple[str, str, str], dict[str, ClassMetrics]] = Latest(nodes)
        self.logits = once(_KEPT_NODES[0])(self._logits)  # made of the columns at little cost
        self.teacher_outcomes = once(3)(self._teacher_outcomes)
        self.teacher_skills = once(3)(self._teacher_skills)
        self.named = once(_KEPT_NODES[0])(self._named)

    def threshold(self, class_name: str) -> float:
        """Logit above which a class is decided to be present; 0 unless the spec says other."""
        return self.thresholds.get(class_name, 0.0)

    def outcome(self, node: Node, split: str, k: int) -> Outcome:
        """Outcome of a node's student of the class at ``k`` on a split; its arrays are read-only.

        Sorted once for all metrics.
        """
        student = self._student(node, k)
        found = self._outcomes.get((student, split))
        if found is None:
            found = self._outcome(self.logits(node), k, split)
            self._outcomes.put((student, split), found)
        return found

    def metrics(self, node: Node, split: str) -> dict[str, ClassMetrics]:
        """Metrics of each class on a split; nan where undefined."""
        made = self.known_metrics(node, split)
        if made is None:
            made = self._measure(node, split)
            self._of_nodes.put((node.id, node.weights_hash, split), made)
        return made

    def known_metrics(self, node: Node | Iteration, split: str) -> dict[str, ClassMetrics] | None:
        """The metrics that were computed of late; None where they have to be."""
        return self._of_nodes.get((node.id, node.weights_hash, split))

    def _measure(self, node: Node, split: str) -> dict[str, ClassMetrics]:
        teachers, made = self.teacher_outcomes(split), {}
        for k, (name, student) in enumerate(
            zip(self.store.classes, self._students(node), strict=True)
        ):
            metrics = self._measured.get((student, split))
            if metrics is None:
                metrics = measure(self.outcome(node, split, k), teachers[name])
                self._measured.put((student, split), metrics)
            made[name] = metrics
        return made

    def _logits(self, node: Node) -> np.ndarray:
        students = self._students(node)
        known = {k: self._columns.get(student) for k, student in enumerate(students)}
        columns = {k: column for k, column in known.items() if column is not None}
        new = [k for k in known if k not in columns]
        if new and self.link == SOFTMAX:
            new = list(known)
        if new:  # a pass over all scores
            weights, intercepts = node.weights[:, new], node.intercepts[new]
            made = decision_function(self._scores, weights, intercepts, self.link)
            for k, column in zip(new, made.T, strict=True):
                columns[k] = np.ascontiguousarray(column)
                self._columns.put(students[k], columns[k])
        logits = np.stack([columns[k] for k in known], axis=1)
        logits.setflags(write=False)
        return logits

    def _students(self, node: Node) -> list[_Student]:
        return [self._student(node, k) for k in range(len(self.store.classes))]

    def _student(self, node: Node, k: int) -> _Student:
        """Student whose logits are kept; of a joint one each class's follow from all weights."""
        if self.link == SOFTMAX:
            return k, node.weights_hash.encode(), 0.0
        return _students(node)[k]

    @cached_property
    def _scores(self) -> Scores:
        return Scores(self.store.concept_score)

    def _teacher_outcomes(self, split: str) -> dict[str, Outcome]:
        logits = self.store.teacher_log_odds
        return {name: self._outcome(logits, k, split) for k, name in enumerate(self.store.classes)}

    def _teacher_skills(self, split: str) -> dict[str, TeacherSkill]:
        teachers = self.teacher_outcomes(split)
        return {name: teacher_skill(outcome) for name, outcome in teachers.items()}

    def _named(self, node: Node, split: str) -> tuple[np.ndarray, np.ndarray]:
        """Positions ``(n,)`` of the classes that students and teacher name on a split's images."""
        rows = self.store.rows(split)
        student, teacher = (
            one_of_classes(logits[rows]).argmax(axis=1)
            for logits in (self.logits(node), self.store.teacher_log_odds)
        )
        return student, teacher

    def _outcome(self, logits: np.ndarray, k: int, split: str) -> Outcome:
        rows, threshold = self.store.rows(split), self.threshold(self.store.classes[k])
        label, logit = self.store.label[rows, k], logits[rows, k]
        for values in (label, logit):
            values.setflags(write=False)
        return Outcome(label, logit, self.store.teacher_log_odds[rows, k], threshold)


#: One student of a node: its class, the bytes of its weights (of a joint one their hash), its
#: intercept.
_Student = tuple[int, bytes, float]


@lru_cache(256)
def _students(node: Node) -> list[_Student]:
    weights = np.ascontiguousarray(node.weights.T)
    return [(k, w.tobytes(), float(node.intercepts[k])) for k, w in enumerate(weights)]


def _check_thresholds(thresholds: Mapping[str, float], classes: Sequence[str]) -> None:
    for name in thresholds:
        if name not in classes:
            raise TuningError(
                f"students.threshold: there is no class {name!r} in the store."
                f"{near(name, classes)}",
                "Correct the spec.",
            )
