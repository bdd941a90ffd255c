"""Any two iterations side by side, computed off the event loop."""

from __future__ import annotations

import param

from inficond_panel.analysis.churn import Churn, Flip
from inficond_panel.analysis.comparison import ClassComparison, Comparison, compare
from inficond_panel.analysis.compensation import Mover
from inficond_panel.errors import CancelledError, InficondError
from inficond_panel.state.jobs import Job, Jobs
from inficond_panel.state.students import StudentsState
from inficond_panel.tuning import Tuner

__all__ = ["Churn", "ClassComparison", "CompareState", "Comparison", "Flip", "Mover"]


class CompareState(param.Parameterized):
    """The two nodes that are compared, and what came of it.

    While ``pair`` is set and both ``found`` and ``problem`` are empty, it is being computed.
    """

    pair = param.Parameter(None, doc="Ids of the nodes (before, after); None: no comparison.")
    found = param.ClassSelector(class_=Comparison, default=None)
    problem = param.String("", doc="Why there is no comparison, with the remedy.")

    def __init__(self, tuner: Tuner, students: StudentsState, jobs: Jobs) -> None:
        super().__init__()
        self.tuner = tuner
        self.students = students
        self.jobs = jobs

    def compare(self, before: str, after: str) -> None:
        """Compare two nodes by id; a comparison that is under way is given up."""
        pair, split = (before, after), self.split_of(before, after)
        self.param.update(pair=pair, found=None, problem="")

        def work(_: Job) -> Comparison:
            return compare(
                self.tuner,
                self.tuner.node(before),
                self.tuner.node(after),
                split,
                draws=self.tuner.spec.views.draws,
            )

        def done(found: Comparison) -> None:
            if self.pair == pair:
                self.found = found

        def failed(error: InficondError) -> None:
            if self.pair == pair and not isinstance(error, CancelledError):
                self.problem = error.whole_for_page

        self.jobs.submit(Job("compare", work, done, failed))

    def swap(self) -> None:
        """Compare the other way round."""
        if self.pair:
            self.compare(self.pair[1], self.pair[0])

    def close(self) -> None:
        """Show no comparison."""
        self.jobs.cancel("compare")
        self.param.update(pair=None, found=None, problem="")

    def split_of(self, before: str, after: str) -> str:
        """The split in view; tune, if that is the holdout and nobody looked at both nodes there."""
        split, looks = self.students.snapshot.split, self.students.tree.looks
        seen = split != "holdout" or (looks.get(before) and looks.get(after))
        return str(split) if seen else "tune"
