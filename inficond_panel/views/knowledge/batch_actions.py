"""Actions of the browser on the batch: thumbs, cures and suggestions for the student in view."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inficond_panel.tuning.intents.asked import place_of
from inficond_panel.ui.actions import action
from inficond_panel.ui.refit_actions import RefitActions

if TYPE_CHECKING:
    from inficond_panel.views.knowledge.mending import MendingPanel
    from inficond_panel.views.knowledge.table import KnowledgeTable


class BatchActions(RefitActions):
    """What is put into the batch and taken out of it."""

    table: KnowledgeTable
    mending: MendingPanel

    def _takes(self, name: str) -> bool:
        """Cures and suggestions are given where the spec has them shown."""
        cured = self.table.suspecting and (self.table.penalised or not self.table.cureless)
        shown = {"cure": cured, "suggest": self.table.suggests}
        return bool(shown.get(name, True))

    @action
    def _toggle(self, concept: str, direction: str) -> None:
        self.app.tuning.toggle(self.table.student, concept, direction)

    @action
    def _toggle_group(self, concepts: list[str], direction: str) -> None:
        self.app.tuning.toggle_group(self.table.student, concepts, direction)

    @action
    def _set_bound(self, concept: str, value: float) -> None:
        self.app.tuning.set_bound(self.table.student, concept, value)

    @action
    def _set_own_factor(self, concept: str, factor: float) -> None:
        self.app.tuning.set_own_factor(self.table.student, concept, factor)

    @action
    def _cure(self, cure: dict) -> None:
        """Give a cure of the student in view, or take it back."""
        self.app.tuning.toggle_cure(self.mending.read(cure))

    @action
    def _take_out(self, place: list[str]) -> None:
        """Take what is at a place out of the batch."""
        tuning = self.app.tuning
        tuning.take_out([item for item in tuning.pending if list(place_of(item)) == place])

    @action
    def _suggest(self, strategy: str, every: bool) -> None:
        self.app.suggestion.ask(strategy, None if every else [self.table.student])

    @action
    def _withdraw(self, concept: str) -> None:
        self.app.tuning.withdraw(self.table.student, concept)
