"""State of the groups of tuning images in which the teacher is worse, by class."""

from __future__ import annotations

from collections.abc import Sequence

import param

from inficond_panel.results.teacher_accuracy import accuracy_findings
from inficond_panel.results.teacher_groups import (
    WorseOfTeacher,
    tests_of_teacher,
    worse_groups_of_teacher,
)
from inficond_panel.results.worse_groups import classes_known, groups_to_test, of_class
from inficond_panel.state.jobs import Job
from inficond_panel.state.repairs import ShiftState
from inficond_panel.state.selection import Selection
from inficond_panel.state.tuning import TuningState

#: Seed of the tests, as the doctor has by default, so that both name the same groups.
SEED = 0


class TeacherGroupsState(param.Parameterized):
    """State of the groups in which the teacher is worse; they are the same at all iterations.

    The tests are adjusted for all classes, so that all classes are tested before any group is
    named. That begins after the differences of a selected class, which come first, or of all
    classes, and is done a class at a time while no person waits.
    """

    by_class = param.Dict({}, doc="``WorseOfTeacher``s by class, the largest fall first.")
    complete = param.Boolean(False, doc="Whether all classes are tested.")
    of_all = param.List([], item_type=str, doc="Sentences on groups of all classes together.")

    def __init__(self, shifts: ShiftState, selection: Selection, tuning: TuningState) -> None:
        self._shifts, self._selection = shifts, selection
        self._tuning, self._begun, self._begun_all = tuning, False, False
        super().__init__()

    @param.depends("_shifts.differences", "_selection.class_name", watch=True)
    def _begin(self) -> None:
        name, shifts = self._selection.class_name, self._shifts
        if (shifts.selected_explained if name else shifts.explained) and not self._begun:
            self._begun = True
            self._go_on()

    @param.depends("_shifts.by_class", watch=True)
    def _test_all(self) -> None:
        """Test all classes together once, after the shifts of all."""
        if not self._shifts.complete or self._begun_all:
            return
        self._begun_all = True

        def done(told: Sequence[str]) -> None:
            self.of_all = list(told)

        def work(_: Job) -> Sequence[str]:
            return accuracy_findings(self._tuning.tuner)

        self._tuning.jobs.submit(Job("teacher accuracy", work, done, self._tuning.tell, idle=True))

    def _go_on(self) -> None:
        """Test more classes; after the last one find the groups."""
        tuner = self._tuning.tuner

        def work(job: Job) -> tuple[WorseOfTeacher, ...] | None:
            classes = classes_known(tuner)
            names = groups_to_test(tuner, classes)
            tested = job.first_of(names, lambda name: tests_of_teacher(tuner, name, classes, SEED))
            return (
                worse_groups_of_teacher(tuner, classes, SEED) if len(tested) == len(names) else None
            )

        def done(found: tuple[WorseOfTeacher, ...] | None) -> None:
            if found is None:
                self._go_on()
            else:
                self.param.update(by_class=of_class(found), complete=True)

        self._tuning.jobs.submit(Job("teacher groups", work, done, self._tuning.tell, idle=True))
