"""Pages of reports from templates, which escape all texts: no script, and nothing is loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from inficond_panel.results.forms import templates
from inficond_panel.ui import browser
from inficond_panel.ui.fonts import font_css
from inficond_panel.ui.reports import STYLE

_HERE = STYLE.parent


def render(template: str, title: str, *, folder: Path = _HERE, **content: Any) -> str:
    """The page of ``template``, a file of ``folder`` that extends ``page.html.j2``."""
    style = "\n".join([font_css(), *browser.styles(STYLE)])
    page = templates(folder, _HERE).get_template(template)
    return page.render(title=title, style=style, **content)
