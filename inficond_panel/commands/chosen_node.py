"""The iteration that a command is about: the one named, else the head."""

from __future__ import annotations

from inficond_panel.commands.output import note
from inficond_panel.tuning import Node, Tuner
from inficond_panel.tuning.node_names import find_node


def chosen_node(tuner: Tuner, name: str | None, *, deleted: bool = False) -> Node:
    """The iteration that ``name`` names; without one the head, which the page shows.

    One in a deleted branch is taken only where ``deleted`` is True.

    Writes a note where that gives the untouched students although there are iterations: nobody who
    has tuned should take them away unawares. Raises ``TuningError`` as ``find_node`` does.
    """
    if name is not None:
        return find_node(tuner, name, deleted=deleted)
    head = tuner.head()
    nodes = tuner.nodes()
    if head.parent is None and len(nodes) > 1:
        note(
            f"These are the untouched students, #0, as on the page; #{nodes[-1].number} is the "
            f"latest iteration. Take it with --node {nodes[-1].number}."
        )
    return head
