"""Concept detail view: what one concept does to one student, and the images that show it.

InFiConD, section 5, figure 5e.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import holoviews as hv
import holoviews.plotting.bokeh
import panel as pn
import param
from panel.custom import Child

from inficond_panel.views import esm
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

    from inficond_panel.state import AppState, Intent, WhatIf

# Not hv.extension: in a notebook it would load scripts from outside as soon as it is imported.
hv.Store.set_current_backend("bokeh")


def make_caption(metric: str, chart: Chart) -> dict[str, Any]:
    """The text around one chart: name, value now, ends of the axes, and where now is (0 to 1)."""
    bottom, top = chart.y_range
    span = chart.high - chart.low
    teacher = f", teacher {number(chart.teacher)}"
    return {
        "metric": metric,
        "title": METRICS[metric],
        "value": number(chart.now[1]),
        "top": short(top),
        "bottom": short(bottom),
        "low": number(chart.low, 1),
        "high": number(chart.high, 1),
        "now": number(chart.now[0], 2),
        "share": (chart.now[0] - chart.low) / span if span else 0.5,
        "zero": -chart.low / span if chart.low < 0 < chart.high else None,
        "alt": f"{METRICS[metric]} {number(chart.now[1])} at influence "
        f"{number(chart.now[0], 2)}{teacher}",
    }


class DetailPanel(ViewComponent):
    """Heading, the captions of the charts, filter chips, gallery and the dialog of one image.

    Pictures are sent when they come near the part of the gallery on screen: the browser asks
    for ``{"pictures": [row, ...]}``.
    """

    student = param.String("", doc="Class of the student; empty: none selected.")
    concept = param.String("", doc="Concept shown; empty: none.")
    influence = param.String("", doc="Its influence, as text.")
    pending = param.Dict({}, doc="The intent that waits: {direction, text}; empty: none.")
    captions = param.List([], item_type=dict, doc="See `make_caption`.")
    rows = param.List([], item_type=dict, doc="Images, see `make_row`.")
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
        self.panel.on_msg(self._send_pictures)
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
        self._curves, rows = None, []
        if student and concept:
            self._curves = students.what_if(student, concept)
            influence = students.weight(student, concept)
            rows = make_rows(students.gallery(student, concept), influence)
        self._show({"student": student, "concept": concept, "rows": rows, **self._what_if()})

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
            return {"charts": {}, "captions": [], "influence": "", "pending": {}}
        influence = self._app.students.weight(student, concept)
        self._drawn = intent = self._intent()
        bounds = self._app.tuning.bounds_of(intent) if intent else (None, None)
        charts = what_if_charts(
            self._curves,
            influence,
            self._app.students.snapshot.agreement[student],
            pending=next((value for value in bounds if value is not None), None),
            direction=intent.direction if intent else "",
        )
        return {
            "charts": charts,
            "captions": [make_caption(metric, chart) for metric, chart in charts.items()],
            "influence": signed(influence),
            "pending": {"direction": intent.direction, "text": bound(*bounds)} if intent else {},
        }

    def _send_pictures(self, event: DataEvent) -> None:
        """Send the pictures asked for, of rows that are shown."""
        store, concept = self._store, self.panel.concept
        segments = {row["row"]: row["segment"] for row in self.panel.rows}
        wanted = [row for row in event.data["pictures"] if row in segments]
        send_pictures(
            self._app,
            self.panel,
            wanted,
            lambda row: make_picture(store, row, segments[row]),
            concept=concept,
        )
