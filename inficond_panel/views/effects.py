"""The what-if curves of the concepts listed, computed in slices by the session's worker."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import param

from inficond_panel.state import Job
from inficond_panel.views.concept_rows import AXES, make_axis, make_effect

if TYPE_CHECKING:
    from collections.abc import Callable

    from inficond_panel.errors import InficondError
    from inficond_panel.state import AppState
    from inficond_panel.views.knowledge_table import KnowledgeTable

SLICE = 0.1  #: seconds of curves after which those that are there are shown


class EffectCurves:
    """Fills ``table.effects``; ``done`` is called when those of all rows are there."""

    def __init__(
        self,
        app: AppState,
        table: KnowledgeTable,
        done: Callable[[], None],
        failed: Callable[[InficondError], None],
    ) -> None:
        self.app, self.table, self.done, self.failed = app, table, done, failed
        table.param.watch(self.start, "metric")

    def start(self, *_: object) -> None:
        """Forget the curves; ask for the first."""
        self.table.param.update(effects={}, axis=AXES[0])
        self.next()

    def next(self) -> None:
        """Ask for more curves; the axis is set once, when those of all rows listed are there."""
        table = self.table
        name, metric = table.student, table.metric
        listed = [row["concept"] for row in table.rows]
        wanted = [row["concept"] for row in table.found] + listed
        missing = [concept for concept in wanted if concept not in table.effects]
        if not missing:
            table.axis = make_axis(table.effects[concept] for concept in listed)
            self.done()
            return

        def work(job: Job) -> dict[str, Any]:
            made, end = {}, time.monotonic() + SLICE
            for concept in missing:
                made[concept] = make_effect(self.app.students.effect(name, concept, metric))
                if job.cancelled() or time.monotonic() > end:
                    break
            return made

        self.app.jobs.submit(Job("effects", work, self._add, self.failed))

    def _add(self, effects: dict[str, Any]) -> None:
        with param.parameterized.batch_call_watchers(self.table):
            self.table.effects = {**self.table.effects, **effects}
            self.next()
