"""Students of a node on one split: logits, decisions and metrics, with caches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache, partial
from typing import TypeVar

import numpy as np

from inficond_panel.common.cache import Latest, once
from inficond_panel.common.names import find_name
from inficond_panel.distill import (
    ClassMetrics,
    Outcome,
    TeacherSkill,
    decision_function,
    measure,
    teacher_skill,
)
from inficond_panel.distill.metrics.groups import Groups
from inficond_panel.distill.metrics.outcome import Cutoff, Cutoffs, Mask, decided
from inficond_panel.store import Store
from inficond_panel.tuning.fitting.images import scores_on
from inficond_panel.tuning.node import Iteration, Node
from inficond_panel.tuning.thresholds import check_thresholds, thresholds_by_class
from inficond_panel.vocabulary.splits import FIT, SPLITS, TUNE
from inficond_panel.vocabulary.tasks import SIGMOID, SINGLE_LABEL, SOFTMAX

#: Size of the cache of logits, shared by all sessions.
_KEPT_BYTES = 1 << 27
#: Size of the cache of outcomes, and bytes of a sorted outcome per image.
_OUTCOME_BYTES, _BYTES_PER_IMAGE = 1 << 30, 40
_KEPT_NODES = 8, 256  # at least, at most
#: Size of the cache of metrics, shared by all sessions, in pairs of node and class.
_KEPT_METRICS = 1 << 17


T = TypeVar("T")


class Evaluation:
    """Cached logits, decisions and metrics of nodes on one store, with a threshold per class.

    The cache key is the student, not the node: a refit leaves most students unchanged, and a
    previewed student is in the cache when its node is made. With ``link`` softmax a logit is the
    log-odds of its class, which depends on the weights of all classes; with one class per image the
    decisions on a class depend on all students.

    Here alone is decided which logits of a class are shown, and so which metrics and decisions: on
    ``tune`` the cross-fitted logits ``(n,)`` that ``unseen`` returns, if the class is in ``spent``
    (classes whose students have spent images of ``tune``, each with the id of the iteration that
    fitted it); else the student's own. Raises ``TuningError`` for a threshold of an unknown class,
    and for any threshold with one class per image.
    """

    def __init__(
        self,
        store: Store,
        thresholds: Mapping[str, float],
        link: str = SIGMOID,
        spent: Callable[[Node], Mapping[str, str]] = lambda node: {},
        unseen: Callable[[Node, str], np.ndarray] | None = None,
    ) -> None:
        check_thresholds(thresholds, store)
        self.store, self.link, self._spent, self._unseen = store, link, spent, unseen
        self.thresholds = thresholds_by_class(thresholds, store)
        nodes = int(np.clip(_KEPT_BYTES // max(store.teacher_logit.nbytes, 1), *_KEPT_NODES))
        students = nodes * max(len(store.classes), 1)
        self._columns: Latest[tuple[_Student, str], np.ndarray] = Latest(students)
        largest = max(len(store.rows(split)) for split in SPLITS)
        few = max(_OUTCOME_BYTES // (_BYTES_PER_IMAGE * max(largest, 1)), _KEPT_NODES[0])
        self._outcomes: Latest[tuple[_Student, str], Outcome] = Latest(min(students, few))
        self._decided: Latest[tuple[_Student, str], Outcome] = Latest(min(students, few))
        self._teachers: Latest[tuple[int, str], Outcome] = Latest(min(students, few))
        self._measured: Latest[tuple[_Student, str], ClassMetrics] = Latest(students)
        nodes = max(_KEPT_METRICS // max(len(store.classes), 1), _KEPT_NODES[0])
        self._of_nodes: Latest[tuple[str, str, str], dict[str, ClassMetrics]] = Latest(nodes)
        self._own_columns = once(_KEPT_NODES[0])(self._each_own_column)
        self._teacher_cutoffs = once(3)(self._cutoffs_of_teacher)
        self.teacher_decisions = once(3)(self._teacher_decisions)
        self.cutoffs = once(_KEPT_NODES[0])(self._cutoffs)
        self.teacher_skills = once(3)(self._teacher_skills)

    def rows(self, split: str) -> np.ndarray:
        """Return the positions in the store of the images of a split, ascending."""
        return self.store.rows(split)

    def scores(self, split: str) -> np.ndarray:
        """Return the concept scores ``(n, C)`` of the images of a split."""
        return self.store.scores_of(split)

    def decided(self, logits: np.ndarray) -> Mask:
        """Return decisions ``(n, K)`` from logits ``(n, K)``, of students or teacher."""
        return decided(logits, self.thresholds, self.store.task)

    def cutoffs_of(self, logits: np.ndarray) -> Cutoffs:
        """Return the cutoffs of decisions on all classes, for logits ``(n, K)`` of students."""
        return Cutoffs(logits, self.thresholds, self.store.task, self.link)

    def outcome(self, node: Node, split: str, k: int) -> Outcome:
        """Return labels, logits and decisions of class ``k`` at a node on a split, read-only.

        Sorted once for all metrics, and for all decisions from the same logits.
        """
        outcome = self._outcomes.made(
            (self._student(node, k, split), split),
            lambda: self._outcome(self.column(node, split, k), k, split),
        )
        if self.store.task != SINGLE_LABEL:
            return outcome
        return self._decided.made(
            (self._decider(node, k, split), split),
            lambda: outcome.deciding(self.cutoffs(node, split).of(k)),
        )

    def metrics(self, node: Node, split: str) -> dict[str, ClassMetrics]:
        """Return the metrics of each class at a node on a split; nan if undefined."""
        return self._of_nodes.made(
            (node.id, node.weights_hash, split),
            lambda: {
                name: self.class_metrics(node, split, k)
                for k, name in enumerate(self.store.classes)
            },
        )

    def known_metrics(self, node: Node | Iteration, split: str) -> dict[str, ClassMetrics] | None:
        """Return the metrics of each class at a node on a split if cached; None if not."""
        return self._of_nodes.get((node.id, node.weights_hash, split))

    def class_metrics(self, node: Node, split: str, k: int) -> ClassMetrics:
        """Return the metrics of class ``k`` at a node on a split; nan if undefined."""
        return self._measured.made(
            (self._decider(node, k, split), split),
            lambda: measure(self.outcome(node, split, k), self.teacher_outcome(split, k)),
        )

    def logits(self, node: Node, rows: np.ndarray) -> np.ndarray:
        """Return logits ``(n, K)`` of the images at ``rows`` of the store."""
        classes = range(len(self.store.classes))
        logits = np.empty((len(rows), len(classes)))
        for split in SPLITS:
            every = self.store.rows(split)
            inside = np.isin(rows, every)
            if inside.any():
                at = np.searchsorted(every, rows[inside])
                columns = [self.column(node, split, k)[at] for k in classes]
                logits[inside] = np.stack(columns, axis=1)
        return logits

    def column(self, node: Node, split: str, k: int) -> np.ndarray:
        """Return the logits ``(n,)`` of class ``k`` on a split, read-only: cross-fitted ones if a
        repair of the student has used images of the split, otherwise the student's own."""
        unseen = self._unseen
        if unseen is None or not self.has_spent(node, split, k):
            return self.own_column(node, split, k)
        key = self._student(node, k, split), split
        return self._columns.made(key, lambda: _fixed(unseen(node, self.store.classes[k])))

    def has_spent(self, node: Node, split: str, k: int) -> bool:
        """Return True if a repair of class ``k`` has used the images of ``split``."""
        return split == TUNE and self.store.classes[k] in self._spent(node)

    def own_column(self, node: Node, split: str, k: int) -> np.ndarray:
        """Return the logits ``(n,)`` that the student of class ``k`` itself gives on a split,
        read-only, also on images that a repair has used."""
        return self._own_columns(node, split)[k]

    def _each_own_column(self, node: Node, split: str) -> list[np.ndarray]:
        """Return the logits ``(n,)`` that the student of each class itself gives on a split, also
        on images that a repair has used. Compute only those that are not in the cache."""
        if not self.store.rows(split).size:  # a table of scores has rows
            return [np.zeros(0) for _ in self.store.classes]
        students = [self._student(node, k, "") for k in range(len(self.store.classes))]
        known = {k: self._columns.get((each, split)) for k, each in enumerate(students)}
        columns = {k: column for k, column in known.items() if column is not None}
        new = [k for k in known if k not in columns]
        if new and self.link == SOFTMAX:
            new = list(known)
        if new:
            weights, intercepts = node.weights[:, new], node.intercepts[new]
            made = decision_function(scores_on(self.store, split), weights, intercepts, self.link)
            for k, column in zip(new, made.T, strict=True):
                columns[k] = _fixed(np.ascontiguousarray(column))
                self._columns.put((students[k], split), columns[k])
        return [columns[k] for k in known]

    def _student(self, node: Node, k: int, split: str) -> _Student:
        """Return the cache key of the logits shown on ``split`` ("": of the student's own logits);
        for a joint student it covers all weights."""
        if split == TUNE and (made := self._spent(node).get(self.store.classes[k])):
            return k, made.encode(), 0.0
        return _whole(node, k) if self.link == SOFTMAX else _students(node)[k]

    def _decider(self, node: Node, k: int, split: str) -> _Student:
        """Return the cache key of decisions; with one class per image it covers all students."""
        if self.store.task != SINGLE_LABEL:
            return self._student(node, k, split)
        made = sorted(self._spent(node).items()) if split == TUNE else []
        return k, repr((node.weights_hash, made)).encode(), 0.0

    def teacher_outcome(self, split: str, k: int) -> Outcome:
        """Return labels, teacher's logits and decisions of class ``k`` on a split, read-only."""
        log_odds = self.store.teacher_log_odds
        return self._teachers.made(
            (k, split),
            lambda: self._outcome(
                log_odds[self.store.rows(split), k], k, split, self._teacher_cutoffs(split).of(k)
            ),
        )

    def teacher_outcomes(self, split: str) -> Mapping[str, Outcome]:
        """Return a mapping from class to the teacher's outcome on a split."""
        classes = self.store.classes
        return _ByClass(classes, lambda name: self.teacher_outcome(split, classes.index(name)))

    def teacher_mask(self, split: str, k: int) -> Mask:
        """Return the teacher's decisions ``(n,)`` on class ``k`` on a split, read-only."""
        return self.teacher_decisions(split)[:, k]

    def _cutoffs_of_teacher(self, split: str) -> Cutoffs:
        logits = self.store.teacher_log_odds[self.store.rows(split)]
        return Cutoffs(logits, self.thresholds, self.store.task)

    def _teacher_skills(self, split: str) -> dict[str, TeacherSkill]:
        on_fit = self.teacher_outcomes(FIT)
        return {
            name: teacher_skill(outcome, on_fit=partial(on_fit.__getitem__, name))
            for name, outcome in self.teacher_outcomes(split).items()
        }

    def _teacher_decisions(self, split: str) -> Mask:
        """Return decisions ``(n, K)`` of the teacher on a split, read-only."""
        return _fixed(self.decided(self.store.teacher_log_odds[self.store.rows(split)]))

    def _cutoffs(self, node: Node, split: str) -> Cutoffs:
        """Return the cutoffs of the decisions of a node's students on a split."""
        return self.cutoffs_of(self.logits(node, self.store.rows(split)))

    def _outcome(
        self, logit: np.ndarray, k: int, split: str, cutoff: Cutoff | None = None
    ) -> Outcome:
        label = _fixed(self.store.label[self.store.rows(split), k])
        teacher = self.teacher_decisions(split)[:, k]
        cutoff = self.thresholds[k] if cutoff is None else cutoff
        return Outcome(label, _fixed(logit), teacher, cutoff, group=self.store.groups_on(split))


#: Cache key of one student: class, bytes of its weights (of a joint student their hash, of a
#: cross-fitted student the id of its iteration), and intercept.
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


@dataclass(frozen=True)
class Student:
    """Student of one class at ``node``, with labels and teacher, on the images of ``split``.

    Arrays are over the images ``(n,)`` or the concepts ``(C,)`` and read-only. They are computed
    at first use; ``evaluation`` caches labels, logits and outcome for all nodes with this student.
    """

    evaluation: Evaluation = field(repr=False)
    node: Node
    split: str
    class_name: str

    @property
    def store(self) -> Store:
        """Store of the images."""
        return self.evaluation.store

    @cached_property
    def column(self) -> int:
        """Index of the class in the store."""
        return self.store.classes.index(self.class_name)

    @property
    def rows(self) -> np.ndarray:
        """Indices of the images in the store, ascending."""
        return self.evaluation.rows(self.split)

    @property
    def groups(self) -> Groups:
        """Groups of near-equal images; None if there are none."""
        return self.outcome.group

    @property
    def outcome(self) -> Outcome:
        """Labels, logits and decisions on the images, sorted once for all metrics."""
        return self.evaluation.outcome(self.node, self.split, self.column)

    @property
    def labels(self) -> np.ndarray:
        """Labels of the images: 1, 0 or −1 (ignored)."""
        return self.outcome.label

    @property
    def logits(self) -> np.ndarray:
        """Logits of the student, float64; log-odds of the class for a joint student.

        Cross-fitted on the images of ``tune`` if the student has spent them (``Tuner.spent``).
        """
        return self.outcome.all_logits

    @cached_property
    def teacher_logits(self) -> np.ndarray:
        """Logits of the teacher; log-odds of the class for a softmax teacher."""
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
        return self.outcome.all_decided

    @property
    def teacher_decided(self) -> Mask:
        """Mask ``(n,)`` of the images on which the teacher decides that the class is present."""
        return self.evaluation.teacher_mask(self.split, self.column)

    @property
    def metrics(self) -> ClassMetrics:
        """Metrics of the student, nan if undefined."""
        return self.evaluation.class_metrics(self.node, self.split, self.column)

    @property
    def scores(self) -> np.ndarray:
        """Concept scores ``(n, C)``, the same for all classes."""
        return self.evaluation.scores(self.split)

    def score(self, concept: str) -> np.ndarray:
        """Return the scores ``(n,)`` of one concept."""
        return _fixed(self.store.concept_score[self.rows, self.store.concepts.index(concept)])

    @property
    def leverage(self) -> float:
        """Change of the logit per unit of influence × score, other influences fixed.

        1; for a softmax student K / (K − 1): an influence is the weight less its mean over the K
        classes, and the differences among the other classes are fixed.
        """
        classes = len(self.store.classes)
        return classes / (classes - 1) if self.evaluation.link == SOFTMAX else 1.0

    def slope(self, concept: str) -> np.ndarray:
        """Return the change of the logits ``(n,)`` per unit of a concept's influence."""
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
        """Return the influence of one concept."""
        return float(self.weights[self.store.concepts.index(concept)])

    def bound(self, concept: str) -> tuple[float | None, float | None] | None:
        """Return the active limits on the weight of a concept; None without a bound."""
        return self.node.bounds.get((self.class_name, concept))


class _ByClass(Mapping[str, T]):
    """Mapping from class to a result, which ``make`` makes when it is requested."""

    def __init__(self, classes: Sequence[str], make: Callable[[str], T]) -> None:
        self._classes, self._make = classes, make

    def __getitem__(self, class_name: str) -> T:
        name = find_name(class_name, self._classes)
        if name is None:
            raise KeyError(class_name)
        return self._make(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._classes)

    def __len__(self) -> int:
        return len(self._classes)


class Students(_ByClass[Student]):
    """Mapping from class to student, of one node on one split, in the order of the store."""

    def __init__(self, evaluation: Evaluation, node: Node, split: str) -> None:
        self.evaluation, self.node, classes = evaluation, node, evaluation.store.classes
        super().__init__(classes, lambda name: Student(evaluation, node, split, name))

    @property
    def outcomes(self) -> dict[str, Outcome]:
        """Labels, logits and decisions of each student (``Outcome``), by class."""
        return {name: student.outcome for name, student in self.items()}
