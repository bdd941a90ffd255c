"""Student knowledge: the concepts that count most for one student, and the batch of thumbs.

InFiConD, section 5, figure 5d.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import param
from panel.viewable import Viewable, Viewer

from inficond_panel.errors import CancelledError, InficondError
from inficond_panel.state import SORTS, Job, Status
from inficond_panel.views import esm
from inficond_panel.views.batch import make_pending, make_status, make_summary
from inficond_panel.views.component import ViewComponent
from inficond_panel.views.concept_rows import (
    AXES,
    make_axis,
    make_concept_rows,
    make_effect,
    make_undefined,
)
from inficond_panel.views.images import patch_uri, send_pictures
from inficond_panel.views.report import make_group_offer, make_report

if TYPE_CHECKING:
    from inficond_panel.state import AppState, ClassReport, Group, Intent, RefitReport

TOPS = (5, 10, 20, 50)
FACTORS = (1.25, 1.5, 2, 3, 5, 10)
FOUND = 20  #: concepts shown of those that a search finds
SLICE = 0.1  #: seconds of what-if curves after which those that are there are shown
METRICS = {"AP": "ap", "F1": "f1"}
_WAITED_FOR = {"fitting", "cancelling", "previewing"}  #: the worker is kept free for these


class KnowledgeTable(ViewComponent):
    """The whole view as one component. Actions come back as messages with a ``type``."""

    student = param.String(default="", doc="Class whose student is shown; empty: none.")
    rows = param.List(default=[], item_type=dict, doc="As ``make_concept_rows`` gives them.")
    find = param.String(default="", doc="Part of a concept's name; empty: the rows are listed.")
    found = param.List(default=[], item_type=dict, doc="Rows of the concepts found.")
    influential = param.Integer(default=0, doc="Number of concepts with influence.")
    concepts = param.Integer(default=0, doc="Number of all concepts.")
    effects = param.Dict(default={}, doc="What-if curves by concept; those not there yet come.")
    axis = param.Integer(default=AXES[0], doc="Half height of the effect charts, in points.")
    pending = param.List(default=[], item_type=dict, doc="The batch, of all classes.")
    summary = param.Dict(default={}, doc="As ``make_summary`` gives it.")
    status = param.Dict(default=make_status(Status(), None))
    group = param.Dict(default=None, allow_None=True, doc="As ``make_group_offer`` gives it.")
    notices = param.List(default=[], item_type=str, doc="What the rules decided, in sentences.")
    refit: param.Integer[int | None] = param.Integer(
        default=None, allow_None=True, doc="Number of the iteration that made the student."
    )
    report = param.Dict(default=None, allow_None=True, doc="As ``make_report``; None: not there.")
    explained = param.Boolean(default=False, doc="Whether the report is open.")
    concept = param.String(default="", doc="Concept opened in the detail view.")
    top: param.Selector[int] = param.Selector(
        default=10, objects=list(TOPS), doc="Number of concepts listed."
    )
    tops = param.List(default=list(TOPS), doc="Numbers to choose from.")
    sort: param.Selector[str] = param.Selector(default=SORTS[0], objects=list(SORTS))
    factor = param.Number(default=2.0, bounds=(1, None), inclusive_bounds=(False, True))
    factors = param.List(default=list(FACTORS), doc="Factors to choose from.")
    metric: param.Selector[str] = param.Selector(
        default="AP", objects=list(METRICS), doc="Metric of the what-if."
    )
    metrics = param.List(default=list(METRICS), doc="Metrics to choose from.")

    _esm = esm.module("knowledge")
    _stylesheets = esm.styles("knowledge")


class KnowledgeView(Viewer):
    """The student of ``app.selection.class_name``; the order of rows stays until a refit is done.

    Effect charts and pictures take longer than rows; the session's worker computes the charts in
    slices, and the pictures when the browser asks for those that it does not have.
    """

    def __init__(self, app: AppState, **params: Any) -> None:
        super().__init__(**params)
        self.app = app
        self._group: tuple[tuple[str, tuple[str, str]], Group | None] | None = None
        factor = app.tuning.factor
        self.table = KnowledgeTable(
            theme=app.param.theme,
            factor=factor,
            factors=sorted({*FACTORS, factor}),
            concepts=len(app.store.concepts),
            sizing_mode="stretch_both",
            margin=0,
        )
        self.table.on_msg(lambda event: self.act(event.data))
        self.table.param.watch(self._show_rows, ["sort", "top"])
        self.table.param.watch(self._show_found, "find")
        self.table.param.watch(self._start_effects, "metric")
        self.table.param.watch(lambda event: app.tuning.set_factor(event.new), "factor")
        self.table.param.watch(self._ask_report, "explained")
        app.students.param.watch(self._show_student, "snapshot")
        app.selection.param.watch(self._show_student, "class_name")
        app.selection.param.watch(self._show_concept, "concept")
        app.tuning.param.watch(self._show_batch, ["pending", "preview", "status"])
        self._show_student()
        self._show_concept()

    def __panel__(self) -> Viewable:
        return self.table

    def _show_student(self, *_: object) -> None:
        name = self.app.selection.class_name
        with param.parameterized.batch_call_watchers(self.table):
            self.table.param.update(student=name, find="")
            self._show_report()
            self._show_rows()
            self._show_batch()

    def _show_rows(self, *_: object) -> None:
        name, table = self.table.student, self.table
        if not name:
            table.param.update(rows=[], found=[], effects={})
            return
        column = self.app.store.classes.index(name)
        table.influential = int(np.count_nonzero(self.app.students.node.weights[:, column]))
        table.rows = self._rows(table.top)
        table.found = self._rows(FOUND, table.find) if table.find.strip() else []
        self._start_effects()

    def _show_found(self, *_: object) -> None:
        if self.table.student:
            self.table.found = self._rows(FOUND, self.table.find) if self.table.find.strip() else []
            self._next_effects()

    def _rows(self, top: int, find: str = "") -> list[dict[str, Any]]:
        name, sort, students = self.table.student, self.table.sort, self.app.students
        agreement = students.snapshot.agreement[name]
        counts = agreement.positives if sort == "discrepancy_p" else agreement.negatives
        return make_concept_rows(
            students.concept_rows(name, sort, top, find), make_undefined(sort, counts)
        )

    def _show_concept(self, *_: object) -> None:
        self.table.concept = self.app.selection.concept

    def _show_batch(self, *_: object) -> None:
        name, tuning, students = self.table.student, self.app.tuning, self.app.students
        self._yield_to_others()
        if not name:
            return
        done = tuning.status.kind == "done"
        self.table.param.update(
            pending=[self._pending(intent) for intent in tuning.pending],
            status=make_status(tuning.status, students.change(name) if done else None),
            group=self._known_group(name),
            notices=tuning.notices(),
            summary=make_summary(
                students.snapshot.metrics[name],
                students.total_change(name),
                tuning.preview,
                name,
                students.snapshot.split,
            ),
        )

    def _yield_to_others(self) -> None:
        """A refit must not wait for effect charts, nor a preview for the report."""
        kind, before = self.app.tuning.status.kind, self.table.status["kind"]
        if kind in _WAITED_FOR:
            self.app.jobs.cancel("report")
        if self.app.tuning.busy:
            self.app.jobs.cancel("effects")
        elif before in _WAITED_FOR and kind not in _WAITED_FOR:
            self._next_effects()

    def _pending(self, intent: Intent) -> dict[str, Any]:
        column = self.app.store.classes.index(intent.class_name)
        strongest = float(np.abs(self.app.students.node.weights[:, column]).max())
        return make_pending(intent, self.app.tuning.bounds_of(intent), strongest)

    def _known_group(self, name: str) -> dict[str, Any] | None:
        """The offer to thumb the group of the last thumb; found out after the preview."""
        own = [intent for intent in self.app.tuning.pending if intent.class_name == name]
        if not own:
            self._group = None
            return None
        last, node = own[-1], self.app.students.node
        key = node.id, last.key
        if self._group is None or self._group[0] != key:
            self._find_group(key)
        if self._group is None or self._group[0] != key:
            return None
        taken = [intent.concept for intent in own if intent.direction == last.direction]
        return make_group_offer(self._group[1], taken, last.direction)

    def _find_group(self, key: tuple[str, tuple[str, str]]) -> None:
        if self.app.tuning.status.kind in _WAITED_FOR:
            return

        def work(_: Job) -> Group | None:
            return self.app.students.group(*key[1])

        def done(group: Group | None) -> None:
            self._group = key, group
            self._show_batch()

        self.app.jobs.submit(Job("group", work, done, self._effect_failed))

    # --- what the refit did

    def _show_report(self) -> None:
        """Tell of the iteration that made the student; what is not known yet comes later."""
        name = self.table.student
        refit = self.app.students.refit_of(name) if name else None
        known = self.app.students.known_report(refit) if refit else None
        self.table.refit = refit.number if refit else None
        self.table.report = self._told(known.of(name)) if known else None

    def _told(self, report: ClassReport) -> dict[str, Any]:
        snapshot = self.app.students.snapshot
        refit = self.app.students.refit_of(report.class_name)
        assert refit is not None
        return make_report(report, refit.number, snapshot.node.number, snapshot.split)

    def _ask_report(self, *_: object) -> None:
        """Make the report, unless something runs that a person waits for."""
        name, table = self.table.student, self.table
        refit = self.app.students.refit_of(name) if name else None
        if refit is None or table.report or self.app.tuning.status.kind in _WAITED_FOR:
            return

        def work(job: Job) -> RefitReport:
            return self.app.students.report(refit, job.cancelled)

        self.app.jobs.submit(
            Job("report", work, lambda _: self._show_report(), self._effect_failed)
        )

    def _start_effects(self, *_: object) -> None:
        """Forget the curves; ask for the first."""
        self.table.param.update(effects={}, axis=AXES[0])
        self._next_effects()

    def _next_effects(self) -> None:
        """Ask for more curves; the axis is set once, when those of all rows listed are there."""
        table = self.table
        name, metric = table.student, METRICS[table.metric]
        listed = [row["concept"] for row in table.rows]
        wanted = [row["concept"] for row in table.found] + listed
        missing = [concept for concept in wanted if concept not in table.effects]
        if not missing:
            table.axis = make_axis(table.effects[concept] for concept in listed)
            self._ask_report()
            return

        def work(job: Job) -> dict[str, Any]:
            made, end = {}, time.monotonic() + SLICE
            for concept in missing:
                made[concept] = make_effect(self.app.students.effect(name, concept, metric))
                if job.cancelled() or time.monotonic() > end:
                    break
            return made

        self.app.jobs.submit(Job("effects", work, self._add_effects, self._effect_failed))

    def _add_effects(self, effects: dict[str, Any]) -> None:
        with param.parameterized.batch_call_watchers(self.table):
            self.table.effects = {**self.table.effects, **effects}
            self._next_effects()

    def _effect_failed(self, error: InficondError) -> None:
        if not isinstance(error, CancelledError):
            self.app.tuning.status = Status("error", error.message, 0.0, error.remedy)

    def _send_pictures(self, segments: list[int]) -> None:
        store = self.app.store
        wanted = [int(segment) for segment in segments if 0 <= segment < len(store.segment_image)]
        send_pictures(self.app, self.table, wanted, lambda segment: patch_uri(store, segment))

    def act(self, message: Mapping[str, Any]) -> None:
        """Do what a message of the component asks for."""
        tuning, name = self.app.tuning, self.table.student
        concept = message.get("concept", "")
        actions = {
            "toggle": lambda: tuning.toggle(name, concept, message["direction"]),
            "group": lambda: tuning.toggle_group(name, message["concepts"], message["direction"]),
            "remove": lambda: tuning.withdraw(name, concept),
            "open": lambda: self.app.selection.param.update(concept=concept),
            "clear": tuning.clear,
            "fine_tune": tuning.fine_tune,
            "cancel": tuning.cancel,
            "pictures": lambda: self._send_pictures(message["segments"]),
        }
        actions[message["type"]]()
