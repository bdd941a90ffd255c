"""A participant's page without a browser: what a browser would send, and the screen that follows.

Simulated people of a pilot use it, and tests.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from inficond_panel.state import Jobs
from inficond_panel.study.pages.participant import ParticipantPage
from inficond_panel.study.run.study import Study
from inficond_panel.ui import upstream


class Visitor:
    """Page opened by the link with ``token``, as a browser opens it; jobs run at once.

    ``after``, ``ids`` and ``own`` are as in ``recorder.Session``; ``more`` are further facts that
    the browser tells when it opens the page, such as the size of its window.
    """

    def __init__(
        self,
        study: Study,
        token: str,
        after: str = "",
        ids: Mapping[str, str] | None = None,
        own: str = "",
        **more: Any,
    ) -> None:
        self.study = study
        upstream.apply()  # as the module of the page does
        self.page = ParticipantPage(study)
        self.page.jobs = Jobs(inline=True)
        self.send("enter", token=token, after=after, ids=dict(ids or {}), own=own, **more)

    def send(self, action: str, **arguments: Any) -> dict[str, Any]:
        """Send a message, and return the screen after it."""
        self.page.act({"action": action, **arguments})
        return self.screen

    @property
    def screen(self) -> dict[str, Any]:
        """Screen that the page shows."""
        return dict(self.page.frame.screen)

    def next(self) -> dict[str, Any]:
        """Press the button of the present screen, and return the screen after it."""
        return self.send("next", step=self.screen["step"])

    def leave(self) -> dict[str, Any]:
        """Press the button that ends the present task, and return the screen after it."""
        return self.send("leave", step=self.screen["step"])

    def close(self) -> None:
        """Close the page."""
        self.page.close()
