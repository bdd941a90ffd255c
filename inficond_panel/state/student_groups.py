"""State of the groups of tuning images in which a student is worse, and its teacher not."""

from __future__ import annotations

from collections.abc import Sequence

import param

from inficond_panel.results.student_accuracy import students_accuracy_findings
from inficond_panel.results.student_groups import (
    WorseOfStudent,
    tests_of_student,
    worse_groups_of_students,
)
from inficond_panel.results.worse_groups import classes_known, groups_to_test, of_class
from inficond_panel.state.belonging import BelongState
from inficond_panel.state.by_class import ByClass
from inficond_panel.state.jobs import Job
from inficond_panel.state.selection import Selection
from inficond_panel.state.teacher_groups import SEED, TeacherGroupsState
from inficond_panel.state.tuning import TuningState
from inficond_panel.tuning import Node


class StudentGroupsState(ByClass):
    """State of the groups in which students at the node shown are worse.

    It begins once the groups of the teacher are known, which come first. The tests are adjusted for
    all classes, so that all classes are tested before any group is named, and after a refit of one
    class its tests alone are new.
    """

    KEY = "student groups"

    by_class = param.Dict({}, doc="p of the groups of each class that is tested.")
    found = param.Dict({}, doc="``WorseOfStudent``s by class, the largest fall first.")
    of_all = param.List([], item_type=str, doc="Sentences on groups of all classes together.")

    def __init__(
        self,
        selection: Selection,
        teacher: TeacherGroupsState,
        belong: BelongState,
        tuning: TuningState,
    ) -> None:
        self._teacher, self._belong, self._tuning = teacher, belong, tuning
        self._of_all_at = ""  # id of the iteration
        super().__init__(tuning.students, selection, tuning.jobs)

    @param.depends("_teacher.complete", watch=True)
    def _follow(self) -> None:
        self._next()

    @param.depends("_teacher.complete", "_students.snapshot", watch=True)
    def _test_all(self) -> None:
        """Test all classes together, once at each iteration."""
        tuner, node = self._students.tuner, self._students.node
        if not self._teacher.complete or self._of_all_at == node.id:
            return
        self._of_all_at, self.of_all = node.id, []

        def work(_: Job) -> list[str]:
            return [told for _, told in students_accuracy_findings(tuner, node)]

        def done(told: list[str]) -> None:
            if self._of_all_at == node.id:
                self.of_all = told

        self._jobs.submit(Job("students accuracy", work, done, self._failed, idle=True))

    def _missing(self) -> list[str]:
        if not self._teacher.complete:
            return []
        tuner = self._students.tuner
        names = groups_to_test(tuner, classes_known(tuner))
        return [name for name in names if name not in self.by_class]

    def _made(self, node: Node, class_name: str) -> tuple[float, ...]:
        tuner = self._students.tuner
        return tests_of_student(tuner, node, class_name, classes_known(tuner), SEED)

    @param.depends("by_class", "_belong.belonging", watch=True)
    def _find(self) -> None:
        """Find the groups once all classes are tested; until then none is named."""
        tuner, node = self._students.tuner, self._students.node
        self.found = {}
        if not self.by_class or self._missing():
            return

        def work(_: Job) -> Sequence[WorseOfStudent]:
            return worse_groups_of_students(tuner, node, classes_known(tuner), SEED)

        def done(found: Sequence[WorseOfStudent]) -> None:
            if self._students.node.id == node.id:
                self.found = of_class(found)

        self._jobs.submit(Job("find student groups", work, done, self._failed, idle=True))
