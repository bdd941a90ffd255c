"""The what-if curves of the concepts listed, computed in slices by the session's worker."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import param

from inficond_panel.state import Job
from inficond_panel.views.knowledge.rows import make_effect

if TYPE_CHECKING:
    from collections.abc import Callable

    from inficond_panel.errors import InficondError
    from inficond_panel.state import AppState
    from inficond_panel.views.knowledge.table import KnowledgeTable

FIRST = 50  #: rows of a list that have curves wherever it is scrolled to
SLICE = 0.1  #: seconds of curves after which those that are there are shown


class EffectCurves(param.Parameterized):
    """Fills ``table.effects``; ``done`` is called when all rows have theirs.

    Of a long list the rows near the part in view have curves, and the first ``FIRST``.
    """

    def __init__(
        self,
        app: AppState,
        table: KnowledgeTable,
        done: Callable[[], None],
        failed: Callable[[InficondError], None],
    ) -> None:
        self.app, self.table, self.done, self.failed = app, table, done, failed
        super().__init__()

    @param.depends("table.metric", watch=True)
    def start(self) -> None:
        """Forget the curves; ask for the first."""
        self.table.effects = {}
        self.next()

    @param.depends("table.near", watch=True)
    def next(self) -> None:
        """Ask for more curves."""
        table = self.table
        name, metric = table.student, table.metric
        missing = [concept for concept in self._wanted() if concept not in table.effects]
        if not missing:
            self.done()
            return

        def work(job: Job) -> dict[str, Any]:
            made, end = {}, time.monotonic() + SLICE
            for concept in missing:
                effect = self.app.students.effect(name, concept, metric)
                made[concept] = make_effect(effect, self.app.spec.views.intervals)
                if job.cancelled() or time.monotonic() > end:
                    break
            return made

        self.app.jobs.submit(Job("effects", work, self._add, self.failed))

    def _wanted(self) -> list[str]:
        """Concepts that have a curve, in the order in which they are made."""
        table = self.table
        there = {row["concept"] for row in (*table.rows, *table.found)}
        near = [concept for concept in table.near if concept in there]
        return list(dict.fromkeys([*_first(table.found), *near, *_first(table.rows)]))

    def _add(self, effects: dict[str, Any]) -> None:
        known, wanted = {**self.table.effects, **effects}, set(self._wanted())
        with param.parameterized.batch_call_watchers(self.table):
            self.table.effects = {name: known[name] for name in known if name in wanted}
            self.next()


def _first(rows: list[dict[str, Any]]) -> list[str]:
    return [row["concept"] for row in rows[:FIRST]]
