"""Changes of a metric in words, for the page and the history: text, interval, whisker, noise."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from inficond_panel.common.numbers import change_number
from inficond_panel.vocabulary.metrics import AP

if TYPE_CHECKING:
    from inficond_panel.distill import Interval

UNCHANGED = "unchanged"


def make_change(
    change: Interval | None, estimate: float = math.nan, unit: str = AP.unit
) -> dict[str, Any] | None:
    """A change in the ``unit`` of its metric; ``at`` are low, estimate and high for the whisker.

    Until the ``change`` with its interval is known, its ``estimate`` alone. None where undefined.
    No change at all is told as such, not as one within noise.
    """
    value = estimate if change is None else change.estimate
    if math.isnan(value):
        return None
    if change is None or math.isnan(change.low):
        text = change_number(value, unit) if value else UNCHANGED
        return {"text": text, "interval": "", "at": [], "noise": False}
    if change.words == UNCHANGED:
        return {"text": UNCHANGED, "interval": "", "at": [], "noise": False}
    text, limits = change.change(unit)
    return {
        "text": text,
        "interval": limits,
        "at": [(100 if unit else 1) * end for end in (change.low, value, change.high)],
        "noise": change.words == "within noise",
    }


def change_text(change: dict[str, Any] | None) -> str:
    """``+10.4 pp [−1.0, +21.9], within noise``; ``unchanged``; empty where there is none."""
    if change is None:
        return ""
    limits = " ".join(filter(None, [change["text"], change["interval"]]))
    return limits + ", within noise" * change["noise"]
