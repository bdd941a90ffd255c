"""A plot of what models cost: AP over milliseconds per photo, of pockets, students and teacher."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import holoviews as hv

from inficond_panel.common.upstream import bokeh_backend
from inficond_panel.vocabulary.metrics import AP
from inficond_panel.vocabulary.palette import INFLUENCE, INK, TEACHER

_MILLISECONDS = "milliseconds"
_COLUMNS = ("megabytes", "multiplications", "model")
_BITS = "8 bits"
_EDGE = 0.25  #: share of the width in which names begin at the edge
_TEXT: dict[str, Any] = {"text_font_size": "9pt", "backend": "bokeh"}
_ABOVE: dict[str, Any] = {"text_baseline": "bottom", "yoffset": 0.003, **_TEXT}
_BELOW: dict[str, Any] = {"text_baseline": "top", "yoffset": -0.003, **_TEXT}


@bokeh_backend()
def make_cost(
    rows: Sequence[Mapping[str, Any]], split: str, dark: bool = False, responsive: bool = False
) -> hv.Overlay:
    """Draw AP over milliseconds, on a logarithmic axis, from ``rows`` of tables of costs. A model
    whose time was not measured, as a teacher that is a table of logits, is a dashed line. With
    ``responsive`` the plot is as wide as its place.

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
            color=TEACHER.of(dark), line_dash="dashed", line_width=1, backend="bokeh"
        )
        for row in untimed
    ]
    texts = [(left, row[AP.key], f"{row['model']}, time not measured") for row in untimed]
    ink = {"text_color": INK.of(dark)}
    drawn = hv.Overlay(
        [
            points.opts(color=INFLUENCE.of(dark), size=8, tools=["hover"], backend="bokeh"),
            *(labels.opts(**ink) for labels in _names(timed)),
            hv.Labels(texts, points.kdims, "model").opts(text_align="left", **_ABOVE, **ink),
            *lines,
        ]
    )
    return drawn.opts(
        logx=True,
        padding=(0.15, 0.2),
        xlabel="ms per photo",
        ylabel=f"{AP.mean}, {split}",
        height=260 if responsive else 340,
        **({"responsive": True} if responsive else {"width": 560}),
        backend="bokeh",
    )


def _names(rows: Sequence[Mapping[str, Any]]) -> Iterator[hv.Labels]:
    """Yield the names of the points: at the upper left, those of 8 bits at the lower right, as AP
    mostly rises with time; towards the middle at the edges of the plot."""
    times = [math.log(row["milliseconds"]) for row in rows]
    first, wide = min(times, default=0.0), (max(times, default=0.0) - min(times, default=0.0)) or 1
    placed: dict[tuple[bool, str], list[tuple[float, float, str]]] = {}
    for row, time in zip(rows, times, strict=True):
        name, at = _short(row["model"]), (time - first) / wide
        below = name == _BITS
        align = "left" if at < _EDGE or (below and at < 1 - _EDGE) else "right"
        point = (row["milliseconds"], row[AP.key], name)
        placed.setdefault((below, align), []).append(point)
    for (below, align), points in placed.items():
        look = _BELOW if below else _ABOVE
        yield hv.Labels(points, [_MILLISECONDS, AP.key], "model").opts(text_align=align, **look)


def _short(model: str) -> str:
    """Return a model's name for the plot: of a network in 8 bits that alone, as it is beside the
    same one in float32."""
    return _BITS if model.endswith(f", {_BITS}") else model.removeprefix("pocket, ")
