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
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from inficond_panel.common.names import by_key, name_key
from inficond_panel.concepts.own_words import unlisted_names
from inficond_panel.errors import EditsError, SpecError
from inficond_panel.spec.framework.yaml_source import compose, faults, short, shown, tag, text_of
from inficond_panel.store import Store
from inficond_panel.tuning.edit_entries import Entry, EntryReader
from inficond_panel.tuning.edits import Edit, Meant
from inficond_panel.tuning.repairs.kinds import REPAIRS
from inficond_panel.tuning.thumbs import GroupIntent, Intent, regrouped
from inficond_panel.vocabulary.intents import BOUND_FORM, DIRECTIONS, UP, is_bound
from inficond_panel.vocabulary.worlds import WORLDS

EVERY = "all"  #: wildcard in place of a list of classes
MEANT = "meant"  #: in place of a direction: the world that the thumbs are meant for
_OF_THUMBS = ("factor", "bound")
#: Keys of an entry; those of repairs come from their kinds.
_OF_REPAIRS = dict.fromkeys(key for kind in REPAIRS.values() for key in kind.keys)
_KEYS = tuple(
    dict.fromkeys(
        ("class", "classes", "concept", "concepts", "direction", *_OF_REPAIRS, *_OF_THUMBS, MEANT)
    )
)
_ALL_DIRECTIONS = {**DIRECTIONS, **REPAIRS}
INTENT = (
    "{class (or classes: all), concept (or concepts: [...], or image), direction, "
    "factor, bound or value}, or {class, meant}"
)


class EditReader(EntryReader):
    """Reader of iterations from YAML nodes."""

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
        entry = Entry(self, node, self._values(node))
        if MEANT in entry.values:
            return self._meant(entry)
        *others, last = _ALL_DIRECTIONS
        expected = f"{', '.join(others)} or {last}"
        direction = entry.word("direction", expected, _ALL_DIRECTIONS, hints=True)
        classes = self._classes(entry)
        self.known["concept"] = self.concepts
        if direction in DIRECTIONS and len(classes) == 1:
            self.known["concept"] = ChainMap(self._words(classes[0]), self.concepts)
        elif kind := REPAIRS.get(direction):
            self.known["concept"] = ChainMap(by_key(kind.stand_ins(self.store)), self.concepts)
        make = self._maker(entry, direction)
        return [make(name) for name in classes] if len(self.problems) == before else []

    def _maker(self, entry: Entry, direction: str) -> Callable[[str], Edit]:
        """Check an entry; return a function from class name to thumb or repair."""
        if kind := REPAIRS.get(direction):
            self._expect(entry, direction, kind.keys, kind.optional)
            return kind.read(entry)
        return self._thumb(entry, direction)

    def _meant(self, entry: Entry) -> list[Edit]:
        """Return the world that is meant for each class that an entry names."""
        before = len(self.problems)
        for name, value in entry.values.items():
            if name not in ("class", "classes", MEANT):
                self.report(value, f"{MEANT} takes no {name!r}")
        world = entry.word(MEANT, " or ".join(WORLDS), WORLDS, hints=True)
        classes = self._classes(entry)
        return [Meant(name, world) for name in classes] if len(self.problems) == before else []

    def _words(self, class_name: str) -> dict[str, str]:
        """Return the name of a class's own word that is no concept, by each of its names."""
        words = unlisted_names(self.store, class_name)
        return {name_key(name): words[0] for name in words}

    def _classes(self, entry: Entry) -> tuple[str, ...]:
        node = entry.values.get("classes")
        if node is None:
            return entry.name("class")
        if isinstance(node, ScalarNode) and text_of(node) == EVERY:
            return tuple(self.known["class"].values())
        return self.names(node, "class", f"{EVERY}, or a list of classes")

    def _thumb(self, entry: Entry, direction: str) -> Callable[[str], Edit]:
        """Check an entry that is a thumb; return a function from class name to thumb."""
        self._expect(entry, direction, ("concept", *_OF_THUMBS), _OF_THUMBS)
        concepts = entry.concepts("two concepts or more", least=2)
        how = direction, *self._sizes(entry, direction)
        if "concepts" in entry.values:
            return lambda name: GroupIntent(name, concepts, *how)
        return lambda name: Intent(name, "".join(concepts), *how)

    def _values(self, node: MappingNode) -> dict[str, Node]:
        values: dict[str, Node] = {}
        for key, value in node.value:
            name = text_of(key) if isinstance(key, ScalarNode) else ""
            if name in _KEYS:
                values[name] = value
            else:
                self.report(key, f"unknown key {short(name)}.{self.near(name, _KEYS)}")
        if {"concept", "concepts"} <= set(values):
            self.report(node, "either 'concept' or 'concepts' (a group), not both")
        if {"class", "classes"} <= set(values):
            self.report(node, "either 'class' or 'classes', not both")
        if not {"class", "classes"} & set(values):
            self.report(node, "the key 'class' is missing")
        if not {"direction", MEANT} & set(values):
            self.report(node, "the key 'direction' is missing")
        return values

    def _expect(
        self, entry: Entry, direction: str, keys: Sequence[str], optional: Sequence[str]
    ) -> None:
        """Report those of ``keys`` that are missing, and keys that the direction does not take.

        ``concept`` among them stands for ``concept`` or ``concepts``."""
        either = ("concept", "concepts") if "concept" in keys else ()
        for name in keys:
            there = either if name in either else (name,)
            if not set(there) & set(entry.values) and name not in optional:
                self.report(entry.node, f"the key {name!r} is missing")
        allowed = {"class", "classes", "direction", *keys, *either}
        for name, value in entry.values.items():
            if name not in allowed and direction in _ALL_DIRECTIONS:
                self.report(value, f"{direction} takes no {name!r}")

    def _sizes(self, entry: Entry, direction: str) -> tuple[float | None, float | None]:
        """Return factor and bound of a thumb, None if missing; reports a thumb that has both."""
        sizes: dict[str, Node] = {
            key: entry.values[key]
            for key in _OF_THUMBS
            if key in entry.values and tag(entry.values[key]) != "null"
        }
        thumb = DIRECTIONS.get(direction, UP)
        if not thumb.sign:
            for key, node in sizes.items():
                self.report(node, f"{direction} takes no {key}; leave it out{thumb.instead}")
            return None, None
        if len(sizes) == 2:
            self.report(sizes["bound"], "either 'factor' or 'bound', not both")
        given = Entry(self, entry.node, sizes)
        return (
            given.number("factor", "a number above 1", lambda x: x > 1),
            given.number("bound", BOUND_FORM, is_bound),
        )


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
