"""Charts of a report as SVG text: people on an axis, diverging bars, and what happened when."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from html import escape

from inficond_panel.common.numbers import number, significant
from inficond_panel.study.results.results import Spread

WIDTH = 880
_LABEL, _WIDEST_LABEL = 180, 340
#: Width of a letter, on average.
_LETTER = 6.4
_ROW = 46
_BAR = 22


def strip_chart(
    rows: Sequence[tuple[str, Sequence[tuple[str, float]], Spread]],
    unit: str,
    digits: int,
    *,
    whole: bool = False,
) -> str:
    """One row a task: a dot for each (participant, value), the mean and its interval below.

    ``whole`` values have ticks at whole numbers alone.
    """
    values = [value for _, people, _ in rows for _, value in people if math.isfinite(value)]
    if not values:
        return ""
    low, high = min(0.0, *values), max(0.0, *values)
    steps = ticks(low, high, whole=whole)
    label = _label_width([name for name, _, _ in rows])
    axis = _axis(min(low, steps[0]), max(high, steps[-1]), label)
    height = _ROW * len(rows) + 30
    parts = [_grid(steps, axis, height - 22, unit)]
    for at, (name, people, mean) in enumerate(rows):
        parts.append(_strip(name, people, mean, axis, at * _ROW, digits))
    return _svg(parts, height, f"{unit} of each participant")


def _strip(
    name: str,
    people: Sequence[tuple[str, float]],
    mean: Spread,
    axis: Callable[[float], float],
    top: float,
    digits: int,
) -> str:
    dots = [
        f"<circle class='dot' cx='{axis(value):.1f}' cy='{top + y:.1f}' r='4'>"
        f"<title>{escape(who)}: {number(value, digits)}</title></circle>"
        for (who, value), y in zip(people, stacked([axis(v) for _, v in people]), strict=True)
        if math.isfinite(value)
    ]
    words = number(mean.mean, digits)
    if math.isfinite(mean.low):
        words += f" [{number(mean.low, digits)}, {number(mean.high, digits)}]"
        dots.append(
            f"<line class='range' x1='{axis(mean.low):.1f}' x2='{axis(mean.high):.1f}' "
            f"y1='{top + 34}' y2='{top + 34}'/>"
        )
    if math.isfinite(mean.mean):
        x = axis(mean.mean)
        dots.append(f"<path class='mean' d='M{x:.1f} {top + 29}v10'/>")
    text = (
        f"<text class='name' x='0' y='{top + 18}'>{_cut(name)}</text>"
        f"<text class='small' x='0' y='{top + 34}'>{words}</text>"
    )
    return text + "".join(dots)


def stacked(places: Sequence[float], near: float = 5.0, room: float = 16.0) -> list[float]:
    """Heights (from the top of a row) of dots that would cover each other: one above the other."""
    levels: list[int] = []
    for at, place in enumerate(places):
        taken = {levels[i] for i in range(at) if abs(places[i] - place) < near}
        levels.append(next(level for level in range(at + 1) if level not in taken))
    step = min(8.0, room / max([1, *levels]))
    return [18 - step * level for level in levels]


def likert_chart(rows: Sequence[tuple[str, Sequence[int]]]) -> str:
    """Diverging bars: the lower steps to the left of the middle, the higher to the right.

    ``rows`` are names with the number of answers of each step, from the lowest. The middle step,
    where there is one, lies half on each side.
    """
    drawn = [(name, counts) for name, counts in rows if sum(counts)]
    if not drawn:
        return ""
    middle, half = WIDTH / 2, WIDTH / 2 - 8
    parts = [f"<line class='zero' x1='{middle}' x2='{middle}' y1='0' y2='{len(drawn) * 56}'/>"]
    for at, (name, counts) in enumerate(drawn):
        top, median = at * 56, median_step(counts)
        parts.append(
            f"<text class='name' x='0' y='{top + 14}'>{escape(name)}</text>"
            f"<text class='small end' x='{WIDTH}' y='{top + 14}'>n {sum(counts)}, "
            f"median {median:g}</text>"
        )
        parts += _likert_bar(counts, middle, half, top + 22)
    return _svg(parts, len(drawn) * 56, "Answers")


def diverging(counts: Sequence[int]) -> list[tuple[float, float]]:
    """Start and end of each step's part as shares of all answers, 0 in the middle."""
    total, points = sum(counts), len(counts)
    below = sum(counts[: points // 2]) + (counts[points // 2] / 2 if points % 2 else 0)
    edges, at = [], -below
    for count in counts:
        edges.append((at / total, (at + count) / total))
        at += count
    return edges


def median_step(counts: Sequence[int]) -> float:
    """Median answer, counting steps from 1."""
    answers = [step for step, count in enumerate(counts, 1) for _ in range(count)]
    half = len(answers) // 2
    return answers[half] if len(answers) % 2 else (answers[half - 1] + answers[half]) / 2


def tone(step: int, points: int) -> str:
    """Class of a step's fill: low-1 is the lowest, high-1 the highest, mid the middle."""
    if points % 2 and step == points // 2:
        return "mid"
    if step < points // 2:
        return "low-1" if step < max(1, points // 4) else "low-2"
    return "high-1" if points - 1 - step < max(1, points // 4) else "high-2"


def _likert_bar(counts: Sequence[int], middle: float, half: float, top: float) -> list[str]:
    parts = []
    for step, ((start, end), count) in enumerate(zip(diverging(counts), counts, strict=True)):
        if not count:
            continue
        x, width, fill = middle + half * start, half * (end - start), tone(step, len(counts))
        parts.append(
            f"<rect class='{fill}' x='{x:.1f}' y='{top}' width='{max(width - 1, 1):.1f}' "
            f"height='{_BAR}'><title>step {step + 1}: {count}</title></rect>"
            f"<text class='in {fill}' x='{x + width / 2:.1f}' y='{top + 15}'>{count}</text>"
        )
    return parts


def sequence_chart(
    rows: Sequence[tuple[str, float, Sequence[tuple[float, str, str]]]],
) -> str:
    """One row for each person and task: marks at minutes since its start.

    ``rows`` are (name, length in minutes, marks); a mark is (minute, kind, words).
    """
    longest = max((length for _, length, _ in rows), default=0.0)
    if longest <= 0:
        return ""
    steps = ticks(0, longest)
    axis = _axis(0, max(longest, steps[-1]), _label_width([name for name, _, _ in rows]))
    height = 24 * len(rows) + 24
    parts = [_grid(steps, axis, height - 20, "minutes")]
    for at, (name, length, marks) in enumerate(rows):
        y = at * 24 + 12
        parts.append(
            f"<text class='name' x='0' y='{y + 4}'>{_cut(name)}</text>"
            f"<line class='track' x1='{axis(0):.1f}' x2='{axis(length):.1f}' y1='{y}' y2='{y}'/>"
        )
        parts += [_mark(axis(minute), y, kind, words) for minute, kind, words in marks]
    return _svg(parts, height, "What happened when")


#: Marks of a sequence: path around (0, 0) and words, by kind.
MARKS = {
    "concept": ("M-2 -2h4v4h-4z", "concept opened"),
    "batch": ("M0 -5v10", "thumbs changed"),
    "type": ("M-5 0h10M0 -5v10", "concept typed"),
    "fine-tune": ("M0 -7L6 5H-6z", "fine-tuned"),
    "back": ("M4 -5L-4 0L4 5", "undo or jump"),
    "done": ("M-5 0L-1 4L6 -5", "done"),
}


def _mark(x: float, y: float, kind: str, words: str) -> str:
    shape = MARKS[kind][0]
    return (
        f"<path class='mark {kind}' transform='translate({x:.1f} {y})' d='{shape}'>"
        f"<title>{escape(words)}</title></path>"
    )


def ticks(low: float, high: float, *, whole: bool = False) -> list[float]:
    """Round numbers from ``low`` to at least ``high``, up to eight; ``whole`` ones if asked."""
    span = (high - low) or 1.0
    power = 10.0 ** math.floor(math.log10(span / 5))
    step = next(power * by for by in (1, 2, 5, 10) if span / (power * by) <= 7)
    step = max(step, 1.0) if whole else step
    first = math.floor(low / step + 1e-9)
    return [round(at * step, 9) for at in range(first, math.ceil(high / step - 1e-9) + 1)]


def _label_width(names: Sequence[str]) -> float:
    """Room for the longest name before the axis, within limits."""
    return min(_WIDEST_LABEL, max(_LABEL, 16 + _LETTER * max(map(len, names))))


def _cut(name: str) -> str:
    """A name as it fits before the axis; the whole one is its tooltip."""
    most = int((_WIDEST_LABEL - 16) / _LETTER)
    if len(name) <= most:
        return escape(name)
    return f"{escape(name[: most - 1])}…<title>{escape(name)}</title>"


def _axis(low: float, high: float, label: float) -> Callable[[float], float]:
    span = (high - low) or 1.0
    return lambda value: label + (WIDTH - label - 16) * (value - low) / span


def _grid(steps: Sequence[float], axis: Callable[[float], float], bottom: float, unit: str) -> str:
    lines = [
        f"<line class='grid' x1='{axis(s):.1f}' x2='{axis(s):.1f}' y1='0' y2='{bottom}'/>"
        f"<text class='tick' x='{axis(s):.1f}' y='{bottom + 16}'>{_short(s)}</text>"
        for s in steps
    ]
    return "".join(lines) + f"<text class='small' x='0' y='{bottom + 16}'>{escape(unit)}</text>"


def _short(value: float) -> str:
    """A tick: ``−2.5``, ``10``."""
    return significant(value)


def _svg(parts: Sequence[str], height: float, label: str) -> str:
    return (
        f"<div class='scroll'><svg role='img' class='wide' aria-label='{escape(label)}' "
        f"viewBox='0 0 {WIDTH} {height:.0f}' width='100%'>{''.join(parts)}</svg></div>"
    )
