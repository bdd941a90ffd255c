"""Student knowledge: the concepts that count most for one student, and the batch of thumbs.

InFiConD, section 5, figure 5d.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import param
from panel.viewable import Viewable, Viewer

from inficond_panel.analysis.concept_scales import concept_scales
from inficond_panel.analysis.patches import nearest_segments
from inficond_panel.ui.actions import Acting, action
from inficond_panel.ui.component import tie
from inficond_panel.ui.images import patch_uri, send_pictures
from inficond_panel.ui.saving import make_and_send
from inficond_panel.views.knowledge.batch import BatchBar
from inficond_panel.views.knowledge.class_metrics import MeasuresPanel
from inficond_panel.views.knowledge.concept_typing import make_typing
from inficond_panel.views.knowledge.refit_report import ReportPanel
from inficond_panel.views.knowledge.rows import make_concept_rows, make_undefined
from inficond_panel.views.knowledge.stability import StabilityRuns
from inficond_panel.views.knowledge.table import FACTORS, KnowledgeTable
from inficond_panel.views.knowledge.what_if import EffectCurves

if TYPE_CHECKING:
    from inficond_panel.state import AppState

ALL = 0  #: of the concepts that a search finds
STILL = 200  #: rows whose pictures go with a page without a server


class KnowledgeView(Acting, Viewer):
    """The student of ``app.selection.class_name``; the order of rows stays until a refit is done.

    What takes longer than rows is filled in later: curves, pictures, the report, the metrics.
    """

    def __init__(self, app: AppState, **params: Any) -> None:
        self.app = app
        factor = app.tuning.factor
        self.table = KnowledgeTable(
            theme=app.param.theme,
            factor=factor,
            factors=sorted({*FACTORS, factor}),
            concepts=len(app.store.concepts),
            patchless=app.store.lacks("segments"),
            sizing_mode="stretch_both",
            margin=0,
        )
        tie(self.table, app.settings, sort="concept_sort", top="top", metric="effect")
        self.report = ReportPanel(app, self.table, app.tuning.tell)
        self.effects = EffectCurves(app, self.table, self.report.ask, app.tuning.tell)
        self.batch = BatchBar(app, self.table, app.tuning.tell)
        self.measures = MeasuresPanel(app, self.table)
        self.stability = StabilityRuns(app, self.table)
        self.listen_to(self.table)
        super().__init__(**params)
        self.batch.told = app.concepts.told
        self._show_student()
        self._show_concept()
        self._show_typing()
        if self.table.student and app.concepts.concept in app.store.concepts:
            self.table.find = app.concepts.concept  # the one just typed

    def __panel__(self) -> Viewable:
        return self.table

    @param.depends("app.students.snapshot", "app.selection.class_name", watch=True)
    def _show_student(self) -> None:
        name = self.app.selection.class_name
        with param.parameterized.batch_call_watchers(self.table):
            self.table.param.update(student=name, find="", measures=None)
            self.stability.forget()
            self.report.show()
            self._show_rows()
            self._show_batch()

    @param.depends("table.sort", "table.top", watch=True)
    def _show_rows(self) -> None:
        name, table = self.table.student, self.table
        if not name:
            table.param.update(rows=[], found=[], effects={})
            return
        table.influential = int(np.count_nonzero(self.app.students.student(name).weights))
        table.rows = self._rows(table.top)
        table.found = self._rows(ALL, table.find) if table.find.strip() else []
        self.effects.start()

    @param.depends("table.find", watch=True)
    def _show_found(self) -> None:
        if self.table.student:
            self.table.found = self._rows(ALL, self.table.find) if self.table.find.strip() else []
            self.batch.show_ghosts()
            self.effects.next()

    def _rows(self, top: int, find: str = "") -> list[dict[str, Any]]:
        name, sort, students = self.table.student, self.table.sort, self.app.students
        agreement = students.snapshot.agreement[name]
        counts = agreement.positives if sort == "discrepancy_p" else agreement.negatives
        return make_concept_rows(
            students.concept_rows(name, sort, top, find), make_undefined(sort, counts), self._scale
        )

    def _scale(self, concept: str) -> list[tuple[str, str]]:
        """Facts on the scale of a concept's score, where the scores were not made here."""
        store = self.app.store
        if not store.given:
            return []
        scales = concept_scales(self.app.tuner, self.table.student)
        return scales.facts(store.concepts.index(concept))

    @param.depends("table.factor", watch=True)
    def _set_factor(self) -> None:
        self.app.tuning.set_factor(self.table.factor)

    @param.depends("app.selection.concept", watch=True)
    def _show_concept(self) -> None:
        self.table.concept = self.app.selection.concept

    @param.depends("app.tuning.pending", "app.tuning.preview", "app.tuning.status", watch=True)
    def _show_batch(self) -> None:
        self._yield_to_others()
        if self.table.student:
            self.batch.show()
            self.measures.show()

    @param.depends("app.changes.found", watch=True)
    def _show_changes(self) -> None:
        if self.table.student:
            self.batch.show_changes()

    def _yield_to_others(self) -> None:
        """A refit must not wait for effect charts, nor a preview for what takes longer."""
        tuning, before = self.app.tuning, self.table.status["kind"]
        if tuning.awaited:
            self.app.jobs.cancel("report")
            self.stability.stop()
        if tuning.busy:
            self.app.jobs.cancel("effects")
        elif before in tuning.AWAITED and not tuning.awaited:
            self.effects.next()

    @param.depends("app.concepts.status", "app.concepts.missing", watch=True)
    def _show_typing(self) -> None:
        self.table.typing = make_typing(self.app)

    @action
    def _pictures(self, segments: list[int]) -> None:
        """Send the patches asked for, of those that rows can show: none is of the holdout."""
        store = self.app.store
        wanted = np.intersect1d(segments, nearest_segments(store)[0]).tolist()
        send_pictures(self.app, self.table, wanted, lambda segment: patch_uri(store, segment))

    def pictures(self) -> dict[str, Any]:
        """The message with the pictures of the rows listed, for a page without a server."""
        rows = self.table.rows[:STILL]
        segments = [patch["segment"] for row in rows for patch in row["patches"]]
        return {"pictures": {str(s): patch_uri(self.app.store, s) for s in segments}}

    @action
    def _save_concepts(self, concepts: list[str], kind: str) -> None:
        """Make a file of rows on screen, and send it."""
        students, name = self.app.students, self.table.student
        make_and_send(self.app, self.table, lambda: students.concepts_file(name, concepts, kind))

    @action
    def _toggle(self, concept: str, direction: str) -> None:
        self.app.tuning.toggle(self.table.student, concept, direction)

    @action
    def _toggle_group(self, concepts: list[str], direction: str) -> None:
        self.app.tuning.toggle_group(self.table.student, concepts, direction)

    @action
    def _withdraw(self, concept: str) -> None:
        self.app.tuning.withdraw(self.table.student, concept)

    @action
    def _clear(self) -> None:
        self.app.tuning.clear()

    @action
    def _fine_tune(self) -> None:
        self.app.tuning.fine_tune()

    @action
    def _cancel(self) -> None:
        self.app.tuning.cancel()

    @action
    def _select(self, student: str) -> None:
        self.app.selection.class_name = student

    @action
    def _open(self, concept: str) -> None:
        self.app.selection.concept = concept

    @action
    def _find_stability(self, concept: str) -> None:
        self.stability.ask(concept)

    @action
    def _look_for_texts(self) -> None:
        self.app.concepts.look()

    @action
    def _add(self, text: str) -> None:
        self.app.concepts.add(text)

    @action
    def _stop_adding(self) -> None:
        self.app.concepts.cancel()

    @action
    def _forget(self, concept: str) -> None:
        self.app.concepts.forget(concept)
