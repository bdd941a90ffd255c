"""``inficond history``: the tree of iterations, its head, names, notes and deleted branches."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from inficond_panel.analysis.comparison import change_document, compare
from inficond_panel.analysis.metric_changes import metric_change
from inficond_panel.commands.history_text import (
    comparison_lines,
    event_line,
    node_lines,
    tree_lines,
)
from inficond_panel.commands.output import note, progress, say, say_json
from inficond_panel.errors import TuningError
from inficond_panel.export.folder import edits_text
from inficond_panel.tuning import History, Node, Tuner, open_tuner
from inficond_panel.tuning.documents import node_document
from inficond_panel.tuning.node_names import find_node
from inficond_panel.tuning.replay import replay
from inficond_panel.tuning.typed_concepts import copy_concepts

#: What an action gives: the document, and its lines for people.
Result = tuple[dict[str, Any], list[str]]


def history(args: argparse.Namespace) -> None:
    """Carry out an action on the history of a spec."""
    tuner = open_tuner(args.spec, store=args.store, history=args.history)
    if not tuner.nodes():
        raise TuningError(
            f"{tuner.history.path} has no iterations of these students.",
            f"Distill them first: inficond distill {args.spec}",
        )
    if tuner.mark:
        note(f"These students learned from the oracle, which {tuner.mark}.")
    document, lines = _ACTIONS[args.action or "list"](tuner, args)
    if args.json:
        say_json(document)
    else:
        for line in lines:
            say(line)


def _list(tuner: Tuner, args: argparse.Namespace) -> Result:
    tuner.store.verify()
    nodes = tuner.nodes(deleted=getattr(args, "all", False))
    state = tuner.history.state(tuner.root_id)
    totals = {node.id: metric_change(tuner, nodes[0], node, "", "tune") for node in nodes[1:]}
    rows = [
        {
            **_facts(tuner, node),
            "head": node.id == state.head,
            "deleted": state.hidden(node.id),
            "total": change_document(totals[node.id]) if node.id in totals else None,
        }
        for node in nodes
    ]
    left_out = len(state.parents) - len(nodes)
    lines = [f"history {tuner.history.path}, changes in mean AP since #0 on the split tune", ""]
    lines += tree_lines(nodes, state, totals)
    if left_out:
        lines += ["", f"{left_out} in deleted branches are not shown; see: list --all"]
    return {**_place(tuner), "redo": state.redo[::-1], "nodes": rows}, lines


def _show(tuner: Tuner, args: argparse.Namespace) -> Result:
    tuner.store.verify()
    node = find_node(tuner, args.node, deleted=True)
    events = [event for event in tuner.history.events(tuner.root_id) if event.node == node.id]
    document = {
        **_place(tuner),
        "node": {**_facts(tuner, node), **node_document(tuner, node, "tune")},
        "deleted": tuner.history.state(tuner.root_id).hidden(node.id),
        "events": [vars(event) for event in events],
    }
    return document, node_lines(tuner, node, events)


def _undo(tuner: Tuner, _: argparse.Namespace) -> Result:
    return _moved(tuner, tuner.history.undo(tuner.root_id))


def _redo(tuner: Tuner, _: argparse.Namespace) -> Result:
    return _moved(tuner, tuner.history.redo(tuner.root_id))


def _jump(tuner: Tuner, args: argparse.Namespace) -> Result:
    node = find_node(tuner, args.node, deleted=True)
    tuner.history.set_head(tuner.root_id, node.id, "jump")
    return _moved(tuner, node.id)


def _moved(tuner: Tuner, node_id: str) -> Result:
    node = tuner.node(node_id)
    return {**_place(tuner), "node": _facts(tuner, node)}, [f"Now at #{node.number} {node.id}."]


def _rename(tuner: Tuner, args: argparse.Namespace) -> Result:
    node = find_node(tuner, args.node, deleted=True)
    tuner.history.rename(node.id, args.name)
    return _labelled(tuner, node, "name")


def _note(tuner: Tuner, args: argparse.Namespace) -> Result:
    node = find_node(tuner, args.node, deleted=True)
    tuner.history.set_note(node.id, args.text)
    return _labelled(tuner, node, "note")


def _labelled(tuner: Tuner, node: Node, label: str) -> Result:
    facts = _facts(tuner, tuner.nodes(deleted=True)[node.number])
    line = f"#{node.number} {node.id} has {'the' if facts[label] else 'no'} {label}"
    return {**_place(tuner), "node": facts}, [f"{line} {facts[label]!r}." if facts[label] else line]


def _delete(tuner: Tuner, args: argparse.Namespace) -> Result:
    node = find_node(tuner, args.node, deleted=True)
    hidden = tuner.history.delete(node.id)
    lines = [f"Hidden: {_numbers(tuner, hidden)}. They come back with: restore {node.number}"]
    return {**_place(tuner), "hidden": hidden}, lines


def _restore(tuner: Tuner, args: argparse.Namespace) -> Result:
    restored = tuner.history.restore(find_node(tuner, args.node, deleted=True).id)
    return {**_place(tuner), "restored": restored}, [f"Restored: {_numbers(tuner, restored)}."]


def _compare(tuner: Tuner, args: argparse.Namespace) -> Result:
    tuner.store.verify()
    before, after = (find_node(tuner, name, deleted=True) for name in (args.before, args.after))
    if args.split == "holdout":
        for node in dict.fromkeys((before, after)):
            tuner.count_look(node, args.split)
        note(f"Counted a look at the holdout for each; {tuner.looks()} looks so far.")
    found = compare(tuner, before, after, args.split)
    return {**_place(tuner), **found.to_json()}, comparison_lines(found)


def _events(tuner: Tuner, _: argparse.Namespace) -> Result:
    events = tuner.history.events(tuner.root_id)
    numbers = {node.id: node.number for node in tuner.nodes(deleted=True)}
    document = {**_place(tuner), "events": [vars(event) for event in events]}
    return document, [event_line(event, numbers) for event in events]


def _edits(tuner: Tuner, args: argparse.Namespace) -> Result:
    node = find_node(tuner, args.node, deleted=True)
    text = edits_text(tuner, node)
    return {**_place(tuner), "node": _facts(tuner, node), "edits": text}, text.splitlines()


def _replay(tuner: Tuner, args: argparse.Namespace) -> Result:
    tuner.store.verify()
    into = Tuner(tuner.store, tuner.spec, History(args.into))
    if into.nodes():
        raise TuningError(f"{args.into} has iterations already.", "Name a new file.")
    copy_concepts(tuner, args.into)
    pairs = replay(tuner, into, progress)
    differ = [new for old, new in pairs if (old.id, old.weights_hash) != (new.id, new.weights_hash)]
    lines = [
        f"{len(pairs)} iterations replayed in {args.into}; {len(pairs) - len(differ)} are equal "
        "bit for bit.",
        *(f"#{node.number} {node.id} has other weights." for node in differ),
    ]
    nodes = [{**_facts(into, new), "equal": new not in differ} for _, new in pairs]
    return {**_place(into), "nodes": nodes}, lines


def _place(tuner: Tuner) -> dict[str, Any]:
    return {
        "spec": str(tuner.spec.path),
        "store_hash": tuner.store.content_hash,
        "history": tuner.history.path,
        "head": tuner.history.head(tuner.root_id),
    }


def _facts(tuner: Tuner, node: Node) -> dict[str, Any]:
    names = ("id", "number", "name", "note", "parent", "author", "created", "seconds")
    return {
        **{name: getattr(node, name) for name in names},
        "intents": [intent.to_json() for intent in node.intents],
        "weights_hash": node.weights_hash,
        "looks": tuner.history.looks(node.id, "holdout"),
    }


def _numbers(tuner: Tuner, ids: list[str]) -> str:
    nodes = [f"#{node.number}" for node in tuner.nodes(deleted=True) if node.id in ids]
    return ", ".join(nodes) or "nothing, it was so already"


_ACTIONS: dict[str, Callable[[Tuner, argparse.Namespace], Result]] = {
    "list": _list,
    "show": _show,
    "undo": _undo,
    "redo": _redo,
    "jump": _jump,
    "rename": _rename,
    "note": _note,
    "delete": _delete,
    "restore": _restore,
    "compare": _compare,
    "events": _events,
    "edits": _edits,
    "replay": _replay,
}
