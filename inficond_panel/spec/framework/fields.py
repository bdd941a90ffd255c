"""Fields and the kinds of single values: Params that read themselves from YAML and back.

Each field says what it expects, reads a node, writes plain data and gives its JSON Schema.
A field's ``metadata`` may hold ``required`` (True), ``unit`` (text), and, for paths, ``exists``
("file" or "folder") and ``below`` (the key of the folder that the path is relative to).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import param
from ruamel.yaml.nodes import Node, ScalarNode

from inficond_panel.common.devices import EXPECTED, FORM
from inficond_panel.common.near_words import near
from inficond_panel.errors import Problem
from inficond_panel.spec.framework.yaml_source import shown, tag, text_of

#: A file with more problems than this gets no more hints.
_MOST_HINTS = 100
_LONGEST = 200
_SLUG = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")


class Mismatch(Exception):  # noqa: N818 - not an error of the program
    """A node that is not what its key expects."""

    def __init__(self, node: Node, message: str) -> None:
        super().__init__(message)
        self.node = node


@dataclass
class Reading:
    """State of the reading of one section: file, place, problems, and values so far."""

    file: Path
    check_files: bool
    where: str = ""
    partial: bool = False
    problems: dict[Problem, None] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    written: dict[Path, str] = field(default_factory=dict)
    nodes: dict[str, tuple[Node, Node]] = field(default_factory=dict)

    def inside(self, key: str) -> Reading:
        """Return the reading of the section below a key."""
        return replace(self, where=self.at(key), values={})

    def at(self, key: str) -> str:
        """Full name of a key of this section, such as ``students.lambda``."""
        return ".".join(part for part in (self.where, key) if part)

    def report(self, node: Node, key: str, message: str) -> None:
        """Note a problem at a node, once."""
        mark, where = node.start_mark, self.at(key)
        where = where if len(where) <= _LONGEST else f"{where[:_LONGEST]}..."
        text = f"{where}: {message}" if where else message
        problem = Problem(self.file, mark.line + 1, mark.column + 1, text)
        self.problems[problem] = None

    def place(self, key: str) -> tuple[Node, Node]:
        """Nodes of a key of this section and its value; of a missing key, the nodes of the section
        that it would be in."""
        full = self.at(key)
        while full not in self.nodes:
            full = full.rpartition(".")[0]
        return self.nodes[full]

    def hint(self, word: str, words: Collection[str]) -> str:
        """As ``hint``, for the first problems of a file: of thousands it would take minutes."""
        return hint(word, words) if len(self.problems) < _MOST_HINTS else ""

    @property
    def data_optional(self) -> bool:
        """True if what only precompute reads may be missing here."""
        return not self.check_files and bool(self.where)


class Field(param.Parameter):
    """A Param that can be read from YAML."""

    __slots__ = ()

    @property
    def attribute(self) -> str:
        """Name in Python."""
        return str(self.name)

    def expected(self) -> str:
        """Phrase for what the key expects, for messages and the reference page."""
        raise NotImplementedError

    def json_schema(self) -> dict[str, Any]:
        """JSON Schema of the value."""
        raise NotImplementedError

    def read(self, node: Node, reading: Reading) -> Any:
        """Value of a node; raises ``Mismatch``."""
        raise NotImplementedError

    def write(self, value: Any) -> Any:
        """Plain data for YAML; paths stay paths."""
        return value

    def option(self, name: str) -> Any:
        """Value of one of the field's options, None if it has none."""
        return (self.metadata or {}).get(name)

    def wrong(self, node: Node) -> Mismatch:
        """Return the mismatch of a node with what is expected."""
        return Mismatch(node, f"expected {self.expected()}, got {shown(node)}")


def is_null(node: Node) -> bool:
    """True if a node holds no value (``null``, ``~`` or empty)."""
    return isinstance(node, ScalarNode) and tag(node) == "null"


def read_text(node: Node, owner: Field) -> str:
    """Text of a node; a number, true or nothing without quotes is a ``Mismatch``."""
    if isinstance(node, ScalarNode) and tag(node) in ("str", "timestamp"):
        return text_of(node)
    quotes = isinstance(node, ScalarNode) and not is_null(node)
    hint = f' (for text write "{node.value}")' if quotes else ""
    raise Mismatch(node, f"{owner.wrong(node)}{hint}")


class Text(Field, param.String):
    """A text that is not empty."""

    __slots__ = ()

    def expected(self) -> str:
        """Phrase for any text."""
        return "text"

    def json_schema(self) -> dict[str, Any]:
        """JSON Schema of a text of at least one character."""
        return {"type": "string", "minLength": 1}

    def read(self, node: Node, reading: Reading) -> str:
        """Text of a node; ``Mismatch`` where it is no text, or blank."""
        text = read_text(node, self)
        if not text.strip():
            raise self.wrong(node)
        return text


class Slug(Text):
    """A short name for tables and files."""

    __slots__ = ()

    def expected(self) -> str:
        """Phrase with the characters and the length that are allowed."""
        return "a name of up to 40 of a-z, 0-9, - and _"

    def json_schema(self) -> dict[str, Any]:
        """JSON Schema of a text with the slug's pattern."""
        return {"type": "string", "pattern": f"^{_SLUG.pattern}$"}

    def read(self, node: Node, reading: Reading) -> str:
        """Text of a node; ``Mismatch`` where it does not have the slug's pattern."""
        text = super().read(node, reading)
        if not _SLUG.fullmatch(text):
            raise self.wrong(node)
        return text


class Device(Text):
    """Name of a device that networks run on."""

    __slots__ = ()

    def expected(self) -> str:
        """Phrase with the names."""
        return EXPECTED

    def json_schema(self) -> dict[str, Any]:
        """JSON Schema of a text with the names' pattern."""
        return {"type": "string", "pattern": f"^({FORM.pattern})$"}

    def read(self, node: Node, reading: Reading) -> str:
        """Text of a node; ``Mismatch`` where it names no device."""
        text = read_text(node, self)
        if not FORM.fullmatch(text):
            raise self.wrong(node)
        return text


class Flag(Field, param.Boolean):
    """true or false."""

    __slots__ = ()

    def expected(self) -> str:
        """Phrase for the two words."""
        return "true or false"

    def json_schema(self) -> dict[str, Any]:
        """JSON Schema of a boolean."""
        return {"type": "boolean"}

    def read(self, node: Node, reading: Reading) -> bool:
        """Boolean of a node; ``Mismatch`` where it is neither word, or has quotes."""
        if not isinstance(node, ScalarNode) or tag(node) != "bool":
            raise self.wrong(node)
        return bool(node.value.lower() == "true")


class Number(Field, param.Number):
    """A finite number within bounds, in any notation (``1e-4`` is one too)."""

    __slots__ = ()
    noun, json_type = "number", "number"
    parse: ClassVar[Callable[[str], float]] = float

    def expected(self) -> str:
        """Phrase with the noun and the bounds."""
        low, high = self.bounds or (None, None)
        closed = self.inclusive_bounds
        limits = [
            f"{sign}{'=' if inclusive else ''} {limit:g}"
            for sign, limit, inclusive in ((">", low, closed[0]), ("<", high, closed[1]))
            if limit is not None
        ]
        return " ".join([f"a {self.noun}", " and ".join(limits)]).strip()

    def json_schema(self) -> dict[str, Any]:
        """JSON Schema of the number, with its bounds, inclusive or exclusive."""
        low, high = self.bounds or (None, None)
        names = [
            "minimum" if self.inclusive_bounds[0] else "exclusiveMinimum",
            "maximum" if self.inclusive_bounds[1] else "exclusiveMaximum",
        ]
        limits = {k: v for k, v in zip(names, (low, high), strict=True) if v is not None}
        return {"type": self.json_type, **limits}

    def read(self, node: Node, reading: Reading) -> float:
        """Number of a node; ``Mismatch`` where it is no finite number or out of bounds."""
        value = parse_number(node, type(self).parse)
        if value is None or not self.holds(value):
            raise self.wrong(node)
        return value

    def holds(self, value: float) -> bool:
        """True if a value lies within the bounds."""
        low, high = self.bounds or (None, None)
        above = low is None or value > low or (self.inclusive_bounds[0] and value == low)
        below = high is None or value < high or (self.inclusive_bounds[1] and value == high)
        return above and below


class Whole(Number, param.Integer):
    """A whole number within bounds."""

    __slots__ = ()
    noun, json_type = "whole number", "integer"
    parse: ClassVar[Callable[[str], float]] = int


def parse_number(node: Node, parse: Callable[[str], Any] = float) -> Any:
    """Finite number of a plain scalar, None if it is not one."""
    if not isinstance(node, ScalarNode) or node.style is not None:
        return None
    try:
        value = parse(node.value)
        return value if math.isfinite(value) else None
    except (ValueError, OverflowError):
        return None


class Choice(Field, param.Selector):
    """One word of a list."""

    __slots__ = ()

    def expected(self) -> str:
        """Phrase that lists the words."""
        return " or ".join([", ".join(self.objects[:-1]), self.objects[-1]][not self.objects[1:] :])

    def json_schema(self) -> dict[str, Any]:
        """JSON Schema with the words as an enum."""
        return {"enum": list(self.objects)}

    def read(self, node: Node, reading: Reading) -> str:
        """Word of a node; ``Mismatch``, with the nearest word, where it is not in the list."""
        word = read_text(node, self)
        if word not in self.objects:
            raise Mismatch(node, f"{self.wrong(node)}{reading.hint(word, self.objects)}")
        return word


def hint(word: str, words: Collection[str]) -> str:
    """Suggestion of the nearest right word, behind a message that ends without a full stop."""
    suggestion = near(word, words)
    return f".{suggestion}" if suggestion else ""
