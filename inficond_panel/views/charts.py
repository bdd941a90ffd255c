"""Line charts of the four metrics over the influence of one concept, the others held.

The four are drawn as one figure: a cell of width 1 each, side by side. One figure is four times
as quick to update as four. The refit what-if, where asked for, is drawn over the exact steps.
Numbers of the axes are text around it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import holoviews as hv
import numpy as np

from inficond_panel.views.theme import tokens

if TYPE_CHECKING:
    from inficond_panel.state import Agreement, ClassMetrics, WhatIf

METRICS = {"accuracy": "Accuracy", "f1": "F1", "recall": "Recall", "precision": "Precision"}
LEFT, RIGHT = 0.19, 0.1  #: shares of a cell left free for the numbers and as a gap
HEAD = 0.06  #: room above and below, so that a dot at the edge is whole
PIECES = 300  #: more steps than this are drawn at so many places along the axis
_STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.5)


@dataclass(frozen=True, eq=False)
class Chart:
    """One metric as steps: ``values[j]`` holds between ``edges[j]`` and ``edges[j + 1]``.

    ``now`` and ``pending`` are (influence, value); ``pending`` is nan where nothing waits or where
    the bound lies off the axis. Undefined values are nan. ``refit`` holds the points of the refit
    what-if that are known, (influences, values), in order of influence; None: it is not shown.
    """

    edges: np.ndarray
    values: np.ndarray
    low: float
    high: float
    now: tuple[float, float]
    teacher: float
    pending: tuple[float, float] = (math.nan, math.nan)
    direction: str = ""
    refit: tuple[np.ndarray, np.ndarray] | None = None

    @property
    def y_range(self) -> tuple[float, float]:
        """Round numbers around all that is drawn."""
        refit = self.refit[1] if self.refit else ()
        return round_range([*self.values, self.now[1], self.teacher, *refit])

    def x(self, influence: Any) -> Any:
        """Place along the influence axis, 0 to 1."""
        return (influence - self.low) / ((self.high - self.low) or 1.0)

    def y(self, value: Any) -> Any:
        """Place along the value axis, 0 to 1."""
        low, high = self.y_range
        return (value - low) / (high - low)


def round_range(values: list[float]) -> tuple[float, float]:
    """Round numbers in [0, 1] below and above ``values``; 0 to 1 where none is defined."""
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return 0.0, 1.0
    span = max(finite) - min(finite)
    step = next(step for step in _STEPS if span <= 4 * step)
    low = math.floor(min(finite) / step + 1e-9) * step
    high = math.ceil(max(finite) / step - 1e-9) * step
    if high - low < step:
        low, high = low - step, high + step
    return max(0.0, round(low, 2)), min(1.0, round(high, 2))


def teacher_levels(agreement: Agreement) -> dict[str, float]:
    """The teacher's accuracy, F1, recall and precision, from the counts of who is right."""
    positives, negatives = agreement.positives, agreement.negatives
    tp = positives.both_right + positives.student_wrong
    tn = negatives.both_right + negatives.student_wrong
    fn, fp = positives.total - tp, negatives.total - tn
    return {
        "accuracy": _ratio(tp + tn, positives.total + negatives.total),
        "f1": _ratio(2 * tp, 2 * tp + fp + fn),
        "recall": _ratio(tp, tp + fn),
        "precision": _ratio(tp, tp + fp),
    }


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else math.nan


def what_if_charts(
    curves: WhatIf,
    influence: float,
    agreement: Agreement,
    pending: float | None = None,
    direction: str = "",
    refit: Mapping[float, ClassMetrics] | None = None,
) -> dict[str, Chart]:
    """The four charts of a concept; ``pending`` is a bound that waits, ``direction`` its thumb.

    ``refit`` are the metrics known of the refit what-if, by influence.
    """
    edges, pieces = _thinned(curves)
    now, levels = curves.at(influence), teacher_levels(agreement)
    bound = math.nan
    if pending is not None and curves.low <= pending <= curves.high:
        bound = pending
    then = curves.at(bound) if math.isfinite(bound) else dict.fromkeys(METRICS, math.nan)
    return {
        metric: Chart(
            edges=edges,
            values=getattr(curves, metric)[pieces],
            low=curves.low,
            high=curves.high,
            now=(influence, now[metric]),
            teacher=levels[metric],
            pending=(bound, then[metric]),
            direction=direction,
            refit=None if refit is None else _refit_points(refit, metric),
        )
        for metric in METRICS
    }


def _refit_points(
    refit: Mapping[float, ClassMetrics], metric: str
) -> tuple[np.ndarray, np.ndarray]:
    order = sorted(refit)
    return np.array(order), np.array([getattr(refit[influence], metric) for influence in order])


def _thinned(curves: WhatIf) -> tuple[np.ndarray, np.ndarray]:
    """Edges and numbers of the pieces to draw: all of them, or ``PIECES`` evenly spread."""
    if len(curves.breakpoints) <= PIECES:
        return curves.edges, np.arange(len(curves.breakpoints) + 1)
    edges = np.linspace(curves.low, curves.high, PIECES + 1)
    middles = (edges[1:] + edges[:-1]) / 2
    return edges, np.searchsorted(curves.breakpoints, middles, side="left")


def make_rules(charts: Sequence[Chart], dark: bool) -> hv.Segments:
    """Crosshairs at the present influence, the teacher's level dashed, the pending bound dotted."""
    rows = [row for cell, chart in enumerate(charts) for row in _rules(cell, chart, dark)]
    columns = ["ink", "pattern", "width", "opacity"]
    return hv.Segments(rows, ["x0", "y0", "x1", "y1"], columns).opts(
        color="ink", line_dash="pattern", line_width="width", line_alpha="opacity"
    )


def _rules(cell: int, chart: Chart, dark: bool) -> Iterator[tuple[Any, ...]]:
    """Always four rows; one that is undefined has nan places and is not drawn."""
    theme = tokens(dark)
    left, right = _place(cell, 0.0), _place(cell, 1.0)
    now, value = _place(cell, chart.x(chart.now[0])), chart.y(chart.now[1])
    teacher, bound = chart.y(chart.teacher), _place(cell, chart.x(chart.pending[0]))
    yield now, 0.0, now, 1.0, theme.ink, "solid", 1.0, 0.35
    yield left, value, right, value, theme.ink, "solid", 1.0, 0.35
    yield left, teacher, right, teacher, theme.gray, "4 3", 1.2, 1.0
    yield bound, 0.0, bound, 1.0, _pending_color(chart, dark), "2 2", 1.5, 1.0


def make_curves(charts: Sequence[Chart], dark: bool) -> hv.Curve:
    """The metrics as steps; where one is undefined, and from cell to cell, a gap.

    Columns ``influence`` and ``value`` hold the numbers, ``x`` and ``y`` the places.
    """
    steps = [_steps(cell, chart) for cell, chart in enumerate(charts)]
    columns = np.concatenate(steps, axis=1) if steps else np.empty((4, 0))
    return hv.Curve(tuple(columns), "x", ["y", "influence", "value"]).opts(
        color=_exact_color(charts, dark), line_width=1.5
    )


def _exact_color(charts: Sequence[Chart], dark: bool) -> str:
    """The exact curve steps back where the refit is shown."""
    theme = tokens(dark)
    return theme.ctl if any(chart.refit for chart in charts) else theme.ink_2


def make_refit(charts: Sequence[Chart], dark: bool) -> hv.Curve:
    """The points known of the refit what-if, joined; columns as ``make_curves`` has them."""
    parts = [_refit(cell, chart) for cell, chart in enumerate(charts) if chart.refit]
    columns = np.concatenate(parts, axis=1) if parts else np.empty((4, 0))
    return hv.Curve(tuple(columns), "x", ["y", "influence", "value"]).opts(
        color=tokens(dark).ink, line_width=2
    )


def _refit(cell: int, chart: Chart) -> np.ndarray:
    assert chart.refit is not None
    influence, value = chart.refit
    places = [_place(cell, chart.x(influence)), chart.y(value), influence, value]
    return np.column_stack([places, np.full(4, np.nan)])


def _steps(cell: int, chart: Chart) -> np.ndarray:
    """Corners of one chart's steps and a gap: x, y, influence, value, ``(4, n)``."""
    influence = np.repeat(chart.edges, 2)[1:-1]
    value = np.repeat(chart.values, 2)
    corners = [_place(cell, chart.x(influence)), chart.y(value), influence, value]
    return np.column_stack([corners, np.full(4, np.nan)])


def make_dots(charts: Sequence[Chart], dark: bool) -> hv.Points:
    """Dots at the present influence, rings at the pending bound; nan places where undefined."""
    theme = tokens(dark)
    rows = []
    for cell, chart in enumerate(charts):
        for (influence, value), *look in (
            (chart.now, 7.0, theme.ink, theme.ink),
            (chart.pending, 8.0, theme.surface, _pending_color(chart, dark)),
        ):
            rows.append((_place(cell, chart.x(influence)), chart.y(value), *look))
        for influence, value in zip(*(chart.refit or ((), ())), strict=True):
            place = _place(cell, chart.x(influence)), chart.y(value)
            rows.append((*place, 3.0, theme.ink, theme.ink))
    return hv.Points(rows, ["x", "y"], ["diameter", "inside", "outline"]).opts(
        size="diameter", fill_color="inside", line_color="outline", line_width=2
    )


def make_figure(charts: Sequence[Chart], dark: bool) -> hv.Overlay:
    """The charts side by side, without axes."""
    exact, refit = make_curves(charts, dark), make_refit(charts, dark)
    return make_rules(charts, dark) * exact * refit * make_dots(charts, dark)


def _place(cell: int, share: Any) -> Any:
    return cell + LEFT + share * (1 - LEFT - RIGHT)


def bare_figure(plot: Any, _: Any) -> None:
    """Hook: no background, so that the page's surface shows through."""
    plot.state.update(
        background_fill_color=None,
        border_fill_color=None,
        outline_line_color=None,
        output_backend="canvas",
        min_border=0,
    )


def _pending_color(chart: Chart, dark: bool) -> str:
    theme = tokens(dark)
    return {"up": theme.blue, "down": theme.orange}.get(chart.direction, theme.ink_2)
