"""The threshold of one student as plain data: the one in force, and on request a chosen one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from inficond_panel.analysis.chosen_thresholds import (
    JUDGED,
    chosen_thresholds,
    threshold_line,
    threshold_setting,
)
from inficond_panel.common.numbers import number, signed
from inficond_panel.errors import CancelledError
from inficond_panel.state import Job
from inficond_panel.views.knowledge.panels.class_metrics import make_noisy
from inficond_panel.vocabulary.confidence import CONFIDENCE, confidence_word
from inficond_panel.vocabulary.metrics import METRICS
from inficond_panel.vocabulary.tasks import SINGLE_LABEL

if TYPE_CHECKING:
    from inficond_panel.analysis.chosen_thresholds import ChosenThreshold
    from inficond_panel.distill import Interval
    from inficond_panel.errors import InficondError
    from inficond_panel.state import AppState
    from inficond_panel.views.knowledge.table import KnowledgeTable


def make_threshold(
    choice: ChosenThreshold,
    setting: Mapping[str, float],
    precision: float | None = None,
    level: float | None = CONFIDENCE,
) -> dict[str, Any]:
    """The chosen threshold with its limits, its cross-fitted worth, and the line for the spec.

    Without a ``level`` there are no limits.
    """
    if choice.lacking:
        return {"kind": "error", "text": f"No threshold is chosen: {choice.lacking}."}
    rule = "best F1" if precision is None else f"most recall at precision {precision:g}"
    shown = f"{rule} at {signed(choice.threshold, 3)}"
    if level is not None:
        limits = f"[{signed(choice.low, 3)}, {signed(choice.high, 3)}]"
        shown = f"{shown}, {confidence_word(level)} {limits}"
    return {
        "kind": "done",
        "text": shown,
        "rows": [_row(key, choice.metrics[key], choice.change[key], level) for key in JUDGED],
        "line": threshold_line(setting),
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
            found = chosen_thresholds(
                app.tuner, node, classes=[name], precision=precision, draws=draws
            )
            setting = threshold_setting(app.tuner, found)
            return make_threshold(found[0], setting, precision, level)

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
