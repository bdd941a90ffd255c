"""Rows of the knowledge view as plain data: a concept, its patches, and its what-if curve."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import param

from inficond_panel.common.numbers import bound, defined
from inficond_panel.state import Job
from inficond_panel.vocabulary.sorts import DISCREPANCY_P

if TYPE_CHECKING:
    from inficond_panel.distill import Band, Counts
    from inficond_panel.errors import InficondError
    from inficond_panel.results.concept_rows import ConceptRow
    from inficond_panel.state import AppState
    from inficond_panel.state.pinned import Pinned
    from inficond_panel.views.knowledge.table import KnowledgeTable

#: Half heights of an effect chart, in percentage points; at least 3.
AXES = (3, 5, 10, 20, 30, 40, 60, 80, 100)
FIRST = 50  #: rows of a list that have curves wherever it is scrolled to
SLICE = 0.1  #: seconds of curves after which those that are there are shown


def make_concept_rows(
    rows: Iterable[ConceptRow],
    undefined: str,
    scale: Callable[[str], list[tuple[str, str]]] = lambda _: [],
    patches: int = 5,
) -> list[dict[str, Any]]:
    """Rows of the list as plain data; ``undefined`` tells why a discrepancy has no value.

    ``held`` is the bound in force on a concept, ``≥ 1.40``, and ``since`` its iteration, ``#1``;
    both are empty without one. ``scale`` gives facts on the scale of a concept's score.
    ``assigned`` is the number of segments whose best concept it is, ``unpatched`` the reason why
    there is no patch, empty where there is one.
    """
    return [
        {
            "concept": row.concept,
            "rank": row.rank,
            "influence": row.influence,
            "share": row.share,
            "discrepancy": defined(row.discrepancy),
            "undefined": undefined,
            "held": bound(*row.bounds) if row.bounds else "",
            "since": f"#{row.bound_since}" if row.bounds else "",
            "scale": scale(row.concept),
            "assigned": row.assigned,
            "unpatched": _unpatched(row),
            "patches": [
                {"segment": segment, "similarity": similarity}
                for segment, similarity in row.patches[:patches]
            ],
        }
        for row in rows
    ]


def make_pinned(
    pinned: Pinned | None, weights: Mapping[str, float], rows: Iterable[Mapping[str, Any]]
) -> dict[str, Any]:
    """Number of the pinned iteration, and its ``influence`` of the concepts listed that differ.

    ``weights`` are those of its student by concept. Empty where nothing stands beside.
    """
    if pinned is None:
        return {}
    differ = {
        row["concept"]: weights[row["concept"]]
        for row in rows
        if round(weights[row["concept"]] - row["influence"], 2)  # as far as it can be read
    }
    return {"number": pinned.number, "influence": differ}


def _unpatched(row: ConceptRow) -> str:
    if row.patches:
        return ""
    return "All its segments are of holdout images" if row.assigned else "No segment is assigned"


def make_undefined(sort: str, counts: Counts) -> str:
    """Reason why a discrepancy is undefined: no image to differ on, or none to agree on."""
    side = "positive" if sort == DISCREPANCY_P.key else "negative"
    differ = counts.student_wrong + counts.teacher_wrong
    return f"no {side} on which they {'agree' if differ else 'differ'}"


def make_effect(band: Band, limits: bool = True) -> dict[str, Any]:
    """A what-if curve as lists, empty where the metric is undefined; ``axis`` is its half height.

    Each curve has an axis of its own: a strong concept moves a metric by tens of points, most
    others by less than three. Without ``limits`` it has no band.
    """
    names = {"x": "grid", "change": "estimate", "low": "low", "high": "high"}
    if not np.isfinite(band.estimate).all():
        return {**{name: [] for name in names}, "axis": AXES[0]}
    curves = {name: np.nan_to_num(getattr(band, field)) for name, field in names.items()}
    reach = round(100 * float(np.abs(curves["change"]).max()), 3)
    axis = next((axis for axis in AXES if axis >= reach), AXES[-1])
    if not limits:
        curves.update(low=np.empty(0), high=np.empty(0))
    return {**{name: np.round(values, 5).tolist() for name, values in curves.items()}, "axis": axis}


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
