"""Reader of an edits file's YAML nodes: thumbs and cures, with all that is wrong noted."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from pathlib import Path

from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from inficond_panel.common.near_words import near
from inficond_panel.errors import Problem
from inficond_panel.spec.framework.fields import parse_number
from inficond_panel.spec.framework.yaml_source import short, shown, tag, text_of
from inficond_panel.tuning.intents.asked import Asked
from inficond_panel.tuning.intents.cures import Balance, Doubt, Label, Lambda
from inficond_panel.tuning.intents.intent import GroupIntent, Intent
from inficond_panel.vocabulary.cures import AUTO, BALANCE, CURES, LABEL, LAMBDA
from inficond_panel.vocabulary.directions import DIRECTIONS, REMOVE

_MOST_HINTS = 100
_KEYS = ("class", "concept", "concepts", "direction", "factor", "value", "image", "suspects")
_OPTIONAL = ("factor", "suspects")
_DIRECTIONS = {**DIRECTIONS, **CURES}
INTENT = "{class, concept (or concepts: [...], or image), direction, factor or value}"


class EditReader:
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
            self.report(node, f"expected an iteration, a list of {INTENT}, got {shown(node)}")
            return []
        if not node.value:
            self.report(node, "an iteration without intents")
        found = [self._intent(item) for item in node.value]
        return [asked for asked in found if asked is not None]

    def _intent(self, node: Node) -> Asked | None:
        if not isinstance(node, MappingNode):
            self.report(node, f"expected an intent, {INTENT}, got {shown(node)}")
            return None
        before = len(self.problems)
        values = self._values(node)
        direction = self._direction(values)
        found = self._cure(node, values) if direction in CURES else self._thumb(node, values)
        return found() if len(self.problems) == before else None

    def _thumb(self, node: MappingNode, values: dict[str, Node]) -> Callable[[], Asked]:
        """Check a thumb; what is returned makes it."""
        self._expect(node, values, "concepts" if "concepts" in values else "concept", "factor")
        class_name = self._name(values["class"], "class") if "class" in values else ""
        group = self._group(values["concepts"], 2) if "concepts" in values else ()
        concept = self._name(values["concept"], "concept") if "concept" in values else ""
        direction = self._direction(values, report=False)
        factor = self._factor(values, direction)
        if group:
            return lambda: GroupIntent(class_name, group, direction, factor)
        return lambda: Intent(class_name, concept, direction, factor)

    def _cure(self, node: MappingNode, values: dict[str, Node]) -> Callable[[], Asked]:
        """Check a cure; what is returned makes it."""
        name = self._name(values["class"], "class") if "class" in values else ""
        match self._direction(values, report=False):
            case BALANCE.key:
                key = "concepts" if "concepts" in values else "concept"
                self._expect(node, values, key, "suspects")
                if "concepts" in values:
                    concepts = self._group(values["concepts"], 1)
                else:
                    concepts = tuple(
                        self._name(v, "concept") for v in self._found(values, "concept")
                    )
                named = self._flag(values, "suspects")
                return lambda: Balance(name, concepts, named)
            case LABEL.key:
                self._expect(node, values, "image", "value")
                image = "".join(self._name(v, "image") for v in self._found(values, "image"))
                label = self._value(values, "0 or 1", lambda size: size in (0, 1))
                return lambda: Label(name, image, int(label or 0))
            case kind:
                self._expect(node, values, "value")
                size = self._value(values, f"a number of 0 or more, or {AUTO}", _is_size, AUTO)
                return lambda: (Lambda if kind == LAMBDA.key else Doubt)(name, size)

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
        for name in ("class", "direction"):
            if name not in values:
                self.report(node, f"the key {name!r} is missing")
        return values

    def _expect(self, node: Node, values: dict[str, Node], *keys: str) -> None:
        """Report keys that are missing, and those that this direction does not take."""
        for name in keys:
            if name not in values and name not in _OPTIONAL:
                self.report(node, f"the key {name!r} is missing")
        direction = self._direction(values, report=False)
        both = {"concept", "concepts"}  # told already
        allowed = {"class", "direction", *keys, *(both if both & set(keys) else ())}
        for name, value in values.items():
            if name not in allowed and direction in _DIRECTIONS:
                self.report(value, f"{direction} takes no {name!r}")

    def _flag(self, values: dict[str, Node], key: str) -> bool:
        node = values.get(key)
        word = text_of(node) if isinstance(node, ScalarNode) else ""
        if node is not None and word not in ("true", "false"):
            self.report(node, f"expected true or false, got {shown(node)}")
        return word == "true"

    def _found(self, values: dict[str, Node], key: str) -> list[Node]:
        return [values[key]] if key in values else []

    def _value(
        self,
        values: dict[str, Node],
        expected: str,
        allowed: Callable[[float], bool],
        none: str | None = None,
    ) -> float | None:
        """The number at the key ``value``; None where it is the word ``none``."""
        node = values.get("value")
        if node is None or (isinstance(node, ScalarNode) and text_of(node) == none):
            return None
        found = parse_number(node)
        if found is None or not allowed(float(found)):
            self.report(node, f"expected {expected}, got {shown(node)}")
            return None
        return float(found)

    def _group(self, node: Node, least: int) -> tuple[str, ...]:
        if not isinstance(node, SequenceNode) or len(node.value) < least:
            number = "two concepts or more" if least == 2 else "concepts"
            self.report(node, f"expected a list of {number}, got {shown(node)}")
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

    def _direction(self, values: dict[str, Node], report: bool = True) -> str:
        if "direction" not in values:
            return ""
        node = values["direction"]
        word = text_of(node) if isinstance(node, ScalarNode) else ""
        if word not in _DIRECTIONS and report:
            *others, last = _DIRECTIONS
            expected = f"expected {', '.join(others)} or {last}"
            self.report(node, f"{expected}, got {shown(node)}.{self._near(word, _DIRECTIONS)}")
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


def _is_size(value: float) -> bool:
    return 0 <= value < math.inf
