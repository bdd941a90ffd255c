"""Student knowledge: the concepts that count most for one student, and the batch of thumbs.

InFiConD, section 5, figure 5d.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import panel as pn
import param
from panel.viewable import Viewable, Viewer

from inficond_panel.results.concept_scales import concept_scales
from inficond_panel.ui.actions import action
from inficond_panel.ui.component import tie
from inficond_panel.views.knowledge.asking.asking import AskActions, make_asking
from inficond_panel.views.knowledge.batch.batch import BatchBar, make_suggesting
from inficond_panel.views.knowledge.knowledge_actions import RowActions
from inficond_panel.views.knowledge.panels.class_metrics import MeasuresPanel
from inficond_panel.views.knowledge.panels.mending import MendingPanel
from inficond_panel.views.knowledge.panels.refit_report import ReportPanel
from inficond_panel.views.knowledge.panels.thresholds import ThresholdChoices
from inficond_panel.views.knowledge.rows.rows import (
    EffectCurves,
    make_concept_rows,
    make_pinned,
    make_undefined,
)
from inficond_panel.views.knowledge.rows.stability import StabilityRuns
from inficond_panel.views.knowledge.table import KnowledgeTable, draw_picture, make_typing
from inficond_panel.vocabulary.confidence import confidence_word
from inficond_panel.vocabulary.sorts import DISCREPANCY_P, SUSPECTS
from inficond_panel.wording.teacher import teacher_sentences

if TYPE_CHECKING:
    from inficond_panel.state import AppState
    from inficond_panel.ui.notebook.drawing import Drawing

ALL = 0  #: of the concepts that a search finds
SUGGESTING = ("running", "share", "text")  #: of a suggestion, as the bar tells it


class Overview(Protocol):
    """View of all students, which is shown while no class is selected."""

    def close(self) -> None:
        """Release the overview and its plots."""

    def picture(self) -> Drawing:
        """Still picture of the list, or of the overview."""


class KnowledgeView(RowActions, AskActions, Viewer):
    """The student of ``app.selection.class_name``; the order of rows stays until a refit is done.

    Without a class it shows ``overview``, a view of all students, where there is one.

    What takes longer than rows is filled in later: curves, pictures, the report, the metrics.
    """

    def __init__(self, app: AppState, overview: Overview | None = None, **params: Any) -> None:
        self.app, self.overview = app, overview
        factor, suggestion = app.tuning.factor, app.suggestion
        self.table = KnowledgeTable(
            confidence=confidence_word(app.spec.views.confidence)
            if app.spec.views.intervals
            else "",
            theme=app.param.theme,
            extent=app.settings.param.show,
            intervals=app.spec.views.intervals,
            locked=app.tuning.param.locked,
            overview=overview,
            factor=factor,
            factors=sorted({*app.spec.views.factors, factor}),
            concepts=len(app.store.concepts),
            patchless=app.store.lacks("segments"),
            suspecting=app.spec.tuning.suspects,
            suggesting=pn.bind(make_suggesting, *(suggestion.param[key] for key in SUGGESTING)),
            cureless=str(app.tuner.cures.refused or ""),
            penalised=app.tuner.cures.takes_lambda,
            suggests=app.spec.tuning.suggest,
            sizing_mode="stretch_both",
            margin=0,
        )
        tie(
            self.table,
            app.settings,
            sort="concept_sort",
            top="top",
            metric="effect",
            patches_of="patches_of",
        )
        self.report = ReportPanel(app, self.table, app.tuning.tell)
        self.effects = EffectCurves(app, self.table, self.report.ask, app.tuning.tell)
        self.batch = BatchBar(app, self.table, app.tuning.tell)
        self.measures = MeasuresPanel(app, self.table)
        self.thresholds = ThresholdChoices(app, self.table)
        self.stability = StabilityRuns(app, self.table)
        self.mending = MendingPanel(app, self.table)
        self.listen_to(self.table)
        super().__init__(**params)
        self.batch.outcome = app.concepts.outcome
        self._show_student()
        self.app.shifts.start()
        self._show_concept()
        self._show_typing()
        if self.table.student and app.concepts.concept in app.store.concepts:
            self.table.find = app.concepts.concept  # the one just typed

    def __panel__(self) -> Viewable:
        return self.table

    def picture(self) -> Drawing | None:
        """Picture of the student, or of the overview where no class is selected."""
        table = self.table
        if table.student:
            return draw_picture(table.student, table.rows, table.summary, table.concept)
        return self.overview.picture() if self.overview is not None else None

    def close(self) -> None:
        """Let go of the overview."""
        if self.overview is not None:
            self.overview.close()

    @param.depends("app.students.snapshot", "app.selection.class_name", watch=True)
    def _show_student(self) -> None:
        name = self.app.selection.class_name
        with param.parameterized.batch_call_watchers(self.table):
            skill = self.app.students.snapshot.teacher.get(name)
            teacher = teacher_sentences({name: skill}) if skill else []
            self.table.param.update(student=name, find="", measures=None, teacher=teacher)
            self.stability.forget()
            self.thresholds.show()
            self.report.show()
            self.mending.show()
            self.mending.mark()
            self._show_rows()
            self._show_batch()

    @param.depends("table.sort", "table.top", "table.patches_of", watch=True)
    def _show_rows(self) -> None:
        name, table = self.table.student, self.table
        if not name:
            table.param.update(rows=[], found=[], effects={})
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
        """Answer the search."""
        query = self.table.find
        found = self._rows(ALL, query) if query.strip() else []
        self.table.param.update(found=found, sought=query)

    @param.depends(
        "table.rows", "table.found", "app.pinned.record", "app.settings.show", watch=True
    )
    def _show_pinned(self) -> None:
        """Show the influences of the pinned student; not in the simple view."""
        pinned, table = self.app.pinned.beside, self.table
        if pinned is None or not table.student or self.app.settings.show == "simple":
            table.pinned = {}
            return
        weights = self.app.students.student(table.student, pinned.node).weights.tolist()
        then = dict(zip(self.app.store.concepts, weights, strict=True))
        table.pinned = make_pinned(pinned, then, [*table.rows, *table.found])

    def _rows(self, top: int, find: str = "") -> list[dict[str, Any]]:
        name, sort, students = self.table.student, self.table.sort, self.app.students
        agreement = students.snapshot.agreement[name]
        counts = agreement.positives if sort == DISCREPANCY_P.key else agreement.negatives
        return make_concept_rows(
            students.concept_rows(
                name, sort, top, find, self.app.shifts.suspects(name), self.table.patches_of
            ),
            make_undefined(sort, counts),
            self._scale,
            self.app.spec.views.patches,
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
        self.app.tuning.scale(self.table.factor)

    @param.depends("app.selection.concept", watch=True)
    def _show_concept(self) -> None:
        self.table.concept = self.app.selection.concept

    @param.depends("app.tuning.pending", "app.tuning.preview", "app.tuning.status", watch=True)
    def _show_batch(self) -> None:
        self._yield_to_others()
        if self.table.student:
            self.batch.show()
            self.measures.show()

    @param.depends("app.suggestion.latest", "app.suggestion.problem", watch=True)
    def _show_suggestion(self) -> None:
        if self.table.student:
            self.batch.show()

    @param.depends("app.shifts.by_class", watch=True)
    def _show_suspects(self) -> None:
        if self.mending.mark() and self.table.sort == SUSPECTS.key:
            self._show_rows()

    @param.depends(
        "app.asking.status",
        "app.asking.draft",
        "app.asking.found",
        "app.tuning.status",
        "app.tuning.pending",
        "table.student",
        watch=True,
    )
    def _show_asking(self) -> None:
        self.table.asking = make_asking(self.app, self.table.student)

    @param.depends("app.changes.arrivals", watch=True)
    def _show_changes(self) -> None:
        if self.table.student:
            self.batch.show_changes()

    def _yield_to_others(self) -> None:
        """A refit must not wait for effect charts, nor a preview for what takes longer."""
        tuning, before = self.app.tuning, self.table.status["kind"]
        if tuning.awaited:
            self.app.jobs.cancel("report")
            self.stability.stop()
            self.thresholds.stop()
        if tuning.busy:
            self.app.jobs.cancel("effects")
        elif before in tuning.AWAITED and not tuning.awaited:
            self.effects.next()

    @param.depends("app.concepts.status", "app.concepts.missing", watch=True)
    def _show_typing(self) -> None:
        self.table.typing = make_typing(self.app)

    @action
    def _select(self, student: str) -> None:
        self.app.selection.class_name = student

    @action
    def _open_slice(self, value: str) -> None:
        self.measures.open_slice(value)

    @action
    def _choose_threshold(self, least: float | None) -> None:
        """Choose the threshold of the best F1, or of the most recall at a least precision."""
        self.thresholds.ask(least)

    @action
    def _open_churn(self, split: str) -> None:
        self.report.open_churn(split)

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
