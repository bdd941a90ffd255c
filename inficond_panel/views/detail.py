"""Concept detail view: what one concept does to one student, and the images that show it.

InFiConD, section 5, figure 5e.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import holoviews as hv
import holoviews.plotting.bokeh
import panel as pn
import param
from panel.custom import Child

from inficond_panel.errors import CancelledError, InficondError
from inficond_panel.state import Job, Status
from inficond_panel.views import esm
from inficond_panel.views.apart import make_apart
from inficond_panel.views.charts import (
    HEAD,
    METRICS,
    Chart,
    bare_figure,
    make_figure,
    what_if_charts,
)
from inficond_panel.views.component import ViewComponent
from inficond_panel.views.gallery import make_picture, make_rows
from inficond_panel.views.images import send_pictures
from inficond_panel.views.theme import bound, number, short, signed

if TYPE_CHECKING:
    from panel.models.esm import DataEvent

    from inficond_panel.state import AppState, ClassMetrics, CurvePoint, Intent, WhatIf

# Not hv.extension: in a notebook it would load scripts from outside as soon as it is imported.
hv.Store.set_current_backend("bokeh")


def make_caption(metric: str, chart: Chart) -> dict[str, Any]:
    """The text around one chart: name, value now, ends of the axes, and where now is (0 to 1)."""
    bottom, top = chart.y_range
    span = chart.high - chart.low
    digits = axis_digits(span)
    teacher = f", teacher {number(chart.teacher)}"
    return {
        "metric": metric,
        "title": METRICS[metric],
        "value": number(chart.now[1]),
        "top": short(top),
        "bottom": short(bottom),
        "low": number(chart.low, digits),
        "high": number(chart.high, digits),
        "now": number(chart.now[0], max(2, digits)),
        "share": (chart.now[0] - chart.low) / span if span else 0.5,
        "zero": -chart.low / span if chart.low < 0 < chart.high else None,
        "alt": f"{METRICS[metric]} {number(chart.now[1])} at influence "
        f"{number(chart.now[0], 2)}{teacher}",
    }


def axis_digits(span: float) -> int:
    """Digits with which the ends of an axis are told: the error is less than 1 % of its length."""
    return max(1, 1 - math.floor(math.log10(span))) if span > 0 else 1


class DetailPanel(ViewComponent):
    """Heading, the captions of the charts, filter chips, gallery and the dialog of one image.

    Pictures are sent when they come near the part of the gallery on screen: the browser asks
    for ``{"pictures": [row, ...]}``; with ``{"apart": row}`` for a prediction by concept; with
    ``{"refit": "stop"}`` and ``{"refit": "go"}`` it stops the refit what-if and goes on with it.
    """

    student = param.String("", doc="Class of the student; empty: none selected.")
    concept = param.String("", doc="Concept shown; empty: none.")
    influence = param.String("", doc="Its influence, as text.")
    pending = param.Dict({}, doc="The intent that waits: {direction, text}; empty: none.")
    captions = param.List([], item_type=dict, doc="See `make_caption`.")
    rows = param.List([], item_type=dict, doc="Images, see `make_row`.")
    mode: param.Selector[str] = param.Selector(
        default="exact", objects=["exact", "refit"], doc="Others held, or re-optimised."
    )
    refit = param.Dict({}, doc="How far the refit what-if is: {share, state}; empty: not shown.")
    apart = param.Dict({}, doc="One image's prediction, see ``make_apart``.")
    plot = Child()

    _esm = esm.module("gallery")
    _stylesheets = esm.styles("gallery")


class DetailView(pn.viewable.Viewer):
    """The detail of ``app.selection.concept`` for the student of ``app.selection.class_name``."""

    charts = param.Dict({}, doc="Chart by metric; empty: nothing to show.")
    dark = param.Boolean(False, doc="Colours of the dark theme.")

    def __init__(self, app: AppState) -> None:
        super().__init__()
        self._app, self._store = app, app.dataset.store
        self._curves: WhatIf | None = None
        self._drawn: Intent | None = None
        self.panel = DetailPanel(plot=self._plot(), sizing_mode="stretch_both", margin=0)
        self._points: dict[float, ClassMetrics] = {}
        self._path: Iterator[CurvePoint] | None = None
        self._solving: Job | None = None
        self._share, self._state = 0.0, ""
        self.panel.on_msg(self._answer)
        self.panel.param.watch(self._show_mode, "mode")
        app.tuning.param.watch(self._yield_to_refit, "status")
        app.param.watch(self._recolour, "theme")
        app.selection.param.watch(self._show_concept, ["class_name", "concept"])
        app.students.param.watch(self._show_concept, "snapshot")
        app.tuning.param.watch(self._show_pending, "pending")
        self._recolour()
        self._show_concept()

    def __panel__(self) -> pn.viewable.Viewable:
        return self.panel

    def _plot(self) -> pn.pane.HoloViews:
        def draw(charts: dict[str, Chart], dark: bool) -> hv.Overlay:
            return make_figure(list(charts.values()), dark)

        plot = hv.DynamicMap(draw, streams={"charts": self.param.charts, "dark": self.param.dark})
        bare = hv.opts.Overlay(
            xlim=(0, len(METRICS)),
            ylim=(-HEAD, 1 + HEAD),
            xaxis=None,
            yaxis=None,
            toolbar=None,
            default_tools=[],
            responsive=True,
            show_legend=False,
            border=0,
            hooks=[bare_figure],
        )
        return pn.pane.HoloViews(
            plot.opts(bare), sizing_mode="stretch_both", linked_axes=False, margin=0
        )

    def _recolour(self, *_: param.parameterized.Event) -> None:
        self.panel.theme = self._app.theme
        self.dark = self._app.theme == "dark"

    def _show_concept(self, *_: param.parameterized.Event) -> None:
        student, concept = self._app.selection.class_name, self._app.selection.concept
        students = self._app.students
        self._forget_refit()
        self._curves, rows = None, []
        if student and concept:
            self._curves = students.what_if(student, concept)
            influence = students.weight(student, concept)
            rows = make_rows(students.gallery(student, concept), influence)
        self._show(
            {"student": student, "concept": concept, "rows": rows, "apart": {}, **self._what_if()}
        )
        self._solve()

    def _show_pending(self, *_: param.parameterized.Event) -> None:
        intent = self._intent()
        if intent != self._drawn:  # most thumbs are on other concepts
            self._show(self._what_if())

    def _intent(self) -> Intent | None:
        selection = self._app.selection
        return self._app.tuning.intent_of(selection.class_name, selection.concept)

    def _show(self, changes: dict[str, Any]) -> None:
        """Draw the charts and pass ``changes`` to the browser, in one go."""
        with pn.io.hold():
            self.charts = changes.pop("charts")
            self.panel.param.update(**changes)

    def _what_if(self) -> dict[str, Any]:
        student, concept = self._app.selection.class_name, self._app.selection.concept
        if self._curves is None:
            return {"charts": {}, "captions": [], "influence": "", "pending": {}, "refit": {}}
        influence = self._app.students.weight(student, concept)
        self._drawn = intent = self._intent()
        bounds = self._app.tuning.bounds_of(intent) if intent else (None, None)
        charts = what_if_charts(
            self._curves,
            influence,
            self._app.students.snapshot.agreement[student],
            pending=next((value for value in bounds if value is not None), None),
            direction=intent.direction if intent else "",
            refit=self._points if self._refits else None,
        )
        return {
            "charts": charts,
            "captions": [make_caption(metric, chart) for metric, chart in charts.items()],
            "influence": signed(influence),
            "pending": {"direction": intent.direction, "text": bound(*bounds)} if intent else {},
            "refit": {"share": self._share, "state": self._state} if self._refits else {},
        }

    # --- the refit what-if: one point a job, so that thumbs and pictures come in between

    @property
    def _refits(self) -> bool:
        return bool(self.panel.mode == "refit")

    def _show_mode(self, *_: param.parameterized.Event) -> None:
        if self._refits:
            self._solve()
        else:
            self._stop()
        self._show(self._what_if())

    def _forget_refit(self) -> None:
        self._stop()
        self._points, self._share, self._state = {}, 0.0, ""

    def _stop(self) -> None:
        self._app.jobs.cancel("refit what-if")
        self._path, self._solving = None, None
        self._state = "stopped" if self._state == "solving" else self._state

    def _solve(self) -> None:
        """Begin, or begin again where it was stopped; points that are known stay on screen."""
        if not self._refits or self._curves is None or self._state == "done":
            return
        if self._app.tuning.busy:
            self._state = "waiting"
        else:
            student, concept = self._app.selection.class_name, self._app.selection.concept
            self._path = self._app.students.refit_curve(student, concept, self._cancelled)
            self._state = "solving"
            self._next_point()

    def _cancelled(self) -> bool:
        return self._solving is None or self._solving.cancelled()

    def _next_point(self) -> None:
        path = self._path
        if path is None:
            return

        def work(job: Job) -> CurvePoint | None:
            self._solving = job
            return next(path, None)

        self._app.jobs.submit(Job("refit what-if", work, self._add_point, self._refit_failed))

    def _add_point(self, point: CurvePoint | None) -> None:
        if point is None:
            self._state = "done"
        else:
            self._points[point.influence] = point.metrics
            self._share = max(self._share, point.share)
        if self._refits:
            self._show(self._what_if())
        if point is not None:
            self._next_point()

    def _refit_failed(self, error: InficondError) -> None:
        if not isinstance(error, CancelledError):
            self._stop()
            self._app.tuning.status = Status("error", error.message, 0.0, error.remedy)

    def _yield_to_refit(self, *_: param.parameterized.Event) -> None:
        """A fine-tune must not wait for the curve; it goes on when that has ended."""
        if self._app.tuning.busy and self._path is not None:
            self._stop()
            self._state = "waiting"
        elif not self._app.tuning.busy and self._state == "waiting":
            self._solve()

    def _answer(self, event: DataEvent) -> None:
        actions: dict[str, Callable[[Any], None]] = {
            "pictures": self._send_pictures,
            "apart": self._take_apart,
            "refit": self._steer,
        }
        for name, value in event.data.items():
            actions[name](value)

    def _steer(self, what: str) -> None:
        """Stop the refit what-if, or go on with it."""
        if what == "stop":
            self._stop()
        else:
            self._solve()
        self._show(self._what_if())

    def _take_apart(self, row: int) -> None:
        """The prediction for one of the images shown."""
        if any(shown["row"] == row for shown in self.panel.rows):
            self.panel.apart = make_apart(self._app.students.take_apart(self.panel.student, row))

    def _send_pictures(self, asked: list[int]) -> None:
        """Send the pictures asked for, of rows that are shown."""
        store, concept = self._store, self.panel.concept
        segments = {row["row"]: row["segment"] for row in self.panel.rows}
        wanted = [row for row in asked if row in segments]
        send_pictures(
            self._app,
            self.panel,
            wanted,
            lambda row: make_picture(store, row, segments[row]),
            concept=concept,
        )
