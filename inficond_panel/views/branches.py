"""The tree of iterations as it is drawn: newest first, a lane each branch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from inficond_panel.state import Node


def make_lanes(nodes: Sequence[Node]) -> list[int]:
    """Lane of each node in the tree drawn newest first; 0 is leftmost, branches go right.

    ``nodes`` are oldest first, parents before children. A node stands in the lane of its newest
    child, so that going back and tuning again leaves the older branch on the right.
    """
    waiting: list[str | None] = []
    lanes = []
    for node in reversed(nodes):
        own = [lane for lane, awaited in enumerate(waiting) if awaited == node.id]
        free = [lane for lane, awaited in enumerate(waiting) if awaited is None]
        lane = min(own or free or [len(waiting)])
        waiting += [None] * (lane + 1 - len(waiting))
        for used in own:
            waiting[used] = None
        waiting[lane] = node.parent
        lanes.append(lane)
    return lanes


def make_edges(nodes: Sequence[Node], current: str) -> list[dict[str, Any]]:
    """Lines from each node to its parent, as ``[row, lane]``; those to the current node marked."""
    newest = list(reversed(nodes))
    lanes = make_lanes(nodes)
    place = {node.id: [row, lanes[row]] for row, node in enumerate(newest)}
    path = {node.id for node in make_path(nodes, current)}
    return [
        {"from": place[node.id], "to": place[node.parent], "path": node.id in path}
        for node in newest
        if node.parent
    ]


def make_path(nodes: Sequence[Node], node_id: str) -> list[Node]:
    """The node and its ancestors, newest first."""
    by_id = {node.id: node for node in nodes}
    path = [by_id[node_id]]
    while path[-1].parent:
        path.append(by_id[path[-1].parent])
    return path
