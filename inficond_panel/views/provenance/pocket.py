"""The small networks of an iteration in the export: what they cost, their files, and a new one."""

from __future__ import annotations

from typing import Any

import holoviews as hv
import panel as pn
import param

from inficond_panel.export.pocket.folder import MODEL
from inficond_panel.export.pocket.kept import KeptPocket
from inficond_panel.export.pocket.sizes import costs_in
from inficond_panel.plots.cost_plot import make_cost
from inficond_panel.state import AppState
from inficond_panel.state.pocket import INPUT_SIDES, PocketState
from inficond_panel.try_page.page import make_page, page_file
from inficond_panel.ui.component import Acting, action
from inficond_panel.ui.drawing import close_plots, dress, make_plot_pane
from inficond_panel.views.provenance.iterations import ProvenanceTree

#: What the page calls the trunks.
_WORDS = {
    "efficientnet-lite0": "EfficientNet-lite0 (small, trained on ImageNet)",
    "encoder": "The encoder of these concepts, without segments",
}


def make_pocket(state: PocketState) -> dict[str, Any]:
    """Return what the page shows of the pockets of an iteration; {} if none is offered.

    ``node`` is the iteration; ``kept`` are its pockets, with the two sentences of their
    certificates; ``building`` is the iteration whose pocket is being built, or was last.
    """
    if not state.offered:
        return {}
    status, saving = state.status, state.saving
    failed = status.kind == "error"
    return {
        "node": state.node_id,
        "missing": state.missing,
        "trunks": [[name, _WORDS.get(name, name)] for name in state.trunks],
        "why": state.why,
        "sides": list(INPUT_SIDES),
        "kept": [
            {"key": state.key_of(kept), "name": kept.name, "lines": kept.lines}
            for kept in state.kept
        ],
        "building": state.building,
        "kind": status.kind,
        "busy": state.busy,
        "progress": status.progress,
        "status": "" if failed else status.text,
        "error": f"{status.text} {status.remedy}".strip() if failed else "",
        "saving": saving.kind == "writing",
        "saved": f"{saving.text} {saving.remedy}".strip(),
    }


class CostPlot(param.Parameterized):
    """Plot of the kept pockets' costs, in a column of the view's component.

    The column is there from the start: a component is drawn anew if its children change, and its
    open dialogs would close.
    """

    def __init__(self, app: AppState, tree: ProvenanceTree) -> None:
        self.app = app
        self.column = tree.cost_plot = pn.Column(sizing_mode="stretch_width", margin=0)
        self._pane: pn.pane.HoloViews | None = None
        super().__init__()

    @param.depends("app.pocket.kept", "app.theme", watch=True)
    def _draw(self) -> None:
        kept = self.app.pocket.kept
        if not kept:
            return
        dark = self.app.theme == "dark"
        self.close()
        self._pane = make_plot_pane(dress(_drawn(kept, dark), dark), sizing_mode="stretch_width")
        self.column[:] = [self._pane]

    def close(self) -> None:
        """Release the plot, at the end of the session."""
        if self._pane is not None:
            close_plots(self._pane)


def _drawn(kept: list[KeptPocket], dark: bool) -> hv.Overlay:
    """Return the plot of pockets that were measured on the same images as the last one."""
    split = kept[-1].card["split"]
    of_split = [each for each in kept if each.card["split"] == split]
    one = len({each.trunk for each in of_split}) == 1
    names = [f"{each.side} pixels" if one else each.name for each in of_split]
    rows, _ = costs_in([each.folder for each in of_split], names)
    return make_cost(rows, split, dark, responsive=True)


class PocketActions(Acting):
    """The actions of a view that has the dialog of the small networks."""

    app: AppState

    @action
    def _find_pockets(self, node: str) -> None:
        self.app.pocket.look(node)

    @action
    def _build_pocket(self, node: str, trunk: str, sides: list[int]) -> None:
        self.app.pocket.build(node, trunk, sides)

    @action
    def _stop_pocket(self) -> None:
        self.app.pocket.cancel()

    @action
    def _save_pocket(self, key: str) -> None:
        self.app.pocket.write(key)

    @action
    def _save_try_page(self, key: str) -> None:
        state = self.app.pocket
        kept = state.find(key)
        name = f"{state.stem(kept)}-try"
        state.make(lambda: page_file(make_page(kept.folder / MODEL), name))
