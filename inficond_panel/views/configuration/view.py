"""Configuration view: data set, student, class, split, scope, and the metrics they give.

InFiConD, section 5, figure 5a: select and overview a data set, the loaded student, its metrics.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import param
from panel.viewable import Viewer

from inficond_panel.ui.actions import Acting, action
from inficond_panel.ui.parts.metric_cards import make_class_metrics, make_mean_metrics
from inficond_panel.views.configuration.strip import (
    ConfigurationStrip,
    draw_picture,
    make_dataset,
    make_facts,
    make_looks,
    make_pinned,
    make_scores,
    make_student,
    make_targets,
)
from inficond_panel.vocabulary.metrics import SHARES
from inficond_panel.wording.penalties import penalty_text

if TYPE_CHECKING:
    from panel.viewable import Viewable

    from inficond_panel.state import AppState
    from inficond_panel.ui.notebook.drawing import Drawing


class ConfigurationView(Acting, Viewer):
    """Strip at the top of the page."""

    def __init__(self, app: AppState, **params: Any) -> None:
        self.app = app
        only = app.rights.class_name
        self._strip = ConfigurationStrip(
            classes=[only] if only else list(app.store.classes),
            theme=app.param.theme,
            extent=app.settings.param.show,
            intervals=app.spec.views.intervals,
            sizing_mode="stretch_width",
            margin=0,
        )
        self.listen_to(self._strip)
        self._facts = make_dataset(
            app.dataset.title,
            app.dataset.counts,
            app.store.content_hash,
            app.store.attrs,
            make_scores(app.store.concept_score) if app.store.given else "",
        )
        self._shared = make_facts(
            app.store.attrs["teacher"],
            app.spec.students,
            penalty_text(app.tuner.penalties, chosen=app.tuner.penalties_chosen),
            app.tuner.mark,
        )
        super().__init__(**params)
        self._show_student()
        self._update()

    @param.depends("app.students.snapshot", "app.students.tree", watch=True)
    def _show_student(self) -> None:
        tuner, node = self.app.tuner, self.app.students.node
        nodes = self.app.tuning.nodes
        self._strip.student = make_student(nodes, node, self._shared, tuner.mark, tuner.joint)

    @param.depends(
        "app.settings.scope",
        "app.selection.class_name",
        "app.students.snapshot",
        "app.students.tree",
        "app.targets.status",
        "app.concepts.status",
        "app.datasets",
        "app.changes.arrivals",
        "app.pinned.node_id",
        watch=True,
    )
    def _update(self) -> None:
        self._strip.data = self.data()

    @param.depends("app.tuning.status", watch=True)
    def _show_busy(self) -> None:
        """A status changes often; the strip shows only whether it is busy."""
        if self._busy != self._strip.data["busy"]:
            self._update()

    @property
    def _busy(self) -> bool:
        return bool(self.app.tuning.busy or self.app.targets.busy or self.app.concepts.busy)

    def data(self) -> dict[str, Any]:
        """All that the strip shows but the student, as plain data."""
        app = self.app
        snapshot, looks = app.students.snapshot, app.tuning.looks
        return {
            "dataset": {**self._facts, "options": app.datasets or [app.dataset.title]},
            "pinned": make_pinned(app.tuning.nodes, app.pinned.node_id, snapshot.node.id),
            "mark": app.tuner.mark,
            "targets": make_targets(app.targets),
            "class": {"name": app.selection.class_name, "count": len(app.store.classes)},
            "split": snapshot.split,
            "locked": app.tuning.locked,
            "looks": make_looks({n.number: looks[n.id] for n in app.tuning.nodes if n.id in looks}),
            "scope": self._scope,
            "metrics": self._metrics(),
            "busy": self._busy,
        }

    @property
    def _scope(self) -> str:
        return str(self.app.settings.scope) if self.app.selection.class_name else "all"

    def _metrics(self) -> list[dict[str, Any]]:
        app, name = self.app, self.app.selection.class_name
        if self._scope == "all":
            return make_mean_metrics(app.students.snapshot, app.changes.total("", SHARES))
        changes = app.changes.total(name, SHARES)
        return make_class_metrics(name, app.students.snapshot, changes)

    def picture(self) -> Drawing:
        """Picture of the strip, without a browser."""
        return draw_picture(self._strip.data, self._strip.student)

    @action
    def _choose_dataset(self, name: str) -> None:
        self.app.choose_dataset(name)

    @action
    def _choose_student(self, name: str) -> None:
        self.app.tuning.jump(name)

    @action
    def _unpin(self) -> None:
        self.app.pinned.unpin()

    @action
    def _choose_targets(self, name: str) -> None:
        self.app.targets.choose(name)

    @action
    def _choose_class(self, name: str) -> None:
        self.app.selection.class_name = name

    @action
    def _choose_split(self, name: str) -> None:
        self.app.tuning.show_split(name)

    @action
    def _choose_scope(self, name: str) -> None:
        self.app.settings.scope = name

    def __panel__(self) -> Viewable:
        return self._strip
