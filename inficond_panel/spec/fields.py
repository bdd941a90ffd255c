"""The kinds of value that a key can hold: Params that read themselves from YAML and back.

Each field says what it expects, reads a node, writes plain data and gives its JSON Schema.
A field's ``metadata`` may hold ``required`` (True), ``unit`` (text), and, for paths, ``exists``
("file" or "folder") and ``below`` (the key of the folder that the path is relative to).
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import param
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from inficond_panel.errors import Problem
from inficond_panel.spec.source import expand, shown, tag, text_of


class Mismatch(Exception):  # noqa: N818 - not an error of the program
    """A node that is not what its key expects."""

    def __init__(self, node: Node, message: str) -> None:
        super().__init__(message)
        self.node = node


@dataclass
class Reading:
    """What is known while one section is read."""

    file: Path
    check_files: bool
    where: str = ""
    problems: list[Problem] = field(default_factory=list)
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
        text = f"{where}: {message}" if where else message
        problem = Problem(self.file, mark.line + 1, mark.column + 1, text)
        if problem not in self.problems:
            self.problems.append(problem)

    @property
    def data_optional(self) -> bool:
        """Whether what only precompute reads may be missing here."""
        return not self.check_files and bool(self.where)


class Field(param.Parameter):
    """A Param that can be read from YAML."""

    __slots__ = ()

    @property
    def attribute(self) -> str:
        """Name in Python."""
        return str(self.name)

    def expected(self) -> str:
        """Say what the key expects, for messages and the reference page."""
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
    """Whether a node says nothing (``null``, ``~`` or empty)."""
    return isinstance(node, ScalarNode) and tag(node) == "null"


def _text(node: Node, owner: Field) -> str:
    if isinstance(node, ScalarNode) and tag(node) in ("str", "timestamp"):
        return text_of(node)
    quotes = isinstance(node, ScalarNode) and not is_null(node)
    hint = f' (for text write "{node.value}")' if quotes else ""
    raise Mismatch(node, f"{owner.wrong(node)}{hint}")


class Text(Field, param.String):
    """A text that is not empty."""

    __slots__ = ()

    def expected(self) -> str:  # noqa: D102 - see Field
        return "text"

    def json_schema(self) -> dict[str, Any]:  # noqa: D102
        return {"type": "string", "minLength": 1}

    def read(self, node: Node, reading: Reading) -> str:  # noqa: D102
        text = _text(node, self)
        if not text.strip():
            raise self.wrong(node)
        return text


class Flag(Field, param.Boolean):
    """true or false."""

    __slots__ = ()

    def expected(self) -> str:  # noqa: D102
        return "true or false"

    def json_schema(self) -> dict[str, Any]:  # noqa: D102
        return {"type": "boolean"}

    def read(self, node: Node, reading: Reading) -> bool:  # noqa: D102
        if not isinstance(node, ScalarNode) or tag(node) != "bool":
            raise self.wrong(node)
        return bool(node.value.lower() == "true")


class Number(Field, param.Number):
    """A finite number within bounds, in any notation (``1e-4`` is one too)."""

    __slots__ = ()
    noun, json_type = "number", "number"
    parse: ClassVar[Callable[[str], float]] = float

    def expected(self) -> str:  # noqa: D102
        low, high = self.bounds or (None, None)
        closed = self.inclusive_bounds
        limits = [
            f"{sign}{'=' if inclusive else ''} {limit:g}"
            for sign, limit, inclusive in ((">", low, closed[0]), ("<", high, closed[1]))
            if limit is not None
        ]
        return " ".join([f"a {self.noun}", " and ".join(limits)]).strip()

    def json_schema(self) -> dict[str, Any]:  # noqa: D102
        low, high = self.bounds or (None, None)
        names = [
            "minimum" if self.inclusive_bounds[0] else "exclusiveMinimum",
            "maximum" if self.inclusive_bounds[1] else "exclusiveMaximum",
        ]
        limits = {k: v for k, v in zip(names, (low, high), strict=True) if v is not None}
        return {"type": self.json_type, **limits}

    def read(self, node: Node, reading: Reading) -> float:  # noqa: D102
        value = parse_number(node, type(self).parse)
        if value is None or not self.holds(value):
            raise self.wrong(node)
        return value

    def holds(self, value: float) -> bool:
        """Whether a value lies within the bounds."""
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

    def expected(self) -> str:  # noqa: D102
        return " or ".join([", ".join(self.objects[:-1]), self.objects[-1]][not self.objects[1:] :])

    def json_schema(self) -> dict[str, Any]:  # noqa: D102
        return {"enum": list(self.objects)}

    def read(self, node: Node, reading: Reading) -> str:  # noqa: D102
        word = _text(node, self)
        if word not in self.objects:
            raise Mismatch(node, f"{self.wrong(node)}{hint(word, self.objects)}")
        return word


class Words(Field, param.List):
    """A list of texts without repeats; option ``words`` lists those allowed, ``holding`` a part
    that each must have."""

    __slots__ = ()

    def expected(self) -> str:  # noqa: D102
        words, part = self.option("words"), self.option("holding")
        kind = f" of {', '.join(words)}" if words else " of texts"
        return f"a list{kind}" + (f" with {part} in each" if part else "")

    def json_schema(self) -> dict[str, Any]:  # noqa: D102
        words = self.option("words")
        item = {"enum": words} if words else {"type": "string", "minLength": 1}
        if self.option("holding"):
            item = {"type": "string", "pattern": r"\{\}"}
        least = 0 if self.default == [] else 1
        return {"type": "array", "items": item, "minItems": least, "uniqueItems": True}

    def read(self, node: Node, reading: Reading) -> list[str]:  # noqa: D102
        if not isinstance(node, SequenceNode) or not (node.value or self.default == []):
            raise self.wrong(node)
        words: list[str] = []
        for item in node.value:
            words.append(self._word(item, words))
        return words

    def _word(self, node: Node, earlier: list[str]) -> str:
        word, allowed, part = _text(node, self), self.option("words"), self.option("holding")
        if allowed and word not in allowed:
            raise Mismatch(node, f"{self.wrong(node)}{hint(word, allowed)}")
        if not word.strip() or (part and part not in word):
            raise self.wrong(node)
        if word in earlier:
            raise Mismatch(node, f"{word!r} is named twice")
        return word


class Rows(Field, param.List):
    """Rows of words, each word at most once; option ``words`` lists those allowed."""

    __slots__ = ()

    def expected(self) -> str:  # noqa: D102
        return f"a list of rows, each a list of {', '.join(self.option('words'))}"

    def json_schema(self) -> dict[str, Any]:  # noqa: D102
        words = {"enum": self.option("words")}
        row = {"type": "array", "items": words, "minItems": 1, "uniqueItems": True}
        return {"type": "array", "items": row, "minItems": 1}

    def read(self, node: Node, reading: Reading) -> list[list[str]]:  # noqa: D102
        if not isinstance(node, SequenceNode) or not node.value:
            raise self.wrong(node)
        rows: list[list[str]] = []
        for row in node.value:
            if not isinstance(row, SequenceNode) or not row.value:
                raise self.wrong(row)
            rows.append([])
            for item in row.value:
                rows[-1].append(self._view(item, rows))
        return rows

    def _view(self, node: Node, rows: list[list[str]]) -> str:
        word, allowed = _text(node, self), self.option("words")
        if word not in allowed:
            near = hint(word, allowed) or f"; there are {', '.join(allowed)}"
            raise Mismatch(node, f"unknown view {word!r}{near}")
        if any(word in row for row in rows):
            raise Mismatch(node, f"the view {word!r} is named twice")
        return word


class Size(Field, param.Tuple):
    """Width and height in pixels."""

    __slots__ = ()

    def expected(self) -> str:  # noqa: D102
        return "[width, height], two whole numbers > 0"

    def json_schema(self) -> dict[str, Any]:  # noqa: D102
        side = {"type": "integer", "minimum": 1}
        return {"type": "array", "items": side, "minItems": 2, "maxItems": 2}

    def read(self, node: Node, reading: Reading) -> tuple[int, int]:  # noqa: D102
        if not isinstance(node, SequenceNode) or len(node.value) != 2:
            raise self.wrong(node)
        width, height = (parse_number(side, int) for side in node.value)
        if not width or not height or min(width, height) < 1:
            raise self.wrong(node)
        return width, height

    def write(self, value: Any) -> list[int]:  # noqa: D102
        return list(value)


class Numbers(Field, param.Dict):
    """A number for each of some names."""

    __slots__ = ()

    def expected(self) -> str:  # noqa: D102
        return "a mapping from class to number"

    def json_schema(self) -> dict[str, Any]:  # noqa: D102
        return {"type": "object", "additionalProperties": {"type": "number"}}

    def read(self, node: Node, reading: Reading) -> dict[str, float]:  # noqa: D102
        if not isinstance(node, MappingNode):
            raise self.wrong(node)
        values: dict[str, float] = {}
        for key, item in node.value:
            number = parse_number(item)
            if number is None or not isinstance(key, ScalarNode):
                raise self.wrong(item)
            values[text_of(key)] = number
        return values


class FilePath(Field, param.ClassSelector):
    """A path, kept absolute; ``${NAME}`` is expanded; relative to the file or to ``below``."""

    __slots__ = ()

    def __init__(self, default: Path | None = None, **options: Any) -> None:
        super().__init__(default=default, class_=Path, **options)

    def expected(self) -> str:  # noqa: D102
        return f"the path of a {self.option('exists') or 'file or folder'}"

    def json_schema(self) -> dict[str, Any]:  # noqa: D102
        return {"type": "string", "minLength": 1}

    def read(self, node: Node, reading: Reading) -> Path:  # noqa: D102
        text = _text(node, self)
        if not text.strip() or "\0" in text:
            raise self.wrong(node)
        full, unset = expand(text, dict(os.environ))
        if unset and not reading.data_optional:
            names = " and ".join(unset)
            raise Mismatch(
                node, f"{names} is not set; set it first, for example: export {unset[0]}=FOLDER"
            )
        base = reading.values.get(self.option("below") or "") or reading.file.parent
        path = Path(os.path.abspath(base / full))  # noqa: PTH100 - links stay as written
        if "${" in text:
            reading.written[path] = text
        return path


class NameOrPath(FilePath):
    """A name that a library knows, or a path: what has a slash, a suffix of weights, or exists."""

    __slots__ = ()

    def __init__(self, default: Any = None, **options: Any) -> None:
        param.ClassSelector.__init__(self, default=default, class_=(str, Path), **options)

    def expected(self) -> str:  # noqa: D102
        return f"a name, or the path of a {self.option('exists')}"

    def read(self, node: Node, reading: Reading) -> Any:  # noqa: D102
        text = _text(node, self)
        suffixes = (".safetensors", ".pt", ".pth", ".bin")
        there = os.path.exists(reading.file.parent / text)  # noqa: PTH110 - never raises
        if "/" in text or "${" in text or text.endswith(suffixes) or (text.strip() and there):
            return super().read(node, reading)
        if not text.strip():
            raise self.wrong(node)
        return text


def hint(word: str, words: Any) -> str:
    """Offer the nearest right word, as the end of a message."""
    from difflib import get_close_matches  # noqa: PLC0415 - only where something is wrong

    near = get_close_matches(word.lower(), list(words), n=1, cutoff=0.6)
    return f"; did you mean {near[0]!r}?" if near else ""
