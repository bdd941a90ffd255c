"""Other students in the same history; look-up of iterations by number, id or name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inficond_panel.common.installation import path_word
from inficond_panel.common.near_words import missing
from inficond_panel.common.numbers import count
from inficond_panel.concepts.typed import base_of
from inficond_panel.errors import Remedy, TuningError
from inficond_panel.store import Store
from inficond_panel.tuning.history.records import OtherRoot
from inficond_panel.tuning.node import Node
from inficond_panel.tuning.opening import typed_of
from inficond_panel.tuning.tuner import Tuner

CONCEPTS, DATA = "over other concepts", "over other concepts or data"
OTHER_SETTINGS = "with other settings"


@dataclass(frozen=True)
class OtherStudents:
    """Students with another #0 in the same history, and their differences from the open students.

    ``kind`` is ``CONCEPTS``, ``DATA`` (another store with as many concepts) or ``OTHER_SETTINGS``;
    ``differs`` are the differences, as short texts.
    """

    root: OtherRoot
    kind: str
    differs: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the students as plain data for JSON."""
        names = ("root", "iterations", "concepts", "classes", "first", "last")
        facts = {name: getattr(self.root, name) for name in names}
        return {**facts, "kind": self.kind, "differs": list(self.differs)}


def other_students(tuner: Tuner) -> list[OtherStudents]:
    """Return the other students in the tuner's history, most recently used first.

    Raises ``HistoryError``. Their iterations are counted, not checked.
    """
    found, ours = [], tuner.root_settings
    for root in tuner.history.other_roots(tuner.root_id):
        kind, theirs = _kind(tuner.store, root), root.settings
        differs = tuple(  # such as "lambda 0.01, not 0.02"
            f"{key} {_value(theirs.get(key))}, not {_value(ours.get(key))}"
            for key in dict.fromkeys((*ours, *theirs))
            if theirs and key != "store" and ours.get(key) != theirs.get(key)
        )
        if kind != OTHER_SETTINGS:
            differs = (*_of_store(tuner, root), *differs)
        found.append(OtherStudents(root, kind, differs))
    return found


def count_others(tuner: Tuner) -> dict[str, int]:
    """Return the number of iterations of other students in the tuner's history, by kind."""
    counts: Counter[str] = Counter()
    for other in tuner.history.other_roots(tuner.root_id):
        counts[_kind(tuner.store, other)] += other.iterations
    return dict(counts)


def others_sentence(counts: Mapping[str, int], spec: str | Path = "SPEC") -> Remedy:
    """Return a sentence on the iterations in ``counts``, of ``count_others``, with the command that
    lists them; "" without any."""
    total = sum(counts.values())
    if not total:
        return Remedy("")
    parts = ", ".join(f"{number} {kind}" for kind, number in counts.items())
    whose = f"students {next(iter(counts))}" if len(counts) == 1 else f"other students ({parts})"
    verb, them = ("is", "it") if total == 1 else ("are", "them")
    return (
        f"{count(total, 'iteration')} of {whose} {verb} in this history; "
        + Remedy(f"inficond history list {path_word(spec)} --others", "students.others")
        + f" lists {them}."
    )


def _kind(store: Store, other: OtherRoot) -> str:
    if other.settings.get("store") == store.content_hash:
        return OTHER_SETTINGS
    return DATA if other.concepts == len(store.concepts) else CONCEPTS


def _of_store(tuner: Tuner, other: OtherRoot) -> tuple[str, ...]:
    """Return the differences in concepts and classes of students whose store is another."""
    store = tuner.store
    typed = [one.name for one in typed_of(store)]
    if typed and other.settings.get("store") == base_of(store).content_hash:
        return (f"without {', '.join(typed)}",)
    lacking = []
    if other.concepts != len(store.concepts):
        lacking.append(f"{other.concepts} concepts, not {len(store.concepts)}")
    if other.classes != len(store.classes):
        lacking.append(f"{other.classes} classes, not {len(store.classes)}")
    known, named = set(store.concepts), tuner.history.named_concepts(other.root)
    if strange := [name for name in named if name not in known]:
        lacking.append(f"thumbs on {', '.join(strange)}")
    return tuple(lacking)


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "by class"
    return "none" if value is None else str(value)


#: Reference to an iteration: number, id, name, or the node.
NodeName = str | int | Node
_SHORTEST = 4


def node_title(tuner: Tuner, node: Node) -> str:
    """Return the text ``#3 0a1b2c3d4e5f``, marked if students learn from the oracle."""
    mark = f" (oracle, {tuner.mark})" if tuner.mark else ""
    return f"#{node.number} {node.id}{mark}"


def find_node(tuner: Tuner, text: NodeName, deleted: bool = False) -> Node:
    """Return the node with a number (``3``, ``#3``), an id, four or more digits of it, or a name.

    A number precedes an id that begins with it. Deleted branches are searched only if
    ``deleted``. Raises ``TuningError`` if no node, or more than one, matches.
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
        raise TuningError(f"{word!r} names several iterations: {which}.", "Give one of the ids.")
    distill = Remedy("inficond distill SPEC", "students.fit()")
    range_ = f"There are #0 to #{len(nodes) - 1}." if nodes else "Distill first (" + distill + ")."
    others = others_sentence(count_others(tuner))
    raise TuningError(
        missing("iteration", word, known, f"in {tuner.history.path}"),
        range_ + (" " + others if others else ""),
    )
