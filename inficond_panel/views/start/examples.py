"""Pictures of the start view: images of a class with a concept and without it; rows of a table with
the values that count most."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inficond_panel.common.numbers import number, significant
from inficond_panel.distill.suspects import shows
from inficond_panel.results.image_sets import assigned_segments, worst_first
from inficond_panel.store import Store
from inficond_panel.tuning import Student
from inficond_panel.tuning.answers import STRONGEST, telling_concepts
from inficond_panel.tuning.history.belongs import ReliedThing
from inficond_panel.tuning.shift_kinds import PictureDifference
from inficond_panel.tuning.showing import thing_values
from inficond_panel.tuning.two_worlds import joint_presence
from inficond_panel.ui.images import make_picture, tile_uri
from inficond_panel.vocabulary.picture_properties import PICTURE_PROPERTIES
from inficond_panel.vocabulary.things import ROWS


def make_pair(student: Student, other: Student, concept: str) -> list[dict[str, Any]]:
    """Return pictures of two images with the class: one that ``student`` learned from, with the
    concept, and one of ``other``, on the tuning images, without it (see ``make_example``,
    ``make_counterexample``). There is only the first without a concept, and if all show it."""
    first = make_example(student, concept)
    return [first, *make_counterexample(other, concept)] if concept else [first]


def make_pair_of(
    student: Student, other: Student, thing: ReliedThing, concept: str
) -> list[dict[str, Any]]:
    """Return the pair of pictures for a ``thing`` that is known of each image, another class or a
    value of a column: with it and without it, of each the positive in which the teacher is surest.
    Of a thing without such images, ``make_pair`` of the ``concept`` that shows it."""
    sides = ((student, 1.0), (other, 0.0))
    best = [(each, _surest(each, thing, value)) for each, value in sides]
    if best[0][1] is None:
        return make_pair(student, other, concept)
    return [_pictured(each, row, concept) for each, row in best if row is not None]


def _surest(student: Student, thing: ReliedThing, value: float) -> int | None:
    """Return the row of the positive in which the teacher is surest of the class, of those in which
    a thing has this value; None without any."""
    has = thing_values(student.store, student.rows, thing) == value
    found = np.flatnonzero(has & (student.labels == 1)).tolist()
    best = max(found, key=student.teacher_logits.__getitem__, default=None)
    return None if best is None else int(student.rows[best])


def make_unlike(student: Student, other: Student, by: PictureDifference) -> list[dict[str, Any]]:
    """Return pictures of two images with the class: one that ``student`` learned from, which the
    difference is about, and one of ``other``, on the tuning images, which it is not about: each has
    the middle value of such images. Only the first, if all tuning images are alike."""
    beyond, within = _by_property(student, by, above=True), _by_property(other, by, above=False)
    middles = [(each, rows[len(rows) // 2]) for each, rows in (beyond, within) if len(rows)]
    return [_pictured(each, int(row), "") for each, row in middles]


def _by_property(
    student: Student, by: PictureDifference, *, above: bool
) -> tuple[Student, NDArray[np.intp]]:
    """Return the student, and the images with its class (positions in the store) that a difference
    is about if ``above``, else the others, by their value."""
    rows = student.rows[student.labels == 1]
    values = student.store.picture_property[rows, PICTURE_PROPERTIES.index(by.kind)]
    values = values if by.high else -values
    about = shows(values, by.presence.threshold) == above
    return student, rows[about][np.argsort(values[about], kind="stable")]


def make_counterexample(student: Student, concept: str) -> Iterator[dict[str, Any]]:
    """Yield a picture of the positive image in which the teacher is surest of the class: of those
    that do not show a concept (``joint_presence``), and of these a quarter with the lowest scores.
    Nothing if all show it."""
    positive = student.labels == 1
    positive = positive if positive.any() else np.ones(len(student.rows), np.bool_)
    without = np.flatnonzero(positive & (joint_presence(student, [concept]) == 0))
    if not len(without):
        return
    at = student.store.concepts.index(concept)
    score = student.store.concept_score[student.rows[without], at]
    lowest = without[score <= np.quantile(score, 0.25)]
    best = max(lowest.tolist(), key=student.teacher_logits.__getitem__)
    yield _pictured(student, int(student.rows[best]), concept)


def make_example(student: Student, concept: str) -> dict[str, Any]:
    """Return a picture of the positive image that shows a concept best, with its segment.

    Best is the largest sum of the image's concept score and the cosine of an assigned segment, each
    scaled to [0, 1]. Without a concept, it is the positive with the student's largest margin.
    """
    store, positive = student.store, student.labels == 1
    positive |= not positive.any()
    if not concept:
        return _pictured(student, int(worst_first(student, positive)[-1]), concept)
    rows, at = student.rows[positive], store.concepts.index(concept)
    score = store.concept_score[:, at]
    segments = assigned_segments(store, at) if store.holds("segments") else np.empty(0, int)
    images = store.segment_image[segments] if len(segments) else segments
    shown = np.isin(images, rows)
    if not shown.any():
        return _pictured(student, int(rows[score[rows].argmax()]), concept)
    segments, images = segments[shown], images[shown]
    best = (_unit(score[images]) + _unit(store.segment_cosine[segments])).argmax()
    return _pictured(student, int(images[best]), concept, int(segments[best]))


def _unit(values: np.ndarray) -> np.ndarray:
    """Return the values scaled to [0, 1]: 0 is the smallest, 1 the largest."""
    return (values - values.min()) / (np.ptp(values) or 1.0)


def _pictured(student: Student, row: int, concept: str, segment: int = -1) -> dict[str, Any]:
    """Return a picture of an image, with the ``values`` of a row of a table (``make_values``)."""
    picture = make_picture(student.store, row, segment, tile_uri)
    values = make_values(student, row, concept) if student.store.things == ROWS else []
    return {**picture, "values": values} if values else picture


def make_values(student: Student, row: int, concept: str) -> list[list[str]]:
    """Return [name, value] of the concepts of a row that count most for the student's class, at
    most ``STRONGEST``: ``concept`` first, unless it is empty."""
    store = student.store
    first = [store.concepts.index(concept)] if concept else []
    telling = telling_concepts(store, student.class_name, student.weights)
    chosen = [*dict.fromkeys([*first, *telling])][:STRONGEST]
    return [[store.concepts[c], _value(store, row, c)] for c in chosen]


def _value(store: Store, row: int, concept: int) -> str:
    """Return a value as text: ``yes`` or ``no`` of a column that is there or not."""
    value = float(store.concept_score[row, concept])
    if store.concepts[concept] not in store.numeric:
        return "yes" if value > 0 else "no"
    return significant(value, 3) if abs(value) < 100 else number(value, 0)
