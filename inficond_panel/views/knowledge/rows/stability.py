"""Stability of a concept's influence, as plain data; asked for one concept at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inficond_panel.analysis.influence_stability import HOLDS_P
from inficond_panel.common.numbers import number, share, signed
from inficond_panel.errors import CancelledError
from inficond_panel.state import Job
from inficond_panel.state.requests.class_metrics import hold
from inficond_panel.vocabulary.confidence import confidence_word

if TYPE_CHECKING:
    from inficond_panel.analysis.influence_stability import StabilityReport
    from inficond_panel.errors import InficondError
    from inficond_panel.state import AppState
    from inficond_panel.views.knowledge.table import KnowledgeTable


def make_stability(report: StabilityReport, limits: bool = True) -> dict[str, Any]:
    """The verdict on one concept, and the card that explains it; ``limits`` are of the refits."""
    (concept,) = report.concepts
    between = f"[{signed(concept.low)}, {signed(concept.high)}]"
    rows = [
        ["Influence", signed(concept.influence)],
        *([[f"{confidence_word(report.level)} of refits", between]] if limits else []),
        ["Same sign", share(concept.same_sign)],
        ["Not 0", share(concept.selected)],
        ["Rank", f"{concept.rank} ({concept.rank_low}–{concept.rank_high})"],
        ["Effect, logits", number(concept.effect, 3)],
        [f"Random concepts, {confidence_word(1 - HOLDS_P)} below", number(concept.counterpart, 3)],
        ["p", number(concept.p, 3)],
    ]
    scope = (
        f"{report.draws} refits on bootstrap samples of fit; "
        f"{report.counterparts or 'no'} random concepts in its place. {report.lacking}"
    ).rstrip()
    return {
        "kind": "done",
        "text": concept.words,
        "short": concept.verdict,
        "rows": rows,
        "scope": scope,
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

        def work(job: Job) -> StabilityReport:
            return hold(app.tuner, node, name, concept, app.jobs, job)

        def done(report: StabilityReport) -> None:
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
