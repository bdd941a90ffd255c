"""Groups of images in which the students' likeliest class is right less often, and the teacher's
not, where each image has one class: a test of all classes together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from inficond_panel.common.cache import once
from inficond_panel.common.interval import NO_INTERVAL, Interval, columns_of
from inficond_panel.distill.metrics.few_images import wilson
from inficond_panel.distill.metrics.permutation_tests import SURE
from inficond_panel.results.confusions import teacher_top_class, top_class
from inficond_panel.results.frame import Heading, make_frame
from inficond_panel.results.metrics import facts_of
from inficond_panel.results.slices import TEACHER_PREFIX, Masks
from inficond_panel.results.teacher_accuracy import tested_group, tested_groups
from inficond_panel.tuning import Node, Tuner
from inficond_panel.vocabulary.metrics import ACCURACY
from inficond_panel.vocabulary.splits import TUNE
from inficond_panel.vocabulary.tasks import SINGLE_LABEL
from inficond_panel.wording.groups import group_words, students_accuracy_sentence

#: Largest share of the students' fall by which the teacher falls in the same group.
_MOST_OF_TEACHER = 0.5


class StudentsLessOftenRight(NamedTuple):
    """Group of ``images`` of tune, a value of a ``column``, in which the students are right less
    often than among images of the same labels (``expected``), and the ``teacher`` is not: shares of
    right images."""

    column: str
    group: str
    images: int
    accuracy: Interval
    expected: float
    teacher: float


@once(64)
def students_less_often_right(tuner: Tuner, node_id: str) -> tuple[StudentsLessOftenRight, ...]:
    """Return the groups of tuning images in which the students of an iteration are less often right
    than among images of the same labels, the largest fall first; none where an image may have
    several classes.

    By the exact test, adjusted for all groups, and the limits of ``tested_group``. The teacher
    falls there by less than ``_MOST_OF_TEACHER`` of it: else the images are harder, or it is the
    teacher's fault.
    """
    if tuner.store.task != SINGLE_LABEL:
        return ()
    top, teacher = top_class(tuner, tuner.node(node_id), TUNE), teacher_top_class(tuner.store, TUNE)
    tests, level = tested_groups(tuner, top), tuner.spec.views.noise()["level"]
    label, by_teacher = top.label[tests.rows], teacher.right[tests.rows]
    found = list[StudentsLessOftenRight]()
    for (key, inside), each, p in tests.each:
        of_teacher = tested_group(by_teacher, label, inside, level)
        fall, its_fall = (one.expected - one.accuracy.estimate for one in (each, of_teacher))
        if p <= SURE and each.low and its_fall < _MOST_OF_TEACHER * fall:
            images, by_teacher_there = int(inside.sum()), of_teacher.accuracy.estimate
            found.append(
                StudentsLessOftenRight(*key, images, each.accuracy, each.expected, by_teacher_there)
            )
    return tuple(sorted(found, key=lambda each: each.accuracy.estimate - each.expected))


def group_accuracy(
    tuner: Tuner, node: Node, split: str, masks: Masks, by: str, level: float
) -> pd.DataFrame:
    """Return a row per slice (``masks`` over the images of ``split``) with the share of its
    labelled images in which the students' likeliest class is right, the teacher's, and that of the
    other images, with Wilson's limits. ``by`` is the heading of the slices. The caller counts uses
    of the holdout. Raises as ``top_class``."""
    top, teacher = top_class(tuner, node, split), teacher_top_class(tuner.store, split)
    rows = list[dict[str, Any]]()
    for name, mask in masks.items():
        inside = mask[top.known]
        shares = {
            ACCURACY.key: top.right[inside],
            f"{TEACHER_PREFIX}{ACCURACY.key}": teacher.right[inside],
            "rest": top.right[~inside],
        }
        intervals = {key: _share(right, level) for key, right in shares.items()}
        rows.append({"slice": name, "images": int(inside.sum()), **columns_of(intervals)})
    headings = {
        "slice": Heading(by),
        "images": Heading("images"),
        ACCURACY.key: Heading("top-1 accuracy"),
        f"{TEACHER_PREFIX}{ACCURACY.key}": Heading("teacher"),
        "rest": Heading("the others", limits=False),
    }
    return make_frame(
        rows,
        "slice",
        headings,
        title=f"all classes together, by {by}",
        facts=facts_of(tuner, node, split, None),
        level=level,
    )


def _share(right: NDArray[np.bool_], level: float) -> Interval:
    """Return a share of right images (n,) with Wilson's limits; undefined without images."""
    if not len(right):
        return NO_INTERVAL
    share = float(np.mean(right))
    return Interval(share, *wilson(share, len(right), level))


def students_accuracy_findings(tuner: Tuner, node: Node) -> Sequence[tuple[str, str]]:
    """Return the column and a sentence of each of the groups of ``students_less_often_right``."""
    return [
        (
            each.column,
            students_accuracy_sentence(
                group_words(each.column, each.group, shown_or_not=False),
                each.images,
                each.accuracy,
                each.expected,
                each.teacher,
                limits=tuner.spec.views.intervals,
            ),
        )
        for each in students_less_often_right(tuner, node.id)
    ]
