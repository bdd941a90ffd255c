"""The images that show a concept, as one student and the teacher decide on them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from inficond_panel.analysis.patches import showing
from inficond_panel.common.saved_file import File, make_table
from inficond_panel.store import Store
from inficond_panel.tuning import Student

COLUMNS = (
    "image",
    "split",
    "class",
    "student",
    "concept",
    "concept_score",
    "influence",
    "label",
    "teacher_logit",
    "student_logit",
    "teacher_decision",
    "student_decision",
)


@dataclass(frozen=True, eq=False)
class Gallery:
    """Images of one split in which a concept is present, strongest first.

    The arrays run over the images: ``rows`` are their positions in the store, ``label`` is 1, 0 or
    −1 (ignored), ``student`` and ``teacher`` are logits, which decide at ``threshold``.
    ``influence`` is the concept's; ``node`` names the student (``#2 3fa9…``).
    """

    class_name: str
    concept: str
    split: str
    node: str
    influence: float
    threshold: float
    rows: np.ndarray
    score: np.ndarray
    label: np.ndarray
    student: np.ndarray
    teacher: np.ndarray

    @cached_property
    def student_right(self) -> np.ndarray:
        """True if the student decides as labelled; False where the label is ignored."""
        return self._right(self.student)

    @cached_property
    def teacher_right(self) -> np.ndarray:
        """True if the teacher decides as labelled; False where the label is ignored."""
        return self._right(self.teacher)

    @cached_property
    def position(self) -> dict[int, int]:
        """Place in the gallery by position in the store."""
        return {row: at for at, row in enumerate(self.rows.tolist())}

    def passing(self, filters: Iterable[str]) -> np.ndarray:
        """Places of the images that pass all ``filters``: positive, negative, right, wrong."""
        masks = {
            "positive": self.label == 1,
            "negative": self.label == 0,
            "right": self.student_right,
            "wrong": (self.label >= 0) & ~self.student_right,
        }
        chosen = np.ones(len(self.rows), bool)
        for name in filters:
            chosen &= masks[name]
        return np.flatnonzero(chosen)

    def _right(self, logit: np.ndarray) -> np.ndarray:
        return (self.label >= 0) & ((logit > self.threshold) == (self.label == 1))


def take_gallery(student: Student, concept: str) -> Gallery:
    """The gallery of a concept for one student."""
    score = student.score(concept)
    chosen = showing(student.store, student.store.concepts.index(concept), score)
    return Gallery(
        class_name=student.class_name,
        concept=concept,
        split=student.split,
        node=f"#{student.node.number} {student.node.id}",
        influence=student.weight(concept),
        threshold=student.threshold,
        rows=student.rows[chosen],
        score=score[chosen],
        label=student.labels[chosen],
        student=student.logits[chosen],
        teacher=student.teacher_logits[chosen],
    )


def gallery_file(store: Store, gallery: Gallery, filters: Iterable[str]) -> File:
    """The images that pass ``filters`` as CSV, one a line, in the gallery's order."""
    chosen = list(filters)
    name = "-".join(["images", gallery.class_name, gallery.concept, *chosen])
    return make_table(name, COLUMNS, gallery_lines(store.images, gallery, chosen))


def gallery_lines(
    images: Sequence[str], gallery: Gallery, filters: Iterable[str]
) -> Iterator[list[Any]]:
    """Values of ``COLUMNS`` for each image that passes ``filters``; an unknown label is empty."""
    for at in gallery.passing(filters).tolist():
        label, logits = int(gallery.label[at]), (gallery.teacher[at], gallery.student[at])
        yield [
            images[gallery.rows[at]],
            gallery.split,
            gallery.class_name,
            gallery.node,
            gallery.concept,
            float(gallery.score[at]),
            gallery.influence,
            "" if label < 0 else label,
            *map(float, logits),
            *(int(logit > gallery.threshold) for logit in logits),
        ]
