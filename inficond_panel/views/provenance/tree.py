"""Tree of iterations: the component that the browser draws, and a still picture."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import param

from inficond_panel.common.numbers import count
from inficond_panel.state import CHANGE_METRICS
from inficond_panel.ui import browser
from inficond_panel.ui.component import ViewComponent
from inficond_panel.ui.notebook.drawing import Drawing
from inficond_panel.vocabulary.metrics import AP
from inficond_panel.vocabulary.palette import ACTIVE, INK, INK_2, INK_3, SELECTION, SURFACE


class ProvenanceTree(ViewComponent):
    """Tree that the browser draws; actions come back as messages ``{"action", ...}``.

    What is sent does not grow with the history: of a long one only the rows near those in view.
    """

    data = param.Dict({}, doc="Class, metric, total, and what can be done; empty while loading.")
    tree = param.Dict(
        {}, doc="`size`, the `current` row, and the `rows` and `edges` in the window."
    )
    results = param.Dict({}, doc="Of the rows in the window, see `each_once`, and their `axis`.")
    deleted = param.List([], doc="See `make_deleted`.")
    comparison = param.Dict({}, doc="See `make_comparison`; empty: none.")
    exporting = param.Dict({}, doc="See `make_exporting`.")
    metric: param.Selector[str] = param.Selector(
        default=AP.key, objects=CHANGE_METRICS, doc="Metric of the rows."
    )

    _taken = frozenset({"metric"})
    _esm = browser.module(Path(__file__).with_name("provenance.js"))
    _stylesheets = browser.styles(Path(__file__).with_name("provenance.css"))


MOST = 15  #: iterations, the newest of those in view
_ROW, _HEAD, _WIDTH, _LANE = 24, 34, 500, 14


def draw_picture(tree: Mapping[str, Any], results: Mapping[str, Any], metric: str) -> Drawing:
    """Rows of the tree as ``ProvenanceView`` makes them, with the value of a metric, its name."""
    rows, first = tree["rows"][:MOST], tree["first"]
    more = tree["size"] - len(rows)
    drawing = Drawing(_WIDTH, _HEAD + _ROW * (len(rows) + (more > 0)) + 8)
    drawing.text((12, 20), "Fine-tuning provenance", size=14, bold=True)
    drawing.text((_WIDTH - 12, 20), metric, INK_2, 11, "end")
    for row in rows:
        if row["current"]:
            top = _HEAD + (row["place"] - first) * _ROW
            drawing.box((4, top), (_WIDTH - 8, _ROW), SELECTION.light)
    for edge in tree["edges"]:
        if edge["to"][0] < first + len(rows):
            ends = [_place(row - first, lane) for row, lane in (edge["from"], edge["to"])]
            drawing.line(ends, INK_3)
    left = 36.0 + tree["lanes"] * _LANE
    for row in rows:
        _write(drawing, row, _place(row["place"] - first, row["lane"]), left)
        _tell(drawing, _result(results, row["id"]), _place(row["place"] - first, 0)[1])
    if more > 0:
        drawing.text((left, _HEAD + len(rows) * _ROW + 16), f"{count(more)} more", INK_2)
    return drawing


def _place(row: int, lane: int) -> tuple[float, float]:
    return 20.0 + lane * _LANE, _HEAD + (row + 0.5) * _ROW


def _write(
    drawing: Drawing, row: Mapping[str, Any], place: tuple[float, float], left: float
) -> None:
    """The iteration's dot, its title and its thumbs."""
    drawing.dot(place, 4, (ACTIVE if row["current"] else SURFACE).light, INK.light)
    thumbs = "; ".join(f"{chip['sign']} {chip['concept']}, {chip['of']}" for chip in row["chips"])
    words = " ".join(filter(None, (row["title"], thumbs)))
    drawing.text((left, place[1] + 4), words, room=_WIDTH - left - 130)


def _result(results: Mapping[str, Any], node: str) -> Mapping[str, Any] | None:
    """Result of a row, see ``each_once``; None while it is not known."""
    place = results.get("of", {}).get(node)
    return None if place is None else results["each"][place]


def _tell(drawing: Drawing, result: Mapping[str, Any] | None, y: float) -> None:
    if result is not None:
        change = result["change"]["text"] if result["change"] else ""
        told = " ".join(filter(None, (result["value"], change)))
        drawing.text((_WIDTH - 12, y + 4), told, INK_2, anchor="end", room=120)
