"""Component of the performance view: what the browser draws, and what it may set."""

from __future__ import annotations

from pathlib import Path

import param
from panel.custom import Child

from inficond_panel.state import CLASS_SORTS
from inficond_panel.ui import browser
from inficond_panel.ui.component import ViewComponent


class PerformanceTable(ViewComponent):
    """The whole view as one component; searching, sorting and moving happen in the browser.

    So do the places of the bars, which follow their rows: see ``bars.js``.
    """

    rows = param.List(default=[], item_type=dict, doc="As ``make_performance_rows`` gives them.")
    selected = param.String(default="", doc="Class selected; empty: none.")
    sort: param.Selector[str] = param.Selector(default="gap", objects=CLASS_SORTS)
    descending = param.Boolean(default=True, doc="Largest value first; undefined ones come last.")
    sorts = param.List(default=CLASS_SORTS, doc="What the classes can be sorted by.")
    changes = param.Dict(default={}, doc="As ``make_changes`` gives them, by class; as asked for.")
    shifts = param.Dict(default={}, doc="As ``make_shifts`` gives them, by class.")
    suspecting = param.Boolean(default=True, doc="Whether shifts are shown.")
    pinned = param.Dict(default={}, doc="As ``make_pinned`` gives it; empty: nothing is pinned.")
    touched = param.Dict(default={}, doc="Number of intents of the batch, by class.")
    classes = param.List(
        default=[], item_type=str, doc="Of single-label data, in the store's order."
    )
    confused = param.Boolean(default=False, doc="Whether confusions are shown in the rows' place.")
    confusions = param.Dict(default={}, doc="As ``make_confusions`` gives them; empty: not known.")
    bars = Child(doc="The bars of all classes, in the order of ``rows``.")
    bar_width = param.Integer(default=136, bounds=(1, 10_000), doc="Pixels that a bar is wide.")

    _taken = frozenset({"bar_width", "confused", "descending", "selected", "sort"})
    _esm = browser.module(Path(__file__).with_name("performance.js"))
    _stylesheets = browser.styles(Path(__file__).with_name("performance.css"))
