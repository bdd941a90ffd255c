"""Rows of the provenance view: what each iteration did, and what it changed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from inficond_panel.state import words
from inficond_panel.views.branches import make_lanes, make_path
from inficond_panel.views.changes import make_change
from inficond_panel.views.theme import BESIDE, bound, count, factor, number

if TYPE_CHECKING:
    from inficond_panel.state import Intent, Interval, Node
    from inficond_panel.state.export import ExportState
    from inficond_panel.state.snapshot import Deleted

SIGNS = {"up": "▲", "down": "▼", "remove": "✕"}
CARD_INTENTS = 8  #: intents that a hover card lists


@dataclass(frozen=True)
class Measured:
    """One node's metrics of a class, or their means over all, by key; also those of its parent."""

    values: Mapping[str, float]
    parent: Mapping[str, float] | None = None


@dataclass(frozen=True)
class Shown:
    """What the rows tell: a metric of a class (empty: its mean over all).

    ``names`` are those of all metrics by key; ``measured`` the nodes that may be shown, with None
    while they are being measured; it lacks those whose holdout nobody has asked for. ``changes``
    are those against the parent that have come, by ids (before, after).
    """

    class_name: str
    metric: str
    names: Mapping[str, str]
    measured: Mapping[str, Measured | None]
    changes: Mapping[tuple[str, str], Interval]


def make_rows(
    nodes: Sequence[Node],
    current: str,
    shown: Shown,
    looks: Mapping[str, int],
) -> list[dict[str, Any]]:
    """Rows, newest first, with the change of each against its parent."""
    numbers = {node.id: node.number for node in nodes}
    path = {node.id for node in make_path(nodes, current)}
    rows = []
    for node, lane in zip(reversed(nodes), make_lanes(nodes), strict=True):
        parent = numbers[node.parent] if node.parent else None
        rows.append(
            {
                "id": node.id,
                "at": node.number,
                "number": f"#{node.number}",
                "name": node.name,
                "title": make_title(node),
                "by": make_author(node),
                "kept": _kept(node, path),
                "lane": lane,
                "current": node.id == current,
                "chips": [make_chip(intent, shown.class_name) for intent in node.intents],
                "looks": _looks(looks.get(node.id, 0)),
                "note": node.note,
                "card": make_card(node, parent, looks.get(node.id, 0), shown),
                **_result(node, shown),
            }
        )
    return rows


def make_title(node: Node) -> str:
    """``#3``, with its label where it has one."""
    return f"#{node.number} {node.name}".rstrip()


def make_author(node: Node) -> str:
    """Who made it, where that is a machine: ``by a machine: crossfit``."""
    kind, _, strategy = node.author.partition(":")
    return f"by a machine: {strategy}" if kind == "machine" and strategy else ""


def _kept(node: Node, path: Collection[str]) -> str:
    """Why the branch from a node on cannot be deleted; empty where it can."""
    if not node.parent:
        return "The untouched student stays"
    return "The iteration shown is in it" if node.id in path else ""


def make_chip(intent: Intent, class_name: str) -> dict[str, str]:
    """Sign, direction and concept; the class too if it is not the selected one."""
    return {
        "direction": intent.direction,
        "sign": SIGNS[intent.direction],
        "of": "" if intent.class_name == class_name else intent.class_name,
        "concept": intent.concept,
    }


def touches(node: Node, class_name: str) -> bool:
    """Whether a batch was on the student of a class; without a class, on any."""
    return class_name in node.tuned if class_name else bool(node.tuned)


def _result(node: Node, shown: Shown) -> dict[str, Any]:
    """Value and change of a row; beside accuracy the fidelity, and the other way round."""
    measured = shown.measured.get(node.id)
    if measured is None:
        quiet = "" if node.id in shown.measured else "holdout not looked at"
        return {"value": "", "beside": "", "change": None, "quiet": quiet}
    value, change = measured.values[shown.metric], None
    touched = touches(node, shown.class_name)
    if touched and measured.parent:
        found = shown.changes.get((str(node.parent), node.id))
        change = make_change(found, value - measured.parent[shown.metric])
    beside = BESIDE.get(shown.metric)
    return {
        "value": number(value),
        "beside": number(measured.values[beside]) if beside else "",
        "change": change,
        "quiet": f"no change to {shown.class_name}" if node.parent and not touched else "",
    }


def make_axis(rows: Sequence[Mapping[str, Any]]) -> list[float]:
    """Ends of the axis that all whiskers share, in percentage points; it holds 0."""
    ends = [0.0, *(end for row in rows if row["change"] for end in row["change"]["at"])]
    low, high = min(ends), max(ends)
    margin = 0.06 * ((high - low) or 1)
    return [low - margin, high + margin]


def make_card(node: Node, parent: int | None, looks: int, shown: Shown) -> dict[str, Any]:
    """Hover card: intents with factors and bounds, metrics, time, certificate and looks."""
    intents = [_told(intent, node) for intent in node.intents[:CARD_INTENTS]]
    more = len(node.intents) - CARD_INTENTS
    measured = shown.measured.get(node.id)
    values = measured.values if measured else {}
    return {
        "title": make_title(node) + (f", from #{parent}" if parent is not None else ""),
        "text": node.note,
        "rows": [
            *intents,
            *([("", f"and {count(more)} more")] if more > 0 else []),
            *((shown.names[key], number(value)) for key, value in values.items()),
            *([("Author", author)] if (author := make_author(node)) else []),
            ("Made", node.created[:16].replace("T", " ") + " UTC"),
            ("Refit" if node.parent else "Distilled", words.seconds_text(node.seconds)),
            ("Largest gap", words.power_text(max(node.gap))),
            ("Bounds in force", count(len(node.bounds))),
            ("Looks at holdout", count(looks)),
        ],
    }


def _told(intent: Intent, node: Node) -> tuple[str, str]:
    limits = bound(*node.bounds.get((intent.class_name, intent.concept), (None, None)))
    by = factor(intent.factor) if intent.factor else ""
    name = f"{SIGNS[intent.direction]} {intent.concept}, {intent.class_name}"
    return name, " · ".join(filter(None, [by, limits]))


def _looks(looks: int) -> str:
    return f"{count(looks)} look{'s' * (looks != 1)}" if looks else ""


def make_deleted(branch: Deleted) -> dict[str, str]:
    """A deleted branch in the list of those that can be restored."""
    node = branch.node
    chips = [make_chip(intent, "") for intent in node.intents[:CARD_INTENTS]]
    what = ", ".join(f"{chip['sign']} {chip['of']}: {chip['concept']}" for chip in chips)
    size = f"{count(branch.count)} iteration{'s' * (branch.count != 1)}"
    return {"id": node.id, "title": make_title(node), "text": f"{size} · {what}"}


def make_exporting(export: ExportState) -> dict[str, Any]:
    """Formats that students can be saved in, and how far the file is that was asked for."""
    status = export.status
    failed = status.kind == "error"
    return {
        "formats": [vars(each) for each in export.formats],
        "busy": status.kind == "exporting",
        "status": "" if failed else status.text,
        "error": f"{status.text} {status.remedy}".strip() if failed else "",
    }
