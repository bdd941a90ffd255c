"""A plot of what models cost: AP over milliseconds per photo, of pockets, students and teacher."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import holoviews as hv

from inficond_panel.common.upstream import bokeh_backend
from inficond_panel.vocabulary.metrics import AP
from inficond_panel.vocabulary.palette import INFLUENCE, INK, TEACHER

_MILLISECONDS = "milliseconds"
_COLUMNS = ("megabytes", "multiplications", "model")
_TEXT: dict[str, Any] = {"text_color": INK.light, "text_font_size": "9pt", "backend": "bokeh"}
_ABOVE: dict[str, Any] = {"text_baseline": "bottom", "yoffset": 0.003, **_TEXT}
_BELOW: dict[str, Any] = {"text_baseline": "top", "yoffset": -0.003, **_TEXT}


@bokeh_backend()
def make_cost(rows: Sequence[Mapping[str, Any]], split: str) -> hv.Overlay:
    """Draw AP over milliseconds, on a logarithmic axis, from ``rows`` of tables of costs. A model
    whose time was not measured, as a teacher that is a table of logits, is a dashed line.

    Columns: ``milliseconds``, ``ap``, ``megabytes``, ``multiplications`` (millions), ``model``.
    """
    known = [row for row in rows if row[AP.key] is not None]
    timed = [row for row in known if row["milliseconds"] is not None]
    points = hv.Points(
        [tuple(row[key] for key in ("milliseconds", AP.key, *_COLUMNS)) for row in timed],
        [_MILLISECONDS, AP.key],
        list(_COLUMNS),
    )
    left = min((row["milliseconds"] for row in timed), default=1.0)
    untimed = [row for row in known if row["milliseconds"] is None]
    lines = [
        hv.HLine(row[AP.key]).opts(
            color=TEACHER.light, line_dash="dashed", line_width=1, backend="bokeh"
        )
        for row in untimed
    ]
    # by time, at the upper left and lower right in turns, so that neighbours do not overlap
    names = sorted(
        (row["milliseconds"], row[AP.key], row["model"].removeprefix("pocket, ")) for row in timed
    )
    texts = [(left, row[AP.key], f"{row['model']}, time not measured") for row in untimed]
    drawn = hv.Overlay(
        [
            points.opts(color=INFLUENCE.light, size=8, tools=["hover"], backend="bokeh"),
            hv.Labels(names[::2], points.kdims, "model").opts(text_align="right", **_ABOVE),
            hv.Labels(names[1::2], points.kdims, "model").opts(text_align="left", **_BELOW),
            hv.Labels(texts, points.kdims, "model").opts(text_align="left", **_ABOVE),
            *lines,
        ]
    )
    return drawn.opts(
        logx=True,
        padding=(0.35, 0.2),
        xlabel="ms per photo",
        ylabel=f"{AP.mean}, {split}",
        width=560,
        height=340,
        backend="bokeh",
    )
