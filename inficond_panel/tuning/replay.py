"""Replay, backup and restore of a history.

``carry_on`` repeats the edits of a branch on students with other concepts.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from inficond_panel.common import clock
from inficond_panel.common.database import is_path
from inficond_panel.common.files import write_whole
from inficond_panel.concepts.typed import base_of
from inficond_panel.distill.refits import Cancelled, Progress
from inficond_panel.errors import HistoryError, Remedy, TuningError
from inficond_panel.tuning.history.belongs import read_answer
from inficond_panel.tuning.history.history import History
from inficond_panel.tuning.history.log import Event, read_tag
from inficond_panel.tuning.node import Node
from inficond_panel.tuning.opening import copy_concepts, mirror_concepts, typed_anew, with_typed
from inficond_panel.tuning.other_students import count_others
from inficond_panel.tuning.tuner import Tuner
from inficond_panel.vocabulary.splits import HOLDOUT


def branch(tuner: Tuner, node: Node) -> list[Node]:
    """Return ``node`` and its ancestors, the root first.

    Their edits, written by ``dump_edits`` to a file, give the same nodes in any history by
    ``inficond tune``.
    """
    nodes = [node]
    while (parent := nodes[-1].parent) is not None:
        nodes.append(tuner.node(parent))
    return nodes[::-1]


def replay(source: Tuner, into: Tuner, progress: Progress | None = None) -> list[tuple[Node, Node]]:
    """Repeat all events of the history of ``source`` in the history of ``into``, in order.

    Every iteration is fitted again, from its parent's stored weights and with the terms of its
    repairs; all other events are repeated. Returns pairs of old and new node. Their ids are equal
    if store and settings are equal, and on the same machine also the hashes of the weights. Time
    stamps are new. Raises as ``Tuner.fine_tune``.
    """
    again: dict[str, Node] = {}
    pairs = []
    for event in source.history.events(source.root_id):
        if event.kind == "add":
            node = source.node(event.node)
            if node.parent is None:
                new = into.root(progress)
            else:
                given = progress, None, node.author, node.resolved, node.refit
                new = into.fine_tune(again[node.parent], node.edits, *given)
            again[node.id] = new
            pairs.append((node, new))
        else:
            _repeat(into.history, event, {old: new.id for old, new in again.items()})
    return pairs


def carry_on(
    source: Tuner,
    node: Node,
    into: Tuner,
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
) -> Node:
    """Repeat the branch of ``node`` with the concepts of ``into``; show and return the last node.

    Each iteration keeps its edits, name and note; an unnamed iteration whose number changes gets
    the name "was #N". Uses of the holdout are counted again, since its images were seen. Iterations
    that ``into`` has already are not fitted again. Raises as ``Tuner.fine_tune``.
    """
    path = branch(source, source.node(node.id))
    again = into.root(_part(progress, 0, len(path)), cancelled)
    for index, old in enumerate(path):
        if index:
            part = _part(progress, index, len(path))
            given = part, cancelled, old.author, old.resolved, old.refit
            again = into.fine_tune(again, old.edits, *given)
        _label(source, old, into, again)
    into.set_head(again)
    return again


def _label(source: Tuner, old: Node, into: Tuner, new: Node) -> None:
    name = old.name or (f"was #{old.number}" if old.number != new.number else "")
    if name and not new.name:
        into.rename(new.id, name)
    if old.note and not new.note:
        into.set_note(new.id, old.note)
    into.set_meant(new.id, old.worlds_meant | new.worlds_meant)
    looks, known = source.history.looks(old.id, HOLDOUT), into.history.looks(new.id, HOLDOUT)
    for _ in range(looks - known):  # as recorded, also if the store has no such image
        into.history.count_look(new.id, HOLDOUT)


#: Methods that repeat an event with a text, by kind.
_WRITES: dict[str, Callable[[History, str, str, str], object]] = {
    "rename": History.rename,
    "note": History.set_note,
    "meant": History.set_meant,
    "expected": History.set_expected,
    "look": History.count_look,
}


def _repeat(history: History, event: Event, ids: dict[str, str]) -> None:
    """Repeat an event in ``history``; ``ids`` maps old node ids to new ones."""
    node, root, author = ids[event.node], next(iter(ids.values())), event.author
    origin = ids[event.origin] if event.origin else None
    match event.kind:
        case "undo":
            history.undo(root, origin, author)
        case "redo":
            history.redo(root, origin, author)
        case kind if kind in _WRITES:
            _WRITES[kind](history, node, event.text, author)
        case "delete":
            history.delete(node, author=author)
        case "restore":
            history.restore(node, author)
        case "tag" | "untag":
            tag, images = read_tag(event)
            history.tag(node, images, tag, author, on=event.kind == "tag")
        case "belongs":
            thing, on = read_answer(event.text)
            history.set_belongs(node, thing, author, on=on)
        case _:
            history.set_head(root, node, event.kind, origin, author)


def _part(progress: Progress | None, index: int, parts: int) -> Progress | None:
    """Return a progress callback for refit ``index`` of ``parts``, scaled to the refit's share."""
    if progress is None:
        return None
    suffix = f", {index + 1} of {parts}" if parts > 1 else ""
    return lambda share, text: progress((index + share) / parts, f"{text}{suffix}")


def back_up(tuner: Tuner, path: Path) -> None:
    """Copy the history, with its typed concepts, to a new file, also while a server uses it.

    Raises ``TuningError`` if the file already exists.
    """
    if path.exists():
        raise TuningError(f"{path} already exists.", "Name a new file.")
    write_whole(path, tuner.history.serialize())
    mirror_concepts(tuner, path)


def bring_back(tuner: Tuner, path: Path) -> tuple[Tuner, Path | None]:
    """Replace the history by the copy at ``path``; return the new tuner, and the path of the saved
    old history (None if it had no iteration).

    Raises ``TuningError`` for a missing file, or a file without iterations of these students, and
    ``HistoryError`` for a file that is not a history.
    """
    if not path.is_file():
        raise TuningError(f"There is no file {path}.", "Name a copy of a history.")
    store = with_typed(base_of(tuner.store), str(path))
    copy = Tuner(store, tuner.spec, History(path))
    if not _nodes(copy, "Name a copy of a history."):
        raise TuningError(
            f"{path} has no iterations of these students.",
            "Name a copy of this spec's history: "
            + Remedy("inficond history backup SPEC FILE", "students.back_up(FILE)"),
        )
    kept = None
    if tuner.nodes(deleted=True) or count_others(tuner):
        kept = _earlier(tuner.history.path)
        back_up(tuner, kept)
    tuner.history.overwrite_with(copy.history)
    mirror_concepts(copy, tuner.history.path)
    copy.history.close()
    return typed_anew(tuner), kept


def replay_into(
    tuner: Tuner, path: str | Path, progress: Progress | None = None
) -> tuple[Tuner, list[tuple[Node, Node]]]:
    """Replay a whole history in a new file; return its tuner, and pairs of old and new node.

    The store is verified first. Raises ``TuningError`` if the file has iterations already, and
    ``HistoryError`` if it is not a history.
    """
    tuner.store.verify()
    into = Tuner(tuner.store, tuner.spec, History(path), tuner.penalties)
    if _nodes(into, "Name a new file."):
        raise TuningError(f"{path} has iterations already.", "Name a new file.")
    copy_concepts(tuner, path)
    return into, replay(tuner, into, progress)


def same_weights(old: Node, new: Node) -> bool:
    """Return True if id and weights of a replayed node are equal bit for bit."""
    return (old.id, old.weights_hash) == (new.id, new.weights_hash)


def _nodes(tuner: Tuner, remedy: str) -> list[Node]:
    """Return the tuner's nodes; ``HistoryError`` with ``remedy`` if its file is no history."""
    try:
        return tuner.nodes()
    except HistoryError as error:
        raise HistoryError(error.message, remedy) from error


def _earlier(place: str) -> Path:
    """Return a path to save a history before it is replaced: ``x.before-2026112202401.sqlite``."""
    history = Path(place if is_path(place) else "shared.sqlite")
    stem = history.name.removesuffix(".sqlite").removesuffix(".history")
    moment = re.sub(r"\D", "", clock.now())[:17]
    return history.with_name(f"{stem}.before-{moment}.sqlite")
