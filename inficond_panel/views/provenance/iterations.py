"""Tree of iterations: its component, and its rows as plain data."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import param
from panel.viewable import Child

from inficond_panel.common.interval import Interval
from inficond_panel.common.numbers import bound, count, factor, number
from inficond_panel.plots.student_plots import Branches
from inficond_panel.results import refit_words as words
from inficond_panel.results.tree import Deleted
from inficond_panel.state import CHANGE_METRICS
from inficond_panel.tuning import Intent, Iteration, Node
from inficond_panel.ui import browser
from inficond_panel.ui.component import ViewComponent
from inficond_panel.ui.drawing import Drawing
from inficond_panel.vocabulary.metrics import AP, METRICS
from inficond_panel.vocabulary.palette import ACTIVE, INK, INK_2, INK_3, SELECTION, SURFACE
from inficond_panel.wording.metrics import make_change
from inficond_panel.wording.repairs import NodeEdit, folded, recorded_words


class ProvenanceTree(ViewComponent):
    """Component of the tree, drawn by the browser, which sends back ``{"action", ...}``.

    Of a long history only the rows near the visible rows are sent.
    """

    data = param.Dict({}, doc="Class, metric, total, and buttons; empty while loading.")
    tree = param.Dict({}, doc="`size`, the `current` row, `rows` and `edges` in the window.")
    results = param.Dict({}, doc="Results of these rows, see `each_once`, and `axis`.")
    deleted = param.List([], doc="See `make_deleted`.")
    comparison = param.Dict({}, doc="See `make_comparison`; empty: none.")
    exporting = param.Dict({}, doc="Export formats, and progress or error of the requested file.")
    network = param.Dict({}, doc="See `make_network`; empty: none is offered.")
    pocket = param.Dict({}, doc="See `make_pocket`; empty: none is offered.")
    cost_plot = Child(doc="Column with the plot of what pockets cost, once there are any.")
    metric: param.Selector[str] = param.Selector(
        default=AP.key, objects=CHANGE_METRICS, doc="Metric of the rows."
    )

    _taken = frozenset({"metric"})
    _esm = browser.module(Path(__file__).with_name("provenance.js"))
    _stylesheets = browser.styles(Path(__file__).with_name("provenance.css"))


_DRAWN = 15  #: number of iterations drawn, the newest in view
_ROW, _HEAD, _WIDTH, _LANE = 24, 34, 500, 14


def draw_picture(tree: Mapping[str, Any], results: Mapping[str, Any], metric: str) -> Drawing:
    """Return a drawing of the tree's rows, with the values of the metric named ``metric``."""
    rows, first = tree["rows"][:_DRAWN], tree["first"]
    more = tree["size"] - len(rows)
    drawing = Drawing(_WIDTH, _HEAD + _ROW * (len(rows) + (more > 0)) + 8)
    drawing.text((12, 20), "Provenance", size=14, bold=True)
    drawing.text((_WIDTH - 12, 20), metric, INK_2, 11, "end")
    for row in rows:
        if row["current"]:
            top = _HEAD + (row["place"] - first) * _ROW
            drawing.box((4, top), (_WIDTH - 8, _ROW), SELECTION.light)
    for edge in tree["edges"]:
        if edge["to"][0] < first + len(rows):
            ends = [_place(row - first, lane) for row, lane in (edge["from"], edge["to"])]
            drawing.line(ends, INK_3)
    left, cells = 36.0 + tree["lanes"] * _LANE, results.get("of", {})
    for row in rows:
        _write(drawing, row, _place(row["place"] - first, row["lane"]), left)
        if row["id"] in cells:  # else its result is not computed yet
            result = results["each"][cells[row["id"]]]
            change = result["change"]["text"] if result["change"] else ""
            words = " ".join(filter(None, (result["value"], change)))
            y = _place(row["place"] - first, 0)[1]
            drawing.text((_WIDTH - 12, y + 4), words, INK_2, anchor="end", room=120)
    if more > 0:
        drawing.text((left, _HEAD + len(rows) * _ROW + 16), f"{count(more)} more", INK_2)
    return drawing


def _place(row: int, lane: int) -> tuple[float, float]:
    return 20.0 + lane * _LANE, _HEAD + (row + 0.5) * _ROW


def _write(
    drawing: Drawing, row: Mapping[str, Any], corner: tuple[float, float], left: float
) -> None:
    """Draw an iteration's dot at ``corner``, and its title and thumbs from x ``left``."""
    drawing.dot(corner, 4, (ACTIVE if row["current"] else SURFACE).light, INK.light)
    thumbs = "; ".join(f"{chip['sign']} {chip['concept']}, {chip['of']}" for chip in row["chips"])
    words = " ".join(filter(None, (row["title"], thumbs)))
    drawing.text((left, corner[1] + 4), words, room=_WIDTH - left - 130)


WHOLE = 30  #: largest number of rows of a list that is sent as a whole
USUAL = 12  #: rows sent before the browser reports the visible rows: each click redraws them
MOST = 200  #: largest number of rows that the browser may request at once

Window = tuple[int, int]  #: index of the first row, and index after the last row


def cut_window(size: int, first: int, last: int) -> Window:
    """Return the requested rows ``first`` to ``last``, cut to the list; a short list as a whole."""
    if size <= WHOLE:
        return 0, size
    first = max(0, min(first, size - 1))
    return first, max(first + 1, min(last, first + MOST, size))


def place_window(size: int, wanted: int | None, before: Window = (0, USUAL)) -> Window:
    """Return the window ``before``, cut to the list, and moved if it lacks the row ``wanted``."""
    first, last = cut_window(size, *before)
    if wanted is None or first <= wanted < last:
        return first, last
    length = max(USUAL, last - first)
    start = max(0, min(wanted - length // 2, size - length))
    return cut_window(size, start, start + length)


CARD_INTENTS = 8  #: largest number of edits that a hover card lists


@dataclass(frozen=True)
class ShownIterations:
    """Content of the rows: a metric of one class (empty: its mean over all classes).

    ``measured`` are computed metrics by node id; ``hidden`` are ids of nodes whose holdout nobody
    has opened. ``changes`` are computed changes against the parent, by ids (before, after).
    ``joint``: each node has one softmax student.
    """

    class_name: str
    metric: str
    measured: Mapping[str, Mapping[str, float]]
    hidden: Collection[str]
    changes: Mapping[tuple[str, str], Interval]
    joint: bool = False


def make_row(branches: Branches, row: int, looks: int) -> dict[str, Any]:
    """Return an iteration's row without its results (see ``make_result``); row 0 is the top."""
    node = branches.newest[row]
    parent = branches.newest[branches.places[node.parent]].number if node.parent else None
    return {
        "id": node.id,
        "at": node.number,
        "place": row,
        "number": f"#{node.number}",
        "name": node.name,
        "title": make_title(node),
        "by": make_machine_author(node),
        "kept": _kept(node, branches.path),
        "lane": branches.lanes[row],
        "current": row == branches.current,
        "path": node.id in branches.path,
        "chips": make_chips(node.edits),
        "looks": count(looks, "look") if looks else "",
        "note": node.note,
        "card": make_card(node, parent, looks),
    }


def make_result(node: Iteration, shown: ShownIterations) -> dict[str, Any]:
    """Return the results of a row: value, change, and all metrics for its hover card.

    ``beside`` is fidelity for accuracy, and accuracy for fidelity.
    """
    values, metric = shown.measured.get(node.id), METRICS[shown.metric]
    if node.id in shown.hidden or values is None:
        quiet = "not looked at" if node.id in shown.hidden else ""
        return {"value": "", "beside": "", "change": None, "quiet": quiet, "metrics": []}
    before = shown.measured.get(node.parent) if node.parent else None
    touched, change = touches(node, shown.class_name, shown.joint), None
    if touched and before:
        interval = shown.changes.get((str(node.parent), node.id))
        change = make_change(interval, values[shown.metric] - before[shown.metric], metric.unit)
    beside = metric.beside
    return {
        "value": number(values[shown.metric]),
        "beside": number(values[beside]) if beside else "",
        "change": change,
        "quiet": "unchanged" if node.parent and not touched else "",
        "metrics": [number(value) for value in values.values()],
    }


def each_once(results: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """Return the distinct results as list ``each``, and ``of``: index in the list by row id.

    Most iterations do not change a class, and so have the same result as their neighbours.
    """
    distinct: list[dict[str, Any]] = []
    for result in results.values():
        if result not in distinct:
            distinct.append(result)
    return {
        "each": distinct,
        "of": {id_: distinct.index(result) for id_, result in results.items()},
    }


def make_title(node: Node | Iteration) -> str:
    """Return the number of a node, such as ``#3``, and its name if it has a name."""
    return f"#{node.number} {node.name}".rstrip()


def make_machine_author(node: Node | Iteration) -> str:
    """Return ``by a machine: crossfit`` for a node of an automatic search; empty for others."""
    kind, _, strategy = node.author.partition(":")
    return f"by a machine: {strategy}" if kind == "machine" and strategy else ""


def _kept(node: Iteration, path: Collection[str]) -> str:
    """Return the reason why the branch at a node cannot be deleted; empty if it can."""
    if not node.parent:
        return "The original student stays"
    return "The iteration shown is in it" if node.id in path else ""


def make_chips(edits: Sequence[NodeEdit]) -> list[dict[str, str]]:
    """Return sign, direction, verb, class and object (a concept) of each edit; see ``folded``.

    The ``title`` of a chip that stands for several labels lists them.
    """
    return [
        {
            "direction": edit.kind.key,
            "verb": edit.kind.verb.lower(),
            "sign": edit.kind.glyph,
            "of": edit.class_name,
            "concept": name,
            **({"title": title} if title else {}),
        }
        for edit, name, title in folded(edits)
    ]


def touches(node: Iteration, class_name: str, joint: bool = False) -> bool:
    """Return True if an iteration changed the student of a class; an empty name: any student.

    A softmax student (``joint``) changes for all classes.
    """
    return class_name in node.tuned if class_name and not joint else bool(node.tuned)


def make_axis(rows: Sequence[Mapping[str, Any]]) -> list[float]:
    """Return the ends of the axis that all intervals share, in percentage points; it includes 0."""
    ends = [0.0, *(end for row in rows if row["change"] for end in row["change"]["at"])]
    low, high = min(ends), max(ends)
    margin = 0.06 * ((high - low) or 1)
    return [low - margin, high + margin]


def make_card(node: Iteration, parent: int | None, looks: int) -> dict[str, Any]:
    """Return the hover card: ``intents`` with factors and bounds, and ``facts`` such as author.

    ``made`` is the time (ISO). The page shows the metrics between intents and facts.
    """
    edits = folded(node.edits)
    more = len(edits) - CARD_INTENTS
    return {
        "title": make_title(node) + (f", from #{parent}" if parent is not None else ""),
        "text": node.note,
        "intents": [
            *(_texts(edit, name, node) for edit, name, _ in edits[:CARD_INTENTS]),
            *([("", f"and {count(more)} more")] if more > 0 else []),
        ],
        "facts": [
            *([("Author", author)] if (author := make_machine_author(node)) else []),
            *([("Expected on other images", gain)] if (gain := recorded_words(node)) else []),
            ("Fitted in", words.seconds_text(node.seconds)),
            (words.FROM_BEST, words.power_text(node.gap)),
            ("Bounds", count(node.bound_count)),
            ("Looks at holdout", count(looks)),
        ],
        "made": node.created,
    }


def _texts(asked: NodeEdit, name: str, node: Iteration) -> tuple[str, str]:
    name = f"{asked.kind.glyph} {name}, {asked.class_name}"
    if not isinstance(asked, Intent):
        return name, ""
    limits = bound(*node.own_bounds.get(asked.key, (None, None)))
    by = factor(asked.factor) if asked.factor else ""
    return name, " · ".join(filter(None, [by, limits]))


def make_deleted(branch: Deleted) -> dict[str, str]:
    """Return the row of a deleted branch, in the list of branches that can be restored."""
    node = branch.node
    chips = make_chips(node.edits)[:CARD_INTENTS]
    what = ", ".join(f"{chip['sign']} {chip['of']}: {chip['concept']}" for chip in chips)
    text = f"{count(branch.count, 'iteration')} · {what}"
    return {"id": node.id, "title": make_title(node), "text": text}
