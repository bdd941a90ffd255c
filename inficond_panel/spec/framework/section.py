"""Section of the spec: a pydantic model that is read from a YAML mapping.

Each key is read separately, so that all problems of a file are reported at once.
"""

from __future__ import annotations

import os.path
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from inspect import get_annotations
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self, TypeVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from inficond_panel.spec.framework.types import NO_KEY, Location
from inficond_panel.spec.framework.yaml_source import (
    Nodes,
    Reading,
    descend,
    either,
    is_null,
    kinds_of,
    phrase,
    plain,
    shown,
    tag,
    text_of,
    words_of,
)

S = TypeVar("S", bound="Section")
# Unlike the methods of Path, these functions never raise, not even for a name that is too long.
_TESTS = {"folder": os.path.isdir, "file": os.path.isfile}
_STRICT = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False, defer_build=True)


class Mismatch(Exception):  # noqa: N818 - not an error of the program
    """Error that the value of a YAML node is not valid for its key."""

    def __init__(self, node: Node, message: str) -> None:
        super().__init__(message)
        self.node = node


@dataclass(frozen=True, eq=False)
class Key:
    """Key of a section, from the name of its attribute in the class and its pydantic field."""

    attribute: str
    info: FieldInfo

    @property
    def default(self) -> Any:
        """Value of the key if the file omits it; None if the key is required."""
        if self.info.is_required():
            return None
        return self.info.get_default(call_default_factory=True)

    @property
    def doc(self) -> str:
        """Description of the key for the reference page of the docs."""
        return self.info.description or ""

    @cached_property
    def adapter(self) -> TypeAdapter[Any]:
        """Pydantic adapter that reads, writes and describes the value of the key."""
        info = self.info
        field = Field(title=info.title, json_schema_extra=info.json_schema_extra)
        config = None if _is_section(info.annotation) else _STRICT
        value: Any = Annotated[info.annotation, *info.metadata, field]
        return TypeAdapter(value, config=config)

    @cached_property
    def schema(self) -> dict[str, Any]:
        """JSON Schema of the value. If the value is a section, schema of the text that may stand in
        place of the section, or {}."""
        if self.sections:
            return {"type": "string", "minLength": 1} if self.info.title else {}
        return self.adapter.json_schema()

    @cached_property
    def sections(self) -> list[type[Section]]:
        """Section classes that the value, or an item of a list value, may have; else []."""
        return [part for part in _parts(self.info.annotation) if _is_section(part)]

    @cached_property
    def location(self) -> Location:
        """Settings of the value's path; a default ``Location`` if the value is not a path."""
        parts = [*_parts(self.info.annotation), *self.info.metadata]
        return next((part for part in parts if isinstance(part, Location)), Location())

    @property
    def many(self) -> bool:
        """True if the value is a list of sections."""
        return bool(self.sections) and get_origin(self.info.annotation) is list

    @property
    def expected(self) -> str:
        """Description of valid values for messages and the reference page, like "a number > 0"."""
        if not self.sections or self.info.title:
            return self.info.title or phrase(self.schema)
        form = "a list of mappings, each" if self.many else "a mapping"
        return f"{form} with the keys {', '.join(_keys(self.sections[0]))}"

    def read(self, node: Node, reading: Reading) -> Any:
        """Return the Python value of a YAML node; raise ``Mismatch`` if the value is not valid."""
        name = self.attribute.rstrip("_")
        if self.sections and isinstance(node, MappingNode) and not self.many:
            written = {text_of(key) for key, _ in node.value if isinstance(key, ScalarNode)}
            kind = max(self.sections, key=lambda kind: len(written & {*_keys(kind)}))
            return read_section(kind, node, reading.inside(name))
        if self.many and isinstance(node, SequenceNode) and node.value:
            return [self._item(item, reading.inside(f"{name}[{at}]"))
                    for at, item in enumerate(node.value)]  # fmt: skip
        try:
            return self.adapter.validate_python(plain(node), context=(reading, node))
        except ValidationError as error:
            raise self._mismatch(error, node, reading) from None

    def _item(self, node: Node, reading: Reading) -> Section:
        if not isinstance(node, MappingNode):
            raise Mismatch(node, f"expected a mapping, got {shown(node)}")
        reading.nodes[reading.where] = (node, node)
        return read_section(self.sections[0], node, reading)

    def _mismatch(self, error: ValidationError, node: Node, reading: Reading) -> Mismatch:
        """Return the most deeply nested pydantic error as a ``Mismatch`` with its YAML node."""
        located = [([*descend(self.schema, node, one["loc"])], one)
                 for one in error.errors(include_url=False, include_input=False)]  # fmt: skip
        steps, deepest = max(located, key=lambda pair: len(pair[0]))
        schema, node = steps[-1]
        if deepest["type"] == "fault":
            return Mismatch(node, deepest["msg"])
        expected = phrase(schema) if len(steps) > 1 else self.expected
        message = f"expected {expected}, got {shown(node)}"
        if isinstance(node, ScalarNode) and tag(node) not in ("null", "str"):
            types = {kind.get("type") for kind in kinds_of(schema)}
            is_text = "string" in types and "number" not in types
            return Mismatch(node, message + f' (for text write "{node.value}")' * is_text)
        word = text_of(node) if isinstance(node, ScalarNode) else ""
        words = words_of(schema)
        return Mismatch(node, message if word in words else message + reading.hint(word, words))


class Section(BaseModel):
    """Base class of the sections of a spec, whose fields are keys of the YAML file. If ``chooser``
    is set, the value of the key with this name selects the subclass."""

    model_config = _STRICT
    chooser: ClassVar[str] = ""
    usual: ClassVar[str] = ""
    #: True if this section, with its inner sections, changes keys of another section. Keys that its
    #: file names then count even if they have the default value.
    partial: ClassVar[bool] = False
    #: By key: other keys that may be omitted, all together, if this key is present.
    spared: ClassVar[dict[str, tuple[str, ...]]] = {}

    if TYPE_CHECKING:  # keys of one kind only

        def __getattr__(self, name: str) -> Any: ...

    @classmethod
    @cache
    def fields(cls) -> dict[str, Key]:
        """Return the keys by their names in YAML, the attributes without trailing underscore."""
        infos = {
            name: cls.model_fields[name]
            for base in reversed(cls.__mro__)
            if issubclass(base, Section)
            for name in get_annotations(base)
            if name in base.model_fields and NO_KEY not in base.model_fields[name].metadata
        }
        first = [name for name in infos if name == cls.chooser]
        return {name.rstrip("_"): Key(name, infos[name]) for name in [*first, *infos]}

    @classmethod
    def needed(cls, given: set[str]) -> set[str]:
        """Return the names of the keys that are required in a section with the keys ``given``."""
        spared = {
            name
            for key, names in cls.spared.items()
            for name in names
            if key not in given or not given.isdisjoint(names)
        }
        fields = cls.fields()
        required = {name for name, key in fields.items() if key.info.is_required()}
        if cls.chooser in fields and fields[cls.chooser].default != cls.usual:
            required.add(cls.chooser)
        return required | spared

    @classmethod
    def kinds(cls) -> dict[str, type[Self]]:
        """Return the subclasses by the value of the key ``chooser`` that selects them; {} if the
        section has no such key."""
        if cls.chooser in cls.fields():
            return {cls.fields()[cls.chooser].default: cls}
        return {word: kind for sub in cls.__subclasses__() for word, kind in sub.kinds().items()}

    @classmethod
    def made(cls, reading: Reading) -> Self:
        """Return the section with the values read so far (``reading.values``); invalid or missing
        values are the defaults, or None."""
        needed = {key.attribute: None for key in cls.fields().values() if key.info.is_required()}
        return cls.model_construct({*reading.values}, **{**needed, **reading.values})

    def faults(self, given: set[str]) -> Iterator[tuple[str, str]]:
        """Yield (key, message) for each value that contradicts another value of the section.

        ``given`` has the full names of the keys in the file. An invalid or missing value is None.
        """
        yield from ()

    def files(self) -> Iterator[tuple[str, Path, str]]:
        """Yield (key, path, "file" or "folder") for each file or folder that must exist."""
        for name, key in self.fields().items():
            path, location = getattr(self, key.attribute), key.location
            lost = location.below and not getattr(self, location.below)
            if location.exists and isinstance(path, Path) and not lost:
                yield name, path, location.exists

    def values(self) -> dict[str, Any]:
        """Return the values of all keys, by name of their attributes."""
        return {key.attribute: getattr(self, key.attribute) for key in self.fields().values()}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Section) and type(self) is type(other) and (
            self.values() == other.values()
        )  # fmt: skip

    def __hash__(self) -> int:
        return hash(type(self))


def _is_section(part: Any) -> bool:
    return isinstance(part, type) and issubclass(part, Section)


def _parts(annotation: Any) -> Iterator[Any]:
    yield annotation
    for part in get_args(annotation):
        yield from _parts(part)


def _keys(section: type[Section]) -> list[str]:
    kinds = list(section.kinds().values()) or [section]
    return list(dict.fromkeys(key for kind in kinds for key in kind.fields()))


def read_section(cls: type[S], node: MappingNode, reading: Reading) -> S:
    """Return the section of class ``cls`` from a YAML mapping, with defaults for invalid values;
    ``reading`` collects the problems."""
    nodes: Nodes = {
        text_of(key): (key, value) for key, value in node.value if isinstance(key, ScalarNode)
    }
    reading.nodes.update({reading.at(key): pair for key, pair in nodes.items()})
    kind, sure = _choose(cls, node, nodes, reading)
    _report_unknown(cls, kind, nodes, reading, sure)
    needed = kind.needed(set(nodes))
    for name, key in kind.fields().items():
        if name in nodes and (name != kind.chooser or sure):
            _read_key(name, key, nodes[name], reading, needed)
        elif sure and name in needed - set(nodes):
            reading.report(node, name, f"missing; expected {key.expected}")
    section = kind.made(reading)
    if sure:
        _check(section, reading)
    return section


def _read_key(
    name: str, key: Key, pair: tuple[Node, Node], reading: Reading, needed: set[str]
) -> None:
    node = pair[1]
    left_out = key.default is None or isinstance(key.default, Section)
    if is_null(node) and left_out and name not in needed:
        return
    try:
        reading.values[key.attribute] = key.read(node, reading)
    except Mismatch as mismatch:
        # YAML puts an empty value at the start of the next key; report the value's key instead.
        at = pair[0] if is_null(node) and not node.value else mismatch.node
        reading.report(at, name, str(mismatch))


def _choose(cls: type[S], node: Node, nodes: Nodes, reading: Reading) -> tuple[type[S], bool]:
    """Return the subclass of ``cls`` that its key ``chooser`` names, and True; if the value is
    missing or wrong, the subclass with the most keys in common, and False."""
    kinds = cls.kinds()
    if not kinds or cls in kinds.values():
        return cls, True
    if cls.chooser in nodes:
        value = nodes[cls.chooser][1]
        word = text_of(value) if isinstance(value, ScalarNode) else ""
        if word in kinds:
            return kinds[word], True
        message = f"expected {either([*kinds])}, got {shown(value)}"
        reading.report(value, cls.chooser, message + reading.hint(word, [*kinds]))
    elif cls.usual:
        return kinds[cls.usual], True
    else:
        reading.report(node, cls.chooser, f"missing; expected {either([*kinds])}")
    return max(kinds.values(), key=lambda kind: len(set(nodes) & set(kind.fields()))), False


def _report_unknown(
    cls: type[Section], kind: type[Section], nodes: Nodes, reading: Reading, sure: bool
) -> None:
    known, kinds = list(kind.fields()), cls.kinds()
    for key, (node, _) in nodes.items():
        users = [word for word, other in kinds.items() if key in other.fields()]
        if key in known or (users and not sure):
            continue
        if users:
            chosen = next(word for word, other in kinds.items() if other is kind)
            needs = " or ".join(f"{cls.chooser}: {word}" for word in users)
            message = f"is not used with {cls.chooser}: {chosen}; it belongs to {needs}"
        elif key == "<<":
            message = (
                "merge keys are not supported; write the keys out here. The value of a single key "
                "may be an alias, such as key: *name"
            )
        else:
            near = reading.hint(key, known) or f"; the keys are {', '.join(known)}"
            message = f"unknown key{near}"
        reading.report(node, key, message)


def _check(section: Section, reading: Reading) -> None:
    for key, message in section.faults(set(reading.nodes)):
        reading.report(reading.place(key)[0], key, message)
    missing: list[Path] = []
    for key, path, kind in section.files() if reading.check_files else ():
        if _TESTS[kind](path) or any(parent in missing for parent in path.parents):
            continue
        missing.append(path)
        node, value = reading.place(key)
        at = value if reading.at(key) in reading.nodes else node
        reading.report(at, key, f"no such {kind}: {path}")
