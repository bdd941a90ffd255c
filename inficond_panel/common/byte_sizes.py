"""Sizes of files and arrays in words."""

from __future__ import annotations

_UNITS = ("B", "kB", "MB", "GB", "TB")


def size_text(count: float) -> str:
    """``1.2 MB`` for a number of bytes."""
    power = 0
    while count >= 999.95 and power < len(_UNITS) - 1:  # what rounds to 1000 takes the next unit
        count, power = count / 1000, power + 1
    return f"{count:.1f} {_UNITS[power]}" if power else f"{int(count)} B"
