"""Component of the page: its titles and layout as plain data, and the layout as the spec has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import param
from panel.custom import Children

from inficond_panel.common.numbers import count
from inficond_panel.spec import Layout
from inficond_panel.ui import browser
from inficond_panel.ui.component import Component
from inficond_panel.views.page.address import KEYS, PLACES

if TYPE_CHECKING:
    from inficond_panel.tuning import Iteration

TITLES = {
    "configuration": "Configuration",
    "performance": "Student performance",
    "knowledge": "Student knowledge",
    "embedding": "Concept embedding",
    "detail": "Concept detail",
    "provenance": "Fine-tuning provenance",
}
STRIP = "configuration"
#: Views that take the height of the page, with their share of 12 columns; others share a column.
TALL = {"performance": 3, "knowledge": 5}
SHARED = 4


def make_subtitle(title: str, classes: int) -> str:
    """Data set and its size: ``VOC 2007, 20 classes``."""
    return f"{title}, {count(classes)} class{'es' * (classes != 1)}"


def make_saved(nodes: Sequence[Iteration], doing: str, path: str) -> dict[str, str]:
    """Text of the header on saving: time of the newest iteration (ISO), or the running job."""
    newest = nodes[-1].created if len(nodes) > 1 else ""
    if path == ":memory:":
        return {"text": doing or "Not kept: history in memory", "at": "", "place": ""}
    iterations = f"{count(len(nodes) - 1)} iteration{'s' * (len(nodes) != 2)}"
    return {
        "text": doing,
        "at": newest,
        "place": f"{iterations} in {Path(path).name}",  # where it is on the server is its own
    }


class ShellPage(Component):
    """Page that the browser draws; actions come back as messages ``{"action", ...}``."""

    views = Children(default=[], doc="The views, in the order of `names`; empty while loading.")
    names = param.List([], item_type=str)
    titles = param.Dict(TITLES, constant=True)
    layout = param.Dict({}, doc="See `make_layout`; the browser changes it.")
    subtitle = param.String("")
    saved = param.Dict({})
    shortcuts = param.List([])
    tab = param.String("detail", doc="View in front where views share a place as tabs.")
    front = param.String("knowledge", doc="View in front where the page has one column.")
    theme: param.Selector[str] = param.Selector(default="auto", objects=["auto", "light", "dark"])
    extent: param.Selector[str] = param.Selector(default="full", objects=["full", "simple"])
    dark = param.Boolean(False, doc="Whether it is dark now; the browser tells.")
    address = param.String(
        None,
        allow_None=True,
        doc="Query of the URL, see `make_address`; None: kept out of it.",
    )
    root = param.String("", doc="Id of the untouched students, which the batch is of.")
    batch = param.Dict({}, doc="Thumbs that wait `at` a node; kept over a reload.")
    photo = param.Dict({}, doc="A photo of one's own, see `make_photo`.")
    turn = param.Integer(0, doc="Number of the last step back or forward that `address` answers.")
    places = param.List(list(PLACES), constant=True, doc="Keys with entries in its history.")
    keys = param.List(list(KEYS), constant=True, doc="Keys of the query that are the page's own.")
    notice = param.String("", doc="What is told; empty: nothing.")
    offer = param.String("", doc="Word for what can be done about it: it is told for a while only.")
    tour = param.Dict({}, doc="See `make_tour`.")
    progress = param.Dict({}, doc="What of the tour is done: see `make_progress`.")
    page = param.Boolean(True, doc="Whether it fills the browser's page.")
    still = param.Boolean(False, doc="Whether it is a file without a server (`take_still`).")
    standard = param.Dict({}, doc="`layout`, `theme` and `show` as in the spec.")

    _taken = frozenset({"dark", "front", "layout", "notice", "extent", "offer", "tab", "theme"})
    _esm = browser.module(Path(__file__).with_name("shell.js"))
    _stylesheets = browser.styles(Path(__file__).with_name("shell.css"))


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


def read_layout(page: Mapping[str, Any], looks: Mapping[str, Any], spec: Layout) -> Layout:
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
