"""The history as frames: iterations, events, and other students in the same file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from inficond_panel.results.frame import Heading, make_frame
from inficond_panel.results.metrics import metric_change
from inficond_panel.tuning import Node, Tuner
from inficond_panel.tuning.other_students import count_others, other_students, others_sentence
from inficond_panel.vocabulary.splits import HOLDOUT, TUNE
from inficond_panel.wording.repairs import edit_words

_HEADINGS = {
    "tree": Heading("iteration"),
    "id": Heading("id"),
    "intents": Heading("intents"),
    "map_change": Heading("change of mAP", sign=True),
    "author": Heading("by"),
    "created": Heading("made"),
    "looks": Heading("looks"),
    "note": Heading("note"),
}
_EVENT_HEADINGS = {
    "number": Heading(""),
    "created": Heading("when"),
    "kind": Heading("event"),
    "iteration": Heading("iteration"),
    "from": Heading("from"),
    "author": Heading("by"),
    "text": Heading("text"),
}
_OTHER_HEADINGS = {
    "root": Heading("root"),
    "iterations": Heading("iterations"),
    "kind": Heading("kind"),
    "concepts": Heading("concepts"),
    "classes": Heading("classes"),
    "first": Heading("from"),
    "last": Heading("to"),
    "differs": Heading("differs by"),
}


def iterations(
    tuner: Tuner,
    here: Node | None = None,
    *,
    only: Sequence[Node] | None = None,
    deleted: bool = False,
    changes: bool = False,
) -> pd.DataFrame:
    """Return a frame of iterations by number; with ``deleted`` also those of deleted branches.

    The column ``here`` marks the iteration ``here`` (None: the head). The column ``tree`` draws the
    branches, unless ``only`` these iterations are requested. ``looks`` counts evaluations on the
    holdout. ``changes`` adds the change of mAP since #0 on ``tune``, with its limits.
    """
    nodes, state = tuner.nodes(deleted=deleted), tuner.history.state(tuner.root_id)
    numbers = {node.id: node.number for node in nodes}
    here_id = state.head if here is None else here.id
    tree, root = dict(_tree(nodes)), tuner.root_id
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
            **(_change(tuner, tuner.node(root), node) if changes else {}),
            "author": node.author,
            "created": node.created,
            "seconds": node.seconds,
            "weights_hash": node.weights_hash,
            "looks": state.looks[node.id, HOLDOUT],
            "name": node.name,
            "note": node.note,
            "deleted": state.hidden(node.id),
            "here": node.id == here_id,
        }
        for node in nodes
    ]
    order = [row["iteration"] for row in rows]
    left_out, others = len(state.parents) - len(nodes), count_others(tuner)
    if only is not None:
        left_out, others = 0, {}
    hidden = f"Not shown, in deleted branches: {left_out}; see: inficond history list SPEC --all"
    notes = [hidden] * bool(left_out) + [others_sentence(others)] * bool(others)
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


def _change(tuner: Tuner, root: Node, node: Node) -> dict[str, float]:
    return metric_change(tuner, root, node, TUNE, "").columns("map_change")


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


def events(tuner: Tuner, node: Node | None = None) -> pd.DataFrame:
    """Return a frame of the events of the history, or of the iteration ``node``, in their order.

    Columns ``iteration`` and ``from`` are numbers: the iteration, and the one shown before it or
    its parent; ``node`` and ``origin`` are their ids. ``checksum`` is that of an added iteration.
    """
    numbers = {node.id: node.number for node in tuner.nodes(deleted=True)}
    rows = [
        {
            **vars(event),
            "text": "" if event.kind == "add" else event.text,
            "checksum": event.text if event.kind == "add" else "",
            "iteration": numbers[event.node],
            "from": numbers[event.origin] if event.origin else None,
        }
        for event in tuner.history.events(tuner.root_id)
        if node is None or event.node == node.id
    ]
    title = f"history {tuner.history.path}: all events"
    frame = make_frame(rows, "number", _EVENT_HEADINGS, title=title, facts=history_facts(tuner))
    return frame.astype({"iteration": "Int64", "from": "Int64"})


def others(tuner: Tuner) -> pd.DataFrame:
    """Return a frame of the students with other concepts or settings in this history file.

    One row per ``root``, the id of their #0; the most recently used come first. ``differs`` names
    the concepts or settings that differ.
    """
    roots = other_students(tuner)
    rows = [{**each.to_json(), "differs": "; ".join(each.differs)} for each in roots]
    notes = [] if rows else [f"{tuner.history.path} has iterations of these students only."]
    title = f"history {tuner.history.path}, other students"
    return make_frame(
        rows, "root", _OTHER_HEADINGS, title=title, notes=notes, facts=history_facts(tuner)
    )


def history_facts(tuner: Tuner) -> dict[str, Any]:
    """Return what identifies a history: spec, hash of the store, place of the history, its head."""
    return {
        "spec": str(tuner.spec.path),
        "store_hash": tuner.store.content_hash,
        "history": tuner.history.path,
        "head": tuner.history.head(tuner.root_id),
    }
