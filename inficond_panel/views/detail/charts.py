"""Data of the detail view: what-if charts, suggested concepts to open, and a still picture.

The browser draws the charts: steps of the exact what-if, and points of the refit what-if, which are
thumbs where a thumb adjusts targets.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import param

from inficond_panel.common.numbers import defined, number, short, signed
from inficond_panel.distill import Agreement, Band, ClassMetrics, WhatIf
from inficond_panel.results.what_if_curves import CurvePoint
from inficond_panel.tuning.shift import ClassShift
from inficond_panel.ui import browser
from inficond_panel.ui.component import ViewComponent
from inficond_panel.ui.drawing import Drawing
from inficond_panel.vocabulary.intents import ALL
from inficond_panel.vocabulary.metrics import (
    ACCURACY,
    F1,
    FIDELITY,
    METRICS,
    PRECISION,
    RECALL,
    keys,
)
from inficond_panel.vocabulary.palette import INFLUENCE, INK, INK_2, INK_3, LINE, TEACHER
from inficond_panel.wording.suspects import plain_reason

CHARTED = keys(F1, RECALL, PRECISION, ACCURACY, FIDELITY)
PIECES = 300  #: largest number of steps that are drawn; more steps are sampled at equal distances
DIGITS = 6  #: decimals of the numbers that are sent; a chart is some hundred pixels wide
BAND_DIGITS = 4  #: decimals of interval limits, which the page shows with three
_STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.5)

Place = tuple[float, float]  #: influence and value of a point; nan for no point
NOWHERE: Place = (math.nan, math.nan)
Axis = tuple[float, float]  #: least and largest influence of a chart


def axis_digits(span: float) -> int:
    """Return the decimals for an axis of length ``span``, so that its ends err by less than 1 %."""
    return max(1, 1 - math.floor(math.log10(span))) if span > 0 else 1


def round_range(values: Sequence[float] | np.ndarray) -> tuple[float, float]:
    """Return round limits in [0, 1] that enclose ``values``; (0, 1) if all are undefined."""
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
    refit: Sequence[CurvePoint] = (),
) -> list[dict[str, Any]]:
    """Return axes and marks of a what-if chart per metric of ``CHARTED``, without its curves.

    ``influence`` is the concept's, ``pending`` the bound of a pending thumb, which is marked on the
    exact curve, ``preview`` the influence and the metrics that the batch would give, ``refit`` the
    solved points of the refit what-if: the axes include both. A mark is None if there is none; a
    bound that is outside the axis has none.
    """
    # the teacher has no fidelity: fidelity is agreement with the teacher
    now, levels = curves.at(influence), {**agreement.teacher_metrics(), FIDELITY.key: math.nan}
    reached = [point.influence for point in refit] + ([preview[0]] if preview else [])
    axis = min([curves.low, *reached]), max([curves.high, *reached])
    known = pending is not None and curves.low <= pending <= curves.high
    bound = pending if pending is not None and known else math.nan
    then = curves.at(bound) if known else dict.fromkeys(CHARTED, math.nan)
    charts = []
    for metric in CHARTED:
        mark = (preview[0], getattr(preview[1], metric)) if preview else NOWHERE
        points = [getattr(point.metrics, metric) for point in refit]
        marked = [now[metric], levels[metric], mark[1], *points]
        bottom, top = round_range(np.append(getattr(curves, metric), marked))
        charts.append(
            {
                **_caption(metric, axis, influence, now[metric], levels[metric]),
                "topText": short(top),
                "bottomText": short(bottom),
                "bottom": bottom,
                "top": top,
                "pending": _mark((bound, then[metric])),
                "preview": _mark(mark),
            }
        )
    return charts


def _caption(
    metric: str, axis: Axis, influence: float, value: float, teacher: float
) -> dict[str, Any]:
    """Return the axis of influences, and the values of student and teacher, with their texts."""
    (low, high), name = axis, METRICS[metric].name
    digits = axis_digits(high - low)
    told = f", teacher {number(teacher)}" if metric != FIDELITY.key else ""
    return {
        "metric": metric,
        "title": name,
        "value": number(value),
        "lowText": number(low, digits),
        "highText": number(high, digits),
        "nowText": number(influence, max(2, digits)),
        "low": low,
        "high": high,
        "now": _mark((influence, value)),
        "teacher": defined(teacher),
        "alt": f"{name} {number(value)} at influence {number(influence, 2)}{told}",
    }


def make_steps(curves: WhatIf) -> dict[str, list[float | None]]:
    """Return the exact curves as step functions: ``edges`` of the pieces, and values by metric.

    All pieces are returned, or ``PIECES`` of equal width if there are more. An undefined value is
    None.
    """
    edges, pieces = _thinned(curves)
    values = {metric: getattr(curves, metric)[pieces] for metric in CHARTED}
    columns = {"edges": edges, **values}
    return {name: [_sent(value) for value in column.tolist()] for name, column in columns.items()}


def piece_middles(curves: WhatIf) -> np.ndarray:
    """Return the middle influence of each piece of ``make_steps``, ascending."""
    edges, _ = _thinned(curves)
    return (edges[1:] + edges[:-1]) / 2


def make_band(band: Band) -> dict[str, list[float | None]]:
    """Return the limits of a what-if change per piece as lists ``low`` and ``high``, or None."""
    sides = {"low": band.low.tolist(), "high": band.high.tolist()}
    return {side: [_sent(end, BAND_DIGITS) for end in ends] for side, ends in sides.items()}


def make_points(refit: Sequence[CurvePoint]) -> dict[str, Any]:
    """Return the points of the refit what-if in their order: ``influence``, and values by metric.

    ``thumbs`` names the thumb of each point (empty without thumbs), ``bands`` are the intervals of
    the changes from the present student, as in ``make_band``.
    """
    values = {metric: [getattr(each.metrics, metric) for each in refit] for metric in CHARTED}
    columns = {"influence": [each.influence for each in refit], **values}
    bands = {
        metric: {
            side: [_sent(getattr(each.changes[metric], side), BAND_DIGITS) for each in refit]
            for side in ("low", "high")
        }
        for metric in CHARTED
    }
    sent = {name: [_sent(value) for value in column] for name, column in columns.items()}
    thumbs = [each.words for each in refit] if any(each.thumb for each in refit) else []
    return {**sent, "bands": bands, "thumbs": thumbs}


def _thinned(curves: WhatIf) -> tuple[np.ndarray, np.ndarray]:
    """Return edges and indices of the pieces to draw: all pieces, or ``PIECES`` of equal width."""
    if len(curves.breakpoints) <= PIECES:
        return curves.edges, np.arange(len(curves.breakpoints) + 1)
    edges = np.linspace(curves.low, curves.high, PIECES + 1)
    middles = (edges[1:] + edges[:-1]) / 2
    return edges, np.searchsorted(curves.breakpoints, middles, side="left")


def _mark(point: Place) -> list[float | None] | None:
    """Return a point as [influence, value], an undefined value as None; None for no point."""
    return [point[0], defined(point[1])] if math.isfinite(point[0]) else None


def _sent(value: float, digits: int = DIGITS) -> float | None:
    return None if math.isnan(value) else round(value, digits)


#: Number of suggestions where a class has no suspects, or where no class is selected.
CONCEPTS = 4


def make_starts(
    shift: ClassShift | None, influences: Mapping[tuple[str, str], float]
) -> list[dict[str, Any]]:
    """Return the concepts to open first, ``{class_name, concept, reason}``: a class's suspects.

    If the class has none, or no class is selected, these are the keys of ``influences``, which
    are by class and concept.
    """
    if shift is not None and shift.suspects:
        reasons = {(shift.class_name, s.concept): plain_reason(shift, s) for s in shift.suspects}
    else:
        reasons = {key: f"influence {signed(value)}" for key, value in influences.items()}
    return [
        {"class_name": name, "concept": concept, "reason": reason}
        for (name, concept), reason in reasons.items()
    ]


class DetailPanel(ViewComponent):
    """Component of the detail view: heading, charts, filter chips, gallery, dialog of one image."""

    student = param.String("", doc="Class of the student; empty: none selected.")
    curves = param.Boolean(True, doc="Whether the charts are shown.")
    confidence = param.String("", doc="Level of the intervals, in words; empty: none.")
    concept = param.String("", doc="Concept shown; empty: none.")
    influence = param.String("", doc="Influence of the concept, as text.")
    pending = param.Dict({}, doc="Pending thumb: {direction, text}, its bound; empty: none.")
    metrics = param.List(list(CHARTED), item_type=str, doc="Metrics that have a chart.")
    steps = param.Dict({}, doc="The exact curves, see ``make_steps``.")
    bands = param.Dict({}, doc="See ``make_band``, by metric; empty: not computed yet.")
    captions = param.List([], item_type=dict, doc="See ``make_charts``.")
    mode: param.Selector[str] = param.Selector(
        default="exact", objects=["exact", "refit"], doc="Other influences fixed, or refitted."
    )
    thumb_does = param.String(ALL, doc="What a thumb does (``Tuner.refit``).")
    refit = param.Dict({}, doc="The refit what-if: {share, state, points}; empty: not shown.")
    picked = param.String("", doc="Title of the picked images; empty: none.")
    outlined = param.String("", doc="Concept outlined in the images; empty: none.")
    gallery = param.Dict({}, doc="Listed images, see ``make_gallery``.")
    filters = param.List([], item_type=str, doc="Filters of the gallery that are on.")
    listed = param.String("", doc="Sentence on the listed images; or empty.")
    thumbs = param.Dict({}, doc="Directions of pending thumbs, by concept.")
    locked = param.String("", doc="Why tuning is off now; empty: it is on.")
    tagged = param.Dict({}, doc="Tags by row of the image, as text.")
    known_tags = param.List([], item_type=str, doc="All tags in use.")
    frozen = param.Boolean(False, doc="Whether thumbs are off now.")
    starts = param.List([], item_type=dict, doc="See ``make_starts``.")
    apart = param.Dict({}, doc="Prediction on one image (``make_apart``), its facts and heat map.")

    _taken = frozenset({"filters", "mode"})
    _esm = browser.module(Path(__file__).with_name("detail.js"))
    _stylesheets = browser.styles(Path(__file__).with_name("detail.css"))


SHOWN_IMAGES = 5  #: number of images in the picture
_WIDTH, _HEAD, _CHART, _IMAGE = 500, 34, 92, 88
_COLUMNS = 3


def draw_picture(
    title: str,
    captions: Sequence[Mapping[str, Any]],
    steps: Mapping[str, Sequence[float | None]],
    pictures: Iterable[str],
) -> Drawing:
    """Return a drawing of the charts ``captions``, curves ``steps``, and first ``pictures``."""
    shown = list(captions) if steps else []
    images = [uri for uri in pictures if uri][:SHOWN_IMAGES]
    lines = -(-len(shown) // _COLUMNS)
    drawing = Drawing(_WIDTH, _HEAD + lines * _CHART + (_IMAGE + 12 if images else 0) + 6)
    drawing.text((12, 22), title, room=_WIDTH - 24, size=14, bold=True)
    wide = _WIDTH / _COLUMNS
    for at, caption in enumerate(shown):
        corner = (wide * (at % _COLUMNS), float(_HEAD + at // _COLUMNS * _CHART))
        drawing.put(corner, _chart(caption, steps, wide))
    for at, uri in enumerate(images):
        corner = (12.0 + at * (_IMAGE + 6), float(_HEAD + lines * _CHART + 6))
        drawing.image(corner, (_IMAGE, _IMAGE), uri)
    return drawing


def _chart(
    caption: Mapping[str, Any], steps: Mapping[str, Sequence[float | None]], wide: float
) -> Drawing:
    """Return a drawing of one chart: exact steps, teacher's value, and dot of the student."""
    drawing = Drawing(wide, _CHART)
    left, right, top, bottom = 12.0, wide - 6, 24.0, _CHART - 18.0
    drawing.text((left, 14), caption["title"], INK_2)
    drawing.text((right, 14), caption["value"], size=11, anchor="end", bold=True)
    low, high, least, most = (caption[key] for key in ("low", "high", "bottom", "top"))

    def place(x: float, y: float) -> tuple[float, float]:
        across, up = (x - low) / (high - low or 1), (y - least) / (most - least or 1)
        return left + (right - left) * across, bottom - (bottom - top) * up

    drawing.line([(left, bottom), (right, bottom)], LINE)
    if caption["teacher"] is not None:
        drawing.line(
            [place(low, caption["teacher"]), place(high, caption["teacher"])], TEACHER, True
        )
    edges, values = steps["edges"], steps[caption["metric"]]
    pieces = zip(edges, edges[1:], values, strict=False)
    ends = [(x, value) for start, end, value in pieces for x in (start, end) if value is not None]
    drawing.line([place(x, value) for x, value in ends if x is not None], INK)
    if caption["now"] and caption["now"][1] is not None:
        drawing.dot(place(*caption["now"]), 3, INFLUENCE.light)
    drawing.text((left, _CHART - 6), caption["lowText"], INK_3, 10)
    drawing.text((right, _CHART - 6), caption["highText"], INK_3, 10, "end")
    return drawing
