"""Tree of iterations: newest first, a lane each branch; as data for the view, and as a plot."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import holoviews as hv

from inficond_panel.tuning import Iteration
from inficond_panel.vocabulary.palette import ACTIVE, INK, INK_3, SURFACE
from inficond_panel.wording.cures import glyph_of, object_of

_PLACE = ["lane", "iteration"]


class Branches:
    """Place of each node. ``nodes`` are oldest first, parents before children."""

    def __init__(self, nodes: Sequence[Iteration], current: str) -> None:
        self.newest = nodes[::-1]
        self.lanes = make_lanes(nodes)
        self.places = {node.id: place for place, node in enumerate(self.newest)}
        self.path = {node.id for node in make_path(nodes, current)}  # to the current node
        self.current = self.places[current]

    def edges(self, first: int = 0, last: int | None = None) -> list[dict[str, Any]]:
        """Lines from each node to its parent, as ``[row, lane]``; those to the current node marked.

        Those that can be seen in the rows from ``first`` on, before ``last``.
        """
        pairs = [
            (place, self.places[node.parent], node.id in self.path)
            for place, node in enumerate(self.newest[:last])
            if node.parent
        ]
        return [
            {"from": [start, self.lanes[start]], "to": [end, self.lanes[end]], "path": path}
            for start, end, path in pairs
            if end >= first
        ]


def make_lanes(nodes: Sequence[Iteration]) -> list[int]:
    """Lane of each node in the tree drawn newest first; 0 is leftmost, branches go right.

    ``nodes`` are oldest first, parents before children. A node stands in the lane of its newest
    child, so that going back and tuning again leaves the older branch on the right.
    """
    waiting: dict[str, list[int]] = defaultdict(list)  # lanes by the node that they lead to
    free: list[int] = []  # a heap
    used = 0
    lanes = []
    for node in reversed(nodes):
        own = sorted(waiting.pop(node.id, ()))
        if not own:
            own = [heapq.heappop(free) if free else used]
            used = max(used, own[0] + 1)
        for lane in own[1:]:
            heapq.heappush(free, lane)
        if node.parent:
            waiting[node.parent].append(own[0])
        else:
            heapq.heappush(free, own[0])
        lanes.append(own[0])
    return lanes


def make_path(nodes: Sequence[Iteration], node_id: str) -> list[Iteration]:
    """The node and its ancestors, newest first."""
    by_id = {node.id: node for node in nodes}
    path = [by_id[node_id]]
    while path[-1].parent:
        path.append(by_id[path[-1].parent])
    return path


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
