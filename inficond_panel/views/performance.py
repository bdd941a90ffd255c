"""Student performance: one row a class, sorted by its gap to the teacher.

InFiConD, section 5, figure 5b.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import panel as pn
import param
from panel.viewable import Viewable, Viewer

from inficond_panel.views import esm
from inficond_panel.views.component import ViewComponent
from inficond_panel.views.theme import defined

if TYPE_CHECKING:
    from inficond_panel.state import AppState, Snapshot

METRICS = ("ap", "teacher_ap", "recall", "precision", "f1", "fidelity", "constant_fidelity")


def make_performance_rows(snapshot: Snapshot) -> list[dict[str, Any]]:
    """One row a class: metrics (None where undefined), and who decides rightly on which images.

    ``positives`` and ``negatives`` are counts of images: both right, only the teacher right,
    both wrong, only the student right. ``gap`` is AP(teacher) − AP(student).
    """
    return [_row(snapshot, name) for name in snapshot.metrics]


def _row(snapshot: Snapshot, name: str) -> dict[str, Any]:
    metrics, agreement = snapshot.metrics[name], snapshot.agreement[name]
    sides = {"positives": agreement.positives, "negatives": agreement.negatives}
    return {
        "name": name,
        "gap": defined(metrics.teacher_ap - metrics.ap),
        **{metric: defined(getattr(metrics, metric)) for metric in METRICS},
        **{
            side: [n.both_right, n.student_wrong, n.both_wrong, n.teacher_wrong]
            for side, n in sides.items()
        },
        "images": metrics.n,
        "reason": undefined_reason(metrics.positives, snapshot.split),
    }


def undefined_reason(positives: int, split: str) -> str:
    """Why the AP of a class is undefined; empty where it is not."""
    return "" if positives else f"AP is undefined: the {split} split has no positive of this class."


class PerformanceTable(ViewComponent):
    """The whole view as one component; searching, sorting and moving happen in the browser."""

    rows = param.List(default=[], item_type=dict, doc="As ``make_performance_rows`` gives them.")
    selected = param.String(default="", doc="Class selected; empty: none.")
    sort: param.Selector[str] = param.Selector(
        default="gap", objects=["gap", "ap", "recall", "precision", "f1"]
    )
    descending = param.Boolean(default=True, doc="Largest value first; undefined ones come last.")

    _esm = esm.module("performance")
    _stylesheets = esm.styles("performance")


class PerformanceView(Viewer):
    """Students of the node in view; the class picked here is ``app.selection.class_name``."""

    def __init__(self, app: AppState, **params: Any) -> None:
        super().__init__(**params)
        self.table = PerformanceTable(
            rows=pn.bind(make_performance_rows, app.students.param.snapshot),
            selected=app.selection.class_name,
            theme=app.param.theme,
            sizing_mode="stretch_both",
            margin=0,
        )
        self.table.param.watch(
            lambda event: app.selection.param.update(class_name=event.new), "selected"
        )
        app.selection.param.watch(
            lambda event: self.table.param.update(selected=event.new), "class_name"
        )

    def __panel__(self) -> Viewable:
        return self.table
