"""The refit what-if of one concept, solved point by point off the event loop."""

from __future__ import annotations

from collections.abc import Iterator

import param

from inficond_panel.distill import ClassMetrics, alone
from inficond_panel.errors import CancelledError, InficondError
from inficond_panel.results.what_if_curves import CurvePoint
from inficond_panel.state.jobs import Job, Jobs
from inficond_panel.state.students import StudentsState
from inficond_panel.state.tuning import TuningState


class RefitWhatIf(param.Parameterized):
    """One curve at a time; each point is a job, so that thumbs and pictures come in between.

    A fine-tune does not wait for the curve: it is ``waiting`` meanwhile and goes on afterwards.
    """

    state: param.Selector[str] = param.Selector(
        default="", objects=["", "solving", "waiting", "stopped", "done"], doc="Empty: not begun."
    )
    points = param.Dict({}, doc="Metrics of the student by influence, as far as they are known.")
    changes = param.Dict({}, doc="Their changes from now, by influence; see ``CurvePoint``.")
    share = param.Number(0.0, bounds=(0, 1), doc="How much of the curve is known.")

    def __init__(self, students: StudentsState, tuning: TuningState, jobs: Jobs) -> None:
        self._students, self._tuning, self._jobs = students, tuning, jobs
        self._asked: tuple[str, str, str, str] | None = None
        self._path: Iterator[CurvePoint] | None = None
        self._job: Job | None = None
        super().__init__()

    def solve(self, class_name: str, concept: str) -> None:
        """Begin, or go on where it was stopped: points that are known are kept."""
        shown = self._students.snapshot
        asked = (class_name, concept, shown.node.id, shown.split)
        if asked != self._asked:
            self.forget()
            self._asked = asked
        if self.state not in {"solving", "done"}:
            self._go_on()

    def stop(self) -> None:
        """Solve no further point for now."""
        self._end()
        if self.state in {"solving", "waiting"}:
            self.state = "stopped"

    def forget(self) -> None:
        """Stop, and know no point."""
        self._end()
        self._asked = None
        self.param.update(state="", points={}, changes={}, share=0.0)

    def _go_on(self) -> None:
        if self._asked is None:
            return
        if self._tuning.busy:
            self.state = "waiting"
            return
        self.state = "solving"
        class_name, concept, *_ = self._asked
        self._path = self._students.refit_curve(class_name, concept, self._cancelled)
        self._next_point()

    def _end(self) -> None:
        self._jobs.cancel("refit what-if")
        self._path, self._job = None, None

    def _cancelled(self) -> bool:
        return self._job is None or self._job.cancelled()

    def _next_point(self) -> None:
        path = self._path
        if path is None:
            return

        def work(job: Job) -> CurvePoint | None:
            self._job = job
            return next(path, None)

        self._jobs.submit(Job("refit what-if", work, self._add, self._failed))

    def _add(self, point: CurvePoint | None) -> None:
        if point is None:
            self._path = None
            self.state = "done"
            return
        known: dict[float, ClassMetrics] = {**self.points, point.influence: point.metrics}
        told = point.changes if self._students.tuner.spec.views.intervals else alone(point.changes)
        changes = {**self.changes, point.influence: told}
        self.param.update(points=known, changes=changes, share=max(self.share, point.share))
        self._next_point()

    def _failed(self, error: InficondError) -> None:
        if not isinstance(error, CancelledError):
            self.stop()
            self._tuning.tell(error)

    @param.depends("_tuning.status", watch=True)
    def _yield_to_refit(self) -> None:
        if self._tuning.busy and self.state == "solving":
            self._end()
            self.state = "waiting"
        elif not self._tuning.busy and self.state == "waiting":
            self._go_on()
