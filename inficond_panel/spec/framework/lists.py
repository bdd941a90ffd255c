"""Fields that hold several values in order: words, names, a size, a number for each colour."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

import param
from ruamel.yaml.nodes import Node, ScalarNode, SequenceNode

from inficond_panel.spec.framework.fields import (
    Field,
    Mismatch,
    Reading,
    parse_number,
    read_text,
)
from inficond_panel.spec.framework.yaml_source import short


class Words(Field, param.List):
    """A list of texts without repeats; option ``words`` lists those allowed, ``holding`` a part
    that each must have."""

    __slots__ = ()

    def expected(self) -> str:
        """Phrase with the words allowed, or the part that each text must have."""
        words, part = self.option("words"), self.option("holding")
        kind = f" of {', '.join(words)}" if words else " of texts"
        return f"a list{kind}" + (f" with {part} in each" if part else "")

    def json_schema(self) -> dict[str, Any]:
        """JSON Schema of an array without repeats; empty only where that is the default."""
        words = self.option("words")
        item = {"enum": words} if words else {"type": "string", "minLength": 1}
        if self.option("holding"):
            item = {"type": "string", "pattern": r"\{\}"}
        least = 0 if self.default == [] else 1
        return {"type": "array", "items": item, "minItems": least, "uniqueItems": True}

    def read(self, node: Node, reading: Reading) -> list[str]:
        """Texts of a sequence; ``Mismatch`` for none, a repeat, or a text that is not allowed."""
        if not isinstance(node, SequenceNode) or not (node.value or self.default == []):
            raise self.wrong(node)
        words: dict[str, None] = {}
        for item in node.value:
            words[self._word(item, words, reading)] = None
        return list(words)

    def _word(self, node: Node, earlier: Container[str], reading: Reading) -> str:
        word, allowed, part = read_text(node, self), self.option("words"), self.option("holding")
        if allowed and word not in allowed:
            raise Mismatch(node, f"{self.wrong(node)}{reading.hint(word, allowed)}")
        if not word.strip() or (part and part not in word):
            raise self.wrong(node)
        if word in earlier:
            raise Mismatch(node, f"{short(word)} is named twice")
        return word


class Names(Words):
    """A name, or several that a thing goes by."""

    __slots__ = ()

    def expected(self) -> str:
        """Phrase for one name or a list of them."""
        return "a name, or a list of names that it goes by"

    def json_schema(self) -> dict[str, Any]:
        """JSON Schema of a text, or of an array of texts."""
        return {"anyOf": [{"type": "string", "minLength": 1}, super().json_schema()]}

    def read(self, node: Node, reading: Reading) -> list[str]:
        """Names of a scalar or a sequence, always as a list; raises as ``Words.read``."""
        if isinstance(node, ScalarNode):
            return [self._word(node, (), reading)]
        return super().read(node, reading)

    def write(self, value: list[str]) -> str | list[str]:
        """Name alone where there is one, else the list."""
        return value[0] if len(value) == 1 else value


class Size(Field, param.Tuple):
    """Width and height in pixels."""

    __slots__ = ()

    def expected(self) -> str:
        """Phrase for the two numbers."""
        return "[width, height], two whole numbers > 0"

    def json_schema(self) -> dict[str, Any]:
        """JSON Schema of an array of two whole numbers > 0."""
        side = {"type": "integer", "minimum": 1}
        return {"type": "array", "items": side, "minItems": 2, "maxItems": 2}

    def read(self, node: Node, reading: Reading) -> tuple[int, int]:
        """Width and height in pixels; ``Mismatch`` where they are not two whole numbers > 0."""
        if not isinstance(node, SequenceNode) or len(node.value) != 2:
            raise self.wrong(node)
        width, height = (parse_number(side, int) for side in node.value)
        if not width or not height or min(width, height) < 1:
            raise self.wrong(node)
        return width, height

    def write(self, value: tuple[int, int]) -> list[int]:
        """Width and height as a list."""
        return list(value)


class Channels(Field, param.NumericTuple):
    """A number for each of red, green and blue; option ``above`` is a bound they must exceed."""

    __slots__ = ()

    def __init__(self, default: tuple[float, ...] | None = None, **options: Any) -> None:
        super().__init__(default=default, length=3, **options)

    def expected(self) -> str:
        """Phrase for the three numbers, with their bound."""
        above = self.option("above")
        return "[red, green, blue], three numbers" + ("" if above is None else f" > {above:g}")

    def json_schema(self) -> dict[str, Any]:
        """JSON Schema of an array of three numbers, with their bound."""
        above = self.option("above")
        limits = {} if above is None else {"exclusiveMinimum": above}
        return {
            "type": "array",
            "items": {"type": "number", **limits},
            "minItems": 3,
            "maxItems": 3,
        }

    def read(self, node: Node, reading: Reading) -> tuple[float, ...]:
        """Red, green and blue; ``Mismatch`` where they are not three numbers above the bound."""
        nodes = node.value if isinstance(node, SequenceNode) else []
        values, above = [parse_number(item) for item in nodes], self.option("above")
        if len(values) != 3 or any(v is None or (above is not None and v <= above) for v in values):
            raise self.wrong(node)
        return tuple(values)

    def write(self, value: tuple[float, ...]) -> list[float]:
        """Red, green and blue as a list."""
        return list(value)
