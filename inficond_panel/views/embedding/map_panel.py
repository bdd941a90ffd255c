"""Panel of the concept map, drawn around the plot; and the notice in its place without a map."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import param
from panel.custom import Child
from panel.viewable import Viewable, Viewer

from inficond_panel.ui import browser
from inficond_panel.ui.component import ViewComponent

if TYPE_CHECKING:
    from inficond_panel.state import AppState

PROJECTIONS = {"tsne": "t-SNE", "umap": "UMAP", "pca": "PCA"}


def make_projections(there: Sequence[str]) -> list[list[str]]:
    """Projections to choose from: those that are ``there``, then those that the store lacks.

    Of each its id, its name, and how to get it (empty: it is there).
    """
    missing = [name for name in PROJECTIONS if name not in there]
    return [
        *([name, PROJECTIONS.get(name, name), ""] for name in there),
        *([name, PROJECTIONS[name], _how_to_get(name)] for name in missing),
    ]


def _how_to_get(method: str) -> str:
    extra = "install inficond-panel[umap], " if method == "umap" else ""
    return (
        f"This store has no {PROJECTIONS[method]} map. To get one: {extra}add {method} to "
        "concepts.projections.methods in the spec, and run inficond precompute again."
    )


class EmbeddingPanel(ViewComponent):
    """Heading, choice of projection, the plot, legend and tools.

    Messages: those of ``MapKeys.press``, and objects ``{what: value}``: ``point`` at a place (null,
    or shares of the plot from its top left); ``open``, ``drop`` or ``thumb`` (direction, for all)
    in the group; ``tool``: lasso, home, ungroup, save, or leave. The answer to ``point`` is
    ``{segment}``: see ``make_segment``, its place as shares of the plot; null where there is none.
    """

    projections = param.List([], doc="See ``make_projections``.")
    projection: param.Selector[str] = param.Selector(
        default="", objects=[""], doc="The one shown; the view sets which there are."
    )
    concepts = param.Integer(0, doc="Number of concepts.")
    group = param.Dict({}, doc="The selected group, see ``make_group``.")
    lasso = param.Boolean(False, doc="Dragging draws a lasso; otherwise it moves the map.")
    fault = param.String("", doc="Why the segments cannot be drawn; empty: they can.")
    assigned = param.Dict({}, doc="As ``AssignedSegments.told`` gives it; empty: no segments.")
    told = param.String("", doc="The concept that the keyboard is at, in words.")
    zoom = param.Number(
        1.0, bounds=(0.1, 20), doc="How much larger the page is drawn; the plot sees to it itself."
    )
    plot = Child()

    _taken = frozenset({"projection", "zoom"})
    _esm = browser.module(Path(__file__).with_name("embedding.js"))
    _stylesheets = browser.styles(Path(__file__).with_name("embedding.css"))


class MissingMapPanel(ViewComponent):
    """Heading of the map, and a sentence."""

    told = param.String("", doc="Why there is no map.")

    _esm = browser.module(Path(__file__).with_name("missing_map.js"))
    _stylesheets = browser.styles(Path(__file__).with_name("embedding.css"))


class MissingMap(Viewer):
    """View without a map: the store has no place of a concept."""

    def __init__(self, app: AppState) -> None:
        super().__init__()
        self._panel = MissingMapPanel(
            theme=app.param.theme,
            extent=app.settings.param.show,
            told=app.store.lacks("maps"),
            sizing_mode="stretch_both",
            margin=0,
        )

    def __panel__(self) -> Viewable:
        return self._panel
