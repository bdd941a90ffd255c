"""Notice in the place of the concept map, for a store that has none."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import param
from panel.viewable import Viewable, Viewer

from inficond_panel.ui import browser
from inficond_panel.ui.component import ViewComponent

if TYPE_CHECKING:
    from inficond_panel.state import AppState


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
