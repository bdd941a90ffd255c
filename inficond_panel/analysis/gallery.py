"""The images that show a concept, as one student and the teacher decide on them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from inficond_panel.analysis.patches import images_with
from inficond_panel.common.saved_file import File, make_table
from inficond_panel.tuning import Node, Tuner

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


def take_gallery(tuner: Tuner, node: Node, class_name: str, concept: str, split: str) -> Gallery:
    """The gallery of a concept for one student of ``node``."""
    store = tuner.store
    k, c = store.classes.index(class_name), store.concepts.index(concept)
    rows = images_with(store, store.rows(split), c)
    return Gallery(
        class_name=class_name,
        concept=concept,
        split=split,
        node=f"#{node.number} {node.id}",
        influence=float(node.weights[c, k]),
        threshold=tuner.threshold(class_name),
        rows=rows,
        score=store.concept_score[rows, c],
        label=store.label[rows, k],
        student=tuner.logits(node)[rows, k],
        teacher=store.teacher_logit[rows, k],
    )


def gallery_file(tuner: Tuner, gallery: Gallery, filters: Iterable[str]) -> File:
    """The images that pass ``filters`` as CSV, one a line, in the gallery's order."""
    chosen = list(filters)
    name = "-".join(["images", gallery.class_name, gallery.concept, *chosen])
    return make_table(name, COLUMNS, _lines(tuner.store.images, gallery, chosen))


def _lines(images: list[str], gallery: Gallery, filters: list[str]) -> Iterator[list[Any]]:
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
