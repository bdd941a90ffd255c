"""Layout of a spec as the page draws it, and the page's as the spec writes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from inficond_panel.spec import Layout

STRIP = "configuration"
#: Views that take the height of the page, with their share of 12 columns; others share a column.
TALL = {"performance": 3, "knowledge": 5}
SHARED = 4


def make_layout(layout: Layout) -> dict[str, Any]:
    """The layout with nothing left out.

    ``columns`` holds the names of each column's views top down, ``widths`` its share of the page,
    ``heights`` those given, ``collapsed`` the views of which only the title is shown, ``strip``
    whether the configuration is above.
    """
    asked = layout.columns or _columns(layout.rows)
    widths = layout.widths or [_width(names) for names in asked]
    columns = [[name for name in names if name != STRIP] for names in asked]
    shown = [(names, width) for names, width in zip(columns, widths, strict=True) if names]
    return {
        "columns": [names for names, _ in shown],
        "widths": [width for _, width in shown],
        "heights": dict(layout.heights),
        "collapsed": list(layout.collapsed),
        "strip": STRIP in layout.views,
    }


def read_layout(page: Mapping[str, Any], looks: Mapping[str, str], spec: Layout) -> Layout:
    """Layout of a spec for a page that looks like this; the spec's own where it does already.

    ``looks`` are the ``theme``, and how much the views ``show``.
    """
    if dict(page) == make_layout(spec):
        return Layout(**{**spec.values(), **looks})
    columns = [list(names) for names in page["columns"]] or [[]]
    if page["strip"]:
        columns[0] = [STRIP, *columns[0]]
    return Layout(
        **looks,
        columns=columns,
        widths=page["widths"] or [SHARED],
        heights=page["heights"],
        collapsed=page["collapsed"],
        tour=spec.tour,
    )


def _columns(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """A row with a list (performance, knowledge) gives each of its views a column; a row of
    smaller views is one column, unless it is the only row."""
    strip = [[STRIP]] if any(STRIP in row for row in rows) else []
    groups = [names for row in rows if (names := [name for name in row if name != STRIP])]
    columns = []
    for names in groups:
        if len(groups) == 1 or any(name in TALL for name in names):
            columns += [[name] for name in names]
        else:
            columns.append(list(names))
    return strip + columns


def _width(names: Sequence[str]) -> int:
    """Share of a column: of the lists their own, of the others the same."""
    return TALL.get(names[0], SHARED) if len(names) == 1 else SHARED
