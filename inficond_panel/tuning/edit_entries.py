"""Entries of edits files: their values, read and checked, with all problems at their places."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml.nodes import Node, ScalarNode, SequenceNode

from inficond_panel.common.names import by_key, name_key
from inficond_panel.common.near_words import near
from inficond_panel.errors import FileProblem
from inficond_panel.spec.framework.yaml_source import parse_number, short, shown, text_of
from inficond_panel.store import Store
from inficond_panel.store.more_photos import AllImages

_MOST_HINTS = 100


class EntryReader:
    """Reader of names in ``store`` from the YAML nodes of ``file``, which collects all problems."""

    def __init__(self, file: Path, store: Store) -> None:
        self.file, self.store = file, store
        self.concepts = by_key(store.concepts)
        self.known: dict[str, Mapping[str, str]] = {
            "class": by_key(store.classes),
            "concept": self.concepts,
            "image": by_key(AllImages(store).names),
        }
        self.problems: list[FileProblem] = []

    def report(self, node: Node, message: str) -> None:
        """Add a problem at the line and column of ``node``."""
        mark = node.start_mark
        self.problems.append(FileProblem(self.file, mark.line + 1, mark.column + 1, message))

    def names(self, node: Node, kind: str, expected: str, least: int = 1) -> tuple[str, ...]:
        """Return the names of a list of ``least`` or more names of a ``kind``, each checked."""
        if not isinstance(node, SequenceNode) or len(node.value) < least:
            self.report(node, f"expected {expected}, got {shown(node)}")
            return ()
        names: dict[str, None] = {}
        for item in node.value:
            name = self.name(item, kind)
            if name and name in names:
                several = "its group" if kind == "concept" else "one intent"
                self.report(item, f"{short(name)} is named twice in {several}")
            names[name] = None
        return tuple(names)

    def name(self, node: Node, kind: str) -> str:
        """Return the name of a ``kind`` as the store writes it; "" or the text itself if it is not
        known, which is reported."""
        known = self.known[kind]
        if not isinstance(node, ScalarNode):
            self.report(node, f"expected the name of a {kind}, got {shown(node)}")
            return ""
        name = text_of(node)
        if name_key(name) not in known:
            hint = self.near(name, known.values())
            self.report(node, f"there is no {kind} {short(name)} in the store.{hint}")
        return known.get(name_key(name), name)

    def near(self, word: str, known: Iterable[str]) -> str:
        """Return `` Did you mean 'x'?``; "" after ``_MOST_HINTS`` problems, since it is slow."""
        return near(word, known) if len(self.problems) < _MOST_HINTS else ""


@dataclass(frozen=True)
class Entry:
    """One entry of an edits file: the nodes of its ``values`` by key. A wrong or missing value is
    reported to the ``reader``."""

    reader: EntryReader
    node: Node
    values: Mapping[str, Node]

    def report(self, node: Node, message: str) -> None:
        """Add a problem at the line and column of ``node``."""
        self.reader.report(node, message)

    def word(
        self, key: str, expected: str, allowed: Collection[str] = (), *, hints: bool = False
    ) -> str:
        """Return the text at an optional ``key``, one of ``allowed`` if given; "" if missing."""
        node = self.values.get(key)
        word = text_of(node) if isinstance(node, ScalarNode) else ""
        wrong = word not in allowed if allowed else not isinstance(node, ScalarNode)
        if node is not None and wrong:
            hint = f".{self.reader.near(word, allowed)}" if hints else ""
            self.report(node, f"expected {expected}, got {shown(node)}{hint}")
        return word

    def number(
        self, key: str, expected: str, allowed: Callable[[float], bool], none: str | None = None
    ) -> float | None:
        """Return the finite number at an optional ``key``; None if it is missing, the word
        ``none``, or, reported, not allowed."""
        node = self.values.get(key)
        if node is None or (isinstance(node, ScalarNode) and text_of(node) == none):
            return None
        number = parse_number(node)
        if number is None or not allowed(float(number)):
            self.report(node, f"expected {expected}, got {shown(node)}")
            return None
        return float(number)

    def concepts(self, several: str, *, least: int = 1) -> tuple[str, ...]:
        """Return the concepts of a group of ``several``, or the one concept; () if missing."""
        one = self.name("concept")
        if "concepts" not in self.values:
            return one
        return self.reader.names(self.values["concepts"], "concept", f"a list of {several}", least)

    def name(self, kind: str) -> tuple[str, ...]:
        """Return the name at the key ``kind``, checked; () if missing."""
        return (self.reader.name(self.values[kind], kind),) if kind in self.values else ()
