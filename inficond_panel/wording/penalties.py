"""Words on the L1 penalties of all students."""

from __future__ import annotations

from collections.abc import Sequence


def penalty_text(penalties: Sequence[float], *, chosen: bool = False) -> str:
    """Return ``0.001``, or ``0.0001 to 0.001 by class``; with ``auto`` where the data chose."""
    least, most = min(penalties), max(penalties)
    text = f"{least:g}" if least == most else f"{least:g} to {most:g} by class"
    return f"auto: {text}" if chosen else text
