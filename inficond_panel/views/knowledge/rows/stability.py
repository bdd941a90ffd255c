"""Stability of a concept's influence, as plain data; asked for one concept at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inficond_panel.common.numbers import number_range, share, signed
from inficond_panel.errors import CancelledError
from inficond_panel.results.frame import interval_of
from inficond_panel.state import Job
from inficond_panel.state.requests.class_metrics import hold
from inficond_panel.vocabulary.confidence import confidence_word

if TYPE_CHECKING:
    import pandas as pd

    from inficond_panel.errors import InficondError
    from inficond_panel.state import AppState
    from inficond_panel.views.knowledge.table import KnowledgeTable


def make_stability(found: pd.DataFrame, limits: bool = True) -> dict[str, Any]:
    """The verdict on one concept, and the card that explains it; ``limits`` are of the refits.

    ``found`` has one row, see ``results.stability``.
    """
    row = found.iloc[0]
    influence = interval_of(row, "influence")
    between = number_range(influence.low, influence.high, 2, sign=True)
    rows = [
        ["Influence", signed(influence.estimate)],
        *([[f"{confidence_word(row['level'])} of refits", between]] if limits else []),
        ["Same sign", share(row["same_sign"])],
        ["Not 0", share(row["selected"])],
        ["Rank", f"{row['rank']} ({row['rank_low']}–{row['rank_high']})"],
    ]
    return {
        "kind": "done",
        "text": row["words"],
        "short": row["words"].removesuffix(" over other images"),
        "rows": rows,
        "scope": f"{found.attrs['facts']['draws']} refits on bootstrap samples of fit.",
    }


class StabilityRuns:
    """Fills ``table.stability`` for concepts that are asked for; one run at a time."""

    def __init__(self, app: AppState, table: KnowledgeTable) -> None:
        self.app, self.table, self.running = app, table, ""

    def forget(self) -> None:
        """Drop all results: another student is in view."""
        self.stop()
        self.table.stability = {}

    def stop(self) -> None:
        """Stop the run, since something else is waited for."""
        if self.running:
            self.app.jobs.cancel("stability")
            self._tell(self.running, {})
            self.running = ""

    def ask(self, concept: str) -> None:
        """Start the run of a concept; the one that runs is stopped, also by asking for it again."""
        again = concept == self.running
        self.stop()
        if again:
            return
        app, name, node = self.app, self.table.student, self.app.students.node
        self.running = concept
        self._tell(concept, {"kind": "running", "text": "Starting", "progress": 0.0})

        def work(job: Job) -> pd.DataFrame:
            return hold(app.tuner, node, name, concept, app.jobs, job)

        def done(report: pd.DataFrame) -> None:
            self.running = ""
            self._tell(concept, make_stability(report, app.spec.views.intervals))

        def failed(error: InficondError) -> None:
            if not isinstance(error, CancelledError):
                self.running = ""
                self._tell(concept, {"kind": "error", "text": error.whole_for_page})

        def progress(part: float, text: str) -> None:
            if self.running == concept:
                self._tell(concept, {"kind": "running", "text": text, "progress": part})

        app.jobs.submit(Job("stability", work, done, failed, progress))

    def _tell(self, concept: str, found: dict[str, Any]) -> None:
        known = {name: value for name, value in self.table.stability.items() if name != concept}
        self.table.stability = {**known, **({concept: found} if found else {})}
