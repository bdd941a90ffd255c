"""Keep a page from loading anything from outside, on a server and in a notebook.

A server gives out Panel's style sheets itself. In a notebook there is no server, and Panel puts
only the sheets of what is shown first into the page; later ones point to a CDN.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

import panel as pn
from bokeh.model import Model
from bokeh.models import ImportedStyleSheet, InlineStyleSheet
from bokeh.models.ui import UIElement
from panel.io.resources import CDN_DIST, DIST_DIR, LOCAL_DIST

from inficond_panel.ui.browser import font_css

ICON = Path(__file__).with_name("icon.svg")


def use_own_files() -> None:
    """Let this session's page load from the server that it came from only, and have our icon.

    Panel tells where style sheets are when it answers the request for the page; with several
    processes the session may be made in another one, which would point to a CDN. Its icon is
    missing behind a prefix.
    """
    use_own_font()
    document = pn.state.curdoc
    if document is not None:
        icon = quote(ICON.read_text(encoding="utf-8").strip())
        document.template_variables.update(
            dist_url=LOCAL_DIST, app_favicon=f"data:image/svg+xml,{icon}"
        )


def use_own_font() -> None:
    """Let this session's page have our font; without a session, each page made from now on."""
    pn.config.global_css = list(dict.fromkeys([*pn.config.global_css, font_css()]))


class InlineStyles:
    """A hook of a page: replaces links to Panel's style sheets by what they hold.

    Does nothing unless Panel is set to put its resources inline, as by ``explore``. Each
    sheet goes over the wire once.
    """

    def __init__(self) -> None:
        self._sheets: dict[tuple[str, str], InlineStyleSheet] = {}

    def __call__(
        self, page: object, root: Model, changed: object, old_models: object = None
    ) -> None:
        """Called by Panel with the root of a page on each change of its models."""
        if not pn.config.inline:
            return
        for model in root.select({"type": UIElement}):
            if not isinstance(model, UIElement):
                continue  # for the type checker
            sheets = [self._inline(root.ref["id"], sheet) for sheet in model.stylesheets]
            if sheets != model.stylesheets:
                model.stylesheets = sheets

    def _inline(self, root: str, sheet: Any) -> Any:
        file = _file(sheet.url) if isinstance(sheet, ImportedStyleSheet) else None
        if file is None:
            return sheet
        if (root, file.name) not in self._sheets:
            css = file.read_text(encoding="utf-8")
            self._sheets[root, file.name] = InlineStyleSheet(css=css)
        return self._sheets[root, file.name]


def _file(url: str) -> Path | None:
    """The installed file that a link to the CDN stands for; None for other links."""
    file = Path(DIST_DIR / url.removeprefix(CDN_DIST).split("?")[0])
    return file if url.startswith(CDN_DIST) and file.is_file() else None
