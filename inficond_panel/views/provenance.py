"""Fine-tuning provenance view: the tree of iterations, what each did, and the total.

InFiConD, section 5, figure 5f: rows of up- and downtuned concepts with the change in performance
from the previous entry; the total at the top right.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import param
from panel.viewable import Viewer

from inficond_panel.state import CHANGE_METRICS, Job
from inficond_panel.views import esm
from inficond_panel.views.branches import make_edges
from inficond_panel.views.changes import make_change
from inficond_panel.views.comparison import make_comparison
from inficond_panel.views.component import ViewComponent, tie
from inficond_panel.views.gallery import make_picture
from inficond_panel.views.images import send_photo, send_pictures
from inficond_panel.views.iterations import (
    Measured,
    Shown,
    make_axis,
    make_deleted,
    make_exporting,
    make_rows,
    touches,
)
from inficond_panel.views.metric_cards import mean, mean_name
from inficond_panel.views.saving import send_file
from inficond_panel.views.theme import BESIDE, METRIC_NAMES

if TYPE_CHECKING:
    from panel.viewable import Viewable

    from inficond_panel.errors import InficondError
    from inficond_panel.state import AppState, ClassMetrics, Node, Snapshot


def typed_sentence(names: Sequence[str]) -> str:
    """Where the iterations are that were made before these concepts were typed."""
    if not names:
        return ""
    them = "it" if len(names) == 1 else "them"
    return f"With {', '.join(names)}. Iterations without {them} come back with Take away (T)."


class ProvenanceTree(ViewComponent):
    """What the browser draws; actions come back as messages ``{"kind", "value"}``."""

    data = param.Dict({}, doc="Rows, edges, axis and total; empty while loading.")
    comparison = param.Dict({}, doc="See `make_comparison`; empty: none.")
    exporting = param.Dict({}, doc="See `make_exporting`.")
    metric: param.Selector[str] = param.Selector(
        default="ap", objects=CHANGE_METRICS, doc="Metric of the rows."
    )

    _esm = esm.module("provenance")
    _stylesheets = esm.styles("provenance")


class ProvenanceView(Viewer):
    """Rows newest first. A click on a row goes there and deletes nothing."""

    def __init__(self, app: AppState, **params: Any) -> None:
        super().__init__(**params)
        self.app = app
        self._actions = self._make_actions()
        self._compared = ""  # class that was chosen in the comparison
        self._known: dict[tuple[str, str], dict[str, Measured]] = {}  # by class and split
        self._tree = ProvenanceTree(
            theme=app.param.theme, sizing_mode="stretch_both", min_height=200, margin=0
        )
        tie(self._tree, app.settings, metric="history_metric")
        self._tree.param.watch(self._show, "metric")
        self._tree.on_msg(lambda event: self._handle(event.data))
        app.selection.param.watch(self._update, "class_name")
        app.students.param.watch(self._update, ["snapshot", "tree"])
        app.changes.param.watch(self._show, ["found", "problem"])
        app.tuning.param.watch(self._update_buttons, ["status", "problem"])
        app.comparison.param.watch(self._show_comparison, ["pair", "found", "problem"])
        app.export.param.watch(self._show_exporting, ["formats", "status"])
        app.export.param.watch(self._save, "file")
        app.export.param.watch(self._open_export, "asked")
        self._update()

    def _update(self, *_: Any) -> None:
        """Show what is known at once; measure the rest off the event loop, then show that too."""
        app, scope = self.app, self._scope
        known = self._known.setdefault(scope, {})
        known[app.students.node.id] = measured_now(app.students.snapshot, scope[0])
        self._show()
        missing = [node for node in reversed(self._seen) if node.id not in known]

        def work(job: Job) -> dict[str, Measured]:
            left = (node for node in missing if not job.cancelled())
            return {node.id: measure(app, node, *scope) for node in left}

        def done(found: dict[str, Measured]) -> None:
            known.update(found)
            self._show()

        if missing:
            app.jobs.submit(Job("provenance", work, done, self._fail))

    @property
    def _scope(self) -> tuple[str, str]:
        return self.app.selection.class_name, self.app.students.snapshot.split

    @property
    def _seen(self) -> list[Node]:
        """Nodes whose numbers may be shown: on the holdout those that were looked at there."""
        looks = self.app.tuning.looks if self._scope[1] == "holdout" else None
        return [node for node in self.app.tuning.nodes if looks is None or looks[node.id]]

    def _show(self, *_: Any) -> None:
        self._tree.data = {**self.data(), **self._buttons()}

    def data(self) -> dict[str, Any]:
        """All that the view shows, as plain data."""
        app, head, shown = self.app, self.app.students.node, self._shown()
        rows = make_rows(app.tuning.nodes, head.id, shown, app.tuning.looks)
        return {
            "class": shown.class_name,
            "mark": f"oracle, {app.tuner.mark}" if app.tuner.mark else "",
            "metric": shown.metric,
            "beside": BESIDE.get(shown.metric, ""),
            "metrics": [[key, shown.names[key]] for key in CHANGE_METRICS],
            "rows": rows,
            "edges": make_edges(app.tuning.nodes, head.id),
            "axis": make_axis(rows),
            "total": self._total(shown),
            "typed": typed_sentence(app.concepts.typed),
            "deleted": [make_deleted(branch) for branch in app.tuning.deleted],
        }

    def _shown(self) -> Shown:
        """What is known of the rows; the changes that are not are asked for, the newest first."""
        name, metric = self._scope[0], self._tree.metric
        known = self._known.get(self._scope, {})
        measured = {node.id: known.get(node.id) for node in self._seen}
        seen = reversed(self._seen)
        steps = [(node.parent, node.id) for node in seen if node.parent and touches(node, name)]
        changes = self.app.changes.between(steps, name, metric)
        names = {key: METRIC_NAMES[key] if name else mean_name(key) for key in CHANGE_METRICS}
        return Shown(name, metric, names, measured, changes)

    def _total(self, shown: Shown) -> dict[str, Any] | None:
        """The change since #0 of the students shown; None at #0."""
        snapshot, name, metric = self.app.students.snapshot, shown.class_name, shown.metric
        if snapshot.node.parent is None:
            return None
        found = self.app.changes.total(name, [metric]).get(metric)
        now, before = (values_of(each, name) for each in (snapshot.metrics, snapshot.before))
        return make_change(found, now[metric] - before[metric])

    def _fail(self, error: InficondError) -> None:
        self._tree.data = {"error": str(error)}

    def _update_buttons(self, *_: Any) -> None:
        if self._tree.data:
            self._tree.data = {**self._tree.data, **self._buttons()}

    def _buttons(self) -> dict[str, Any]:
        tuning = self.app.tuning
        busy = tuning.busy
        return {
            "busy": busy,
            "problem": tuning.problem or self.app.changes.problem,
            "undo": tuning.can_undo and not busy,
            "redo": tuning.can_redo and not busy,
        }

    def _show_comparison(self, *_: Any) -> None:
        if self.app.comparison.pair is None:
            self._compared = ""
        wanted = self._compared or self.app.selection.class_name
        self._tree.comparison = make_comparison(self.app, wanted)

    def _show_exporting(self, *_: Any) -> None:
        self._tree.exporting = make_exporting(self.app.export)

    def _open_export(self, *_: Any) -> None:
        self._tree._send_msg({"export": True})

    def _save(self, *_: Any) -> None:
        file = self.app.export.file
        if file is not None:
            send_file(self._tree, file)

    def _handle(self, message: Mapping[str, Any]) -> None:
        if "pictures" in message:
            self._send_pictures(message["pictures"])
        elif "photo" in message:
            self._send_photo(message["photo"])
        else:
            self._actions[message["kind"]](message)

    def _make_actions(self) -> dict[str, Callable[[Mapping[str, Any]], None]]:
        """What each kind of message from the browser does."""
        tuning, comparison, export = self.app.tuning, self.app.comparison, self.app.export
        return {
            "note": lambda message: tuning.set_note(message["node"], message["value"]),
            "name": lambda message: tuning.rename(message["node"], message["value"]),
            "jump": lambda message: tuning.jump(message["value"]),
            "undo": lambda _: tuning.undo(),
            "redo": lambda _: tuning.redo(),
            "delete": lambda message: tuning.delete(message["value"]),
            "restore": lambda message: tuning.restore(message["value"]),
            "compare": lambda message: comparison.compare(*message["value"]),
            "class": lambda message: self._choose_class(message["value"]),
            "swap": lambda _: comparison.swap(),
            "close": lambda _: comparison.close(),
            "formats": lambda _: export.look(),
            "export": lambda message: export.students(message["node"], message["formats"]),
            "edits": lambda message: export.edits(message["node"]),
            "page": lambda _: export.param.trigger("page"),
        }

    def _choose_class(self, name: str) -> None:
        self._compared = name
        self._show_comparison()

    def _send_pictures(self, rows: Iterable[int]) -> None:
        """Send the pictures asked for, of images that the comparison shows."""
        store, shown = self.app.store, self._flipped()
        wanted = [row for row in rows if row in shown]
        send_pictures(self.app, self._tree, wanted, lambda row: make_picture(store, row, -1))

    def _send_photo(self, row: int) -> None:
        """Send the photo of one of the images that the comparison shows."""
        if row in self._flipped():
            send_photo(self.app, self._tree, row)

    def _flipped(self) -> set[int]:
        return {flip["row"] for flip in self._tree.comparison.get("detail", {}).get("flips", ())}

    def __panel__(self) -> Viewable:
        return self._tree


def measured_now(snapshot: Snapshot, class_name: str) -> Measured:
    """The node shown, of which all is known."""
    parent = values_of(snapshot.last, class_name) if snapshot.node.parent else None
    return Measured(values_of(snapshot.metrics, class_name), parent)


def measure(app: AppState, node: Node, class_name: str, split: str) -> Measured:
    """Any node. For the worker: it may have to decide all images."""
    tuner = app.tuner
    parent = tuner.metrics(tuner.node(node.parent), split) if node.parent else None
    values = values_of(tuner.metrics(node, split), class_name)
    return Measured(values, values_of(parent, class_name) if parent else None)


def values_of(metrics: Mapping[str, ClassMetrics], class_name: str) -> dict[str, float]:
    """The metrics of a class, or without one their means over all, by key."""
    if class_name:
        return {key: float(getattr(metrics[class_name], key)) for key in CHANGE_METRICS}
    return {key: mean(key, metrics) for key in CHANGE_METRICS}
