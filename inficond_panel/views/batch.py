"""The top bar of the knowledge view as plain data: the batch of thumbs, and what it would give."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from inficond_panel.views.theme import bound, defined

if TYPE_CHECKING:
    from inficond_panel.state import ClassMetrics, Intent, Interval, Preview, Status


def make_pending(
    intent: Intent, bounds: tuple[float | None, float | None], strongest: float
) -> dict[str, Any]:
    """A pending intent: its bound in words, as an influence, and relative to the strongest."""
    value = next((limit for limit in bounds if limit is not None), 0.0)
    return {
        "student": intent.class_name,
        "concept": intent.concept,
        "direction": intent.direction,
        "bound": bound(*bounds),
        "value": value,
        "share": value / strongest if strongest else 0.0,
    }


def make_summary(
    metrics: ClassMetrics, total: Interval | None, preview: Preview | None, name: str, split: str
) -> dict[str, Any]:
    """Top bar: AP of student and teacher, change since the start, and what the batch would give."""
    return {
        "ap": defined(metrics.ap),
        "teacher_ap": defined(metrics.teacher_ap),
        "reason": "" if metrics.positives else f"The {split} split has no positive of {name}.",
        "since": make_change(total),
        "no_change": "undefined" if total else "untouched student",
        "preview": make_change(preview.change.get(name)) if preview else None,
        "flips": preview.sides.get(name) if preview else None,
    }


def make_change(interval: Interval | None) -> dict[str, float | None] | None:
    """An interval of a change as plain data; None without one or where it is undefined."""
    if interval is None or math.isnan(interval.estimate):
        return None
    return {name: defined(getattr(interval, name)) for name in ("estimate", "low", "high")}


def make_status(status: Status, change: Interval | None) -> dict[str, Any]:
    """The line below the blocks. ``change`` is told when a refit is done."""
    told = make_change(change) if status.kind == "done" else None
    fields = ("kind", "text", "progress", "remedy")
    return {**{field: getattr(status, field) for field in fields}, "change": told}
