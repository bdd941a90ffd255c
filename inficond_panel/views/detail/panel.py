"""Panel of the concept detail view: what the browser draws of it, and what it asks for."""

from __future__ import annotations

from pathlib import Path

import param

from inficond_panel.ui import browser
from inficond_panel.ui.component import ViewComponent
from inficond_panel.views.detail.charts import CHARTED


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
