"""The student of one class at one node, with the images of one split that it is judged on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from inficond_panel.distill import ClassMetrics, Outcome
from inficond_panel.distill.metrics.decisions import Cutoff, Mask
from inficond_panel.store import Store
from inficond_panel.tuning.evaluation import Evaluation
from inficond_panel.tuning.node import Node
from inficond_panel.vocabulary.tasks import SOFTMAX


@dataclass(frozen=True)
class Student:
    """One class's student at ``node`` beside labels and teacher, on the images of ``split``.

    Arrays run over the images ``(n,)`` or the concepts ``(C,)`` and are read-only. Each is made
    when it is first asked for; labels, logits and the outcome are kept by the ``evaluation``, for
    all nodes that have this student.
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

        The threshold of the class; with one class per image ``(n,)``, see ``metrics.decisions``.
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
        """Logits for each unit of influence × score, the others held.

        1; of a joint student K / (K − 1). There an influence is the weight less its mean over the K
        classes, so that 1 more of it is K / (K − 1) of weight: the differences among the other
        classes are what is held.
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
        """Intercept: the logit of an image that shows no concept, of a student of its own."""
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


def _fixed(values: np.ndarray) -> np.ndarray:
    values.setflags(write=False)
    return values
