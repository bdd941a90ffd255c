"""State of the students' targets: those of the teacher or of the oracle."""

from __future__ import annotations

import param

from inficond_panel.state.jobs import Job, Jobs, Status, Working
from inficond_panel.state.selection import EVERYTHING, Rights
from inficond_panel.tuning import Tuner

TARGETS = ("teacher", "oracle")


class TargetsState(Working):
    """Switch of the students' targets between teacher and oracle, if the store has oracle logits.

    The oracle is the teacher on inputs reinforced with their labels. The students of each target
    have separate iterations in one history; all metrics compare with the plain teacher. The session
    continues with a new ``AppState`` over ``tuner``; the old state stays as it was.
    """

    KEY = "targets"
    RUNNING = frozenset({"fitting"})

    tuner = param.ClassSelector(class_=Tuner, default=None, doc="Tuner of the chosen targets.")

    def __init__(self, tuner: Tuner, jobs: Jobs, rights: Rights = EVERYTHING) -> None:
        super().__init__(jobs)
        self._rights = rights
        self._from = tuner
        self.usual = self.chosen  # targets in the spec

    @property
    def options(self) -> tuple[str, ...]:
        """Targets to choose from (teacher, oracle); empty if there is no choice."""
        return TARGETS if self._rights.targets and self._from.store.has("oracle_logit") else ()

    @property
    def chosen(self) -> str:
        """Targets that the students shown learn from: ``teacher`` or ``oracle``."""
        return str(self._from.spec.students.targets)

    def choose(self, targets: str) -> None:
        """Switch to the students that learn from ``targets``; distil them if there are none yet."""
        if targets == self.chosen or targets not in self.options or self.busy:
            return

        def work(job: Job) -> Tuner:
            other = self._from.with_students(targets=targets)
            other.root(progress=self.jobs.progress(job), cancelled=job.cancelled)
            return other

        self.status = Status("fitting", "Distilling")
        self.jobs.submit(Job(self.KEY, work, self._done, self.fail, self._report))

    def _done(self, tuner: Tuner) -> None:
        self.tuner = tuner
