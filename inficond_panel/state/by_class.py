"""State of results by class, which are computed one by one while no person waits."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar

import param

from inficond_panel.errors import CancelledError, InficondError
from inficond_panel.results.shift import made_at
from inficond_panel.state.jobs import Job, Jobs
from inficond_panel.state.selection import Selection
from inficond_panel.state.students import StudentsState
from inficond_panel.tuning import Node


class ByClass(param.Parameterized):
    """Results by class of the node shown. At another node they are kept for the classes whose
    student is the same.

    Subclasses say which classes come next (``_missing``) and make a result (``_made``); they call
    ``_next`` whenever this changes.
    """

    #: Key of the jobs.
    KEY: ClassVar[str]
    #: Parameters that have results by class.
    RESULTS: ClassVar[tuple[str, ...]] = ("by_class",)

    by_class = param.Dict({}, doc="Result by class, as far as it is computed.")
    problem = param.String("", doc="Why the other classes are not computed.")

    def __init__(self, students: StudentsState, selection: Selection, jobs: Jobs) -> None:
        self._students, self._selection, self._jobs = students, selection, jobs
        self._node = students.node
        super().__init__()

    def _missing(self) -> Sequence[str]:
        """Return the classes to compute next."""
        raise NotImplementedError

    def _made(self, node: Node, class_name: str) -> Any:
        """Return the result of one class at ``node``; the worker calls it."""
        raise NotImplementedError

    def _next(self) -> None:
        missing = [] if self.problem else self._missing()
        if not missing:
            return
        node = self._students.node

        def work(job: Job) -> dict[str, Any]:
            return job.first_of(missing, partial(self._made, node))

        def done(made: dict[str, Any]) -> None:
            if self._node.id == node.id:
                self.by_class = {**self.by_class, **made}
            self._next()

        self._jobs.submit(Job(self.KEY, work, done, self._failed, idle=True))

    @param.depends("_students.snapshot", watch=True)
    def _forget(self) -> None:
        """Forget the results of classes whose student has changed with the node shown."""
        before, now = self._node, self._students.node
        if now.id == before.id:
            return
        self._node = now
        same = {n for n in self.by_class if self._made_at(before, n) == self._made_at(now, n)}
        kept = {
            key: {name: each for name, each in getattr(self, key).items() if name in same}
            for key in self.RESULTS
        }
        self.param.update(**kept, problem="")
        self._next()

    def _made_at(self, node: Node, class_name: str) -> str:
        """Return the id of the iteration whose result a class has at ``node``."""
        return made_at(self._students.tuner, node, class_name)

    def _failed(self, error: InficondError) -> None:
        if not isinstance(error, CancelledError):
            self.problem = error.whole_for_page
