"""Text formats of numbers, one per kind of number, also for undefined numbers."""

from __future__ import annotations

import math
from typing import Any, TypeGuard

MINUS = "\u2212"
UNDEFINED = "–"
#: Unit of percentage points.
POINTS = "points"
_UNITS = ("B", "kB", "MB", "GB", "TB")


def defined(value: float | None) -> float | None:
    """Return ``value`` as float; None if it is missing, nan or infinite, which JSON lacks."""
    return float(value) if value is not None and math.isfinite(value) else None


def plain(value: object) -> Any:
    """Return nested data with None for floats that are not finite, and lists for tuples."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def number(value: float | None, digits: int = 3) -> str:
    """Return a number as text, ``0.742``; ``–`` if undefined. Rounded to 0 it has no sign."""
    if not _known(value):
        return UNDEFINED
    text = f"{abs(value):.{digits}f}"
    negative = value < 0 and float(text) != 0
    return MINUS + text if negative else text


def written(value: float | None, digits: int = 3, *, sign: bool = False) -> str:
    """Return a number as text for terminals and documents, or the word ``undefined``."""
    return (signed if sign else number)(value, digits) if _known(value) else "undefined"


def written_range(
    low: float | None, high: float | None, digits: int = 3, *, sign: bool = False
) -> str:
    """Return limits as text for terminals and documents, or the word ``undefined``."""
    if not (_known(low) and _known(high)):
        return "undefined"
    return number_range(low, high, digits, sign=sign)


def significant(value: float, digits: int = 6) -> str:
    """Return a number as text with ``digits`` significant digits: ``0.46``, ``1e−05``."""
    return f"{value:.{digits}g}".replace("-", MINUS)


def signed(value: float | None, digits: int = 2) -> str:
    """Return a number as text with its sign, ``+1.12``, ``−0.58`` (U+2212), ``0.00``; or ``–``."""
    text = number(value, digits)
    return "+" + text if _known(value) and value > 0 and float(text) != 0 else text


def points(change: float | None, unit: bool = True) -> str:
    """Return a change of a share as text in percentage points: 0.019 is ``+1.9 points``."""
    if not _known(change):
        return UNDEFINED
    return signed(100 * change, 1) + (f" {POINTS}" if unit else "")


def change_number(change: float | None, unit: str = "") -> str:
    """Return a change as text: with a ``unit`` in points, ``+1.9 points``; without ``+0.019``."""
    return points(change) if unit else signed(change, 3)


def number_range(low: float, high: float, digits: int = 3, *, sign: bool = False) -> str:
    """Return limits as text, ``[−0.010, 0.027]``; with ``sign`` ``[−0.010, +0.027]``; or ``–``."""
    if not (_known(low) and _known(high)):
        return UNDEFINED
    one = signed if sign else number
    return f"[{one(low, digits)}, {one(high, digits)}]"


def short(value: float | None) -> str:
    """Return a share in short form: ``.69``, ``1``; ``–`` if undefined."""
    if not _known(value):
        return UNDEFINED
    text = number(value, 2)
    if text == "1.00":
        return "1"
    return text.replace("0.", ".", 1) if abs(value) < 1 else text


def count(value: int, noun: str = "") -> str:
    """Return a count as text, ``2,476``; with a noun ``1 image`` or ``2,476 images``."""
    if not noun:
        return f"{value:,}"
    end = "" if value == 1 else "es" if noun.endswith(("s", "ch")) else "s"
    return f"{value:,} {noun}{end}"


#: Less than any digit that is shown, and more than rounding.
_HALF_UP = 1e-9


def share(value: float | None, digits: int = 0) -> str:
    """Return a share as percentage, ``59 %``; ``–`` if undefined. Halves are rounded up, as the
    browser does."""
    return f"{number(100 * value + _HALF_UP, digits)} %" if _known(value) else UNDEFINED


def share_range(low: float, high: float) -> str:
    """Return limits of a share as percentages, ``2 to 7 %``; ``2 %`` if they round to the same."""
    first, last = share(low), share(high)
    return last if first == last else f"{first.removesuffix(' %')} to {last}"


def factor(value: float) -> str:
    """Return a factor as text, ``×1.5``."""
    return f"×{value:g}"


def bound(lower: float | None, upper: float | None) -> str:
    """Return a bound as text: ``≥ 1.40``, ``≤ 0.75``, ``= 0``; "" without a bound."""
    if lower is not None and lower == upper:
        return f"= {number(lower, 2)}" if lower else "= 0"
    parts = [f"≥ {number(lower, 2)}"] if lower is not None else []
    parts += [f"≤ {number(upper, 2)}"] if upper is not None else []
    return ", ".join(parts)


def held(limits: tuple[float | None, float | None] | None, gain: float | None) -> str:
    """Return what thumbs hold as text: a bound, and the gain in standard deviations of the targets:
    ``≥ 1.40``, ``+0.50 sd``, ``= 0 · −0.60 sd``; "" without both."""
    parts = [bound(*limits)] if limits else []
    parts += [f"{signed(gain)} sd"] if gain is not None else []
    return " · ".join(filter(None, parts))


def _known(value: float | None) -> TypeGuard[float]:
    return value is not None and not math.isnan(value)


def size_text(count: float) -> str:
    """Return a number of bytes as text, ``1.2 MB``."""
    power = 0
    while count >= 999.95 and power < len(_UNITS) - 1:  # what rounds to 1000 takes the next unit
        count, power = count / 1000, power + 1
    return f"{count:.1f} {_UNITS[power]}" if power else f"{int(count)} B"


def duration(seconds: float) -> str:
    """Return seconds as text, ``3 min 5 s``."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def as_text(cell: object) -> str:
    """Return a table's cell as CSV text: "" for None and nan, ``2`` for 2.0, ``1`` for True."""
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return ""
    if isinstance(cell, bool):
        return str(int(cell))
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 2**53:
        return str(int(cell))
    return str(cell).strip()
