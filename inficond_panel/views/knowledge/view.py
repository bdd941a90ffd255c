"""Student knowledge view (InFiConD, section 5, figure 5d): concepts of one student, and batch."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

import numpy as np
import pandas as pd
import param
from panel.viewable import Viewable, Viewer

from inficond_panel.common.cache import Latest
from inficond_panel.results.concept_rows import concept_rows
from inficond_panel.results.concepts import scale_facts, scales
from inficond_panel.state import AppState
from inficond_panel.ui.component import tie
from inficond_panel.ui.drawing import Drawing
from inficond_panel.views.knowledge.asking import SHOWN, AskActions, make_asking
from inficond_panel.views.knowledge.batch import BatchBar, BatchUpdater
from inficond_panel.views.knowledge.finding import FindingActions, FindingPanel
from inficond_panel.views.knowledge.groups import GroupsPanel
from inficond_panel.views.knowledge.measures import MeasuresActions, MeasuresPanel, ThresholdChoices
from inficond_panel.views.knowledge.parts import (
    KnowledgeTable,
    StudentPanels,
    draw_picture,
    make_typing,
)
from inficond_panel.views.knowledge.refit_report import ReportActions, ReportPanel
from inficond_panel.views.knowledge.repairs import RepairActions, RepairPanel
from inficond_panel.views.knowledge.rows import (
    EffectCurves,
    StabilityRuns,
    TableActions,
    make_concept_rows,
    make_undefined,
)
from inficond_panel.vocabulary.metrics import AP, DISCREPANCIES, DISCREPANCY_P, SUSPECT_SORT

ALL_ROWS = 0  #: the number ``top`` that lists all concepts that match a search


class Overview(Protocol):
    """View of all students that is shown while no class is selected."""

    def close(self) -> None:
        """Release the overview and its plots, at the end of the session."""

    def picture(self) -> Drawing:
        """Return a still picture of the overview, drawn without a browser."""


#: Most removed concepts that stand before the others.
REMOVED_FIRST = 2


def removed_first(rows: list[dict[str, Any]], now: str) -> list[dict[str, Any]]:
    """Return rows of concepts, first those that the iteration ``now`` removed, which have no rank.

    More than ``REMOVED_FIRST`` stay at the end: the rows show what the refit brought."""

    def removed(row: dict[str, Any]) -> bool:
        return not row["rank"] and row["since"] == now

    return (
        rows
        if sum(map(removed, rows)) > REMOVED_FIRST
        else sorted(rows, key=lambda r: not removed(r))
    )


class KnowledgeView(
    TableActions, FindingActions, RepairActions, MeasuresActions, ReportActions, AskActions, Viewer
):
    """View of the student of the selected class; its rows keep their order until a refit is done.

    Without a selected class it shows ``overview``, a view of all students, if there is one.
    Curves, pictures, the report and the metrics take longer than the rows, and are shown later.
    """

    panels: StudentPanels

    def __init__(self, app: AppState, overview: Overview | None = None) -> None:
        self.app, self.overview = app, overview
        self._scales: Latest[tuple[str, str], pd.DataFrame] = Latest(1)
        self._thresholds: tuple[tuple[str, float], ...] = ()
        self.bar = BatchBar.of(app, factor=app.tuning.factor)
        batch = {name: self.bar.param[name] for name in ("pending", "status", "repairs")}
        self.panels = StudentPanels.of(app, **batch)
        opened = ("explained", "measured", "repairing", "slice_by", "slice_metric")
        tie(self.panels, app.settings, **{name: name for name in opened})
        tie(self.panels, app.groups, group_by="by")
        self.table = KnowledgeTable.of(
            app,
            overview=overview,
            parts=[self.bar, self.panels],
            pending=batch["pending"],
            status=batch["status"],
            shift=self.panels.param.shift,
            concept=app.selection.param.concept,
            sizing_mode="stretch_both",
        )
        kept = {"sort": "concept_sort", "metric": "effect"}
        tie(self.table, app.settings, **kept, top="top", patches_of="patches_of")
        self.report = ReportPanel(app, self.panels)
        self.effects = EffectCurves(app, self.table, self.report.ask)
        self.batch = BatchUpdater(app, self.bar, self.table)
        self.measures = MeasuresPanel(app, self.panels)
        self.groups = GroupsPanel(app, self.panels)
        self.thresholds = ThresholdChoices(app, self.panels)
        self.stability = StabilityRuns(app, self.table)
        self.repair_panel = RepairPanel(app, self.panels)
        self.finding = FindingPanel(app, self.panels)
        for part in (self.table, self.bar, self.panels):
            self.listen_to(part)
        super().__init__()
        self.batch.outcome = app.concepts.outcome
        self._show_student()
        self.app.shifts.start()
        if self.table.student and app.concepts.concept in app.store.concepts:
            self.table.find = app.concepts.concept  # the concept just typed

    def __panel__(self) -> Viewable:
        return self.table

    def picture(self) -> Drawing | None:
        """Return a picture of the student, or of the overview while no class is selected."""
        table = self.table
        if table.student:
            return draw_picture(table.student, table.rows, self.bar.summary, table.concept)
        return self.overview.picture() if self.overview is not None else None

    def close(self) -> None:
        """Release the overview, at the end of the session."""
        if self.overview is not None:
            self.overview.close()

    @param.depends("app.students.snapshot", "app.selection.class_name", watch=True)
    def _show_student(self) -> None:
        with param.parameterized.batch_call_watchers(self.table):
            self.table.find = ""
            self.panels.measures = None
            self.stability.forget()
            self.thresholds.show()
            self.report.show()
            self.repair_panel.show()
            self.repair_panel.mark()
            self._show_rows()
            self._show_batch()

    @param.depends("table.sort", "table.top", "table.patches_of", watch=True)
    def _show_rows(self) -> None:
        name, table = self.table.student, self.table
        if not name:
            table.param.update(rows=[], found=table.param["found"].default, effects={})
            return
        table.influential = int(np.count_nonzero(self.app.students.student(name).weights))
        table.rows = self._rows(table.top)
        self._find()
        self.effects.start()

    @param.depends("table.find", watch=True)
    def _show_found(self) -> None:
        if self.table.student:
            self._find()
            self.batch.show_ghosts()
            self.effects.next()

    def _find(self) -> None:
        query = self.table.find
        rows = self._rows(ALL_ROWS, query) if query.strip() else []
        self.table.found = {"query": query, "rows": rows}

    def _rows(self, top: int, find: str = "") -> list[dict[str, Any]]:
        name, sort, students = self.table.student, self.table.sort, self.app.students
        agreement = self.app.shown.whole.agreement[name]
        counts = agreement.positives if sort == DISCREPANCY_P.key else agreement.negatives
        rows = make_concept_rows(
            concept_rows(
                self.app.tuner,
                students.student(name),
                sort=sort,
                top=top,
                find=find,
                suspects=self.app.shifts.suspects(name),
                patches=self.table.patches_of,
            ),
            make_undefined(sort, counts),
            self._scale(),
            self.app.spec.views.patches,
        )
        now = f"#{students.node.number}"
        return removed_first(rows, now)

    def _scale(self) -> Callable[[str], list[tuple[str, str]]]:
        """Return a function to facts on a concept's scale; empty unless a user computed scores."""
        if not self.app.store.given:
            return lambda _: []
        node, student = self.app.students.node, self.table.student
        make = partial(scales, self.app.tuner, node, student)
        frame = self._scales.made((node.id, student), make)
        return lambda concept: scale_facts(frame.loc[concept])

    @param.depends("bar.factor", watch=True)
    def _set_factor(self) -> None:
        self.app.tuning.scale(self.bar.factor)

    @param.depends(
        "app.tuning.pending",
        "app.tuning.preview",
        "app.tuning.status",
        "app.tuning.worlds",
        "app.tuning.meant",
        watch=True,
    )
    def _show_batch(self) -> None:
        tuning, before = self.app.tuning, self.bar.status["kind"]
        if tuning.awaited:  # long jobs stop while a person waits for any job
            self.app.jobs.cancel("report")
            self.stability.stop()
            self.thresholds.stop()
        if tuning.busy:
            self.app.jobs.cancel("effects")
        elif before in tuning.AWAITED and not tuning.awaited:
            self.effects.next()
        if self.table.student:
            self.batch.show()
            self.measures.show()

    @param.depends("app.shown.snapshot", watch=True)
    def _show_measured(self) -> None:
        """Show the metrics of the picked images, and what follows from thresholds tried."""
        thresholds, name = self.app.shown.what.thresholds, self.table.student
        moved, self._thresholds = thresholds != self._thresholds, thresholds
        if name:
            self.measures.show()
            self.bar.param.update(**self.batch.change_texts())
        if moved and self.table.sort in DISCREPANCIES:
            self._show_rows()
        elif moved and self.table.metric != AP.key:
            self.effects.start()

    @param.depends("app.students.thresholds", watch=True)
    def _show_tried(self) -> None:
        self.thresholds.show_tried()

    @param.depends("app.shifts.by_class", "app.reliance.repaired", watch=True)
    def _show_suspects(self) -> None:
        if self.repair_panel.mark() and self.table.sort == SUSPECT_SORT.key:
            self._show_rows()

    @param.depends(*SHOWN, watch=True, on_init=True)
    def _show_asking(self) -> None:
        self.panels.asking = make_asking(self.app, self.panels.student)

    @param.depends("app.changes.arrivals", watch=True)
    def _show_changes(self) -> None:
        if self.table.student:
            self.bar.param.update(**self.batch.change_texts())

    @param.depends(
        "app.concepts.status", "app.concepts.missing", "app.tags.tags", watch=True, on_init=True
    )
    def _show_typing(self) -> None:
        self.table.typing = make_typing(self.app)

    def _takes(self, name: str) -> bool:
        """Return False for repairs and suggestions that the spec or these students exclude."""
        options = self.table.options
        repairs = options["suspecting"] and (options["penalised"] or not options["unrepairable"])
        return bool({"repair": repairs, "suggest": options["suggests"]}.get(name, True))
