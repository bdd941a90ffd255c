"""Tree of iterations as a plot: newest on top, a lane per branch, the present one filled."""

from __future__ import annotations

from collections.abc import Sequence

import holoviews as hv

from inficond_panel.plots.branches import Branches
from inficond_panel.tuning import Iteration
from inficond_panel.vocabulary.palette import ACTIVE, INK, INK_3, SURFACE
from inficond_panel.wording.cures import glyph_of, object_of

_PLACE = ["lane", "iteration"]


def make_provenance(nodes: Sequence[Iteration], current: str) -> hv.Overlay:
    """Iterations (oldest first, parents before children) in lanes, with lines to their parents.

    Points have the columns ``lane``, ``iteration`` (its number), ``name``, ``intents``, ``note``
    and ``fill``. ``current`` is the id of the iteration that the students are at.
    """
    branches = Branches(nodes, current)
    numbers = {node.id: node.number for node in nodes}
    at = {node.id: (branches.lanes[branches.places[node.id]], node.number) for node in nodes}
    lines = [(*at[node.parent], *at[node.id]) for node in nodes if node.parent]
    rows = [
        (
            *at[node.id],
            f"#{numbers[node.id]} {node.name}".rstrip(),
            ", ".join(f"{glyph_of(one)} {object_of(one)}, {one.class_name}" for one in node.asked),
            node.note,
            (ACTIVE if node.id == current else SURFACE).light,
        )
        for node in nodes
    ]
    width = max(branches.lanes) + 1
    points = hv.Points(rows, _PLACE, ["name", "intents", "note", "fill"])
    texts = hv.Labels([row[:3] for row in rows], _PLACE, "name")
    return (
        hv.Segments(lines, [*_PLACE, "to_lane", "to_iteration"]).opts(color=INK_3.light)
        * points.opts(
            color="fill", line_color=INK.light, size=10, tools=["hover"], show_legend=False
        )
        * texts.opts(text_color=INK.light, text_align="left", xoffset=0.08)
    ).opts(
        xaxis=None,
        yaxis=None,
        xlim=(-0.3, width),
        padding=(0, 0.2),
        width=380,
        height=max(200, 60 + 40 * len(nodes)),
    )
