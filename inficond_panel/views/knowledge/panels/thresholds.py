"""The threshold of one student as plain data: the one in force, and on request a chosen one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inficond_panel.common.numbers import number, signed
from inficond_panel.errors import CancelledError
from inficond_panel.results.frame import interval_of
from inficond_panel.results.thresholds import JUDGED, threshold_line, thresholds
from inficond_panel.state import Job
from inficond_panel.views.knowledge.panels.class_metrics import make_noisy
from inficond_panel.vocabulary.confidence import CONFIDENCE, confidence_word
from inficond_panel.vocabulary.metrics import METRICS
from inficond_panel.vocabulary.tasks import SINGLE_LABEL

if TYPE_CHECKING:
    import pandas as pd

    from inficond_panel.common.interval import Interval
    from inficond_panel.errors import InficondError
    from inficond_panel.state import AppState
    from inficond_panel.views.knowledge.table import KnowledgeTable


def make_threshold(
    found: pd.DataFrame, precision: float | None = None, level: float | None = CONFIDENCE
) -> dict[str, Any]:
    """The chosen threshold of one class with its limits, its cross-fitted worth, and the line for
    the spec.

    ``found`` has one row, see ``results.thresholds``. Without a ``level`` there are no limits.
    """
    row = found.iloc[0]
    if row["lacking"]:
        return {"kind": "error", "text": f"No threshold is chosen: {row['lacking']}."}
    rule = "best F1" if precision is None else f"most recall at precision {precision:g}"
    threshold, limits = interval_of(row, "threshold").cells(sign=True)
    within = "" if level is None else f", {confidence_word(level)} {limits}"
    changes = {key: (interval_of(row, key), interval_of(row, f"{key}_change")) for key in JUDGED}
    return {
        "kind": "done",
        "text": f"{rule} at {threshold}{within}",
        "rows": [_row(key, *pair, level) for key, pair in changes.items()],
        "line": threshold_line(found.attrs["facts"]["threshold"]),
    }


def _row(key: str, after: Interval, change: Interval, level: float | None) -> dict[str, Any]:
    return {
        "name": METRICS[key].name,
        "now": number(after.estimate - change.estimate),
        "after": number(after.estimate),
        "change": make_noisy(change, key, level),
    }


class ThresholdChoices:
    """Fills ``table.threshold``; a choice that is asked for is made by the worker."""

    def __init__(self, app: AppState, table: KnowledgeTable) -> None:
        self.app, self.table = app, table
        self._asked: tuple[str, str, float | None] | None = None

    def show(self) -> None:
        """Show the threshold in force, and drop a choice that was made for another student."""
        self.app.jobs.cancel("threshold")
        self._asked = None
        name = self.table.student
        if self.app.store.task == SINGLE_LABEL:  # the likeliest class is decided
            self.table.threshold = {}
            return
        now = self.app.tuner.thresholds[self.app.store.classes.index(name)] if name else 0.0
        self.table.threshold = {"now": signed(now, 3), "kind": "ask"}

    def stop(self) -> None:
        """Stop the choice under way, since something else is waited for."""
        if self.table.threshold.get("kind") == "running":
            self.show()

    def ask(self, precision: float | None) -> None:
        """Choose the threshold of the best F1, or of the most recall at a ``precision``."""
        app, name, node = self.app, self.table.student, self.app.students.node
        if not name or app.tuning.awaited or not self.table.threshold:
            return
        asked = self._asked = name, node.id, precision

        def work(_: Job) -> dict[str, Any]:
            draws, level = app.spec.views.draws, app.spec.views.shown_level
            found = thresholds(app.tuner, node, classes=[name], precision=precision, draws=draws)
            return make_threshold(found, precision, level)

        def done(shown: dict[str, Any]) -> None:
            if asked == self._asked:
                self._tell(shown)

        def failed(error: InficondError) -> None:
            if not isinstance(error, CancelledError):
                done({"kind": "error", "text": error.whole_for_page})

        self._tell({"kind": "running"})
        app.jobs.submit(Job("threshold", work, done, failed))

    def _tell(self, shown: dict[str, Any]) -> None:
        self.table.threshold = {"now": self.table.threshold["now"], **shown}
