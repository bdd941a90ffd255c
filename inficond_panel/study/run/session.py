"""One opening of a participant's link: what it records, and what waits to be recorded."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from inficond_panel.common import clock
from inficond_panel.study.results.timeline import progress_of
from inficond_panel.study.run.progress import Progress
from inficond_panel.study.run.study import Study
from inficond_panel.study.run.study_events import Note, storable


class Session:
    """The session of the participant whose link holds ``token``; it ends an earlier one.

    ``after`` is as in ``StudyLog.open``, ``external`` the id that came with the link. Raises
    ``StudyLinkError`` for a link that is not known, and ``StudyError`` where nothing can be
    recorded.
    """

    def __init__(self, study: Study, token: str, after: str = "", external: str = "") -> None:
        self.study = study
        self.id = secrets.token_hex(4)
        self.participant = study.find(token, external)
        study.log.open(self.participant.number, self.id, after, external)
        self.waiting: list[Note] = []
        self.progress = progress_of(study, self.participant)

    def record(self, *actions: tuple[str, str, Mapping[str, Any]]) -> None:
        """Record (view, action, payload) at the present step; on disk when this returns.

        Where it raises, all that could not be written waits in memory, in order and with its
        time, and is written before what comes next. Raises ``StudyLinkError`` where the link was
        opened elsewhere since, and ``StudyError`` as ``StudyLog``.
        """
        step = self.progress.step.name
        self.waiting += [
            Note(clock.now(), step, view, action, storable(payload))
            for view, action, payload in actions
        ]
        self.write()

    def write(self) -> None:
        """Write what waits. Raises as ``record``."""
        written = self.study.log.append(self.participant.number, self.id, self.waiting)
        self.waiting = []
        self.progress = Progress(self.progress.steps, [*self.progress.events, *written])

    def touch(self) -> None:
        """Say that the page is still there. Raises as ``record``."""
        self.study.log.touch(self.participant.number, self.id)
