"""Targets of the students: logits of the teacher, or of the oracle that has seen the label."""

from __future__ import annotations

import param

from inficond_panel.errors import InficondError
from inficond_panel.state.jobs import Job, Jobs
from inficond_panel.state.preview import Status
from inficond_panel.state.rights import EVERYTHING, Rights
from inficond_panel.tuning import Tuner

TARGETS = ("teacher", "oracle")


class TargetsState(param.Parameterized):
    """Changes what the students learn from, where the store holds the oracle's logits.

    The students of each have iterations of their own in the same history, and every metric of
    either compares with the plain teacher. The session goes on with a new ``AppState`` over
    ``tuner``; the one that it had is left as it was.
    """

    status = param.ClassSelector(class_=Status, default=Status())
    tuner = param.ClassSelector(class_=Tuner, default=None, doc="Of other targets, when ready.")

    def __init__(self, tuner: Tuner, jobs: Jobs, rights: Rights = EVERYTHING) -> None:
        super().__init__()
        self._rights = rights
        self._from = tuner
        self.jobs = jobs
        self.usual = self.chosen  # those of the spec

    @property
    def options(self) -> tuple[str, ...]:
        """The targets that there are; empty where there is no choice."""
        return TARGETS if self._rights.targets and self._from.store.has("oracle_logit") else ()

    @property
    def chosen(self) -> str:
        """The targets of the students shown."""
        return str(self._from.spec.students.targets)

    @property
    def busy(self) -> bool:
        """True if other students are being distilled."""
        return self.status.kind == "fitting"

    def choose(self, targets: str) -> None:
        """Go on with the students that learn from ``targets``; distilled now if need be."""
        if targets == self.chosen or targets not in self.options or self.busy:
            return

        def work(job: Job) -> Tuner:
            other = self._from.with_students(targets=targets)
            other.root(progress=self.jobs.progress(job), cancelled=job.cancelled)
            return other

        self.status = Status("fitting", "Distilling")
        self.jobs.submit(Job("targets", work, self._done, self.fail, self._report))

    def _done(self, tuner: Tuner) -> None:
        self.tuner = tuner

    def _report(self, share: float, text: str) -> None:
        if self.busy:
            self.status = Status("fitting", text, share)

    def fail(self, error: InficondError) -> None:
        """Show why there are no such students; nothing is shown of what was cancelled."""
        self.status = Status.of(error)
