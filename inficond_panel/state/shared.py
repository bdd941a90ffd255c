"""State of what students may rely on in all photos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import param

from inficond_panel.results.shared_bias import StudentShared, student_shared
from inficond_panel.results.shift import decided_at
from inficond_panel.state.belonging import BelongState
from inficond_panel.state.by_class import ByClass
from inficond_panel.state.jobs import Jobs
from inficond_panel.state.repairs import ShiftState
from inficond_panel.state.selection import Selection
from inficond_panel.state.students import StudentsState
from inficond_panel.tuning import Node
from inficond_panel.tuning.settled import settled_shared


class SharedState(ByClass):
    """State of what students may rely on in all photos, of the requested and the selected classes.

    It is computed after the shifts, one class at a time (``Job.first_of``), the selected one first.
    """

    KEY = "shared"

    by_class = param.Dict({}, doc="``StudentShared`` by class, as far as it is computed.")
    wanted = param.List([], item_type=str, doc="The requested classes.")

    def __init__(
        self,
        students: StudentsState,
        selection: Selection,
        shifts: ShiftState,
        belong: BelongState,
        jobs: Jobs,
    ) -> None:
        self._shifts, self._belong = shifts, belong
        super().__init__(students, selection, jobs)

    @property
    def waiting(self) -> list[str]:
        """The requested classes that are not computed yet."""
        return [name for name in self.wanted if name not in self.by_class]

    @property
    def checking(self) -> bool:
        """True while a requested class, or the selected one, is not computed yet."""
        selected = self._selection.class_name
        names = {*self.wanted, *([selected] if selected else [])}
        return not names <= self.by_class.keys()

    def want(self, classes: Sequence[str]) -> None:
        """Request more classes, to be computed while no person waits."""
        more = [name for name in classes if name not in self.wanted]
        if more:
            self.wanted = [*self.wanted, *more]

    @param.depends("wanted", "_selection.class_name", "_shifts.by_class", watch=True)
    def _follow(self) -> None:
        self._next()

    def _made(self, node: Node, class_name: str) -> StudentShared:
        return student_shared(self._students.tuner, node, class_name)

    def _missing(self) -> list[str]:
        """Return the classes to compute next: of those whose shift is known, and the requested
        ones only if all shifts are that the page computes."""
        shifts, first = self._shifts, self._selection.class_name
        ready = shifts.complete or not shifts.all_wanted
        names = [first, *(self.wanted if ready else [])] if first else self.wanted * ready
        known = shifts.by_class.keys() - self.by_class.keys()
        return [name for name in dict.fromkeys(names) if name in known]

    def _made_at(self, node: Node, class_name: str) -> str:
        return decided_at(self._students.tuner, node, class_name)

    @param.depends("_belong.belonging", watch=True)
    def _settle(self) -> None:
        """Mark what belongs to the classes by the latest answers."""
        belonging = self._belong.belonging
        self.by_class = {
            name: replace(each, found=settled_shared(each.found, belonging))
            for name, each in self.by_class.items()
        }
