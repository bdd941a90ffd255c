"""Rows of the provenance view: what each iteration did, and what it changed."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from inficond_panel.state import words
from inficond_panel.views.branches import make_lanes, make_path
from inficond_panel.views.theme import bound, count, factor, interval, number, points

if TYPE_CHECKING:
    from inficond_panel.state import Intent, Interval, Node
    from inficond_panel.state.export import ExportState
    from inficond_panel.state.snapshot import Deleted

SIGNS = {"up": "▲", "down": "▼", "remove": "✕"}
CARD_INTENTS = 8  #: intents that a hover card lists


@dataclass(frozen=True)
class Change:
    """A change of a metric with its 95 % interval; a mean over classes has none (NaN)."""

    estimate: float
    low: float = math.nan
    high: float = math.nan

    @classmethod
    def of(cls, interval: Interval) -> Change:
        """The change that a bootstrap interval tells of."""
        return cls(interval.estimate, interval.low, interval.high)


@dataclass(frozen=True)
class Measured:
    """One node's metric; ``change`` is against its parent, ``None`` where it was not touched.

    ``others`` are rows of the card: all metrics by name.
    """

    value: float
    change: Change | None = None
    others: Sequence[tuple[str, str]] = ()


def make_rows(
    nodes: Sequence[Node],
    current: str,
    class_name: str,
    seen: Mapping[str, Measured | None],
    looks: Mapping[str, int],
) -> list[dict[str, Any]]:
    """Rows, newest first. Without a class, value and change are means over all classes.

    ``seen`` holds the nodes that may be shown, with ``None`` while they are being measured; it
    lacks those whose holdout nobody has asked for.
    """
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
                "chips": [make_chip(intent, class_name) for intent in node.intents],
                "looks": _looks(looks.get(node.id, 0)),
                "note": node.note,
                "card": make_card(node, parent, looks.get(node.id, 0), seen.get(node.id)),
                **_result(node, class_name, seen),
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


def _result(node: Node, class_name: str, seen: Mapping[str, Measured | None]) -> dict[str, Any]:
    measured = seen.get(node.id)
    if measured is None:
        quiet = "" if node.id in seen else "holdout not looked at"
        return {"value": "", "change": None, "quiet": quiet}
    untouched = node.parent and measured.change is None
    return {
        "value": number(measured.value),
        "change": make_change(measured.change),
        "quiet": f"no change to {class_name}" if untouched else "",
    }


def make_change(change: Change | None) -> dict[str, Any] | None:
    """A change of a metric and its interval, in percentage points, as text and for the whisker."""
    if change is None or math.isnan(change.estimate):
        return None
    known = not math.isnan(change.low)
    return {
        "text": points(change.estimate),
        "interval": interval(change.low, change.high) if known else "",
        "at": [100 * value for value in (change.low, change.estimate, change.high)]
        if known
        else [],
        "noise": known and change.low <= 0 <= change.high,
    }


def make_axis(rows: Sequence[Mapping[str, Any]]) -> list[float]:
    """Ends of the axis that all whiskers share, in percentage points; it holds 0."""
    ends = [0.0, *(end for row in rows if row["change"] for end in row["change"]["at"])]
    low, high = min(ends), max(ends)
    margin = 0.06 * ((high - low) or 1)
    return [low - margin, high + margin]


def make_card(
    node: Node, parent: int | None, looks: int, measured: Measured | None = None
) -> dict[str, Any]:
    """Hover card: intents with factors and bounds, metrics, time, certificate and looks."""
    intents = [_told(intent, node) for intent in node.intents[:CARD_INTENTS]]
    more = len(node.intents) - CARD_INTENTS
    return {
        "title": make_title(node) + (f", from #{parent}" if parent is not None else ""),
        "text": node.note,
        "rows": [
            *intents,
            *([("", f"and {count(more)} more")] if more > 0 else []),
            *(measured.others if measured else ()),
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
