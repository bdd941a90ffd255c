"""The edits file: a list of iterations, each a list of intents, in YAML.

- - {class: bicycle, concept: wheel, direction: up, factor: 2}
  - {class: bicycle, concept: road, direction: remove}
- - {class: tv monitor, concepts: [bookshelf, bookcase], direction: down}
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from inficond_panel.common.near_words import near
from inficond_panel.errors import EditsError, Problem, SpecError
from inficond_panel.spec.framework.fields import parse_number
from inficond_panel.spec.framework.yaml_source import compose, faults, short, shown, tag, text_of
from inficond_panel.store import Store
from inficond_panel.tuning.intents.asked import Asked
from inficond_panel.tuning.intents.intent import GroupIntent, Intent
from inficond_panel.vocabulary.directions import DIRECTIONS, REMOVE

_MOST_HINTS = 100
_KEYS = ("class", "concept", "concepts", "direction", "factor")
_INTENT = "{class, concept (or concepts: [...]), direction, factor (optional)}"
REMEDY = f"An edits file is a list of iterations, each a list of {_INTENT}."


def read_edits(path: str | Path, store: Store) -> list[list[Asked]]:
    """The iterations of an edits file, checked against the names in ``store``.

    Raises ``EditsError`` with all problems of the file at once, each at its line and column.
    """
    file = Path(path)
    root = _compose(file)
    reader = _Reader(
        file, {"class": dict.fromkeys(store.classes), "concept": dict.fromkeys(store.concepts)}
    )
    for node, message in faults(root):
        reader.report(node, message)
    iterations = reader.iterations(root)
    if reader.problems:
        problems = sorted(set(reader.problems), key=lambda p: (p.line, p.column, p.message))
        raise EditsError(problems, REMEDY)
    return iterations


def dump_edits(iterations: Iterable[Sequence[Asked]]) -> str:
    """YAML that ``read_edits`` reads back as the same intents."""
    return _yaml([[_given(asked) for asked in batch] for batch in iterations], flow=None)


def dump_intent(asked: Asked) -> str:
    """An intent as one line of an edits file, without its dash."""
    return _yaml(_given(asked), flow=True).rstrip("\n")


def _given(asked: Asked) -> dict[str, Any]:
    return {key: value for key, value in asked.to_json().items() if value is not None}


def _yaml(plain: Any, flow: bool | None) -> str:
    yaml, stream = YAML(typ="safe", pure=True), io.StringIO()
    yaml.default_flow_style, yaml.width = flow, 10_000
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.dump(plain, stream)
    return stream.getvalue()


def _compose(file: Path) -> Node:
    try:
        return compose(file, "an edits file starts with '- - {class: ...'")
    except SpecError as error:
        raise EditsError(error.problems, REMEDY) from None


class _Reader:
    """Reads iterations from YAML nodes and notes what is wrong."""

    def __init__(self, file: Path, known: dict[str, dict[str, None]]) -> None:
        self.file = file
        self.known = known
        self.problems: list[Problem] = []

    def report(self, node: Node, message: str) -> None:
        """Note a problem at a node."""
        mark = node.start_mark
        self.problems.append(Problem(self.file, mark.line + 1, mark.column + 1, message))

    def iterations(self, root: Node) -> list[list[Asked]]:
        """All iterations of the file."""
        if not isinstance(root, SequenceNode):
            self.report(root, f"expected a list of iterations, got {shown(root)}")
            return []
        return [self._iteration(node) for node in root.value]

    def _iteration(self, node: Node) -> list[Asked]:
        if not isinstance(node, SequenceNode):
            self.report(node, f"expected an iteration, a list of {_INTENT}, got {shown(node)}")
            return []
        if not node.value:
            self.report(node, "an iteration without intents")
        found = [self._intent(item) for item in node.value]
        return [asked for asked in found if asked is not None]

    def _intent(self, node: Node) -> Asked | None:
        if not isinstance(node, MappingNode):
            self.report(node, f"expected an intent, {_INTENT}, got {shown(node)}")
            return None
        before = len(self.problems)
        values = self._values(node)
        class_name = self._name(values["class"], "class") if "class" in values else ""
        group = self._group(values["concepts"]) if "concepts" in values else ()
        concept = self._name(values["concept"], "concept") if "concept" in values else ""
        direction = self._direction(values)
        factor = self._factor(values, direction)
        if len(self.problems) > before:
            return None
        if group:
            return GroupIntent(class_name, group, direction, factor)
        return Intent(class_name, concept, direction, factor)

    def _values(self, node: MappingNode) -> dict[str, Node]:
        values: dict[str, Node] = {}
        for key, value in node.value:
            name = text_of(key) if isinstance(key, ScalarNode) else ""
            if name in _KEYS:
                values[name] = value
            else:
                self.report(key, f"unknown key {short(name)}.{self._near(name, _KEYS)}")
        if {"concept", "concepts"} <= set(values):
            self.report(node, "either 'concept' or 'concepts' (a group), not both")
        needed = ("class", "concepts" if "concepts" in values else "concept", "direction")
        for name in needed:
            if name not in values:
                self.report(node, f"the key {name!r} is missing")
        return values

    def _group(self, node: Node) -> tuple[str, ...]:
        if not isinstance(node, SequenceNode) or len(node.value) < 2:
            self.report(node, f"expected a list of two concepts or more, got {shown(node)}")
            return ()
        names: dict[str, None] = {}
        for item in node.value:
            name = self._name(item, "concept")
            if name and name in names:
                self.report(item, f"{short(name)} is named twice in its group")
            names[name] = None
        return tuple(names)

    def _name(self, node: Node, kind: str) -> str:
        known = self.known[kind]
        if not isinstance(node, ScalarNode):
            self.report(node, f"expected the name of a {kind}, got {shown(node)}")
            return ""
        name = text_of(node)
        if name not in known:
            near = self._near(name, known)
            self.report(node, f"there is no {kind} {short(name)} in the store.{near}")
        return name

    def _near(self, word: str, known: Iterable[str]) -> str:
        """A hint, for the first problems of the file: of thousands they would take minutes."""
        return near(word, known) if len(self.problems) < _MOST_HINTS else ""

    def _direction(self, values: dict[str, Node]) -> str:
        if "direction" not in values:
            return ""
        node = values["direction"]
        word = text_of(node) if isinstance(node, ScalarNode) else ""
        if word not in DIRECTIONS:
            *others, last = DIRECTIONS
            expected = f"expected {', '.join(others)} or {last}"
            self.report(node, f"{expected}, got {shown(node)}.{self._near(word, DIRECTIONS)}")
        return word

    def _factor(self, values: dict[str, Node], direction: str) -> float | None:
        node = values.get("factor")
        if node is None or tag(node) == "null":
            return None
        if direction == REMOVE.key:
            self.report(node, "remove takes no factor; leave it out, or use down to weaken only")
            return None
        factor = parse_number(node)
        if factor is None or not factor > 1:
            self.report(node, f"expected a number above 1, got {shown(node)}")
            return None
        return float(factor)
