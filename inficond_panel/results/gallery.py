"""Galleries of images, with the decisions of one student and of the teacher."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from inficond_panel.common.files import File
from inficond_panel.common.numbers import count
from inficond_panel.distill import average_precision
from inficond_panel.results.frame import make_frame, plain_headings, table_file
from inficond_panel.results.image_sets import ImageSet, assigned_images, showing
from inficond_panel.store import Store
from inficond_panel.tuning import Student

#: Filter for images with a segment that is assigned to the concept; on when a gallery opens.
ASSIGNED = "assigned"
#: Filters of a gallery; an image is shown if it passes all that are on.
FILTERS = ("positive", "negative", "right", "wrong", ASSIGNED)


@dataclass(frozen=True, eq=False)
class Gallery:
    """Images to show in a gallery, with labels, logits and decisions of student and teacher.

    They are the images that show a concept, strongest first, or picked images in their own order.
    The arrays run over the images: ``rows`` are their positions in the store, ``label`` is 1, 0 or
    −1 (ignored), ``student`` and ``teacher`` are logits, ``decided`` and ``teacher_decided`` masks
    of positive decisions. ``assigned`` marks images with a segment assigned to the concept; all
    images if the store has no segments or the images were picked. ``influence`` and ``score``
    belong to the ``concept``; without a concept its name is empty, and they are 0. ``node`` names
    the student (``#2 3fa9…``), ``title`` describes the images.
    """

    class_name: str
    concept: str
    title: str
    split: str
    node: str
    influence: float
    rows: np.ndarray
    score: np.ndarray
    label: np.ndarray
    student: np.ndarray
    teacher: np.ndarray
    decided: np.ndarray
    teacher_decided: np.ndarray
    assigned: np.ndarray

    @cached_property
    def student_right(self) -> np.ndarray:
        """Per image, True if the student's decision equals the label; False if that is ignored."""
        return self._right(self.decided)

    @cached_property
    def teacher_right(self) -> np.ndarray:
        """Per image, True if the teacher's decision equals the label; False if that is ignored."""
        return self._right(self.teacher_decided)

    @cached_property
    def position(self) -> dict[int, int]:
        """Index of each image in the gallery, by the image's row in the store."""
        return {row: at for at, row in enumerate(self.rows.tolist())}

    def passing(self, filters: Iterable[str]) -> np.ndarray:
        """Return the gallery's indices of the images that pass all ``filters`` of ``FILTERS``."""
        masks = {
            "positive": self.label == 1,
            "negative": self.label == 0,
            "right": self.student_right,
            "wrong": (self.label >= 0) & ~self.student_right,
            ASSIGNED: self.assigned,
        }
        chosen = np.ones(len(self.rows), bool)
        for name in filters:
            chosen &= masks[name]
        return np.flatnonzero(chosen)

    def summary(self) -> str:
        """Return a text with the numbers of images that student and teacher decide as labelled.

        The AP of student and teacher is added if there are positives and negatives.
        """
        labelled, texts = self.label >= 0, []
        if labelled.any():
            right = [int(side.sum()) for side in (self.student_right, self.teacher_right)]
            texts.append("student right on {}, teacher on {}".format(*map(count, right)))
        if not labelled.all():
            texts.append(f"{count(int((~labelled).sum()))} without a label")
        label = self.label[labelled]
        if 0 < label.sum() < len(label):
            logits = (self.student[labelled], self.teacher[labelled])
            ap = [average_precision(label, each) for each in logits]
            texts.append("AP {:.3f}, teacher {:.3f}".format(*ap))
        return " · ".join(texts)

    def _right(self, decided: np.ndarray) -> np.ndarray:
        return (self.label >= 0) & (decided == (self.label == 1))


def take_gallery(student: Student, concept: str) -> Gallery:
    """Return the gallery of the images that show a concept, for one student."""
    score = student.score(concept)
    position = student.store.concepts.index(concept)
    chosen = showing(student.store, position, score)
    rows = student.rows[chosen]
    assigned = np.ones(len(rows), bool)
    if student.store.holds("segments"):
        assigned = np.isin(rows, assigned_images(student.store, position))
    return _gallery(
        student,
        concept,
        concept,
        rows=rows,
        score=score[chosen],
        label=student.labels[chosen],
        student=student.logits[chosen],
        teacher=student.teacher_logits[chosen],
        decided=student.decided[chosen],
        teacher_decided=student.teacher_decided[chosen],
        assigned=assigned,
    )


def take_picked(student: Student, images: ImageSet) -> Gallery:
    """Return the gallery of the picked ``images``, with decisions of their class's student."""
    rows, k, evaluation = np.array(images.rows, dtype=np.intp), student.column, student.evaluation
    store, concept = student.store, images.concept
    score = np.zeros(len(rows))
    if concept:
        score = np.asarray(store.concept_score[rows, store.concepts.index(concept)], np.float64)
    logits, teacher_logits = evaluation.logits(student.node, rows), store.teacher_log_odds[rows]
    return _gallery(
        student,
        concept,
        images.title,
        rows=rows,
        score=score,
        label=store.label[rows, k],
        student=logits[:, k],
        teacher=teacher_logits[:, k],
        decided=evaluation.decided(logits)[:, k],
        teacher_decided=evaluation.decided(teacher_logits)[:, k],
        assigned=np.ones(len(rows), bool),
    )


def _gallery(of: Student, concept: str, title: str, **columns: np.ndarray) -> Gallery:
    """Return a gallery of a student; ``columns`` are its fields that have a value per image."""
    return Gallery(
        class_name=of.class_name,
        concept=concept,
        title=title,
        split=of.split,
        node=f"#{of.node.number} {of.node.id}",
        influence=of.weight(concept) if concept else 0.0,
        **columns,
    )


def gallery_frame(
    store: Store, gallery: Gallery, filters: Iterable[str], tags: Mapping[str, Sequence[str]]
) -> pd.DataFrame:
    """Return a frame of the images that pass ``filters``, in order; ``tags`` are by image id."""
    rows = []
    for at in gallery.passing(filters).tolist():
        row, label = int(gallery.rows[at]), int(gallery.label[at])
        values = {
            "image": store.images[row],
            "split": str(store.split[row]),
            "class": gallery.class_name,
            "student": gallery.node,
            "concept": gallery.concept,
            "concept_score": float(gallery.score[at]) if gallery.concept else None,
            "influence": gallery.influence if gallery.concept else None,
            "label": None if label < 0 else label,
            "teacher_logit": float(gallery.teacher[at]),
            "student_logit": float(gallery.student[at]),
            "teacher_decision": int(gallery.teacher_decided[at]),
            "student_decision": int(gallery.decided[at]),
            "tags": "; ".join(tags.get(store.images[row], ())),
        }
        rows.append(values)
    frame = make_frame(
        rows,
        "image",
        {
            **plain_headings("image", "split", "class", "student", "concept", "concept_score"),
            **plain_headings("influence", "label", "teacher_logit", "student_logit"),
            **plain_headings("teacher_decision", "student_decision", "tags"),
        },
    )
    frame["label"] = frame["label"].astype("Int64")
    return frame


def gallery_file(
    store: Store, gallery: Gallery, filters: Iterable[str], tags: Mapping[str, Sequence[str]]
) -> File:
    """Return the images that pass ``filters`` as a CSV file, one row each (``gallery_frame``)."""
    chosen = list(filters)
    name = "-".join(["images", gallery.class_name, gallery.title, *chosen])
    return table_file(gallery_frame(store, gallery, chosen, tags), name)
