"""Style sheets, font and icon of a page, which loads nothing from a CDN.

A server delivers Panel's style sheets itself. In a notebook there is no server, and Panel puts only
the style sheets of the first display into the page; later links point to a CDN.
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
    """Let this session's page load files only from its server, and use our icon.

    Panel sets the address of style sheets when it answers the request for the page; with several
    processes the session may be made in another process, which would set a CDN. Panel's icon is
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
    """Add our font to this session's page; without a session, to each page made from now on."""
    pn.config.global_css = list(dict.fromkeys([*pn.config.global_css, font_css()]))


class InlineStyles:
    """Panel hook of a page that replaces links to Panel's style sheets by their texts.

    It does nothing unless Panel is set to put its resources inline, as ``explore`` does. Each style
    sheet is sent once.
    """

    def __init__(self) -> None:
        self._sheets: dict[tuple[str, str], InlineStyleSheet] = {}

    def __call__(
        self, page: object, root: Model, changed: object, old_models: object = None
    ) -> None:
        """Replace the links below ``root``; Panel calls this at each change of a page's models."""
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
    """Return the installed file of a style sheet's CDN link; None for other links."""
    file = Path(DIST_DIR / url.removeprefix(CDN_DIST).split("?")[0])
    return file if url.startswith(CDN_DIST) and file.is_file() else None
