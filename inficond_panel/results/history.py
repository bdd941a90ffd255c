"""The iterations of a history as a frame, drawn as a tree; the facts that identify a history."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from inficond_panel.results.frame import Heading, make_frame, plain_headings
from inficond_panel.results.metric_changes import metric_change
from inficond_panel.tuning import Node, Tuner
from inficond_panel.tuning.other_students import count_others, others_sentence
from inficond_panel.vocabulary.splits import HOLDOUT, TUNE
from inficond_panel.wording.repairs import edit_words, recorded_words

_HEADINGS = {
    **plain_headings(tree="iteration", id="id", intents="intents"),
    "map_change": Heading("change of mAP", sign=True),
    **plain_headings(author="by", created="made", expected="expected", looks="looks", note="note"),
}


def iterations(
    tuner: Tuner,
    here: Node | None = None,
    *,
    only: Sequence[Node] | None = None,
    deleted: bool = False,
    changes: bool = False,
) -> pd.DataFrame:
    """Return a frame of iterations by number; with ``deleted`` also iterations of deleted branches.

    The column ``here`` marks the iteration ``here`` (None: the head). The column ``tree`` draws the
    branches, unless ``only`` these iterations are requested. ``looks`` counts evaluations on the
    holdout. ``changes`` adds the change of mAP since #0 on ``tune``, with its limits.
    """
    nodes, state = tuner.nodes(deleted=deleted), tuner.history.state(tuner.root_id)
    numbers = {node.id: node.number for node in nodes}
    here_id = state.head if here is None else here.id
    tree = dict(_tree(nodes))
    if only is not None:
        nodes = [node for node in nodes if node.id in {each.id for each in only}]
        tree = {node.number: "" for node in nodes}
    rows = [
        {
            "iteration": node.number,
            "tree": tree[node.number] + _title(node, state.head, deleted=state.hidden(node.id)),
            "id": node.id,
            "parent": numbers[node.parent] if node.parent else None,
            "intents": "; ".join(f"{edit_words(item)} on {item.class_name}" for item in node.edits),
            **(_change(tuner, node) if changes else {}),
            "author": node.author,
            "created": node.created,
            "seconds": node.seconds,
            "weights_hash": node.weights_hash,
            "looks": state.looks[node.id, HOLDOUT],
            "name": node.name,
            "note": node.note,
            "expected": recorded_words(node),
            "meant": ", ".join(f"{name}: {world}" for name, world in node.worlds_meant.items()),
            "deleted": state.hidden(node.id),
            "here": node.id == here_id,
        }
        for node in nodes
    ]
    order = [row["iteration"] for row in rows]
    notes = []
    if only is None:
        rest, others = len(state.parents) - len(nodes), count_others(tuner)
        hidden = f"Not shown, in deleted branches: {rest}; see: inficond history list SPEC --all"
        notes = [hidden] * bool(rest) + [others_sentence(others)] * bool(others)
    frame = make_frame(
        rows,
        "iteration",
        _HEADINGS,
        title=f"history {tuner.history.path}",
        notes=notes,
        facts=history_facts(tuner) | {"redo": state.redo[::-1]},
        level=float(tuner.spec.views.confidence) if changes else None,
        shown=[order.index(number) for number in tree],
    )
    return frame.astype({"parent": "Int64"})


def _change(tuner: Tuner, node: Node) -> dict[str, float]:
    return metric_change(tuner, tuner.node(tuner.root_id), node, TUNE, "").columns("map_change")


def _title(node: Node, head: str | None, *, deleted: bool) -> str:
    """Return a title such as ``◉ #2 'less grass'``; its mark is ◉ at the head, ○ if deleted."""
    mark = "◉" if node.id == head else "○" if deleted else "●"
    return f"{mark} #{node.number}{f' {node.name!r}' if node.name else ''}"


def _tree(nodes: Sequence[Node]) -> Iterator[tuple[int, str]]:
    """Yield each iteration's number, parents first, with the lines of the tree to draw before it.

    An only child follows directly below its parent, without a new branch.
    """
    children: dict[str | None, list[Node]] = {}
    for node in nodes:
        children.setdefault(node.parent, []).append(node)
    waiting = [(nodes[0], "", "")] if nodes else []
    while waiting:
        at, before, below = waiting.pop()
        yield at.number, before
        under = children.get(at.id, [])
        if len(under) == 1:
            waiting.append((under[0], below, below))
        else:
            branches = [(child, f"{below}├─", f"{below}│ ") for child in under[:-1]]
            branches += [(child, f"{below}└─", f"{below}  ") for child in under[-1:]]
            waiting += reversed(branches)


def history_facts(tuner: Tuner) -> dict[str, Any]:
    """Return the facts that identify a history: spec, hash of the store, path, head."""
    return {
        "spec": str(tuner.spec.path),
        "store_hash": tuner.store.content_hash,
        "history": tuner.history.path,
        "head": tuner.history.head(tuner.root_id),
    }
