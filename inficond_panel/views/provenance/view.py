"""Fine-tuning provenance view: the tree of iterations, what each did, and the total.

InFiConD, section 5, figure 5f: rows of up- and downtuned concepts with the change in performance
from the previous entry; the total at the top right.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import param
from panel.viewable import Viewer

from inficond_panel.plots.tree_plot import Branches
from inficond_panel.state import CHANGE_METRICS, Job
from inficond_panel.tuning.other_students import others_sentence
from inficond_panel.ui.actions import action
from inficond_panel.ui.component import tie
from inficond_panel.ui.parts.metric_cards import mean
from inficond_panel.ui.parts.saving import send_file
from inficond_panel.views.provenance.comparison import ComparisonActions, make_comparison
from inficond_panel.views.provenance.iterations import (
    Shown,
    cut_window,
    each_once,
    make_axis,
    make_deleted,
    make_exporting,
    make_result,
    make_row,
    place_window,
    touches,
)
from inficond_panel.views.provenance.tree import ProvenanceTree, draw_picture
from inficond_panel.vocabulary.metrics import METRICS
from inficond_panel.wording.metric_change import make_change

if TYPE_CHECKING:
    from panel.viewable import Viewable

    from inficond_panel.distill import ClassMetrics
    from inficond_panel.errors import InficondError
    from inficond_panel.state import AppState
    from inficond_panel.tuning import Iteration
    from inficond_panel.ui.notebook.drawing import Drawing


STILL = 500  #: rows that a page without a server has


def typed_sentence(names: Sequence[str]) -> str:
    """Sentence on the way to the iterations made before these concepts were typed."""
    if not names:
        return ""
    them = "it" if len(names) == 1 else "them"
    return f"With {', '.join(names)}. Iterations without {them} come back with Delete (T)."


class ProvenanceView(ComparisonActions, Viewer):
    """Rows newest first. A click on a row goes there and deletes nothing."""

    def __init__(self, app: AppState, **params: Any) -> None:
        self.app = app
        self._compared = ""  # class that was chosen in the comparison
        self._branches = Branches(app.tuning.nodes, app.students.node.id)
        self._window = place_window(len(app.tuning.nodes), self._branches.current)
        self._measured: dict[tuple[str, str], Mapping[str, ClassMetrics]] = {}  # by id and split
        self._results: tuple[Any, dict[str, Any]] = (
            None,
            {},
        )  # results by id, and what they are of
        self._tree = ProvenanceTree(
            theme=app.param.theme,
            extent=app.settings.param.show,
            intervals=app.spec.views.intervals,
            sizing_mode="stretch_both",
            min_height=200,
            margin=0,
        )
        tie(self._tree, app.settings, metric="history_metric")
        self.listen_to(self._tree)
        super().__init__(**params)
        self._update()

    @param.depends("app.students.snapshot", "app.students.tree", watch=True)
    def _update(self) -> None:
        """The tree, or the node shown in it, is another: show the window on it."""
        nodes, before = self.app.tuning.nodes, self._branches
        self._branches = now = Branches(nodes, self.app.students.node.id)
        moved = now.newest[now.current].id != before.newest[before.current].id
        self._window = place_window(len(nodes), now.current if moved else None, self._window)
        self._show(tree=self._make_tree())

    @action
    def _show_rows(self, first: float, last: float) -> None:
        """Show the rows from ``first`` on, before ``last``: the browser has scrolled there."""
        self._window = cut_window(len(self._branches.newest), int(first), int(last))
        self._show(tree=self._make_tree())

    def _make_tree(self, limit: int = 0) -> dict[str, Any]:
        """Rows in the window (the first ``limit``, if that is given), and the current one."""
        branches, looks = self._branches, self.app.tuning.looks
        first, last = (0, limit) if limit else self._window
        rows = [
            make_row(branches, place, looks.get(node.id, 0))
            for place, node in enumerate(branches.newest[first:last], first)
        ]
        node = branches.newest[branches.current]
        return {
            "size": len(branches.newest),
            "lanes": max(branches.lanes),
            "first": first,
            "rows": rows,
            "current": make_row(branches, branches.current, looks.get(node.id, 0)),
            "edges": branches.edges(first, last),
        }

    def still(self) -> dict[str, Any]:
        """Rows of a page without a server: the newest ``STILL``. For the worker."""
        changes, tuner, (name, split) = self.app.changes, self.app.tuner, self._scope
        nodes = self._branches.newest[:STILL]
        hidden = self._hidden(nodes)
        seen = [node for node in nodes if node.id not in hidden]
        measured = {
            node.id: values_of(tuner.metrics(tuner.node(node.id), split), name)
            for node in self._with_parents(seen)
        }
        found = changes.compute(self._steps(seen), name, self._tree.metric)
        shown = Shown(name, self._tree.metric, measured, hidden, found, self.app.tuner.joint)
        made = {node.id: make_result(node, shown) for node in nodes}
        tree = {**self._make_tree(len(nodes)), "size": len(nodes)}
        results = {"axis": make_axis(list(made.values())), **each_once(made)}
        return {"tree": tree, "results": results}

    def _steps(self, nodes: Iterable[Iteration]) -> list[tuple[str, str]]:
        """Parent and node, where the row has a change."""
        name, joint = self._scope[0], self.app.tuner.joint
        return [
            (node.parent, node.id) for node in nodes if node.parent and touches(node, name, joint)
        ]

    @property
    def _scope(self) -> tuple[str, str]:
        return self.app.selection.class_name, self.app.students.snapshot.split

    def _nodes(self) -> list[Iteration]:
        """Those in the window, newest first, and the one shown."""
        first, last = self._window
        places = {*range(first, last), self._branches.current}
        return [self._branches.newest[place] for place in sorted(places)]

    def _hidden(self, nodes: Iterable[Iteration]) -> set[str]:
        """Nodes whose numbers may not be shown: nobody looked at them on the holdout."""
        looks = self.app.tuning.looks
        return {node.id for node in nodes if self._scope[1] == "holdout" and not looks.get(node.id)}

    @param.depends(
        "_tree.metric",
        "app.selection.class_name",
        "app.changes.arrivals",
        "app.changes.problem",
        watch=True,
    )
    def _show(self, tree: dict[str, Any] | None = None) -> None:
        """Show what is known at once; measure the rest off the event loop, then show that too."""
        nodes = self._nodes()
        shown = self._shown(nodes)
        self._tree.param.update(
            data={**self._data(shown), **self._buttons()},
            results=self._make_results(nodes, shown),
            deleted=[make_deleted(branch) for branch in self.app.tuning.deleted],
            **({"tree": tree} if tree else {}),
        )
        seen = [node for node in nodes if node.id not in shown.hidden]
        wanted = {node.id: node for node in self._with_parents(seen)}
        if not wanted.keys() <= shown.measured.keys():
            self._measure(wanted, wanted.keys() - shown.measured.keys(), self._scope[1])

    def _data(self, shown: Shown) -> dict[str, Any]:
        tuner = self.app.tuner
        return {
            "class": shown.class_name,
            "mark": f"oracle, {tuner.mark}" if tuner.mark else "",
            "metric": shown.metric,
            "beside": METRICS[shown.metric].beside,
            "metrics": [
                [key, METRICS[key].name if shown.class_name else METRICS[key].mean]
                for key in CHANGE_METRICS
            ],
            "total": self._total(shown),
            "typed": " ".join(filter(None, self._elsewhere())),
        }

    def _elsewhere(self) -> list[str]:
        """Sentences on iterations that are kept and not listed: those of other students."""
        others = self.app.students.tree.others
        return [typed_sentence(self.app.concepts.typed), others_sentence(others)]

    def _make_results(self, nodes: Sequence[Iteration], shown: Shown) -> dict[str, Any]:
        """Results of ``nodes``, on an axis for all that were shown of this class and metric."""
        made = {node.id: make_result(node, shown) for node in nodes}
        scope = (*self._scope, shown.metric)
        before = self._results[1] if self._results[0] == scope else {}
        self._results = scope, {**before, **made}
        known = [
            self._results[1][id_] for id_ in self._results[1].keys() & self._branches.places.keys()
        ]
        return {"axis": make_axis(known), **each_once(made)}

    def _shown(self, nodes: Sequence[Iteration]) -> Shown:
        """Known content of the rows; unknown changes are asked for, the newest first."""
        name, metric = self._scope[0], self._tree.metric
        hidden = self._hidden(nodes)
        seen = [node for node in nodes if node.id not in hidden]
        changes = self.app.changes.between(self._steps(seen), name, metric)
        known = self._known(seen, self._scope[1])
        measured = {id_: values_of(metrics, name) for id_, metrics in known.items()}
        return Shown(name, metric, measured, hidden, changes, self.app.tuner.joint)

    def _known(
        self, nodes: Iterable[Iteration], split: str
    ) -> dict[str, Mapping[str, ClassMetrics]]:
        """Metrics of these nodes and their parents by id, as far as any session has them."""
        found = {}
        for node in self._with_parents(nodes):
            metrics = self._measured.get((node.id, split))
            metrics = metrics or self.app.tuner.known_metrics(node, split)
            if metrics is not None:
                found[node.id] = metrics
        return found

    def _with_parents(self, nodes: Iterable[Iteration]) -> list[Iteration]:
        branches = self._branches
        wanted = {branches.places[id_] for node in nodes for id_ in (node.id, node.parent) if id_}
        return [branches.newest[place] for place in sorted(wanted)]

    def _measure(self, wanted: Collection[str], missing: Collection[str], split: str) -> None:
        """Measure the nodes that are ``missing`` of those that are ``wanted``, by their ids."""
        tuner = self.app.tuner

        def work(job: Job) -> dict[tuple[str, str], Mapping[str, ClassMetrics]]:
            left = (id_ for id_ in missing if not job.cancelled())
            return {(id_, split): tuner.metrics(tuner.node(id_), split) for id_ in left}

        def done(found: dict[tuple[str, str], Mapping[str, ClassMetrics]]) -> None:
            kept = {key: it for key, it in self._measured.items() if key[0] in wanted}
            self._measured = {**kept, **found}
            self._show()

        self.app.jobs.submit(Job("provenance", work, done, self._fail))

    def _total(self, shown: Shown) -> dict[str, Any] | None:
        """The change since #0 of the students shown; None at #0."""
        snapshot, name, metric = self.app.students.snapshot, shown.class_name, shown.metric
        if snapshot.node.parent is None:
            return None
        found = self.app.changes.total(name, [metric]).get(metric)
        now, before = (values_of(each, name) for each in (snapshot.metrics, snapshot.before))
        return make_change(found, now[metric] - before[metric], METRICS[metric].unit)

    def _fail(self, error: InficondError) -> None:
        self._tree.data = {"error": error.whole_for_page, "size": 0}

    @param.depends("app.tuning.status", "app.tuning.problem", "app.pinned.node_id", watch=True)
    def _update_buttons(self) -> None:
        if self._tree.data:
            self._tree.data = {**self._tree.data, **self._buttons()}

    def _buttons(self) -> dict[str, Any]:
        tuning = self.app.tuning
        busy = tuning.busy
        return {
            "pinned": self.app.pinned.node_id,
            "busy": busy,
            "problem": tuning.problem or self.app.changes.problem,
            "undo": tuning.can_undo and not busy,
            "redo": tuning.can_redo and not busy,
        }

    @param.depends(
        "app.comparison.pair", "app.comparison.result", "app.comparison.problem", watch=True
    )
    def _show_comparison(self) -> None:
        if self.app.comparison.pair is None:
            self._compared = ""
        wanted = self._compared or self.app.selection.class_name
        self._tree.comparison = make_comparison(self.app, wanted)

    @param.depends("app.export.formats", "app.export.status", watch=True)
    def _show_exporting(self) -> None:
        self._tree.exporting = make_exporting(self.app.export)

    @param.depends("app.export.asked", watch=True)
    def _open_export(self) -> None:
        self._tree._send_msg({"export": True})

    @param.depends("app.export.file", watch=True)
    def _save(self) -> None:
        file = self.app.export.file
        if file is not None:
            send_file(self._tree, file)

    @action
    def _set_note(self, node: str, text: str) -> None:
        self.app.tuning.set_note(node, text)

    @action
    def _rename(self, node: str, text: str) -> None:
        self.app.tuning.rename(node, text)

    @action
    def _jump(self, node: str) -> None:
        self.app.tuning.jump(node)

    @action
    def _undo(self) -> None:
        self.app.tuning.undo()

    @action
    def _redo(self) -> None:
        self.app.tuning.redo()

    @action
    def _delete(self, node: str) -> None:
        self.app.tuning.delete(node)

    @action
    def _restore(self, branch: str) -> None:
        self.app.tuning.restore(branch)

    @action
    def _pin(self, node: str) -> None:
        self.app.pinned.pin(node)

    @action
    def _unpin(self) -> None:
        self.app.pinned.unpin()

    @action
    def _find_formats(self) -> None:
        self.app.export.look()

    @action
    def _export_students(self, node: str, formats: list[str]) -> None:
        self.app.export.students(node, formats)

    @action
    def _export_edits(self, node: str) -> None:
        self.app.export.edits(node)

    @action
    def _export_page(self) -> None:
        self.app.export.param.trigger("page")

    def picture(self) -> Drawing:
        """Picture of the newest rows in view, without a browser."""
        tree = self._tree
        return draw_picture(tree.tree, tree.results, METRICS[tree.metric].name)

    def __panel__(self) -> Viewable:
        return self._tree


def values_of(metrics: Mapping[str, ClassMetrics], class_name: str) -> dict[str, float]:
    """Metrics of one class, or without one their means over all, by key."""
    if class_name:
        return {key: float(getattr(metrics[class_name], key)) for key in CHANGE_METRICS}
    return {key: mean(key, metrics) for key in CHANGE_METRICS}
