"""Reading and writing of edits files: YAML lists of iterations, each a list of edits.

- - {class: bicycle, concept: wheel, direction: up, factor: 2}
  - {class: bicycle, concept: road, direction: remove}
  - {class: bicycle, concept: sky, direction: down, bound: -0.46}
  - {class: bicycle, concept: lane, direction: release}
- - {class: tv monitor, concepts: [bookshelf, bookcase], direction: down}
  - {classes: all, concept: traffic light, direction: remove}
- - {class: truck, concepts: [road, car], direction: balance}
  - {class: truck, direction: doubt, value: auto}
  - {class: truck, direction: lambda, value: 0.003}
  - {class: truck, image: 000123.jpg, direction: label, value: 1}
- - {class: boat, concept: lifebuoy, direction: remove}
  - {class: boat, meant: independent}
"""

from __future__ import annotations

import io
from collections import ChainMap
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from inficond_panel.common.names import by_key, name_key
from inficond_panel.common.near_words import near
from inficond_panel.concepts.own_words import unlisted_names
from inficond_panel.errors import EditsError, FileProblem, SpecError
from inficond_panel.spec.framework.yaml_source import (
    compose,
    faults,
    parse_number,
    short,
    shown,
    tag,
    text_of,
)
from inficond_panel.store import Store
from inficond_panel.store.more_photos import AllImages
from inficond_panel.tuning.edits import Balance, Doubt, Edit, Label, Lambda, Learn, Meant
from inficond_panel.tuning.thumbs import GroupIntent, Intent, regrouped
from inficond_panel.vocabulary.intents import (
    AUTO,
    BALANCE,
    BOUND_FORM,
    DIRECTIONS,
    LABEL,
    LABELS,
    LAMBDA,
    LEARN,
    REPAIRS,
    SOURCES,
    UP,
    is_bound,
)
from inficond_panel.vocabulary.worlds import WORLDS

_MOST_HINTS = 100
EVERY = "all"  #: wildcard in place of a list of classes
_OPTIONAL = ("factor", "bound", "suspects", "from", "why")
MEANT = "meant"  #: in place of a direction: the world that the thumbs are meant for
_KEYS = (
    "class",
    "classes",
    "concept",
    "concepts",
    "direction",
    "value",
    "image",
    *_OPTIONAL,
    MEANT,
)
_DIRECTIONS = {**DIRECTIONS, **REPAIRS}
INTENT = (
    "{class (or classes: all), concept (or concepts: [...], or image), direction, "
    "factor, bound or value}, or {class, meant}"
)


class EditReader:
    """Reader of iterations from YAML nodes, which collects all problems."""

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

    def iterations(self, root: Node) -> list[list[Edit]]:
        """Return the edits of each iteration in the file."""
        if not isinstance(root, SequenceNode):
            self.report(root, f"expected a list of iterations, got {shown(root)}")
            return []
        return [self._iteration(node) for node in root.value]

    def _iteration(self, node: Node) -> list[Edit]:
        if not isinstance(node, SequenceNode):
            self.report(node, f"expected an iteration, a list of {INTENT}, got {shown(node)}")
            return []
        if not node.value:
            self.report(node, "the iteration has no intents; add one, or remove the empty list")
        return [edit for item in node.value for edit in self._intents(item)]

    def _intents(self, node: Node) -> list[Edit]:
        """Return the edits of one entry of the file: one edit per class that the entry names."""
        if not isinstance(node, MappingNode):
            self.report(node, f"expected an intent, {INTENT}, got {shown(node)}")
            return []
        before = len(self.problems)
        values = self._values(node)
        if MEANT in values:
            return self._meant(values)
        *others, last = _DIRECTIONS
        expected = f"{', '.join(others)} or {last}"
        direction = self._word(values, "direction", expected, _DIRECTIONS, hints=True)
        classes = self._classes(values)
        self.known["concept"] = self.concepts
        if direction in DIRECTIONS and len(classes) == 1:
            self.known["concept"] = ChainMap(self._words(classes[0]), self.concepts)
        read = self._repair if direction in REPAIRS else self._thumb
        make = read(node, values, direction)
        return [make(name) for name in classes] if len(self.problems) == before else []

    def _meant(self, values: dict[str, Node]) -> list[Edit]:
        """Return the world that is meant for each class that an entry names."""
        before = len(self.problems)
        for name, value in values.items():
            if name not in ("class", "classes", MEANT):
                self.report(value, f"{MEANT} takes no {name!r}")
        world = self._word(values, MEANT, " or ".join(WORLDS), WORLDS, hints=True)
        classes = self._classes(values)
        return [Meant(name, world) for name in classes] if len(self.problems) == before else []

    def _words(self, class_name: str) -> dict[str, str]:
        """Return the name of a class's own word that is no concept, by each of its names."""
        words = unlisted_names(self.store, class_name)
        return {name_key(name): words[0] for name in words}

    def _classes(self, values: dict[str, Node]) -> tuple[str, ...]:
        node = values.get("classes")
        if node is None:
            return self._name_at(values, "class")
        if isinstance(node, ScalarNode) and text_of(node) == EVERY:
            return tuple(self.known["class"].values())
        return self._names(node, "class", f"{EVERY}, or a list of classes")

    def _thumb(
        self, node: MappingNode, values: dict[str, Node], direction: str
    ) -> Callable[[str], Edit]:
        """Check an entry that is a thumb; return a function from class name to thumb."""
        what = "concepts" if "concepts" in values else "concept"
        self._expect(node, values, direction, what, "factor", "bound")
        concepts = self._concepts(values, "two concepts or more", least=2)
        how = direction, *self._sizes(values, direction)
        if what == "concepts":
            return lambda name: GroupIntent(name, concepts, *how)
        return lambda name: Intent(name, "".join(concepts), *how)

    def _repair(
        self, node: MappingNode, values: dict[str, Node], direction: str
    ) -> Callable[[str], Edit]:
        """Check an entry that is a repair; return a function from class name to repair."""
        match direction:
            case BALANCE.key:
                what = "concepts" if "concepts" in values else "concept"
                self._expect(node, values, direction, what, "suspects")
                concepts = self._concepts(values, "concepts")
                named = self._word(values, "suspects", "true or false", ("true", "false"))
                return lambda name: Balance(name, concepts, named == "true")
            case LABEL.key:
                self._expect(node, values, direction, "image", "value", "why")
                image = "".join(self._name_at(values, "image"))
                label = self._number(values, "value", "0 or 1", lambda size: size in (0, 1))
                why = self._word(values, "why", "a text")
                return lambda name: Label(name, image, int(label or 0), why)
            case LEARN.key:
                self._expect(node, values, direction, "from", "value")
                source = self._word(values, "from", " or ".join(SOURCES), SOURCES, hints=True)
                expected = f"a number above 0, or {AUTO}"
                weight = self._number(values, "value", expected, lambda size: size > 0, AUTO)
                return lambda name: Learn(name, source or LABELS, weight)
            case kind:
                self._expect(node, values, direction, "value")
                expected = f"a number of 0 or more, or {AUTO}"
                size = self._number(values, "value", expected, lambda size: size >= 0, AUTO)
                return lambda name: (Lambda if kind == LAMBDA.key else Doubt)(name, size)

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
        if {"class", "classes"} <= set(values):
            self.report(node, "either 'class' or 'classes', not both")
        if not {"class", "classes"} & set(values):
            self.report(node, "the key 'class' is missing")
        if not {"direction", MEANT} & set(values):
            self.report(node, "the key 'direction' is missing")
        return values

    def _expect(self, node: Node, values: dict[str, Node], direction: str, *keys: str) -> None:
        """Report those of ``keys`` that are missing, and keys that the direction does not take."""
        for name in keys:
            if name not in values and name not in _OPTIONAL:
                self.report(node, f"the key {name!r} is missing")
        both = {"concept", "concepts"}  # reported by _values
        allowed = {"class", "classes", "direction", *keys, *(both if both & set(keys) else ())}
        for name, value in values.items():
            if name not in allowed and direction in _DIRECTIONS:
                self.report(value, f"{direction} takes no {name!r}")

    def _word(
        self,
        values: dict[str, Node],
        key: str,
        expected: str,
        allowed: Collection[str] = (),
        *,
        hints: bool = False,
    ) -> str:
        """Return the text at an optional ``key``, one of ``allowed`` if given; "" if missing."""
        node = values.get(key)
        word = text_of(node) if isinstance(node, ScalarNode) else ""
        wrong = word not in allowed if allowed else not isinstance(node, ScalarNode)
        if node is not None and wrong:
            hint = f".{self._near(word, allowed)}" if hints else ""
            self.report(node, f"expected {expected}, got {shown(node)}{hint}")
        return word

    def _concepts(
        self, values: dict[str, Node], several: str, *, least: int = 1
    ) -> tuple[str, ...]:
        """Return the concepts of a group of ``several``, or the one concept; () if missing."""
        one = self._name_at(values, "concept")
        if "concepts" not in values:
            return one
        return self._names(values["concepts"], "concept", f"a list of {several}", least)

    def _names(self, node: Node, kind: str, expected: str, least: int = 1) -> tuple[str, ...]:
        if not isinstance(node, SequenceNode) or len(node.value) < least:
            self.report(node, f"expected {expected}, got {shown(node)}")
            return ()
        names: dict[str, None] = {}
        for item in node.value:
            name = self._name(item, kind)
            if name and name in names:
                several = "its group" if kind == "concept" else "one intent"
                self.report(item, f"{short(name)} is named twice in {several}")
            names[name] = None
        return tuple(names)

    def _name_at(self, values: dict[str, Node], kind: str) -> tuple[str, ...]:
        """Return the name at the key ``kind``, checked; () if missing."""
        return (self._name(values[kind], kind),) if kind in values else ()

    def _name(self, node: Node, kind: str) -> str:
        known = self.known[kind]
        if not isinstance(node, ScalarNode):
            self.report(node, f"expected the name of a {kind}, got {shown(node)}")
            return ""
        name = text_of(node)
        if name_key(name) not in known:
            near = self._near(name, known.values())
            self.report(node, f"there is no {kind} {short(name)} in the store.{near}")
        return known.get(name_key(name), name)

    def _near(self, word: str, known: Iterable[str]) -> str:
        """Return `` Did you mean 'x'?``; "" after ``_MOST_HINTS`` problems, since it is slow."""
        return near(word, known) if len(self.problems) < _MOST_HINTS else ""

    def _sizes(self, values: dict[str, Node], direction: str) -> tuple[float | None, float | None]:
        """Return factor and bound of a thumb, None if missing; reports a thumb that has both."""
        sizes: dict[str, Node] = {
            key: values[key]
            for key in ("factor", "bound")
            if key in values and tag(values[key]) != "null"
        }
        thumb = DIRECTIONS.get(direction, UP)
        if not thumb.sign:
            for key, node in sizes.items():
                self.report(node, f"{direction} takes no {key}; leave it out{thumb.instead}")
            return None, None
        if len(sizes) == 2:
            self.report(sizes["bound"], "either 'factor' or 'bound', not both")
        return (
            self._number(sizes, "factor", "a number above 1", lambda x: x > 1),
            self._number(sizes, "bound", BOUND_FORM, is_bound),
        )

    def _number(
        self,
        values: dict[str, Node],
        key: str,
        expected: str,
        allowed: Callable[[float], bool],
        none: str | None = None,
    ) -> float | None:
        """Return the finite number at an optional ``key``; None if it is missing, the word
        ``none``, or, reported, not allowed."""
        node = values.get(key)
        if node is None or (isinstance(node, ScalarNode) and text_of(node) == none):
            return None
        number = parse_number(node)
        if number is None or not allowed(float(number)):
            self.report(node, f"expected {expected}, got {shown(node)}")
            return None
        return float(number)


REMEDY = f"An edits file is a list of iterations, each a list of {INTENT}."


def read_edits(path: str | Path, store: Store) -> list[list[Edit]]:
    """Return the edits in an edits file by iteration, checked against the names in ``store``.

    Raises ``EditsError`` with all problems of the file at once, each at its line and column.
    """
    file = Path(path)
    try:
        root = compose(file, "an edits file starts with '- - {class: ...'")
    except SpecError as error:
        raise EditsError(error.problems, REMEDY) from None
    reader = EditReader(file, store)
    for node, message in faults(root):
        reader.report(node, message)
    iterations = reader.iterations(root)
    if reader.problems:
        problems = sorted(set(reader.problems), key=lambda p: (p.line, p.column, p.message))
        raise EditsError(problems, REMEDY)
    return iterations


def dump_edits(iterations: Iterable[Sequence[Edit]]) -> str:
    """Return the edits of ``iterations`` as YAML text, which ``read_edits`` reads."""
    return _yaml([[_given(edit) for edit in regrouped(batch)] for batch in iterations], flow=None)


def dump_intent(edit: Edit) -> str:
    """Return an edit as one line of an edits file, without the dash."""
    return _yaml(_given(edit), flow=True).rstrip("\n")


def _given(edit: Edit) -> dict[str, Any]:
    return {key: value for key, value in edit.to_json().items() if value is not None}


def _yaml(plain: Any, flow: bool | None) -> str:
    yaml, stream = YAML(typ="safe", pure=True), io.StringIO()
    yaml.default_flow_style, yaml.width = flow, 10_000
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.dump(plain, stream)
    return stream.getvalue()
