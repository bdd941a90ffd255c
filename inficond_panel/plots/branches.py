"""The tree of iterations as it is drawn: newest first, a lane each branch."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from inficond_panel.tuning import Iteration


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
