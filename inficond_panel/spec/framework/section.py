"""A section of the spec: a Parameterized class that reads itself from a mapping of YAML."""

from __future__ import annotations

import os.path
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import param
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from inficond_panel.spec.framework.fields import Choice, Field, Mismatch, Reading, is_null
from inficond_panel.spec.framework.yaml_source import shown, text_of

S = TypeVar("S", bound="Section")
Nodes = dict[str, tuple[Node, Node]]
# Unlike those of Path, these never raise, not even for a name that is too long.
_TESTS = {"folder": os.path.isdir, "file": os.path.isfile}


class Section(param.Parameterized):
    """Base of the sections. A value of the key ``chooser`` chooses the subclass."""

    chooser: ClassVar[str] = ""
    usual: ClassVar[str] = ""
    #: True of a section that stands over another one: what its file names counts, also where it is
    #: the default. It holds for the sections within it too.
    partial: ClassVar[bool] = False
    #: Attributes that a file named, of a section that stands over another one.
    named: frozenset[str] = frozenset()

    @classmethod
    def fields(cls) -> dict[str, Field]:
        """Fields by their key in YAML; an attribute's closing underscore is no part of the key."""
        params = cls.param.objects().items()
        fields = {key: field for key, field in params if isinstance(field, Field)}
        first = [key for key in fields if key == cls.chooser]
        return {key.rstrip("_"): fields[key] for key in [*first, *fields]}

    @classmethod
    def kinds(cls) -> dict[str, type[Section]]:
        """Return the classes by the value of the chooser; empty where there is no choice."""
        if cls.chooser in cls.param:
            return {cls.param[cls.chooser].default: cls}
        return {word: kind for sub in cls.__subclasses__() for word, kind in sub.kinds().items()}

    @classmethod
    def spared(cls, given: set[str]) -> set[str]:
        """Keys that may be left out beside the keys ``given``, though they are required."""
        return set()

    def faults(self, given: set[str]) -> Iterator[tuple[str, str]]:
        """Yield (key, message) for values that do not fit together.

        ``given`` holds the full names of the keys in the file; a value that is missing or wrong
        is None.
        """
        yield from ()

    def files(self) -> Iterator[tuple[str, Path, str]]:
        """Yield (key, path, "file" or "folder") for what must exist."""
        for key, field in self.fields().items():
            path, kind = getattr(self, field.attribute), field.option("exists")
            lost = field.option("below") and not getattr(self, field.option("below"))
            if kind and isinstance(path, Path) and not lost:
                yield key, path, kind

    def values(self) -> dict[str, Any]:
        """Values by key."""
        return {key: getattr(self, field.attribute) for key, field in self.fields().items()}

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.values() == other.values()

    def __hash__(self) -> int:
        return hash(type(self))


class Nested(Field, param.ClassSelector):
    """A section within a section."""

    __slots__ = ()

    class_: type[Section]

    def __init__(self, kind: type[Section], **options: Any) -> None:
        super().__init__(class_=kind, **options)

    def expected(self) -> str:
        """Phrase with the keys of the section."""
        return f"a mapping with the keys {', '.join(self._keys())}"

    def json_schema(self) -> dict[str, Any]:
        """JSON Schema that refers to the section's definition."""
        return {"$ref": f"#/$defs/{self.class_.__name__}"}

    def read(self, node: Node, reading: Reading) -> Section:
        """Section of a mapping; its own problems go to ``reading``. ``Mismatch`` for no mapping."""
        if not isinstance(node, MappingNode):
            raise self.wrong(node)
        return read_section(self.class_, node, reading.inside(self.attribute.rstrip("_")))

    def _keys(self) -> list[str]:
        return _keys(self.class_)


class NestedList(Field, param.List):
    """A list of sections; at least one, unless the default is none."""

    __slots__ = ()

    def __init__(
        self, kind: type[Section], default: list[Section] | None = None, **options: Any
    ) -> None:
        super().__init__(default=default, item_type=kind, **options)

    @property
    def kind(self) -> type[Section]:
        """Class of the sections."""
        return self.item_type  # type: ignore[return-value]

    def expected(self) -> str:
        """Phrase with the keys of each section."""
        return f"a list of mappings, each with the keys {', '.join(_keys(self.kind))}"

    def json_schema(self) -> dict[str, Any]:
        """JSON Schema of an array that refers to the section's definition."""
        item = {"$ref": f"#/$defs/{self.kind.__name__}"}
        return {"type": "array", "items": item, "minItems": 0 if self.default == [] else 1}

    def read(self, node: Node, reading: Reading) -> list[Section]:
        """Sections of a sequence; ``Mismatch`` where it is none, or empty without that default."""
        if not isinstance(node, SequenceNode) or not (node.value or self.default == []):
            raise self.wrong(node)
        return [self._item(at, item, reading) for at, item in enumerate(node.value)]

    def _item(self, at: int, node: Node, reading: Reading) -> Section:
        if not isinstance(node, MappingNode):
            raise Mismatch(node, f"expected a mapping, got {shown(node)}")
        inside = reading.inside(f"{self.attribute.rstrip('_')}[{at}]")
        inside.nodes[inside.where] = (node, node)
        return read_section(self.kind, node, inside)


def _keys(section: type[Section]) -> list[str]:
    kinds = list(section.kinds().values()) or [section]
    return list(dict.fromkeys(key for kind in kinds for key in kind.fields()))


def read_section(cls: type[S], node: MappingNode, reading: Reading) -> S:
    """Read a mapping; problems go to ``reading``, and keys that have one keep their default."""
    nodes: Nodes = {
        text_of(key): (key, value) for key, value in node.value if isinstance(key, ScalarNode)
    }
    reading.nodes.update({reading.at(key): pair for key, pair in nodes.items()})
    kind, sure = _choose(cls, node, nodes, reading)
    reading.partial |= kind.partial
    _report_unknown(cls, kind, nodes, reading, sure)
    spared = kind.spared(set(nodes))
    for key, field in kind.fields().items():
        if key in nodes and (key != kind.chooser or sure):
            _read_field(key, field, nodes[key], reading)
        elif key not in {*nodes, *spared} and field.option("required") and sure:
            reading.report(node, key, f"missing; expected {field.expected()}")
    section = kind(**reading.values)
    if kind.partial or reading.partial:
        section.named = frozenset(reading.values)
    if sure:
        _check(section, reading)
    return section


def _read_field(key: str, field: Field, pair: tuple[Node, Node], reading: Reading) -> None:
    node = pair[1]
    if is_null(node) and field.default is None and not field.option("required"):
        return
    try:
        reading.values[field.attribute] = field.read(node, reading)
    except Mismatch as mismatch:
        # An empty value starts where the next key does; its own key is the place to look at.
        place = pair[0] if is_null(node) and not node.value else mismatch.node
        reading.report(place, key, str(mismatch))


def _choose(cls: type[S], node: Node, nodes: Nodes, reading: Reading) -> tuple[type[S], bool]:
    """Return the subclass that a section asks for, or the likeliest, and whether that is sure."""
    kinds: dict[str, Any] = cls.kinds()
    if not kinds or cls in kinds.values():
        return cls, True
    choice = Choice(objects=list(kinds))
    if cls.chooser in nodes:
        value = nodes[cls.chooser][1]
        try:
            return kinds[choice.read(value, reading)], True
        except Mismatch as mismatch:
            reading.report(value, cls.chooser, str(mismatch))
    elif cls.usual:
        return kinds[cls.usual], True
    else:
        reading.report(node, cls.chooser, f"missing; expected {choice.expected()}")
    return max(kinds.values(), key=lambda kind: len(set(nodes) & set(kind.fields()))), False


def _report_unknown(
    cls: type[Section], kind: type[Section], nodes: Nodes, reading: Reading, sure: bool
) -> None:
    known = list(kind.fields())
    for key, (node, _) in nodes.items():
        users = [word for word, other in cls.kinds().items() if key in other.fields()]
        if key in known or (users and not sure):
            continue
        if users:
            chosen = f"{cls.chooser}: {kind.param[cls.chooser].default}"
            needs = " or ".join(f"{cls.chooser}: {word}" for word in users)
            reading.report(node, key, f"is not used with {chosen}; it belongs to {needs}")
        else:
            near = reading.hint(key, known) or f"; there are {', '.join(known)}"
            reading.report(node, key, f"unknown key{near}")


def _check(section: Section, reading: Reading) -> None:
    for key, message in section.faults(set(reading.nodes)):
        reading.report(reading.place(key)[0], key, message)
    missing: list[Path] = []
    for key, path, kind in section.files() if reading.check_files else ():
        there = _TESTS[kind](path)
        if there or any(parent in missing for parent in path.parents):
            continue
        missing.append(path)
        node, value = reading.place(key)
        said = value if reading.at(key) in reading.nodes else node
        reading.report(said, key, f"no such {kind}: {path}")


def not_a_mapping(node: Node) -> str:
    """Message for a file that is a list or a text."""
    return f"expected a mapping (title: ..., dataset: ...), got {shown(node)}"
