"""Groups of images in which a student ranks worse than in images like them, and the teacher not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from inficond_panel.common.cache import once
from inficond_panel.distill import Outcome
from inficond_panel.distill.metrics.outcome import Mask
from inficond_panel.distill.metrics.permutation_tests import SURE
from inficond_panel.errors import Remedy
from inficond_panel.results.shared_bias import student_shared
from inficond_panel.results.shift import made_at
from inficond_panel.results.teacher_groups import worse_groups_of_teacher
from inficond_panel.results.worse_groups import (
    LEAST_FALL,
    WorseGroup,
    aps_of_others,
    classes_known,
    clear_falls,
    group_findings,
    groups_to_test,
    masks_of_columns,
    of_class,
    tests_by_group,
    tests_of_outcome,
)
from inficond_panel.tuning import Node, Tuner
from inficond_panel.tuning.belonging import value_name
from inficond_panel.vocabulary.metrics import AP
from inficond_panel.vocabulary.splits import TUNE
from inficond_panel.vocabulary.things import COLUMN
from inficond_panel.wording.groups import (
    STUDENT_GROUP_HELP,
    student_group_remedy,
    student_group_sentence,
)

#: Least share of the student's fall by which it falls more than the teacher's AP.
_LEAST_SHARE = 0.5


@dataclass(frozen=True)
class WorseOfStudent(WorseGroup):
    """Group of tuning images in which the student is worse, and ``teacher``, the AP of its teacher
    there."""

    help: ClassVar[str] = STUDENT_GROUP_HELP

    teacher: float = np.nan

    def sentence(self, *, limits: bool = True) -> str:
        """Return the sentence that the student is worse in the group, and the teacher not."""
        counts = self.images, self.positives
        aps = self.ap, self.expected, self.teacher
        return student_group_sentence(self.class_name, self.words, counts, *aps, limits=limits)


class GroupFinding(NamedTuple):
    """Sentences on the groups in which the student of a class is worse, and what helps."""

    finding: str
    remedy: Remedy


def worse_groups_of_students(
    tuner: Tuner, node: Node, classes: tuple[str, ...], seed: int = 0
) -> tuple[WorseOfStudent, ...]:
    """Return the groups of tuning images in which students at ``node`` are worse, the largest fall
    first.

    A group is worse by the rule of ``worse_groups``, and if the student is behind the teacher there
    by more than on the other images (``further_behind``). Left out are groups in which the teacher
    is worse, too, and those of a column that the student may rely on, which explains the fall:
    inside a group the column tells nothing.
    """
    return tuple(
        each
        for each in _kept(tuner, node.id, classes, seed)
        if not _relied_on(tuner, node, each, seed)
    )


@once(16)
def _kept(
    tuner: Tuner, node_id: str, classes: tuple[str, ...], seed: int
) -> tuple[WorseOfStudent, ...]:
    node, teachers = tuner.node(node_id), tuner.teacher_outcomes(TUNE)
    groups, masks = groups_to_test(tuner, classes), masks_of_columns(tuner)
    students = {name: each.outcome for name, each in tuner.at(node, TUNE).items()}
    tested = {name: tests_of_student(tuner, node, name, classes, seed) for name in groups}
    noise, found = tuner.spec.views.noise(), list[WorseOfStudent]()
    of_teacher = worse_groups_of_teacher(tuner, classes, seed)
    said = {(each.class_name, (each.column, each.group)) for each in of_teacher}
    for key, each in clear_falls(students, masks, tests_by_group(groups, tested), noise, seed):
        outcomes = students[each.class_name], teachers[each.class_name]
        if (each.class_name, key) not in said and further_behind(*outcomes, masks[key], seed):
            ap = outcomes[1].among(masks[key]).value(AP.key)
            found.append(WorseOfStudent(**vars(each), teacher=ap))
    return tuple(sorted(found, key=lambda each: each.ap.estimate - each.expected))


def further_behind(student: Outcome, teacher: Outcome, mask: Mask, seed: int) -> bool:
    """Return whether the student's AP is further behind the teacher's in a group (``mask``) than on
    random sets of the other images with the same labels: by ``LEAST_FALL`` and half of the
    student's fall or more, and in all but ``SURE`` of the sets."""
    behind = [aps_of_others(each, mask, seed) for each in (teacher, student)]
    here = [each.among(mask).value(AP.key) for each in (teacher, student)]
    apart, gap = behind[0] - behind[1], here[0] - here[1]
    least = max(LEAST_FALL, _LEAST_SHARE * float(behind[1].mean() - here[1]))
    p = (1 + np.count_nonzero(apart >= gap)) / (1 + len(apart))
    return bool(gap - apart.mean() >= least and p <= SURE)


def _relied_on(tuner: Tuner, node: Node, group: WorseGroup, seed: int) -> bool:
    """Return whether the class's student may rely on the group's column, or people said that the
    column belongs to the class."""
    begin = value_name(group.column, "")
    found = student_shared(tuner, node, group.class_name, seed=seed).found
    return any(
        each.kind == COLUMN and each.name.startswith(begin)
        for each in found.suspects
        if each.called or each.in_fit or each.belongs
    )


def tests_of_student(
    tuner: Tuner, node: Node, class_name: str, classes: tuple[str, ...], seed: int
) -> tuple[float, ...]:
    """Return ``tests_of_outcome`` of the class's student at ``node`` in its groups to test, of all
    ``classes``; once per refit of the class."""
    return _tests(tuner, made_at(tuner, node, class_name), class_name, classes, seed)


@once(4096)
def _tests(
    tuner: Tuner, node_id: str, class_name: str, classes: tuple[str, ...], seed: int
) -> tuple[float, ...]:
    groups, masks = groups_to_test(tuner, classes), masks_of_columns(tuner)
    outcome = tuner.at(tuner.node(node_id), TUNE)[class_name].outcome
    tests = sum(map(len, groups.values()))
    return tests_of_outcome(outcome, [masks[key] for key in groups[class_name]], tests, seed)


def student_group_findings(tuner: Tuner, node: Node, seed: int = 0) -> dict[str, GroupFinding]:
    """Return findings on the groups in which students at ``node`` are worse, by class."""
    found = worse_groups_of_students(tuner, node, classes_known(tuner), seed)
    told = group_findings(found, limits=tuner.spec.views.intervals)
    return {
        name: GroupFinding(told[name], student_group_remedy(groups[0].column))
        for name, groups in of_class(found).items()
    }
