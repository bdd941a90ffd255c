"""Student performance: one row per class, sorted by its gap to the teacher.

InFiConD, section 5, figure 5b.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import holoviews as hv
import panel as pn
import param
from panel.custom import Child
from panel.viewable import Viewable, Viewer

from inficond_panel.common.numbers import UNDEFINED, defined
from inficond_panel.plots.performance_bars import (
    FILLS,
    SIDES,
    make_performance_bars,
    update_bars,
)
from inficond_panel.state import CLASS_SORTS
from inficond_panel.ui import browser
from inficond_panel.ui.actions import Acting, action
from inficond_panel.ui.component import ViewComponent, tie
from inficond_panel.ui.plot_pane import change_figure, close_plots, make_plot_pane
from inficond_panel.ui.saving import make_and_send
from inficond_panel.vocabulary.metrics import AP, FIDELITY, METRICS
from inficond_panel.wording.metric_change import change_text, make_change

if TYPE_CHECKING:
    from inficond_panel.analysis.snapshot import Snapshot
    from inficond_panel.distill import Agreement, Interval
    from inficond_panel.state import AppState
    from inficond_panel.tuning import Intent

_VALUES = (*CLASS_SORTS[1:], "constant_fidelity", "logit_correlation")


def make_performance_rows(snapshot: Snapshot) -> list[dict[str, Any]]:
    """One row per class: metrics (None where undefined), and numbers of images decided rightly.

    ``positives`` and ``negatives`` are counts of images: both right, only the teacher right,
    both wrong, only the student right. ``gap`` is AP(teacher) − AP(student); ``teacher`` has the
    teacher's metrics.
    """
    return [_row(snapshot, name) for name in snapshot.metrics]


def _row(snapshot: Snapshot, name: str) -> dict[str, Any]:
    metrics, agreement = snapshot.metrics[name], snapshot.agreement[name]
    return {
        "name": name,
        "gap": defined(metrics.teacher_ap - metrics.ap),
        **{metric: defined(getattr(metrics, metric)) for metric in _VALUES},
        "teacher": {
            AP.key: defined(metrics.teacher_ap),
            FIDELITY.key: 1.0,
            **{name: defined(value) for name, value in agreement.teacher_metrics().items()},
        },
        **{
            side: [getattr(getattr(agreement, side), fill.counts) for fill in FILLS]
            for side in SIDES
        },
        "images": metrics.n,
        "reason": undefined_reason(metrics.positives, snapshot.split),
    }


def undefined_reason(positives: int, split: str) -> str:
    """Reason why the AP of one class is undefined; empty where it is not."""
    return "" if positives else f"AP is undefined: the {split} split has no positive of this class."


class PerformanceTable(ViewComponent):
    """The whole view as one component; searching, sorting and moving happen in the browser.

    So do the places of the bars, which follow their rows: see ``bars.js``.
    """

    rows = param.List(default=[], item_type=dict, doc="As ``make_performance_rows`` gives them.")
    selected = param.String(default="", doc="Class selected; empty: none.")
    sort: param.Selector[str] = param.Selector(default="gap", objects=CLASS_SORTS)
    descending = param.Boolean(default=True, doc="Largest value first; undefined ones come last.")
    sorts = param.List(default=CLASS_SORTS, doc="What the classes can be sorted by.")
    changes = param.Dict(default={}, doc="As ``make_changes`` gives them, by class; as asked for.")
    touched = param.Dict(default={}, doc="Number of intents of the batch, by class.")
    bars = Child(doc="The bars of all classes, in the order of ``rows``.")
    bar_width = param.Integer(default=136, bounds=(1, 10_000), doc="Pixels that a bar is wide.")

    _taken = frozenset({"bar_width", "descending", "selected", "sort"})
    _esm = browser.module(Path(__file__).with_name("performance.js"))
    _stylesheets = browser.styles(Path(__file__).with_name("performance.css"))


def make_changes(changes: Mapping[str, Interval | None], metric: str) -> list[list[str]]:
    """Changes in a metric with their intervals, and whether they are more than noise."""
    rows = []
    for since, change in changes.items():
        if change is None:
            continue
        told = change_text(make_change(change)) or UNDEFINED
        rows.append([f"{METRICS[metric].name} since {since}", told])
    return rows


def make_touched(pending: Iterable[Intent]) -> dict[str, int]:
    """Number of intents of the batch, by class."""
    return dict(Counter(intent.class_name for intent in pending))


def make_agreement(snapshot: Snapshot) -> dict[str, Agreement]:
    """Agreement of student and teacher, by class in the order of the rows."""
    return {name: snapshot.agreement[name] for name in snapshot.metrics}


def _without_axes(plot: Any, _: hv.Element) -> None:
    """Hook: no axes and grids, which the browser would make though they are not seen."""
    plot.state.update(left=[], below=[], center=[])


def _draw_bars(agreement: dict[str, Agreement], dark: bool, width: int) -> hv.Rectangles:
    """Bars that fill their place, without axes and tools; the browser lays them over the rows."""
    bars = make_performance_bars(agreement, dark, width)
    hooks = [*bars.opts.get().kwargs["hooks"], _without_axes]
    return bars.opts(
        toolbar=None, tools=[], default_tools=[], responsive=True, border=0, hooks=hooks
    )


class PerformanceView(Acting, Viewer):
    """Students of the node in view; the class picked here is ``app.selection.class_name``."""

    def __init__(self, app: AppState, **params: Any) -> None:
        self.app = app
        self._asked = ""  # class whose card was opened last
        self.table = PerformanceTable(
            rows=pn.bind(make_performance_rows, app.students.param.snapshot),
            touched=pn.bind(make_touched, app.tuning.param.pending),
            theme=app.param.theme,
            sizing_mode="stretch_both",
            margin=0,
        )
        tie(self.table, app.settings, sort="sort", descending="descending")
        tie(self.table, app.selection, selected="class_name")
        self.table.bars = self._bars = make_plot_pane(_draw_bars(*self._shown()))
        self.listen_to(self.table)
        super().__init__(**params)

    def __panel__(self) -> Viewable:
        return self.table

    def close(self) -> None:
        """Let go of the plot."""
        close_plots(self._bars)

    def _shown(self) -> tuple[dict[str, Agreement], bool, int]:
        app = self.app
        return make_agreement(app.students.snapshot), app.theme == "dark", self.table.bar_width

    @param.depends("app.students.snapshot", "app.theme", "table.bar_width", watch=True)
    def _redraw_bars(self) -> None:
        for plot, _ in self._bars._plots.values():
            change = partial(update_bars, plot.handles["source"], *self._shown())
            change_figure(plot.state, change)
        pn.io.push_notebook(self.table)

    @param.depends("app.students.snapshot", "app.settings.sort", watch=True)
    def _forget_changes(self) -> None:
        self._asked = ""
        self.table.changes = {}

    @param.depends("app.changes.found", watch=True)
    def _tell_changes(self) -> None:
        """Show what is known of the changes that a card asked for, in the metric sorted by."""
        if not self._asked:
            return
        name, changes = self._asked, self.app.changes
        metric = AP.key if self.table.sort == "gap" else self.table.sort
        found = {
            "start": changes.total(name, [metric]).get(metric),
            "previous": changes.last(name, [metric]).get(metric),
        }
        self.table.changes = {**self.table.changes, name: make_changes(found, metric)}

    @action
    def _find_changes(self, name: str) -> None:
        if name not in self.app.store.classes:
            raise ValueError("no such class")
        self._asked = name
        self._tell_changes()

    @action
    def _save_students(self, names: list[str], kind: str) -> None:
        students = self.app.students
        make_and_send(self.app, self.table, lambda: students.students_file(names, kind))
