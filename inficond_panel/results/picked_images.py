"""Picked images that a link can name: a part of a class's bar, and a group or slice of images.

Such a set has ``ImageSet.link``, from which ``linked_images`` makes the set again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from inficond_panel.common.near_words import missing
from inficond_panel.errors import DataError
from inficond_panel.results.image_sets import (
    LABEL_OF_SIDE,
    ImageSet,
    decided_images,
    image_set,
    shared_image_set,
    worst_first,
)
from inficond_panel.results.slices import group_masks
from inficond_panel.tuning import Student
from inficond_panel.wording.groups import words_of_group


class Part(NamedTuple):
    """Part of a class's bar: whether teacher and student are right, and words for it."""

    teacher_right: bool | None
    student_right: bool | None
    words: str


#: Parts of a bar by key.
BAR_PARTS = {
    "both-right": Part(True, True, "both right"),
    "student-wrong": Part(True, False, "teacher right, student wrong"),
    "both-wrong": Part(False, False, "both wrong"),
    "teacher-wrong": Part(False, True, "student right, teacher wrong"),
}
_WHOLE = Part(None, None, "")
#: Keys of a link: what is picked, and what divides the images; a part of a bar has no ``PICK_BY``.
PICK, PICK_BY = "pick", "of"


def bar_images(student: Student, side: str, part: str = "") -> ImageSet:
    """Return the images of one part of a class's bar, or of the whole bar.

    Raises ``DataError`` for an unknown side (``LABEL_OF_SIDE``) or part (``BAR_PARTS``).
    """
    for word, known in ((side, LABEL_OF_SIDE), (part, ["", *BAR_PARTS])):
        if word not in known:
            raise DataError(missing("part of a bar", word, known))
    teacher, right, words = BAR_PARTS.get(part, _WHOLE)
    rows = decided_images(student, side, teacher_right=teacher, student_right=right)
    title = f"{student.class_name}, {side}{words and ': '}{words}"
    link = ((PICK, ",".join(filter(None, [side, part]))),)
    return replace(image_set(student, title, rows), link=link)


def group_images(student: Student, by: str, group: str) -> ImageSet:
    """Return the images with one value of what divides them, the student's worst errors first.

    ``by`` is a column, a property, a class or a concept (``cells.group_texts``). Raises
    ``DataError`` if it, or the group, is unknown.
    """
    masks = group_masks(student.store, student.split, [by], student.rows)
    if group not in masks:
        raise DataError(missing("group", group, masks))
    title = words_of_group(student.store, by, group or "not known")
    rows = worst_first(student, masks[group])
    return replace(shared_image_set(student, title, rows), link=((PICK, group), (PICK_BY, by)))


def linked_images(student: Student, link: Mapping[str, str]) -> ImageSet:
    """Return the set of images that a link names; raises ``DataError`` if there is no such set."""
    if PICK_BY in link:
        return group_images(student, link[PICK_BY], link.get(PICK, ""))
    side, _, part = link[PICK].partition(",")
    return bar_images(student, side, part)
