"""Names of iterations: number, id, the first digits of an id, or name."""

from __future__ import annotations

from inficond_panel.common.near_words import missing
from inficond_panel.errors import TuningError
from inficond_panel.tuning.node import Node
from inficond_panel.tuning.other_students import count_others, others_sentence
from inficond_panel.tuning.tuner import Tuner

#: What names an iteration: number, id, name, or the iteration itself.
NodeName = str | int | Node
_SHORTEST = 4


def node_title(tuner: Tuner, node: Node) -> str:
    """``#3 0a1b2c3d4e5f``, and of students of the oracle that it has seen the label."""
    mark = f" (oracle, {tuner.mark})" if tuner.mark else ""
    return f"#{node.number} {node.id}{mark}"


def find_node(tuner: Tuner, text: NodeName, deleted: bool = False) -> Node:
    """The node that ``text`` names: ``3``, ``#3``, its id, four or more digits of it, its name.

    A number counts before an id that begins with it. Deleted branches count only if ``deleted``
    is True. Raises ``TuningError`` where no node, or more than one, has the name.
    """
    word = text.id if isinstance(text, Node) else str(text).strip()
    nodes = tuner.nodes(deleted)
    matching = [node for node in nodes if word.removeprefix("#") == str(node.number)]
    matching = matching or [node for node in nodes if word in {node.id, node.name}]
    if not matching and len(word) >= _SHORTEST:
        matching = [node for node in nodes if node.id.startswith(word)]
    if len(matching) == 1:
        return matching[0]
    known = [name for node in nodes for name in (node.id, node.name) if name]
    if matching:
        which = ", ".join(f"#{node.number} ({node.id})" for node in matching)
        raise TuningError(f"{word!r} is the name of several iterations: {which}.", "Give one's id.")
    there = f"There are #0 to #{len(nodes) - 1}." if nodes else "Distill first: inficond distill"
    others = others_sentence(count_others(tuner))
    raise TuningError(
        missing("iteration", word, known, f"in {tuner.history.path}"), f"{there} {others}".strip()
    )
