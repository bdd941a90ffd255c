"""The tree of iterations at one moment, which the page shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from inficond_panel.tuning import Iteration, Node, Tuner
from inficond_panel.tuning.other_students import count_others
from inficond_panel.vocabulary.splits import HOLDOUT


@dataclass(frozen=True)
class Deleted:
    """Deleted branch: its first hidden node, and the number of iterations that are hidden."""

    node: Iteration
    count: int


@dataclass(frozen=True)
class Tree:
    """The iterations of this history at one moment, oldest first.

    Deleted branches are left out, except for the shown node and its ancestors. ``looks`` counts
    evaluations on the holdout by node id. ``undo`` and ``redo`` are the ids of the nodes that undo
    and redo show next, or None. ``deleted`` are the branches that can be restored, the newest
    first; ``others`` counts iterations of other students in the same file, by kind.
    """

    nodes: tuple[Iteration, ...]
    looks: Mapping[str, int]
    undo: str | None = None
    redo: str | None = None
    deleted: tuple[Deleted, ...] = ()
    others: Mapping[str, int] = field(default_factory=dict)


def take_tree(tuner: Tuner, shown: Node) -> Tree:
    """Return the tree of iterations in the history; undo and redo start from ``shown``."""
    nodes, state = tuner.tree()
    hidden = state.all_hidden().difference(state.path(shown.id))
    return Tree(
        nodes=tuple(node for node in nodes if node.id not in hidden),
        looks=Counter({at: n for (at, split), n in state.looks.items() if split == HOLDOUT}),
        undo=state.undo_from(shown.id),
        redo=state.redo_from(shown.id),
        deleted=tuple(
            Deleted(node, len(state.branch(node.id)))
            for node in reversed(nodes)
            if node.id in state.deleted
        ),
        others=count_others(tuner),
    )
