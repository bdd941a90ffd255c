"""Still picture of the concept detail: the charts over its influence, and the first images."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from inficond_panel.ui.notebook.drawing import Drawing
from inficond_panel.vocabulary.palette import INFLUENCE, INK, INK_2, INK_3, LINE, TEACHER

IMAGES = 5  #: that are in the picture
_WIDTH, _HEAD, _CHART, _IMAGE = 500, 34, 92, 88
_COLUMNS = 3


def draw_picture(
    title: str,
    captions: Sequence[Mapping[str, Any]],
    steps: Mapping[str, Sequence[float | None]],
    pictures: Iterable[str],
) -> Drawing:
    """Charts of ``make_charts`` with the curves of ``make_steps``; ``pictures`` are data URIs."""
    shown = list(captions) if steps else []
    images = [uri for uri in pictures if uri][:IMAGES]
    lines = -(-len(shown) // _COLUMNS)
    drawing = Drawing(_WIDTH, _HEAD + lines * _CHART + (_IMAGE + 12 if images else 0) + 6)
    drawing.text((12, 22), title, room=_WIDTH - 24, size=14, bold=True)
    wide = _WIDTH / _COLUMNS
    for at, caption in enumerate(shown):
        place = (wide * (at % _COLUMNS), float(_HEAD + at // _COLUMNS * _CHART))
        drawing.put(place, _chart(caption, steps, wide))
    for at, uri in enumerate(images):
        place = (12.0 + at * (_IMAGE + 6), float(_HEAD + lines * _CHART + 6))
        drawing.image(place, (_IMAGE, _IMAGE), uri)
    return drawing


def _chart(
    caption: Mapping[str, Any], steps: Mapping[str, Sequence[float | None]], wide: float
) -> Drawing:
    """One metric: its exact steps, the teacher's level, and a dot where the student is now."""
    drawing = Drawing(wide, _CHART)
    left, right, top, bottom = 12.0, wide - 6, 24.0, _CHART - 18.0
    drawing.text((left, 14), caption["title"], INK_2, 11)
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
