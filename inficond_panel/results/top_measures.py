"""All students of a node as one classifier, on data with one class an image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from inficond_panel.common.teacher_outputs import softmax_of
from inficond_panel.distill import Interval, change_intervals, metric_intervals
from inficond_panel.distill.metrics.bootstrap import draw_counts
from inficond_panel.distill.metrics.top_class import (
    USUAL_K,
    Confusion,
    TopClass,
    confusions,
    one_of_classes,
)
from inficond_panel.errors import TuningError
from inficond_panel.results.cross_fitted import evaluation_outcome
from inficond_panel.store import Store
from inficond_panel.store.label_checks import class_positions
from inficond_panel.tuning.node import Node
from inficond_panel.tuning.tuner import Tuner
from inficond_panel.vocabulary.top_metrics import TOP_METRICS

STUDENT, TEACHER = "student", "teacher"


@dataclass(frozen=True)
class SingleLabelMeasures:
    """Metrics of ``TOP_METRICS`` with their bootstrap intervals, on ``n`` labelled images.

    ``teacher`` has all but agreement. ``since_parent`` and ``since_start`` are paired changes; None
    at #0. ``matrix`` and ``teacher_matrix`` (K, K) count images by label and by the class that is
    named; ``confusions`` are the students' wrong cells, the most images first.
    """

    n: int
    k: int
    students: dict[str, Interval]
    teacher: dict[str, Interval]
    since_parent: dict[str, Interval] | None
    since_start: dict[str, Interval] | None
    matrix: np.ndarray
    teacher_matrix: np.ndarray
    confusions: list[Confusion]


def check_single_label(store: Store) -> None:
    """Raise ``TuningError`` for a store whose images may have several classes."""
    if store.task != "single_label":
        raise TuningError(
            f"{store.title!r} has any number of classes an image: there is no top-1.",
            "If each image has exactly one, say so in the spec and write the store again: "
            "dataset: {task: single_label}",
        )


def teacher_top_class(store: Store, split: str, k: int = USUAL_K) -> TopClass:
    """Classes that the teacher names on a split, of those of the data set.

    Its probabilities are those of its softmax over all of its classes; of a sigmoid teacher they
    are made to add up to 1. Raises ``TuningError`` as ``check_single_label``.
    """
    check_single_label(store)
    rows = store.rows(split)
    logit = store.teacher_logit[rows]
    softmax = store.activation == "softmax"
    found = softmax_of(logit, store.other_logit[rows]) if softmax else one_of_classes(logit)
    logit = store.teacher_log_odds[rows]
    return TopClass(class_positions(store.label[rows]), found, logit=logit, k=k)


def top_class(tuner: Tuner, node: Node, split: str, k: int = USUAL_K) -> TopClass:
    """Classes that the students of a node name on a split; errors as ``teacher_top_class``."""
    logits = tuner.logits(node)[tuner.store.rows(split)]
    return _named(tuner.store, logits, split, k)


def evaluation_top_class(tuner: Tuner, node: Node, split: str, k: int = USUAL_K) -> TopClass:
    """Classes that the students name on images that did not choose their terms."""
    outcomes = [evaluation_outcome(tuner, node, split, name) for name in tuner.store.classes]
    return _named(tuner.store, np.column_stack([each.all_logits for each in outcomes]), split, k)


def _named(store: Store, logits: NDArray[np.float64], split: str, k: int) -> TopClass:
    teacher, labels = teacher_top_class(store, split), store.label[store.rows(split)]
    found = one_of_classes(logits)
    return TopClass(class_positions(labels), found, teacher.named, logit=logits, k=k)


def measure_single_label(
    tuner: Tuner,
    node: Node,
    split: str,
    *,
    k: int = USUAL_K,
    metrics: Sequence[str] = tuple(TOP_METRICS),
    draws: int | None = None,
    seed: int = 0,
) -> SingleLabelMeasures:
    """Measure the students of a node as one classifier, beside the teacher.

    Where labels of ``tune`` chose a student's terms, by students that did not see the image.
    Looks at the holdout are the caller's to count. Errors as ``teacher_top_class``.
    """
    noise = tuner.spec.views.noise(draws, seed)
    teacher = teacher_top_class(tuner.store, split, k)
    now = evaluation_top_class(tuner, node, split, k)
    counts = draw_counts(len(now.label), noise["draws"], seed)
    alone = [key for key in metrics if not TOP_METRICS[key].needs_teacher]
    changes: list[dict[str, Interval] | None] = [None, None]
    if node.parent:
        before = (tuner.node(node.parent), tuner.root())
        changes = [
            change_intervals(evaluation_top_class(tuner, each, split, k), now, metrics, **noise)
            for each in before
        ]
    return SingleLabelMeasures(
        n=len(now.label),
        k=k,
        students=metric_intervals(now, metrics, **noise),
        teacher=metric_intervals(teacher, alone, **noise),
        since_parent=changes[0],
        since_start=changes[1],
        matrix=now.confusion(),
        teacher_matrix=teacher.confusion(),
        confusions=confusions(now, counts, noise["level"]),
    )


@dataclass(frozen=True, eq=False)
class Confused:
    """Classes that students and teacher name on the labelled images of a split, one an image.

    ``rows`` (n,) are positions of these images in the store, of ``split``; ``classes`` has who
    names them, the students of ``node`` and the teacher.
    """

    node: str
    split: str
    rows: np.ndarray
    classes: dict[str, TopClass]

    @cached_property
    def counts(self) -> dict[str, np.ndarray]:
        """Images by label and by the class that is named, (K, K), of students and of teacher."""
        return {who: each.confusion().astype(np.int64) for who, each in self.classes.items()}

    @cached_property
    def images(self) -> np.ndarray:
        """Labelled images of each class (K,)."""
        return self.counts[STUDENT].sum(axis=1)

    def wrong_cells(self, most: int) -> list[tuple[int, int]]:
        """Pairs of a label and another class that is named, most images of the students first.

        Among equals those of the teacher count; pairs that neither names are left out.
        """
        student, teacher = (self.counts[who].copy() for who in (STUDENT, TEACHER))
        for counts in (student, teacher):
            np.fill_diagonal(counts, 0)
        cells = np.flatnonzero(student + teacher)
        order = np.lexsort((-teacher.ravel()[cells], -student.ravel()[cells]))[:most]
        label, named = np.unravel_index(cells[order], student.shape)
        return list(zip(label.tolist(), named.tolist(), strict=True))

    def taken(self, label: int, named: int, who: str) -> np.ndarray:
        """Rows of the images of a class that are taken for one, the surest first."""
        classifier = self.classes[who]
        chosen = np.flatnonzero(
            (classifier.label == label) & (classifier.named[classifier.known] == named)
        )
        sure = classifier.all_logits[classifier.known][chosen, named]
        return self.rows[chosen[np.argsort(-sure, kind="stable")]]


def find_confused(tuner: Tuner, node: Node, split: str) -> Confused:
    """Confusions of a node on a split; errors as ``check_single_label``."""
    found = {STUDENT: top_class(tuner, node, split), TEACHER: teacher_top_class(tuner.store, split)}
    rows = tuner.store.rows(split)[found[STUDENT].known]
    return Confused(node.id, split, rows, found)
