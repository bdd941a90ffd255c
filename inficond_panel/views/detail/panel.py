"""Panel of the concept detail view: the component that the browser draws, and a still picture."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import param

from inficond_panel.ui import browser
from inficond_panel.ui.component import ViewComponent
from inficond_panel.ui.notebook.drawing import Drawing
from inficond_panel.views.detail.charts import CHARTED
from inficond_panel.vocabulary.palette import INFLUENCE, INK, INK_2, INK_3, LINE, TEACHER


class DetailPanel(ViewComponent):
    """Heading, the charts, filter chips, gallery and the dialog of one image.

    Pictures are sent when they come near the part of the gallery on screen: the browser asks
    for ``{"pictures": [row, ...]}``; with ``{"photo": row}`` for the photo that an image was made
    from, which is large; with ``{"apart": row}`` for a prediction by concept; with
    ``{"refit": "stop"}`` and ``{"refit": "go"}`` it stops the refit what-if and goes on with it;
    with ``{"save": [filter, ...]}`` for the images that pass the filters as a file.
    """

    student = param.String("", doc="Class of the student; empty: none selected.")
    confidence = param.String("", doc="Level of the intervals, in words; empty: none.")
    concept = param.String("", doc="Concept shown; empty: none.")
    influence = param.String("", doc="Its influence, as text.")
    pending = param.Dict({}, doc="The intent that waits: {direction, text}; empty: none.")
    metrics = param.List(list(CHARTED), item_type=str, doc="Metrics that have a chart.")
    steps = param.Dict({}, doc="The exact curves, see ``make_steps``.")
    bands = param.Dict({}, doc="By metric, see ``make_band``; empty: being computed.")
    captions = param.List([], item_type=dict, doc="See ``Chart.caption``.")
    mode: param.Selector[str] = param.Selector(
        default="exact", objects=["exact", "refit"], doc="Others held, or re-optimised."
    )
    refit = param.Dict({}, doc="The refit what-if: {share, state, points}; empty: not shown.")
    picked = param.String("", doc="What images that were picked out have in common; empty: none.")
    outlined = param.String("", doc="Concept outlined in the images; empty: none.")
    gallery = param.Dict({}, doc="See ``make_gallery``.")
    filters = param.List([], item_type=str, doc="Filters of the gallery that are on.")
    listed = param.String("", doc="Sentence on which images are listed; empty: as the filters say.")
    thumbs = param.Dict({}, doc="Directions that wait for the student, by concept.")
    locked = param.String("", doc="Why nothing can be tuned now; empty: it can.")
    tagged = param.Dict({}, doc="Tags of images by position in the store, as text.")
    known_tags = param.List([], item_type=str, doc="All tags in use.")
    frozen = param.Boolean(False, doc="Whether no thumb can be given now.")
    starts = param.List([], item_type=dict, doc="See ``make_starts``; empty: none to offer.")
    apart = param.Dict(
        {}, doc="One image's prediction, see ``make_apart``, its facts and heat map."
    )

    _taken = frozenset({"filters", "mode"})
    _esm = browser.module(Path(__file__).with_name("detail.js"))
    _stylesheets = browser.styles(Path(__file__).with_name("detail.css"))


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
