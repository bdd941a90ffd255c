"""Still picture of a page: what its views show, in the order of the paper's figure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from panel.viewable import Viewer

from inficond_panel.ui.notebook.drawing import Drawing

#: Columns below the configuration, each from the top.
COLUMNS = (("performance", "embedding"), ("knowledge", "detail", "provenance"))
_GAP = 12


@runtime_checkable
class Pictured(Protocol):
    """A view that draws itself without a browser."""

    def picture(self) -> Drawing | None:
        """Picture of what it shows now; None where it shows nothing."""


def view_picture(view: Viewer) -> Drawing | None:
    """Picture of one view; None where it has none to give."""
    return view.picture() if isinstance(view, Pictured) else None


def page_picture(views: Mapping[str, Viewer]) -> Drawing | None:
    """Picture of all views of a page that have one, below each other in two columns."""
    drawn = {name: found for name in views if (found := view_picture(views[name])) is not None}
    columns = [[drawn[name] for name in names if name in drawn] for names in COLUMNS]
    columns = [column for column in columns if column]
    strip = drawn.get("configuration")
    wide = sum(max(each.width for each in column) + _GAP for column in columns)
    head = strip.height + _GAP if strip is not None else 0.0
    high = max((sum(each.height + _GAP for each in column) for column in columns), default=0.0)
    if not drawn:
        return None
    page = Drawing(max(wide, strip.width if strip is not None else 0.0), head + high)
    if strip is not None:
        page.put((0, 0), strip)
    x = 0.0
    for column in columns:
        y = head
        for each in column:
            page.put((x, y), each)
            y += each.height + _GAP
        x += max(each.width for each in column) + _GAP
    return page
