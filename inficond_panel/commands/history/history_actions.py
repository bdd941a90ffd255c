"""Actions of ``inficond history``: each returns a JSON document and lines to print, or frames."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from inficond_panel.commands.shared.output import progress
from inficond_panel.commands.shared.students import chosen_node, count_looks
from inficond_panel.common.installation import path_word
from inficond_panel.common.numbers import count
from inficond_panel.errors import TuningError
from inficond_panel.export.folder import edits_text
from inficond_panel.results.belonging import belonging
from inficond_panel.results.comparison import compare, comparison_frames
from inficond_panel.results.events import events
from inficond_panel.results.history import history_facts, iterations
from inficond_panel.results.other_students import others
from inficond_panel.results.refits import bounds, students
from inficond_panel.tuning import Node, Tuner
from inficond_panel.tuning.belonging import find_thing
from inficond_panel.tuning.other_students import count_others, find_node
from inficond_panel.tuning.replay import back_up, bring_back, replay_into, same_weights
from inficond_panel.tuning.thumbs import chosen_classes
from inficond_panel.vocabulary.splits import HOLDOUT, TUNE
from inficond_panel.vocabulary.worlds import WORLDS

#: Result of an action: a JSON document with lines to print; some actions return frames instead.
Result = tuple[dict[str, Any], list[str]]
Frames = dict[str, pd.DataFrame]


def list_nodes(tuner: Tuner, args: argparse.Namespace) -> pd.DataFrame:
    """Return the tree of iterations with changes in mAP, or with ``--others`` other students."""
    if args.others:
        return others(tuner)
    tuner.store.verify()
    return iterations(tuner, deleted=args.all, changes=True)


def show_node(tuner: Tuner, args: argparse.Namespace) -> Frames:
    """Return frames on one iteration: its row of the history, bounds, students and events."""
    tuner.store.verify()
    node = chosen_node(tuner, args.node, deleted=True)
    return {
        "iteration": iterations(tuner, only=[node], deleted=True, changes=True),
        "bounds": bounds(tuner, node),
        "students": students(tuner, node, TUNE),
        "events": events(tuner, node),
    }


def move(tuner: Tuner, args: argparse.Namespace) -> Result:
    """Move the head, the iteration on the page: to its parent (undo), to where the last undo began
    (redo), or to a node (jump)."""
    if args.action == "jump":
        node = find_node(tuner, args.node, deleted=True)
        tuner.history.set_head(tuner.root_id, node.id, "jump")
    else:
        back_or_on = tuner.history.undo if args.action == "undo" else tuner.history.redo
        node = tuner.node(back_or_on(tuner.root_id))
    return {**history_facts(tuner), "node": _facts(tuner, node)}, [
        f"Now at #{node.number} {node.id}."
    ]


def set_label(tuner: Tuner, args: argparse.Namespace) -> Result:
    """Set the name or the note of an iteration; return its facts, and a line to print."""
    node = find_node(tuner, args.node, deleted=True)
    if args.action == "rename":
        label = "name"
        tuner.history.rename(node.id, args.name)
    else:
        label = "note"
        tuner.history.set_note(node.id, args.text)
    facts = _facts(tuner, tuner.nodes(deleted=True)[node.number])
    label_text = f"the {label} {facts[label]!r}" if facts[label] else f"no {label}"
    return {**history_facts(tuner), "node": facts}, [f"#{node.number} {node.id} has {label_text}."]


def set_meant(tuner: Tuner, args: argparse.Namespace) -> Result:
    """Set the world that the thumbs on some classes are meant for; return the worlds by class.

    Without ``--class`` these are all classes with a thumb in the iteration."""
    node = find_node(tuner, args.node, deleted=True)
    classes = node.with_thumbs if args.classes is None else args.classes
    if not classes:
        raise TuningError(
            f"#{node.number} {node.id} has no thumb, so no world is meant.",
            f"Name an iteration with thumbs: inficond history list {path_word(args.spec)}",
        )
    tuner.set_meant(node.id, dict.fromkeys(classes, args.world))
    meant = tuner.node(node.id).worlds_meant
    lines = [
        f"#{node.number} {node.id}: the world meant by the thumbs on {name} is {world} "
        f"({WORLDS[world].name.lower()})."
        for name, world in meant.items()
    ]
    return {**history_facts(tuner), "node": {**_facts(tuner, node), "meant": meant}}, lines


def set_belongs(tuner: Tuner, args: argparse.Namespace) -> Result:
    """Record that a thing belongs to some classes, or take that back; return these things."""
    if not args.classes:
        raise TuningError("No class is named.", f"Name it: --class CLASS {args.name!r}")
    things = [find_thing(tuner.store, name, args.name) for name in args.classes]
    for thing in things:
        tuner.set_belongs(tuner.head().id, thing, on=not args.take_back)
    back = "taken back: " if args.take_back else ""
    lines = [f"{back}{thing.name} belongs to {thing.class_name}." for thing in things]
    facts = {"belongs": not args.take_back, "things": [asdict(thing) for thing in things]}
    return {**history_facts(tuner), **facts}, lines


def delete(tuner: Tuner, args: argparse.Namespace) -> Result:
    """Hide an iteration and its descendants; return their ids, and a line to print."""
    node = find_node(tuner, args.node, deleted=True)
    hidden = tuner.history.delete(node.id)
    again = f"inficond history restore {path_word(args.spec)} --node {node.number}"
    lines = [f"Hidden: {_numbers(tuner, hidden)}. To restore: {again}"]
    return {**history_facts(tuner), "hidden": hidden}, lines


def restore(tuner: Tuner, args: argparse.Namespace) -> Result:
    """Show a deleted branch again; return the ids of its iterations, and a line to print."""
    restored = tuner.history.restore(find_node(tuner, args.node, deleted=True).id)
    return {**history_facts(tuner), "restored": restored}, [
        f"Restored: {_numbers(tuner, restored)}."
    ]


def compare_nodes(tuner: Tuner, args: argparse.Namespace) -> Frames:
    """Return frames that compare two iterations on a split."""
    tuner.store.verify()
    before, after = (find_node(tuner, name, deleted=True) for name in args.nodes)
    classes = chosen_classes(args.classes, tuner.store.classes) if args.classes else None
    count_looks(tuner, args.split, *dict.fromkeys((before, after)), what="both ")
    return comparison_frames(tuner, compare(tuner, before, after, args.split, classes=classes))


def list_edits(tuner: Tuner, args: argparse.Namespace) -> Result:
    """Return the text of the edits file that leads to an iteration."""
    node = chosen_node(tuner, args.node, deleted=True)
    text = edits_text(tuner, node)
    return {**history_facts(tuner), "node": _facts(tuner, node), "edits": text}, text.splitlines()


def replay(tuner: Tuner, args: argparse.Namespace) -> Result:
    """Repeat all events in a new history; return whether the weights are equal, to print."""
    into, pairs = replay_into(tuner, args.into, progress)
    differ = [new for old, new in pairs if not same_weights(old, new)]
    lines = [
        f"{count(len(pairs), 'iteration')} replayed in {args.into}; "
        f"{len(pairs) - len(differ)} are equal bit for bit.",
        *(f"#{node.number} {node.id} has different weights{_near(node)}." for node in differ),
    ]
    nodes = [{**_facts(into, new), "equal": new not in differ} for _, new in pairs]
    return {**history_facts(into), "nodes": nodes}, lines


def _near(node: Node) -> str:
    """Return how near a node's students are to their optimum, if each has a gap."""
    known = set(node.certificate) == {"gap"}
    return f", within {max(node.gap):.1e} of their optimum" if known else ""


def verify(tuner: Tuner, args: argparse.Namespace) -> Result:
    """Check the whole history; return the number of its events and the head of their chain."""
    events, head = tuner.history.verify(args.head)
    number = len(tuner.nodes(deleted=True))
    lines = [
        f"{count(events, 'event')} and {count(number, 'iteration')} have the checksums of their "
        f"log. Its head: {head}"
    ]
    if not args.head:
        lines += ["Keep the head elsewhere: with --head HASH this command finds removed events."]
    facts = {name: fact for name, fact in history_facts(tuner).items() if name != "head"}
    return {**facts, "log": events, "head_of_log": head}, lines  # of the log, not an iteration


def backup(tuner: Tuner, args: argparse.Namespace) -> Result:
    """Copy the history, with its typed concepts, to a new file; return facts and lines to print."""
    back_up(tuner, Path(args.file))
    copied, others_there = len(tuner.nodes(deleted=True)), sum(count_others(tuner).values())
    more = f" and {count(others_there)} of other students" if others_there else ""
    spec = path_word(args.spec) if copied else "SPEC"  # others are restored by their spec
    lines = [
        f"{count(copied, 'iteration')}{more} of {tuner.history.path} copied to {args.file}.",
        f"To restore: inficond history from-backup {spec} {path_word(args.file)}",
    ]
    return {**history_facts(tuner), "file": str(args.file), "iterations": copied}, lines


def from_backup(tuner: Tuner, args: argparse.Namespace) -> Result:
    """Restore the history from a copy; keep the present history in another file."""
    tuner, kept = bring_back(tuner, Path(args.file))
    iterations = len(tuner.nodes(deleted=True))
    lines = [f"{count(iterations, 'iteration')} restored from {args.file}."]
    lines += [f"The previous history is in {kept}."] if kept else []
    lines += ["Reload open pages to show them."]
    facts = {"iterations": iterations, "file": str(args.file), "kept": str(kept) if kept else None}
    return {**history_facts(tuner), **facts}, lines


def _facts(tuner: Tuner, node: Node) -> dict[str, Any]:
    names = ("id", "number", "name", "note", "parent", "author", "created", "seconds")
    return {
        **{name: getattr(node, name) for name in names},
        "intents": [item.to_json() for item in node.edits],
        "weights_hash": node.weights_hash,
        "looks": tuner.history.looks(node.id, HOLDOUT),
    }


def _numbers(tuner: Tuner, ids: list[str]) -> str:
    nodes = [f"#{node.number}" for node in tuner.nodes(deleted=True) if node.id in ids]
    return ", ".join(nodes) or "nothing, since it was so before"


ACTIONS: dict[str, Callable[[Tuner, argparse.Namespace], Result | Frames | pd.DataFrame]] = {
    "list": list_nodes,
    "show": show_node,
    "undo": move,
    "redo": move,
    "jump": move,
    "rename": set_label,
    "note": set_label,
    "meant": set_meant,
    "belongs": set_belongs,
    "belonging": lambda tuner, _: belonging(tuner),
    "delete": delete,
    "restore": restore,
    "compare": compare_nodes,
    "events": lambda tuner, _: events(tuner),
    "edits": list_edits,
    "backup": backup,
    "from-backup": from_backup,
    "replay": replay,
    "verify": verify,
}
