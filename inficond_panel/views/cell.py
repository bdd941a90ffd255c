"""What holds a page, or a view by itself, and shows it in a notebook cell."""

from __future__ import annotations

from typing import Any

import panel as pn

from inficond_panel.errors import MissingExtraError
from inficond_panel.views.stylesheets import InlineStyles


class Cell(pn.Column):
    """Shows itself in a notebook: through Panel's own comms, or as a widget where Panel asks it to.

    On a server it is a column like any other.
    """

    def __init__(self, *objects: Any, **params: Any) -> None:
        super().__init__(*objects, margin=0, hooks=[InlineStyles()], **params)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        if pn.config.comms not in {"ipywidgets", "vscode"}:
            return super()._repr_mimebundle_(include, exclude)
        try:
            from inficond_panel.views.widget import display  # noqa: PLC0415 - optional
        except ModuleNotFoundError as error:
            raise MissingExtraError(
                f"This notebook shows widgets, which need the package {error.name}.",
                "Install it: pip install jupyter_bokeh, and restart the kernel.",
            ) from error
        display(self)
        return {"text/html": '<div style="display: none"></div>'}, {}  # it is displayed already
