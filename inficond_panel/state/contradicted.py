"""State of the training labels of a class that the teacher and the other images contradict."""

from __future__ import annotations

import param

from inficond_panel.results.shift import student_contradicted
from inficond_panel.state.by_class import ByClass
from inficond_panel.state.jobs import Jobs
from inficond_panel.state.repairs import ShiftState
from inficond_panel.state.selection import Selection
from inficond_panel.state.students import StudentsState
from inficond_panel.tuning import Node
from inficond_panel.tuning.label_noise import DoubtedLabels


class ContradictedState(ByClass):
    """State of contradicted labels, of the selected class first, and of all classes whose
    differences are known: these say whether there is another word on their labels."""

    KEY = "contradicted"

    by_class = param.Dict({}, doc="``DoubtedLabels`` or None by class, as far as it is computed.")

    def __init__(
        self, students: StudentsState, selection: Selection, shifts: ShiftState, jobs: Jobs
    ) -> None:
        self._shifts = shifts
        super().__init__(students, selection, jobs)

    @param.depends("_shifts.differences", "_selection.class_name", watch=True)
    def _follow(self) -> None:
        self._next()

    def _missing(self) -> list[str]:
        ready = [name for name in self._shifts.differences if name not in self.by_class]
        return sorted(ready, key=lambda name: name != self._selection.class_name)

    def _made(self, node: Node, class_name: str) -> DoubtedLabels | None:
        return student_contradicted(self._students.tuner, node, class_name)
