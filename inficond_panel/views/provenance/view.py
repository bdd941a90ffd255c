"""Fine-tuning provenance view: tree of iterations, effect of each, and total change.

InFiConD, section 5, figure 5f: rows of up- and downtuned concepts with the change in performance
from the previous entry; the total at the top right.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import param
from panel.viewable import Viewable, Viewer

from inficond_panel.errors import InficondError
from inficond_panel.plots.student_plots import Branches
from inficond_panel.state import CHANGE_METRICS, AppState
from inficond_panel.tuning.other_students import others_sentence
from inficond_panel.ui.component import action, tie
from inficond_panel.ui.drawing import Drawing
from inficond_panel.ui.images import send_file
from inficond_panel.views.provenance.comparison import (
    ComparisonActions,
    RowResults,
    make_comparison,
)
from inficond_panel.views.provenance.iterations import (
    ProvenanceTree,
    ShownIterations,
    cut_window,
    draw_picture,
    each_once,
    make_axis,
    make_deleted,
    make_result,
    make_row,
    place_window,
)
from inficond_panel.views.provenance.network import NetworkActions, make_network
from inficond_panel.views.provenance.pocket import CostPlot, PocketActions, make_pocket
from inficond_panel.vocabulary.metrics import AP, METRICS

STILL = 500  #: largest number of rows in a saved page


def typed_sentence(names: Sequence[str], *, deletable: bool = True) -> str:
    """Return a sentence on how to see the iterations made before these concepts were typed; unless
    ``deletable``, on that they cannot be seen."""
    if not names:
        return ""
    them = "it" if len(names) == 1 else "them"
    begin = f"With {', '.join(names)}."
    if not deletable:
        return f"{begin} The iterations without {them} cannot be shown here."
    return f"{begin} Delete {them} (T) to show the iterations without {them}."


class ProvenanceView(ComparisonActions, NetworkActions, PocketActions, Viewer):
    """View of the iterations, newest first; a click on a row shows it, and deletes nothing."""

    def __init__(self, app: AppState) -> None:
        self.app = app
        self._compared = ""  # class that was chosen in the comparison
        self._branches = Branches(app.tuning.nodes, app.students.node.id)
        self._window = place_window(len(app.tuning.nodes), self._branches.current)
        self._results = RowResults(app)
        self._tree = ProvenanceTree.of(app, sizing_mode="stretch_both")
        self._cost = CostPlot(app, self._tree)
        tie(self._tree, app.settings, metric="history_metric")
        self.listen_to(self._tree)
        super().__init__()
        self._update()

    @param.depends("app.students.snapshot", "app.students.tree", watch=True)
    def _update(self) -> None:
        """Show the rows of a changed tree, or move to the row of another node shown."""
        nodes, before = self.app.tuning.nodes, self._branches
        self._branches = now = Branches(nodes, self.app.students.node.id)
        moved = now.newest[now.current].id != before.newest[before.current].id
        self._window = place_window(len(nodes), now.current if moved else None, self._window)
        self._show(tree=self._make_tree())

    @action
    def _show_rows(self, first: float, last: float) -> None:
        """Show the rows ``first`` to before ``last``, where the browser has scrolled to."""
        self._window = cut_window(len(self._branches.newest), int(first), int(last))
        self._show(tree=self._make_tree())

    def _make_tree(self, limit: int = 0) -> dict[str, Any]:
        """Return the rows in the window (or the first ``limit`` rows), and the current row."""
        branches, looks = self._branches, self.app.tuning.looks
        first, last = (0, limit) if limit else self._window
        rows = [
            make_row(branches, row, looks.get(node.id, 0))
            for row, node in enumerate(branches.newest[first:last], first)
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
        """Return the rows of a saved page: the newest ``STILL``. Call this on the worker thread."""
        nodes = self._branches.newest[:STILL]
        shown = self._results.known(nodes, self._branches, self._tree.metric, whole=True)
        made = {node.id: make_result(node, shown) for node in nodes}
        tree = {**self._make_tree(len(nodes)), "size": len(nodes)}
        results = {"axis": make_axis(list(made.values())), **each_once(made)}
        return {"tree": tree, "results": results}

    @param.depends(
        "_tree.metric",
        "app.selection.class_name",
        "app.shown.snapshot",
        "app.changes.arrivals",
        "app.changes.problem",
        watch=True,
    )
    def _show(self, tree: dict[str, Any] | None = None) -> None:
        """Show computed results at once; compute missing results on the worker, and show them."""
        branches = self._branches
        places = {*range(*self._window), branches.current}
        nodes = [branches.newest[row] for row in sorted(places)]
        shown = self._results.known(nodes, branches, self._tree.metric)
        self._tree.param.update(
            data={**self._data(shown), **self._buttons()},
            results=self._results.make(nodes, branches, shown),
            deleted=[make_deleted(branch) for branch in self.app.students.tree.deleted],
            **({"tree": tree} if tree else {}),
        )
        self._results.measure(nodes, branches, shown, self._show, self._fail)

    def _data(self, shown: ShownIterations) -> dict[str, Any]:
        tuner, others = self.app.tuner, others_sentence(self.app.students.tree.others)
        rights = self.app.rights
        deletable = rights.typing and rights.forgetting  # the dialog of typed concepts deletes
        typed = typed_sentence(self.app.concepts.typed, deletable=deletable)
        form = "name" if shown.class_name else "mean"
        names = {key: getattr(METRICS[key], form) for key in CHANGE_METRICS}
        return {
            "class": shown.class_name,
            "mark": f"oracle, {tuner.mark}" if tuner.mark else "",
            "metric": shown.metric,
            "beside": METRICS[shown.metric].beside,
            "head": names[AP.key] if shown.metric == AP.key else METRICS[shown.metric].short,
            "metrics": [[key, name] for key, name in names.items()],
            "total": self._results.total(shown),
            "typed": " ".join(filter(None, [typed, others])),
        }

    def _fail(self, error: InficondError) -> None:
        self._tree.data = {"error": error.whole_for_page, "size": 0}

    @param.depends("app.tuning.status", "app.tuning.problem", watch=True)
    def _update_buttons(self) -> None:
        if self._tree.data:
            self._tree.data = {**self._tree.data, **self._buttons()}

    def _buttons(self) -> dict[str, Any]:
        tuning, tree = self.app.tuning, self.app.students.tree
        return {
            "busy": tuning.busy,
            "problem": tuning.problem or self.app.changes.problem,
            "undo": bool(tree.undo) and not tuning.busy,
            "redo": bool(tree.redo) and not tuning.busy,
        }

    @param.depends("app.comparison.param", watch=True)
    def _show_comparison(self) -> None:
        if self.app.comparison.pair is None:
            self._compared = ""
        wanted = self._compared or self.app.selection.class_name
        self._tree.comparison = make_comparison(self.app, wanted)

    @action
    def _choose_class(self, name: str) -> None:
        self._compared = name
        self._show_comparison()

    @param.depends("app.export.formats", "app.export.status", watch=True)
    def _show_exporting(self) -> None:
        export, status = self.app.export, self.app.export.status
        failed = status.kind == "error"
        self._tree.exporting = {
            "formats": export.formats,
            "busy": export.busy,
            "pixels": self.app.store.holds("segments"),
            "status": "" if failed else status.text,
            "error": f"{status.text} {status.remedy}".strip() if failed else "",
        }

    @param.depends("app.export.asked", watch=True)
    def _open_export(self) -> None:
        self._tree._send_msg({"export": True})

    @param.depends("app.export.file", watch=True)
    def _save(self) -> None:
        file = self.app.export.file
        if file is not None:
            send_file(self._tree, file)

    @param.depends("app.network.missing", "app.network.repair", "app.network.status", watch=True)
    def _show_network(self) -> None:
        self._tree.network = make_network(self.app.network)

    @param.depends("app.network.file", watch=True)
    def _save_network(self) -> None:
        if self.app.network.file is not None:
            send_file(self._tree, self.app.network.file)

    @param.depends(
        "app.pocket.missing", "app.pocket.trunks", "app.pocket.kept", "app.pocket.status",
        "app.pocket.saving", watch=True,
    )  # fmt: skip
    def _show_pocket(self) -> None:
        self._tree.pocket = make_pocket(self.app.pocket)

    @param.depends("app.pocket.file", watch=True)
    def _save_pocket_file(self) -> None:
        if self.app.pocket.file is not None:
            send_file(self._tree, self.app.pocket.file)

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
    def _find_formats(self) -> None:
        self.app.export.look()
        self.app.network.look()
        self._show_network()
        self._show_pocket()

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
        """Return a picture of the newest rows in the window, drawn without a browser."""
        tree, metric = self._tree, METRICS[self._tree.metric]
        name = metric.name if tree.data.get("class") else metric.mean
        return draw_picture(tree.tree, tree.results, name)

    def close(self) -> None:
        """Release the plot of the pockets, at the end of the session."""
        self._cost.close()

    def __panel__(self) -> Viewable:
        return self._tree
