"""Changes of a metric in words, for the page and the history: text, interval, whisker, noise."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from inficond_panel.common.numbers import interval, points

if TYPE_CHECKING:
    from inficond_panel.distill import Interval

UNCHANGED = "unchanged"


def make_change(found: Interval | None, estimate: float = math.nan) -> dict[str, Any] | None:
    """A change in percentage points; ``at`` are low, estimate and high for the whisker.

    Until its interval is ``found``, the change is its ``estimate`` alone. None where undefined. No
    change at all is told as such, not as one within noise.
    """
    told = estimate if found is None else found.estimate
    if math.isnan(told):
        return None
    if found is None or math.isnan(found.low):
        text = points(told) if told else UNCHANGED
        return {"text": text, "interval": "", "at": [], "noise": False}
    if found.words == UNCHANGED:
        return {"text": UNCHANGED, "interval": "", "at": [], "noise": False}
    return {
        "text": points(told),
        "interval": interval(found.low, found.high),
        "at": [100 * end for end in (found.low, told, found.high)],
        "noise": found.words == "within noise",
    }


def change_text(change: dict[str, Any] | None) -> str:
    """``+10.4 pp [−1.0, +21.9], within noise``; ``unchanged``; empty where there is none."""
    if change is None:
        return ""
    limits = " ".join(filter(None, [change["text"], change["interval"]]))
    return limits + ", within noise" * change["noise"]
