"""Students of a node: logits, decisions and metrics on the images of one split."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
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
from inficond_panel.distill.metrics.outcome import Cutoff, Cutoffs, Mask, decided
from inficond_panel.errors import TuningError
from inficond_panel.spec.sections.students import NO_THRESHOLD
from inficond_panel.store import Store
from inficond_panel.tuning.node import Iteration, Node
from inficond_panel.vocabulary.splits import TUNE
from inficond_panel.vocabulary.tasks import SIGMOID, SINGLE_LABEL, SOFTMAX

#: What is kept of nodes in use, by all sessions together: logits, and as much again of outcomes.
_KEPT_BYTES = 1 << 27
_KEPT_NODES = 8, 256  # at least, at most
#: Metrics kept of nodes by all sessions together; those of one class of one node count as one.
_KEPT_METRICS = 1 << 17


class Evaluation:
    """Logits, decisions and metrics of nodes on one store, with the threshold per class.

    They are kept by student, not by node: a refit leaves most students as they were, and one that
    was previewed is known when it is made. With ``link`` softmax a logit is the log-odds of its
    class, which depends on the weights of all; and with one class per image the decisions on a
    class depend on all students. ``unseen`` gives the logits ``(n,)`` of the photos of ``tune``
    for a node and class that learned from them, each by a fit without the photo, else None: what
    was trained on is not shown as if it were new. Raises ``TuningError`` for a threshold of a class
    that the store does not know, and for any with one class per image.
    """

    def __init__(
        self,
        store: Store,
        thresholds: Mapping[str, float],
        link: str = SIGMOID,
        unseen: Callable[[Node, int], np.ndarray | None] = lambda node, k: None,
    ) -> None:
        _check_thresholds(thresholds, store)
        self.store, self.link, self._unseen = store, link, unseen
        self.thresholds = tuple(thresholds.get(name, 0.0) for name in store.classes)
        nodes = int(np.clip(_KEPT_BYTES // max(store.teacher_logit.nbytes, 1), *_KEPT_NODES))
        students = nodes * max(len(store.classes), 1)
        self._columns: Latest[_Student, np.ndarray] = Latest(students)
        self._outcomes: Latest[tuple[_Student, str], Outcome] = Latest(students)
        self._decided: Latest[tuple[_Student, str], Outcome] = Latest(students)
        self._measured: Latest[tuple[_Student, str], ClassMetrics] = Latest(students)
        nodes = max(_KEPT_METRICS // max(len(store.classes), 1), _KEPT_NODES[0])
        self._of_nodes: Latest[tuple[str, str, str], dict[str, ClassMetrics]] = Latest(nodes)
        self.columns = once(_KEPT_NODES[0])(self._each_column)
        self.logits = once(_KEPT_NODES[0])(self._logits)
        self.teacher_outcomes = once(3)(self._teacher_outcomes)
        self.decisions = once(_KEPT_NODES[0])(self._decisions)
        self.teacher_decisions = once(3)(self._teacher_decisions)
        self.cutoffs = once(_KEPT_NODES[0])(self._cutoffs)
        self.teacher_skills = once(3)(self._teacher_skills)

    def decided(self, logits: np.ndarray) -> Mask:
        """Decisions ``(n, K)`` by logits of all classes, of students or teacher."""
        return decided(logits, self.thresholds, self.store.task)

    def cutoffs_of(self, logits: np.ndarray) -> Cutoffs:
        """Cutoffs of all classes by logits ``(n, K)`` of students."""
        return Cutoffs(logits, self.thresholds, self.store.task, self.link)

    def outcome(self, node: Node, split: str, k: int) -> Outcome:
        """Outcome of a node's student of the class at ``k`` on a split; its arrays are read-only.

        Sorted once for all metrics, and for all decisions by the same logits.
        """
        student = self._student(node, k)
        outcome = self._outcomes.get((student, split))
        if outcome is None:
            outcome = self._outcome(self.columns(node)[k][self.store.rows(split)], k, split)
            self._outcomes.put((student, split), outcome)
        if self.store.task != SINGLE_LABEL:
            return outcome
        key = self._decider(node, k), split
        decided = self._decided.get(key)
        if decided is None:
            decided = outcome.deciding(self.cutoffs(node, split).of(k))
            self._decided.put(key, decided)
        return decided

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
        for k, name in enumerate(self.store.classes):
            student = self._decider(node, k)
            metrics = self._measured.get((student, split))
            if metrics is None:
                metrics = measure(self.outcome(node, split, k), teachers[name])
                self._measured.put((student, split), metrics)
            made[name] = metrics
        return made

    def _logits(self, node: Node) -> np.ndarray:
        return _fixed(np.stack(self.columns(node), axis=1))

    def _each_column(self, node: Node) -> list[np.ndarray]:
        """Logits ``(N,)`` of each class; a refit computes those of the refitted classes alone."""
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
                learned = self._unseen(node, k)
                if learned is not None:
                    columns[k][self.store.rows(TUNE)] = learned
                self._columns.put(students[k], columns[k])
        return [columns[k] for k in known]

    def _students(self, node: Node) -> list[_Student]:
        return [self._student(node, k) for k in range(len(self.store.classes))]

    def _student(self, node: Node, k: int) -> _Student:
        """Student whose logits are kept; of a joint one each class's follow from all weights."""
        return _whole(node, k) if self.link == SOFTMAX else _students(node)[k]

    def _decider(self, node: Node, k: int) -> _Student:
        """Student whose decisions are kept: with one class per image they follow from all."""
        return _whole(node, k) if self.store.task == SINGLE_LABEL else self._student(node, k)

    @cached_property
    def _scores(self) -> Scores:
        return Scores(self.store.concept_score)

    def _teacher_outcomes(self, split: str) -> dict[str, Outcome]:
        logits = self.store.teacher_log_odds[self.store.rows(split)]
        cutoffs = Cutoffs(logits, self.thresholds, self.store.task)
        return {
            name: self._outcome(logits[:, k], k, split, cutoffs.of(k))
            for k, name in enumerate(self.store.classes)
        }

    def _teacher_skills(self, split: str) -> dict[str, TeacherSkill]:
        teachers = self.teacher_outcomes(split)
        return {name: teacher_skill(outcome) for name, outcome in teachers.items()}

    def _decisions(self, node: Node, split: str) -> Mask:
        """Decisions ``(n, K)`` of the students on a split, read-only."""
        return _fixed(self.decided(self.logits(node)[self.store.rows(split)]))

    def _teacher_decisions(self, split: str) -> Mask:
        """Decisions ``(n, K)`` of the teacher on a split, read-only."""
        return _fixed(self.decided(self.store.teacher_log_odds[self.store.rows(split)]))

    def _cutoffs(self, node: Node, split: str) -> Cutoffs:
        """Cutoffs of the students on a split."""
        return self.cutoffs_of(self.logits(node)[self.store.rows(split)])

    def _outcome(
        self, logit: np.ndarray, k: int, split: str, cutoff: Cutoff | None = None
    ) -> Outcome:
        label = _fixed(self.store.label[self.store.rows(split), k])
        teacher = self.teacher_decisions(split)[:, k]
        return Outcome(
            label, _fixed(logit), teacher, self.thresholds[k] if cutoff is None else cutoff
        )


#: One student of a node: its class, the bytes of its weights (of a joint one their hash), its
#: intercept.
_Student = tuple[int, bytes, float]


@lru_cache(256)
def _students(node: Node) -> list[_Student]:
    weights = np.ascontiguousarray(node.weights.T)
    return [(k, w.tobytes(), float(node.intercepts[k])) for k, w in enumerate(weights)]


def _whole(node: Node, k: int) -> _Student:
    return k, node.weights_hash.encode(), 0.0


def _fixed(values: np.ndarray) -> np.ndarray:
    values.setflags(write=False)
    return values


def _check_thresholds(thresholds: Mapping[str, float], store: Store) -> None:
    if thresholds and store.task == SINGLE_LABEL:
        raise TuningError(
            f"students.threshold {NO_THRESHOLD}.",
            "Remove students.threshold from the spec.",
        )
    for name in thresholds:
        if name not in store.classes:
            raise TuningError(
                f"students.threshold: there is no class {name!r} in the store."
                f"{near(name, store.classes)}",
                "Correct the spec.",
            )


@dataclass(frozen=True)
class Student:
    """One class's student at ``node``, with labels and teacher, on the images of ``split``.

    Arrays run over the images ``(n,)`` or the concepts ``(C,)`` and are read-only. Each is computed
    at its first use; labels, logits and the outcome are kept by the ``evaluation`` for all nodes
    with this student.
    """

    evaluation: Evaluation = field(repr=False)
    node: Node
    split: str
    class_name: str

    @property
    def store(self) -> Store:
        """The store that the images are in."""
        return self.evaluation.store

    @cached_property
    def column(self) -> int:
        """Position of the class in the store."""
        return self.store.classes.index(self.class_name)

    @property
    def rows(self) -> np.ndarray:
        """Positions of the images in the store, ascending."""
        return self.store.rows(self.split)

    @property
    def outcome(self) -> Outcome:
        """Outcome of the student on the images, sorted once for all metrics."""
        return self.evaluation.outcome(self.node, self.split, self.column)

    @property
    def labels(self) -> np.ndarray:
        """Labels of the images: 1, 0 or −1 (ignored)."""
        return self.outcome.label

    @property
    def logits(self) -> np.ndarray:
        """Logits of the student, float64; of a joint one the log-odds of the class."""
        return self.outcome.all_logits

    @cached_property
    def teacher_logits(self) -> np.ndarray:
        """Logits of the teacher; of a softmax the log-odds of the class."""
        return _fixed(self.store.teacher_log_odds[self.rows, self.column])

    @property
    def cutoff(self) -> Cutoff:
        """Logit above which the student decides that the class is present.

        The threshold of the class; with one class per image ``(n,)``, see ``metrics.outcome``.
        """
        return self.outcome.cutoff

    @property
    def decided(self) -> Mask:
        """Mask ``(n,)`` of the images on which the student decides that the class is present."""
        return self.evaluation.decisions(self.node, self.split)[:, self.column]

    @property
    def teacher_decided(self) -> Mask:
        """Mask ``(n,)`` of the images on which the teacher decides that the class is present."""
        return self.evaluation.teacher_decisions(self.split)[:, self.column]

    @property
    def metrics(self) -> ClassMetrics:
        """Metrics of the student; nan where undefined. Those of all classes are computed."""
        return self.evaluation.metrics(self.node, self.split)[self.class_name]

    @property
    def scores(self) -> np.ndarray:
        """Concept scores ``(n, C)``, the same for all classes; a copy, since they may be large."""
        return _fixed(self.store.concept_score[self.rows])

    def score(self, concept: str) -> np.ndarray:
        """Scores of one concept ``(n,)``."""
        return _fixed(self.store.concept_score[self.rows, self.store.concepts.index(concept)])

    @property
    def leverage(self) -> float:
        """Change of the logit per unit of influence × score, the other influences held.

        1; for a softmax student K / (K − 1): an influence is the weight less its mean over the K
        classes, and the differences among the other classes are held.
        """
        classes = len(self.store.classes)
        return classes / (classes - 1) if self.evaluation.link == SOFTMAX else 1.0

    def slope(self, concept: str) -> np.ndarray:
        """Change of the logits ``(n,)`` for each unit of a concept's influence, others held."""
        score = self.score(concept)
        return score if self.leverage == 1 else _fixed(self.leverage * score.astype(np.float64))

    @property
    def weights(self) -> np.ndarray:
        """Influences of the concepts, ``(C,)``."""
        return self.node.weights[:, self.column]

    @property
    def intercept(self) -> float:
        """Intercept: the logit of an image that shows no concept."""
        return float(self.node.intercepts[self.column])

    def weight(self, concept: str) -> float:
        """Influence of one concept."""
        return float(self.weights[self.store.concepts.index(concept)])

    def bound(self, concept: str) -> tuple[float | None, float | None] | None:
        """Limits in force on the weight of a concept; None without a bound."""
        return self.node.bounds.get((self.class_name, concept))


class Students(Mapping[str, Student]):
    """The students of a node on one split, by class, in the order of the store."""

    def __init__(self, evaluation: Evaluation, node: Node, split: str) -> None:
        self.evaluation, self.node, self.split = evaluation, node, split

    def __getitem__(self, class_name: str) -> Student:
        if class_name not in self.evaluation.store.classes:
            raise KeyError(class_name)
        return Student(self.evaluation, self.node, self.split, class_name)

    def __iter__(self) -> Iterator[str]:
        return iter(self.evaluation.store.classes)

    def __len__(self) -> int:
        return len(self.evaluation.store.classes)

    @property
    def outcomes(self) -> dict[str, Outcome]:
        """Their outcomes, by class."""
        return {name: student.outcome for name, student in self.items()}
