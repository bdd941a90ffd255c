"""Colour tokens for Bokeh and HoloViews, and the number formats of the whole screen.

The same tokens are CSS variables in ``base.css``; a canvas cannot read those.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeGuard

MINUS = "\u2212"
UNDEFINED = "–"


@dataclass(frozen=True)
class Tokens:
    """Colours of one theme, as CSS colours."""

    bg: str
    surface: str
    sub: str
    popover: str
    ink: str
    ink_2: str
    ink_3: str
    line: str
    ctl: str
    track: str
    blue: str
    blue_ink: str
    blue_soft: str
    on_blue: str
    orange: str
    orange_ink: str
    orange_soft: str
    on_orange: str
    green: str
    gray: str
    band: str
    sel: str
    cloud: tuple[int, int, int]
    cloud_alpha: float


LIGHT = Tokens(
    bg="#eff1f4",
    surface="#ffffff",
    sub="#f5f6f8",
    popover="#ffffff",
    ink="#1a1e24",
    ink_2="#4a5361",
    ink_3="#5f6875",
    line="#e1e4e9",
    ctl="#868f9c",
    track="#e0e4ea",
    blue="#2f6fde",
    blue_ink="#1f57b8",
    blue_soft="#dde8fb",
    on_blue="#ffffff",
    orange="#de7727",
    orange_ink="#99490c",
    orange_soft="#fce8d8",
    on_orange="#1a1208",
    green="#2a8f4f",
    gray="#707a88",
    band="#e3e7ee",
    sel="#e9eef6",
    cloud=(122, 134, 154),
    cloud_alpha=0.45,
)

DARK = Tokens(
    bg="#0f1216",
    surface="#191d23",
    sub="#21262e",
    popover="#262d37",
    ink="#e9ecf0",
    ink_2="#b6bec9",
    ink_3="#9aa4b1",
    line="#2b323b",
    ctl="#6d7785",
    track="#333b46",
    blue="#6699f5",
    blue_ink="#8fb5fa",
    blue_soft="#22375c",
    on_blue="#0d1420",
    orange="#f09a55",
    orange_ink="#f5b27c",
    orange_soft="#4a3020",
    on_orange="#1a1208",
    green="#4fb878",
    gray="#8f9aa8",
    band="#2e3641",
    sel="#232c3a",
    cloud=(122, 134, 154),
    cloud_alpha=0.5,
)

#: Names of the metrics of one student.
METRIC_NAMES = {
    "ap": "AP",
    "f1": "F1",
    "recall": "Recall",
    "precision": "Precision",
    "accuracy": "Accuracy",
    "fidelity": "Fidelity",
    "brier": "Brier score",
    "ece": "Calibration error",
}

#: Metrics that are not told without the other.
BESIDE = {"accuracy": "fidelity", "fidelity": "accuracy"}


def tokens(dark: bool) -> Tokens:
    """Tokens of the dark or the light theme."""
    return DARK if dark else LIGHT


def number(value: float | None, digits: int = 3) -> str:
    """``0.742``; ``–`` where undefined. A value that rounds to 0 carries no sign."""
    if not _defined(value):
        return UNDEFINED
    text = f"{abs(value):.{digits}f}"
    negative = value < 0 and float(text) != 0
    return MINUS + text if negative else text


def signed(value: float | None, digits: int = 2) -> str:
    """``+1.12`` or ``−0.58`` (U+2212); ``0.00`` without a sign; ``–`` where undefined."""
    text = number(value, digits)
    return "+" + text if _defined(value) and value > 0 and float(text) != 0 else text


def points(change: float | None, unit: bool = True) -> str:
    """A change of a share in percentage points: 0.019 is ``+1.9 pp``."""
    if not _defined(change):
        return UNDEFINED
    return signed(100 * change, 1) + (" pp" if unit else "")


def interval(low: float | None, high: float | None) -> str:
    """An interval of changes of shares in percentage points: ``[+0.4, +3.3]``."""
    return f"[{points(low, unit=False)}, {points(high, unit=False)}]"


def short(value: float | None, digits: int = 2) -> str:
    """A share in little room, as in the rings: ``.69``, ``1``; ``–`` where undefined."""
    if not _defined(value):
        return UNDEFINED
    text = number(value, digits)
    if text == number(1, digits):
        return "1"
    return text.replace("0.", ".", 1) if abs(value) < 1 else text


def count(value: int) -> str:
    """``2,476``."""
    return f"{value:,}"


def share(value: float | None) -> str:
    """``59 %``; ``–`` where undefined."""
    return f"{100 * value:.0f} %" if _defined(value) else UNDEFINED


def factor(value: float) -> str:
    """``×1.5``."""
    return f"×{value:g}"


def bound(lower: float | None, upper: float | None) -> str:
    """``≥ 1.40``, ``≤ 0.75``, ``= 0``; empty where nothing is bound."""
    if lower is not None and lower == upper:
        return f"= {number(lower, 2)}" if lower else "= 0"
    parts = [f"≥ {number(lower, 2)}"] if lower is not None else []
    parts += [f"≤ {number(upper, 2)}"] if upper is not None else []
    return ", ".join(parts)


def defined(value: float) -> float | None:
    """The value, or None where it is nan: JSON has no nan."""
    return None if math.isnan(value) else float(value)


def _defined(value: float | None) -> TypeGuard[float]:
    return value is not None and not math.isnan(value)
