"""Actions of the browser that every view with the batch has: refit, cancel, clear."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inficond_panel.ui.actions import Acting, action
from inficond_panel.vocabulary.splits import TUNE

if TYPE_CHECKING:
    from inficond_panel.state import AppState


class RefitActions(Acting):
    """Actions on the batch of ``app`` as a whole."""

    app: AppState

    @action
    def _fine_tune(self) -> None:
        self.app.tuning.fine_tune()

    @action
    def _cancel(self) -> None:
        self.app.tuning.cancel()

    @action
    def _clear(self) -> None:
        self.app.tuning.clear()

    @action
    def _stop_suggesting(self) -> None:
        self.app.suggestion.cancel()

    @action
    def _show_tune(self) -> None:
        """Leave the holdout."""
        self.app.tuning.show_split(TUNE)
