"""Shift of each class between fit and tune, found off the event loop."""

from __future__ import annotations

import time

import param

from inficond_panel.errors import CancelledError, InficondError
from inficond_panel.results.shift import made_at, student_shift
from inficond_panel.state.jobs import Job, Jobs
from inficond_panel.state.selection import Selection
from inficond_panel.state.students import StudentsState
from inficond_panel.state.tuning import TuningState
from inficond_panel.tuning.shift import ClassShift

#: Classes up to which all are looked at; of more, those that are selected.
ALL_UP_TO = 100
SLICE = 0.1  #: seconds of work after which what is known is told


class ShiftState(param.Parameterized):
    """Shift of each student in view between fit and tune, and its suspects.

    A job ends after ``SLICE``, so that thumbs come in between; the class selected comes first. Of
    more than ``ALL_UP_TO`` classes, which would take minutes, only those selected are looked at.
    """

    by_class = param.Dict({}, doc="``ClassShift`` by class, of the node shown; the others come.")
    problem = param.String("", doc="Why the others do not come.")

    def __init__(
        self, students: StudentsState, tuning: TuningState, selection: Selection, jobs: Jobs
    ) -> None:
        self._students, self._tuning, self._selection = students, tuning, selection
        self._jobs = jobs
        self._asked = False
        self._node = students.node
        super().__init__()

    @property
    def all_wanted(self) -> bool:
        """True if all classes are looked at; else those that are selected."""
        return len(self._students.tuner.store.classes) <= ALL_UP_TO

    @property
    def complete(self) -> bool:
        """True if all classes are known."""
        return len(self.by_class) == len(self._students.tuner.store.classes)

    def suspects(self, class_name: str) -> list[str]:
        """Names of the suspects of a class, best first; none as long as they are not known."""
        known = self.by_class.get(class_name)
        return [] if known is None else [suspect.concept for suspect in known.suspects]

    def start(self) -> None:
        """Find what is not known yet, if the spec has it shown; whoever shows it asks once."""
        self._asked = self._tuning.tuner.spec.tuning.suspects
        self._next()

    @param.depends("_students.snapshot", watch=True)
    def _forget(self) -> None:
        """Forget the classes whose student is another one now."""
        tuner, before, now = self._students.tuner, self._node, self._students.node
        if now.id == before.id:
            return
        self._node = now
        same = (n for n in self.by_class if made_at(tuner, before, n) == made_at(tuner, now, n))
        self.param.update(by_class={name: self.by_class[name] for name in same}, problem="")
        self._next()

    @param.depends("_tuning.status", "_selection.class_name", watch=True)
    def _next(self) -> None:
        """Look at more classes, unless something runs that a person waits for."""
        missing = [name for name in self._wanted() if name not in self.by_class]
        if not self._asked or self._tuning.awaited or self.problem or not missing:
            return
        tuner, node = self._students.tuner, self._students.node

        def work(job: Job) -> dict[str, ClassShift]:
            made, end = {}, time.monotonic() + SLICE
            for name in missing:
                made[name] = student_shift(tuner, node, name)
                if job.cancelled() or time.monotonic() > end:
                    break
            return made

        def done(made: dict[str, ClassShift]) -> None:
            if self._node.id == node.id:
                self.by_class = {**self.by_class, **made}
            self._next()

        self._jobs.submit(Job("shifts", work, done, self._failed))

    def _wanted(self) -> list[str]:
        first, classes = self._selection.class_name, self._students.tuner.store.classes
        if not self.all_wanted:
            return [first] if first else []
        return sorted(classes, key=lambda name: name != first)

    def _failed(self, error: InficondError) -> None:
        if not isinstance(error, CancelledError):
            self.problem = error.whole_for_page
