"""Other students in a history, and names of iterations: number, id, its first digits, or name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inficond_panel.common.near_words import missing
from inficond_panel.common.numbers import count
from inficond_panel.concepts.typed import base_of
from inficond_panel.errors import TuningError
from inficond_panel.store import Store
from inficond_panel.tuning.history.records import OtherRoot
from inficond_panel.tuning.node import Node
from inficond_panel.tuning.opening import typed_of
from inficond_panel.tuning.tuner import Tuner

CONCEPTS, DATA = "over other concepts", "over other concepts or data"
SETTINGS = "with other settings"


@dataclass(frozen=True)
class OtherStudents:
    """Students of another root in the same history, and how they differ from the open ones.

    ``kind`` is ``CONCEPTS``, ``DATA`` (another store with as many concepts) or ``SETTINGS``;
    ``differs`` are the known differences, in short texts.
    """

    root: OtherRoot
    kind: str
    differs: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain data for JSON."""
        names = ("root", "iterations", "concepts", "classes", "first", "last")
        facts = {name: getattr(self.root, name) for name in names}
        return {**facts, "kind": self.kind, "differs": list(self.differs)}


def other_students(tuner: Tuner) -> list[OtherStudents]:
    """Other students in the tuner's history, those that were worked on last first.

    Raises ``HistoryError``. Their iterations are counted, not checked.
    """
    return [_held_against(tuner, root) for root in tuner.history.other_roots(tuner.root_id)]


def count_others(tuner: Tuner) -> dict[str, int]:
    """Number of iterations of other students in the tuner's history, by kind."""
    counts: Counter[str] = Counter()
    for other in tuner.history.other_roots(tuner.root_id):
        counts[_kind(tuner.store, other)] += other.iterations
    return dict(counts)


def others_sentence(counts: Mapping[str, int], spec: str | Path = "SPEC") -> str:
    """Sentence on the iterations that ``count_others`` found, and the way to them; "" for none."""
    total = sum(counts.values())
    if not total:
        return ""
    parts = ", ".join(f"{number} {kind}" for kind, number in counts.items())
    whose = f"students {next(iter(counts))}" if len(counts) == 1 else f"other students ({parts})"
    verb, them = ("is", "it") if total == 1 else ("are", "them")
    return (
        f"{count(total, 'iteration')} of {whose} {verb} in this history; "
        f"inficond history list {spec} --others lists {them}."
    )


def _held_against(tuner: Tuner, other: OtherRoot) -> OtherStudents:
    ours, kind = tuner.root_settings, _kind(tuner.store, other)
    differs = _of_settings(ours, other.settings)
    if kind != SETTINGS:
        differs = (*_of_store(tuner, other), *differs)
    return OtherStudents(other, kind, differs)


def _kind(store: Store, other: OtherRoot) -> str:
    if other.settings.get("store") == store.content_hash:
        return SETTINGS
    return DATA if other.concepts == len(store.concepts) else CONCEPTS


def _of_store(tuner: Tuner, other: OtherRoot) -> tuple[str, ...]:
    """Facts on the concepts and classes of students over another content."""
    store = tuner.store
    typed = [one.name for one in typed_of(store)]
    if typed and other.settings.get("store") == base_of(store).content_hash:
        return (f"without {', '.join(typed)}",)
    lacking = []
    if other.concepts != len(store.concepts):
        lacking.append(f"{other.concepts} concepts, not {len(store.concepts)}")
    if other.classes != len(store.classes):
        lacking.append(f"{other.classes} classes, not {len(store.classes)}")
    if strange := _strange(tuner, other, store):
        lacking.append(f"thumbs on {', '.join(strange)}")
    return tuple(lacking)


def _strange(tuner: Tuner, other: OtherRoot, store: Store) -> list[str]:
    """Concepts with a thumb there that these students do not have."""
    known = set(store.concepts)
    return [name for name in tuner.history.named_concepts(other.root) if name not in known]


def _of_settings(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> tuple[str, ...]:
    """``lambda 0.01, not 0.02`` for each setting that differs; numbers by class are not listed."""
    keys = [key for key in dict.fromkeys((*ours, *theirs)) if key != "store" and theirs]
    return tuple(
        f"{key} {_value(theirs.get(key))}, not {_value(ours.get(key))}"
        for key in keys
        if ours.get(key) != theirs.get(key)
    )


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "by class"
    return "none" if value is None else str(value)


#: What names an iteration: number, id, name, or the iteration itself.
NodeName = str | int | Node
_SHORTEST = 4


def node_title(tuner: Tuner, node: Node) -> str:
    """``#3 0a1b2c3d4e5f``; for students of the oracle with the words that it has seen the label."""
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
