"""Line charts of the metrics of decisions over the influence of one concept, as plain data.

The browser draws them: steps of the exact what-if, with the points of the refit what-if over them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from inficond_panel.common.numbers import defined, number, short
from inficond_panel.vocabulary.metrics import (
    ACCURACY,
    F1,
    FIDELITY,
    METRICS,
    PRECISION,
    RECALL,
    keys,
)

if TYPE_CHECKING:
    from inficond_panel.distill import Agreement, Band, ClassMetrics, Interval, WhatIf

CHARTED = keys(F1, RECALL, PRECISION, ACCURACY, FIDELITY)
PIECES = 300  #: more steps than this are drawn at so many places along the axis
DIGITS = 6  #: of numbers that are sent; a chart is some hundred pixels wide
BAND_DIGITS = 4  #: of limits, which are told to three
_STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.5)

Place = tuple[float, float]  #: influence and value; nan where there is none
NOWHERE: Place = (math.nan, math.nan)
Points = Mapping[float, "ClassMetrics"]
Changes = Mapping[float, Mapping[str, "Interval"]]


@dataclass(frozen=True)
class Chart:
    """One metric's chart, but for its curves: the axes, and what is marked on them.

    ``pending`` is the bound that waits, on the exact curve, ``preview`` what the batch would give;
    both are ``NOWHERE`` where there is none or where it lies off the influence axis.
    """

    metric: str
    low: float
    high: float
    bottom: float
    top: float
    now: Place
    teacher: float
    pending: Place = NOWHERE
    preview: Place = NOWHERE

    def caption(self) -> dict[str, Any]:
        """The chart as plain data: numbers of the axes as text, marks as numbers or None."""
        digits = axis_digits(self.high - self.low)
        return {
            "metric": self.metric,
            "title": METRICS[self.metric].name,
            "value": number(self.now[1]),
            "topText": short(self.top),
            "bottomText": short(self.bottom),
            "lowText": number(self.low, digits),
            "highText": number(self.high, digits),
            "nowText": number(self.now[0], max(2, digits)),
            "low": self.low,
            "high": self.high,
            "bottom": self.bottom,
            "top": self.top,
            "now": _mark(self.now),
            "teacher": defined(self.teacher),
            "pending": _mark(self.pending),
            "preview": _mark(self.preview),
            "alt": f"{METRICS[self.metric].name} {number(self.now[1])} at influence "
            f"{number(self.now[0], 2)}"
            + (f", teacher {number(self.teacher)}" if self.metric != FIDELITY.key else ""),
        }


def axis_digits(span: float) -> int:
    """Digits with which the ends of an axis are written: the error is below 1 % of its length."""
    return max(1, 1 - math.floor(math.log10(span))) if span > 0 else 1


def round_range(values: Sequence[float] | np.ndarray) -> tuple[float, float]:
    """Round numbers in [0, 1] below and above ``values``; 0 to 1 where none is defined."""
    finite = np.asarray(values)[np.isfinite(values)]
    if not len(finite):
        return 0.0, 1.0
    least, most = float(finite.min()), float(finite.max())
    step = next(step for step in _STEPS if most - least <= 4 * step)
    low = math.floor(least / step + 1e-9) * step
    high = math.ceil(most / step - 1e-9) * step
    if high - low < step:
        low, high = low - step, high + step
    return max(0.0, round(low, 2)), min(1.0, round(high, 2))


def make_charts(
    curves: WhatIf,
    influence: float,
    agreement: Agreement,
    *,
    pending: float | None = None,
    preview: tuple[float, ClassMetrics] | None = None,
    refit: Points | None = None,
) -> list[Chart]:
    """The charts of a concept whose influence is ``influence``.

    ``pending`` is a bound that waits, ``preview`` the influence and the metrics that the batch
    would give, ``refit`` the points known of the refit what-if: they too lie within the axes.
    """
    # the teacher has no level of fidelity: it is what that compares with
    now, levels = curves.at(influence), {**agreement.teacher_metrics(), FIDELITY.key: math.nan}
    bound = pending if pending is not None and _on_axis(curves, pending) else math.nan
    then = curves.at(bound) if math.isfinite(bound) else dict.fromkeys(CHARTED, math.nan)
    ghost = preview if preview and _on_axis(curves, preview[0]) else None
    charts = []
    for metric in CHARTED:
        place = (ghost[0], getattr(ghost[1], metric)) if ghost else NOWHERE
        points = [getattr(metrics, metric) for metrics in (refit or {}).values()]
        marked = [now[metric], levels[metric], place[1], *points]
        bottom, top = round_range(np.append(getattr(curves, metric), marked))
        charts.append(
            Chart(
                metric=metric,
                low=curves.low,
                high=curves.high,
                bottom=bottom,
                top=top,
                now=(influence, now[metric]),
                teacher=levels[metric],
                pending=(bound, then[metric]),
                preview=place,
            )
        )
    return charts


def make_steps(curves: WhatIf) -> dict[str, list[float | None]]:
    """The exact curves: ``edges`` of the pieces, and by metric the value that holds in each.

    All pieces, or ``PIECES`` of equal width where there are more. None where undefined.
    """
    edges, pieces = _thinned(curves)
    values = {metric: getattr(curves, metric)[pieces] for metric in CHARTED}
    columns = {"edges": edges, **values}
    return {name: [_sent(value) for value in column.tolist()] for name, column in columns.items()}


def piece_middles(curves: WhatIf) -> np.ndarray:
    """An influence within each of the pieces of ``make_steps``, ascending."""
    edges, _ = _thinned(curves)
    return (edges[1:] + edges[:-1]) / 2


def make_band(band: Band) -> dict[str, list[float | None]]:
    """The interval of the change from now in each piece: ``low`` and ``high``, None: undefined."""
    return {
        "low": [_sent(value, BAND_DIGITS) for value in band.low.tolist()],
        "high": [_sent(value, BAND_DIGITS) for value in band.high.tolist()],
    }


def make_points(refit: Points, changes: Changes) -> dict[str, Any]:
    """Points of the refit what-if in order of ``influence``, and by metric their values.

    ``bands`` are the intervals of their changes from now, by metric as in ``make_band``.
    """
    order = sorted(refit)
    values = {metric: [getattr(refit[at], metric) for at in order] for metric in CHARTED}
    columns = {"influence": order, **values}
    bands = {
        metric: {
            side: [_sent(getattr(changes[at][metric], side), BAND_DIGITS) for at in order]
            for side in ("low", "high")
        }
        for metric in CHARTED
    }
    sent = {name: [_sent(value) for value in column] for name, column in columns.items()}
    return {**sent, "bands": bands}


def _thinned(curves: WhatIf) -> tuple[np.ndarray, np.ndarray]:
    """Edges and numbers of the pieces to draw: all of them, or ``PIECES`` evenly spread."""
    if len(curves.breakpoints) <= PIECES:
        return curves.edges, np.arange(len(curves.breakpoints) + 1)
    edges = np.linspace(curves.low, curves.high, PIECES + 1)
    middles = (edges[1:] + edges[:-1]) / 2
    return edges, np.searchsorted(curves.breakpoints, middles, side="left")


def _on_axis(curves: WhatIf, influence: float) -> bool:
    return curves.low <= influence <= curves.high


def _mark(place: Place) -> list[float | None] | None:
    """A place as plain data: None where there is none; its value is None where undefined."""
    return [place[0], defined(place[1])] if math.isfinite(place[0]) else None


def _sent(value: float, digits: int = DIGITS) -> float | None:
    return None if math.isnan(value) else round(value, digits)
