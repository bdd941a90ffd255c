"""Findings on students that rank worse than the own word of their class does alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from inficond_panel.common.cache import once
from inficond_panel.common.interval import Interval
from inficond_panel.common.numbers import number
from inficond_panel.concepts.own_words import own_word
from inficond_panel.distill import Outcome, change_intervals
from inficond_panel.distill.sources import Array
from inficond_panel.errors import Remedy
from inficond_panel.tuning import Node, Student, Tuner
from inficond_panel.vocabulary.metrics import AP
from inficond_panel.vocabulary.splits import TUNE

#: Least lower limit of the AP by which the word is above the student.
LEAST_BEHIND = 0.05
BEHIND_WORD = "the word alone ranks better"
BEHIND_REMEDY = (
    "Compare labels, thumbs and the word itself: "
    + Remedy("`inficond suggest`", "`students.suggest()`")
    + "."
)


class BehindWord(NamedTuple):
    """A class whose ``word`` alone has a higher AP on the labelled images of tune (``word_ap``)
    than its student (``student_ap``), by ``more``; ``teacher_ap`` is that of its teacher."""

    class_name: str
    word: str
    word_ap: float
    student_ap: float
    teacher_ap: float
    more: Interval

    @property
    def sentence(self) -> str:
        """Sentence with the figures: the cause may be the teacher, which the student imitates."""
        return (
            f"The AP of the word “{self.word}” alone is {number(self.word_ap, 2)} on tuning images,"
            f" {self.more.text(2)} above that of the student, {number(self.student_ap, 2)}; the "
            f"teacher, which the student imitates, has {number(self.teacher_ap, 2)}."
        )


def behind_words(tuner: Tuner, node: Node, classes: Sequence[str]) -> Iterator[BehindWord]:
    """Yield those of ``classes`` whose own word alone ranks the labelled images of tune clearly
    better than the student at ``node``: by ``LEAST_BEHIND`` at the lower limit of the paired
    difference."""
    for name in classes:
        if found := _behind_word(tuner, node.id, name):
            yield found


@once(256)
def _behind_word(tuner: Tuner, node_id: str, class_name: str) -> BehindWord | None:
    student = tuner.at(tuner.node(node_id), TUNE)[class_name]
    word = own_word(tuner.store, class_name)
    if word is None or not {0, 1} <= set(np.asarray(student.labels).tolist()):
        return None
    logits = word.scores[student.rows], student.outcome.all_logits, _of_teacher(tuner, student)
    by_word, own, teacher = (Outcome(student.labels, each, group=student.groups) for each in logits)
    word_ap, own_ap, teacher_ap = (float(each.value(AP.key)) for each in (by_word, own, teacher))
    if word_ap - own_ap < LEAST_BEHIND:
        return None  # without the draws, which take time
    more = change_intervals(own, by_word, (AP.key,), **tuner.spec.views.noise())[AP.key]
    if not more.low >= LEAST_BEHIND:
        return None
    return BehindWord(class_name, word.name, word_ap, own_ap, teacher_ap, more)


def _of_teacher(tuner: Tuner, student: Student) -> Array:
    return np.asarray(tuner.store.teacher_log_odds[student.rows, student.column])
