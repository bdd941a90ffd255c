"""State of what is looked for in a class once its shift is known: labels that are contradicted one
by one, and findings on decisions, and on groups that are labelled otherwise."""

from __future__ import annotations

import param

from inficond_panel.results.doctor.decided import OnDecisions, decision_findings
from inficond_panel.results.doctor.drifted import MOVED, moved_findings
from inficond_panel.results.doctor.labels_in_groups import labels_in_groups
from inficond_panel.results.shift import decided_at, student_contradicted
from inficond_panel.results.teacher_splits import BETTER_ON_TUNE, BETTER_REMEDY, better_on_tune
from inficond_panel.state.by_class import ByClass
from inficond_panel.state.jobs import Jobs
from inficond_panel.state.repairs import ShiftState
from inficond_panel.state.selection import Selection
from inficond_panel.state.students import StudentsState
from inficond_panel.tuning import Node
from inficond_panel.tuning.label_noise import DoubtedLabels


class AfterShifts(ByClass):
    """Results of the selected class first, and of all classes whose differences are known."""

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


class ContradictedState(AfterShifts):
    """State of contradicted labels. The differences of a class say whether there is another word
    on its labels."""

    KEY = "contradicted"

    by_class = param.Dict({}, doc="``DoubtedLabels`` or None by class, as far as it is computed.")

    def _made(self, node: Node, class_name: str) -> DoubtedLabels | None:
        return student_contradicted(self._students.tuner, node, class_name)


class DecidedState(AfterShifts):
    """State of findings on decisions, and on logits that other scores move."""

    KEY = "decided"

    by_class = param.Dict({}, doc="``OnDecisions`` by class, as far as they are computed.")

    @property
    def moved(self) -> tuple[str, ...]:
        """The classes whose logits other scores move: that is why, whatever else may be asked."""
        return self._with(MOVED)

    @property
    def better_on_tune(self) -> tuple[str, ...]:
        """The classes of which the teacher is better on tuning images: their labels may be its
        own, and training labels that contradict these right."""
        return self._with(BETTER_ON_TUNE)

    def _with(self, kind: str) -> tuple[str, ...]:
        by_class = self.by_class.items()
        return tuple(name for name, found in by_class if any(one.kind == kind for one in found))

    def _made(self, node: Node, class_name: str) -> tuple[OnDecisions, ...]:
        tuner = self._students.tuner
        told = tuner, node, [class_name]
        better = better_on_tune(tuner, class_name)
        of_teacher = OnDecisions(class_name, BETTER_ON_TUNE, better, BETTER_REMEDY)
        return (
            *([of_teacher] if better else []),
            *(OnDecisions(*each) for each in labels_in_groups(tuner, node, class_name)),
            *decision_findings(*told),
            *moved_findings(*told),
        )

    def _made_at(self, node: Node, class_name: str) -> str:
        return decided_at(self._students.tuner, node, class_name)
