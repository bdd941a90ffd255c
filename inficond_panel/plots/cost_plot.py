"""A plot of what models cost: AP over milliseconds per photo, of pockets, students and teacher."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import holoviews as hv

from inficond_panel.common.upstream import bokeh_backend
from inficond_panel.vocabulary.metrics import AP
from inficond_panel.vocabulary.palette import INFLUENCE, INK, TEACHER

_MILLISECONDS = ("milliseconds", "ms per photo")
_COLUMNS = ("megabytes", "multiplications", "model")


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
        [_MILLISECONDS, (AP.key, f"{AP.mean}, {split}")],
        list(_COLUMNS),
    )
    names = hv.Labels(points, points.kdims, "model")
    lines = [
        hv.HLine(row[AP.key], label=row["model"]).opts(
            color=TEACHER.light, line_dash="dashed", line_width=1, backend="bokeh"
        )
        for row in known
        if row["milliseconds"] is None
    ]
    drawn = hv.Overlay(
        [
            *lines,
            points.opts(color=INFLUENCE.light, size=8, tools=["hover"], backend="bokeh"),
            names.opts(
                text_color=INK.light, text_align="left", text_font_size="9pt", xoffset=0, yoffset=0,
                backend="bokeh",
            ),
        ]
    )  # fmt: skip
    return drawn.opts(logx=True, padding=(0.3, 0.2), width=520, height=320, backend="bokeh")
