"""State of what students may rely on in all photos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import param

from inficond_panel.errors import CancelledError, InficondError
from inficond_panel.results.shared_bias import StudentShared, student_shared
from inficond_panel.results.shift import made_at
from inficond_panel.state.belonging import BelongState
from inficond_panel.state.jobs import Job, Jobs
from inficond_panel.state.repairs import ShiftState
from inficond_panel.state.selection import Selection
from inficond_panel.state.students import StudentsState
from inficond_panel.tuning.settled import settled_shared


class SharedState(param.Parameterized):
    """State of what students may rely on in all photos, of the requested and the selected classes.

    It is computed after the shifts, one class at a time (``Job.first_of``), the selected one first.
    """

    by_class = param.Dict({}, doc="``StudentShared`` by class, as far as it is computed.")
    wanted = param.List([], item_type=str, doc="The requested classes.")
    problem = param.String("", doc="Why the other classes are not computed.")

    def __init__(
        self,
        students: StudentsState,
        selection: Selection,
        shifts: ShiftState,
        belong: BelongState,
        jobs: Jobs,
    ) -> None:
        self._students, self._selection, self._jobs = students, selection, jobs
        self._shifts, self._belong = shifts, belong
        self._node = students.node
        super().__init__()

    @property
    def waiting(self) -> list[str]:
        """The requested classes that are not computed yet."""
        return [name for name in self.wanted if name not in self.by_class]

    def want(self, classes: Sequence[str]) -> None:
        """Request more classes, to be computed while no person waits."""
        more = [name for name in classes if name not in self.wanted]
        if more:
            self.wanted = [*self.wanted, *more]

    @param.depends("wanted", "_selection.class_name", "_shifts.by_class", watch=True)
    def _next(self) -> None:
        missing = self._missing()
        if self.problem or not missing:
            return
        tuner, node = self._students.tuner, self._students.node

        def work(job: Job) -> dict[str, StudentShared]:
            return job.first_of(missing, lambda name: student_shared(tuner, node, name))

        def done(made: dict[str, StudentShared]) -> None:
            if self._node.id == node.id:
                self.by_class = {**self.by_class, **made}
            self._next()

        self._jobs.submit(Job("shared", work, done, self._failed, idle=True))

    def _missing(self) -> list[str]:
        """Return the classes to compute next: of those whose shift is known, and the requested
        ones only if all shifts are that the page computes."""
        shifts, first = self._shifts, self._selection.class_name
        ready = shifts.complete or not shifts.all_wanted
        names = [first, *(self.wanted if ready else [])] if first else self.wanted * ready
        known = shifts.by_class.keys() - self.by_class.keys()
        return [name for name in dict.fromkeys(names) if name in known]

    @param.depends("_students.snapshot", watch=True)
    def _forget(self) -> None:
        """Forget the results of classes whose student has changed with the node shown."""
        tuner, before, now = self._students.tuner, self._node, self._students.node
        if now.id == before.id:
            return
        self._node = now
        kept = {
            name: each
            for name, each in self.by_class.items()
            if made_at(tuner, before, name) == made_at(tuner, now, name)
        }
        self.param.update(by_class=kept, problem="")
        self._next()

    @param.depends("_belong.belonging", watch=True)
    def _settle(self) -> None:
        """Mark what belongs to the classes by the latest answers."""
        belonging = self._belong.belonging
        self.by_class = {
            name: replace(each, found=settled_shared(each.found, belonging))
            for name, each in self.by_class.items()
        }

    def _failed(self, error: InficondError) -> None:
        if not isinstance(error, CancelledError):
            self.problem = error.whole_for_page
