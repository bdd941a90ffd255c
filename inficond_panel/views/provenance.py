"""Fine-tuning provenance view: the tree of iterations, what each did, and the total.

InFiConD, section 5, figure 5f: rows of up- and downtuned concepts with the change in performance
from the previous entry; the total at the top right.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import param
from panel.custom import JSComponent
from panel.viewable import Viewer

from inficond_panel.state import Job
from inficond_panel.views import esm
from inficond_panel.views.branches import make_edges
from inficond_panel.views.iterations import Change, Measured, make_axis, make_change, make_rows
from inficond_panel.views.metric_cards import mean

if TYPE_CHECKING:
    from panel.viewable import Viewable

    from inficond_panel.errors import InficondError
    from inficond_panel.state import AppState, Node


@dataclass(frozen=True)
class Asked:
    """What the rows shall tell of; taken on the event loop, measured off it."""

    class_name: str
    split: str
    node: Node
    nodes: list[Node]
    looks: Mapping[str, int]


class ProvenanceTree(JSComponent):
    """What the browser draws; actions come back as messages ``{"kind", "value"}``."""

    data = param.Dict({}, doc="Rows, edges, axis and total; empty while loading.")
    theme = param.String("", doc="light, dark, or empty: the page's.")

    _esm = esm.module("provenance")
    _stylesheets = esm.styles("provenance")


class ProvenanceView(Viewer):
    """Rows newest first. A click on a row goes there and deletes nothing."""

    def __init__(self, app: AppState, **params: Any) -> None:
        super().__init__(**params)
        self.app = app
        self._tree = ProvenanceTree(
            theme=app.param.theme, sizing_mode="stretch_both", min_height=200, margin=0
        )
        self._tree.on_msg(lambda event: self._handle(event.data))
        app.selection.param.watch(self._update, "class_name")
        app.students.param.watch(self._update, "snapshot")
        app.tuning.param.watch(self._update, "nodes")
        app.dataset.param.watch(self._update, "looks")
        app.tuning.param.watch(self._update_buttons, ["status", "can_undo", "can_redo"])
        self._update()

    def _update(self, *_: Any) -> None:
        """Measure all nodes off the event loop (bootstrap), then show them together."""
        app, tuning = self.app, self.app.tuning
        asked = Asked(
            app.selection.class_name,
            app.students.snapshot.split,
            app.students.node,
            tuning.nodes,
            tuning.looks,
        )

        def work(_: Job) -> dict[str, Any]:
            return make_data(app, asked)

        self.app.jobs.submit(Job("provenance", work, self._show, self._fail))

    def _show(self, data: dict[str, Any]) -> None:
        self._tree.data = {**data, **self._buttons()}

    def _fail(self, error: InficondError) -> None:
        self._tree.data = {"error": str(error)}

    def _update_buttons(self, *_: Any) -> None:
        if self._tree.data:
            self._tree.data = {**self._tree.data, **self._buttons()}

    def _buttons(self) -> dict[str, bool]:
        tuning = self.app.tuning
        busy = tuning.status.kind == "fitting"
        return {
            "busy": busy,
            "undo": tuning.can_undo and not busy,
            "redo": tuning.can_redo and not busy,
        }

    def _handle(self, message: Mapping[str, str]) -> None:
        tuning, kind = self.app.tuning, message["kind"]
        if kind == "note":
            tuning.set_note(self.app.students.node.id, message["value"])
        elif kind == "jump":
            tuning.jump(message["value"])
        elif kind == "undo":
            tuning.undo()
        elif kind == "redo":
            tuning.redo()

    def __panel__(self) -> Viewable:
        return self._tree


def make_data(app: AppState, asked: Asked) -> dict[str, Any]:
    """All that the view shows, as plain data. Slow the first time: a bootstrap for each row."""
    measured = {node.id: _measure(app, node, asked) for node in asked.nodes}
    rows = make_rows(asked.nodes, asked.node.id, asked.class_name, measured, asked.looks)
    return {
        "class": asked.class_name,
        "metric": "AP" if asked.class_name else "mAP",
        "split": asked.split,
        "rows": rows,
        "edges": make_edges(asked.nodes, asked.node.id),
        "axis": make_axis(rows),
        "total": make_change(_change(app, asked.nodes[0], asked.node, asked)),
    }


def _measure(app: AppState, node: Node, asked: Asked) -> Measured:
    if asked.split == "holdout" and not asked.looks.get(node.id):
        return Measured(math.nan, seen=False)
    parent = next((n for n in asked.nodes if n.id == node.parent), None)
    touched = not asked.class_name or asked.class_name in node.tuned
    change = _change(app, parent, node, asked) if parent and touched else None
    return Measured(_ap(app, node, asked), change)


def _change(app: AppState, before: Node, after: Node, asked: Asked) -> Change | None:
    if before.id == after.id:
        return None
    if asked.class_name:
        return Change.of(app.students.change_between(before.id, after.id, asked.class_name))
    return Change(_ap(app, after, asked) - _ap(app, before, asked))


def _ap(app: AppState, node: Node, asked: Asked) -> float:
    metrics = app.tuner.metrics(node, asked.split)
    return metrics[asked.class_name].ap if asked.class_name else mean("ap", metrics)
