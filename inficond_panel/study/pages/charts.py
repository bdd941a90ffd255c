"""Layout of a report's charts as plain data: strip charts, Likert bars and event sequences.

``charts.html.j2`` draws the data as SVG.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Any

from inficond_panel.common.numbers import number, significant

WIDTH = 880
_LABEL, _WIDEST_LABEL = 180, 340
#: Average width of a letter, in pixels.
_LETTER = 6.4
_ROW, _LIKERT_ROW, _EVENT_ROW = 46, 56, 24


def strip_chart(
    rows: Sequence[tuple[str, Sequence[tuple[str, float]], Mapping[str, Any]]],
    unit: str,
    digits: int,
    *,
    whole: bool = False,
    ends: tuple[float, float] = (0.0, 0.0),
) -> dict[str, Any]:
    """Return the layout of a strip chart: a row per task with a dot per participant, and the mean
    with its interval; {} if there is no value. With ``whole``, ticks are at whole numbers only. The
    axis includes ``ends``.

    ``rows`` are (name, (participant, value) pairs, ``spread`` of the values).
    """
    values = [value for _, people, _ in rows for _, value in people if math.isfinite(value)]
    if not values:
        return {}
    low, high = min(ends[0], *values), max(ends[1], *values)
    steps = ticks(low, high, whole=whole)
    axis = _axis(min(low, steps[0]), max(high, steps[-1]), _label_width([row[0] for row in rows]))
    height = _ROW * len(rows) + 30
    drawn = [_strip(*row, axis, at * _ROW, digits) for at, row in enumerate(rows)]
    label = f"{unit} of each participant"
    return {"rows": drawn, "label": label} | _grid(steps, axis, height, height - 22, unit)


def _strip(
    name: str,
    people: Sequence[tuple[str, float]],
    spread: Mapping[str, Any],
    axis: Callable[[float], float],
    top: float,
    digits: int,
) -> dict[str, Any]:
    heights = stacked([axis(value) for _, value in people])
    mean, low, high = (spread[name] for name in ("mean", "mean_low", "mean_high"))
    limits = [low, high] if math.isfinite(low) else []
    words = number(mean, digits)
    if limits:
        words += f" [{number(low, digits)}, {number(high, digits)}]"
    return {
        **_cut(name),
        "top": top,
        "words": words,
        "dots": [
            (axis(value), top + y, f"{who}: {number(value, digits)}")
            for (who, value), y in zip(people, heights, strict=True)
            if math.isfinite(value)
        ],
        "range": [axis(end) for end in limits],
        "mean": axis(mean) if math.isfinite(mean) else None,
    }


def stacked(places: Sequence[float]) -> list[float]:
    """Return the y of each dot from the top of its row, by the dots' x (``places``); dots that are
    less than 5 pixels apart in x are stacked, within 16 pixels."""
    levels: list[int] = []
    for at, x in enumerate(places):
        taken = {levels[i] for i in range(at) if abs(places[i] - x) < 5}
        levels.append(next(level for level in range(at + 1) if level not in taken))
    step = min(8.0, 16 / max([1, *levels]))
    return [18 - step * level for level in levels]


def likert_chart(rows: Sequence[tuple[str, Sequence[int]]]) -> dict[str, Any]:
    """Return the layout of diverging bars: lower steps are left of the middle, higher steps right.

    ``rows`` are (name, number of answers per step, from the lowest). A middle step is half on each
    side. The layout is {} if there is no answer.
    """
    bars: list[dict[str, Any]] = []
    for name, counts in rows:
        if answers := [step for step, count in enumerate(counts, 1) for _ in range(count)]:
            words = f"n {len(answers)}, median {median(answers):g}"
            top = len(bars) * _LIKERT_ROW
            bars.append({"name": name, "top": top, "words": words, "parts": _likert_bar(counts)})
    if not bars:
        return {}
    height = len(bars) * _LIKERT_ROW
    return {"rows": bars, "middle": WIDTH / 2, "height": height, "grid": [], "unit": ""}


def diverging(counts: Sequence[int]) -> list[tuple[float, float]]:
    """Return (start, end) of each step's bar as shares of all answers; 0 is the chart's middle."""
    total, points = sum(counts), len(counts)
    below = sum(counts[: points // 2]) + (counts[points // 2] / 2 if points % 2 else 0)
    edges, at = [], -below
    for count in counts:
        edges.append((at / total, (at + count) / total))
        at += count
    return edges


def tone(step: int, points: int) -> str:
    """Return the CSS class of ``step`` (from 0) on a scale with ``points`` steps: low-1 is the
    lowest step, high-1 the highest, mid the middle."""
    if points % 2 and step == points // 2:
        return "mid"
    if step < points // 2:
        return "low-1" if step < max(1, points // 4) else "low-2"
    return "high-1" if points - 1 - step < max(1, points // 4) else "high-2"


def _likert_bar(counts: Sequence[int]) -> list[dict[str, Any]]:
    middle, half = WIDTH / 2, WIDTH / 2 - 8
    return [
        {
            "x": round(middle + half * start, 1),
            "width": round(max(half * (end - start) - 1, 1), 1),
            "middle": round(middle + half * (start + end) / 2, 1),
            "tone": tone(step, len(counts)),
            "step": step + 1,
            "count": count,
        }
        for step, ((start, end), count) in enumerate(zip(diverging(counts), counts, strict=True))
        if count
    ]


def sequence_chart(
    rows: Sequence[tuple[str, float, Sequence[tuple[float, str, str]]]],
) -> dict[str, Any]:
    """Return the layout of the events of tasks: a row per participant and task, with marks at
    minutes since the start.

    ``rows`` are (name, length in minutes, marks), a mark is (minute, kind, words). The layout is {}
    if all lengths are 0.
    """
    longest = max((length for _, length, _ in rows), default=0.0)
    if longest <= 0:
        return {}
    steps = ticks(0, longest)
    axis = _axis(0, max(longest, steps[-1]), _label_width([name for name, _, _ in rows]))
    drawn = [
        {
            **_cut(name),
            "y": at * _EVENT_ROW + 12,
            "track": [axis(0), axis(length)],
            "marks": [(axis(minute), kind, MARKS[kind][0], words) for minute, kind, words in marks],
        }
        for at, (name, length, marks) in enumerate(rows)
    ]
    height = _EVENT_ROW * len(rows) + 24
    return {"rows": drawn, "length": longest} | _grid(steps, axis, height, height - 20, "minutes")


#: Marks of events by kind: SVG path around (0, 0), and label.
MARKS = {
    "concept": ("M-2 -2h4v4h-4z", "concept opened"),
    "batch": ("M0 -5v10", "thumbs changed"),
    "type": ("M-5 0h10M0 -5v10", "concept typed"),
    "fine-tune": ("M0 -7L6 5H-6z", "fine-tuned"),
    "back": ("M4 -5L-4 0L4 5", "undo or jump"),
    "done": ("M-5 0L-1 4L6 -5", "done"),
}


def ticks(low: float, high: float, *, whole: bool = False) -> list[float]:
    """Return up to eight ticks at round numbers, with ``whole`` integers, from low to high."""
    span = (high - low) or 1.0
    power = 10.0 ** math.floor(math.log10(span / 5))
    step = next(power * by for by in (1, 2, 5, 10) if span / (power * by) <= 7)
    step = max(step, 1.0) if whole else step
    first = math.floor(low / step + 1e-9)
    return [round(at * step, 9) for at in range(first, math.ceil(high / step - 1e-9) + 1)]


def _label_width(names: Sequence[str]) -> float:
    """Return the width of the labels before the axis, that of the longest name within limits."""
    return min(_WIDEST_LABEL, max(_LABEL, 16 + _LETTER * max(map(len, names))))


def _cut(name: str) -> dict[str, str]:
    """Return a label, ``name`` cut to the width before the axis, and the whole name as tooltip."""
    most = int((_WIDEST_LABEL - 16) / _LETTER)
    return {"name": name if len(name) <= most else f"{name[: most - 1]}…", "whole": name}


def _axis(low: float, high: float, label: float) -> Callable[[float], float]:
    span = (high - low) or 1.0
    return lambda value: round(label + (WIDTH - label - 16) * (value - low) / span, 1)


def _grid(
    steps: Sequence[float], axis: Callable[[float], float], height: float, bottom: float, unit: str
) -> dict[str, Any]:
    lines = [(axis(step), significant(step)) for step in steps]
    return {"grid": lines, "height": height, "bottom": bottom, "unit": unit}
