"""Fields that hold several values: words, rows, sizes, colours, numbers or texts by name."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

import param
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from inficond_panel.spec.framework.fields import (
    Field,
    Mismatch,
    Number,
    Reading,
    hint,
    parse_number,
    read_text,
)
from inficond_panel.spec.framework.yaml_source import short, shown, text_of


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


class Rows(Field, param.List):
    """Lists of words, each word at most once; option ``words`` lists those allowed."""

    __slots__ = ()

    def expected(self) -> str:
        """Phrase with the words that the inner lists may hold."""
        return f"a list of {self.name}, each a list of {', '.join(self.option('words'))}"

    def json_schema(self) -> dict[str, Any]:
        """JSON Schema of an array of arrays of words; no inner array is empty."""
        words = {"enum": self.option("words")}
        row = {"type": "array", "items": words, "minItems": 1, "uniqueItems": True}
        return {"type": "array", "items": row, "minItems": 0 if self.default == [] else 1}

    def read(self, node: Node, reading: Reading) -> list[list[str]]:
        """Words of a sequence of sequences; ``Mismatch`` for an empty one or a word used twice."""
        if not isinstance(node, SequenceNode) or not (node.value or self.default == []):
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
        word = _view_name(node, self)
        if any(word in row for row in rows):
            raise Mismatch(node, f"the view {word!r} is named twice")
        return word


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


class Texts(Field, param.Dict):
    """A text for each of some names."""

    __slots__ = ()

    def expected(self) -> str:
        """Phrase for a mapping from class to text."""
        return "a mapping from class to text"

    def json_schema(self) -> dict[str, Any]:
        """JSON Schema of an object with a text for each key."""
        return {"type": "object", "additionalProperties": {"type": "string", "minLength": 1}}

    def read(self, node: Node, reading: Reading) -> dict[str, str]:
        """Texts by name; ``Mismatch`` where one is no text, or blank."""
        if not isinstance(node, MappingNode):
            raise self.wrong(node)
        values: dict[str, str] = {}
        for key, item in node.value:
            text = read_text(item, self)
            if not text.strip() or not isinstance(key, ScalarNode):
                raise self.wrong(item)
            values[text_of(key)] = text
        return values


class Numbers(Field, param.Dict):
    """A number for each of some names."""

    __slots__ = ()

    def expected(self) -> str:
        """Phrase for a mapping from class to number."""
        return "a mapping from class to number"

    def json_schema(self) -> dict[str, Any]:
        """JSON Schema of an object with a number for each key."""
        return {"type": "object", "additionalProperties": {"type": "number"}}

    def read(self, node: Node, reading: Reading) -> dict[str, float]:
        """Numbers by name; ``Mismatch`` where one is no finite number."""
        if not isinstance(node, MappingNode):
            raise self.wrong(node)
        values: dict[str, float] = {}
        for key, item in node.value:
            number = parse_number(item)
            if number is None or not isinstance(key, ScalarNode):
                raise self.wrong(item)
            values[text_of(key)] = number
        return values


class Shares(Field, param.List):
    """Numbers > 0, one for each part of a whole."""

    __slots__ = ()

    def expected(self) -> str:
        """Phrase for a list of numbers > 0."""
        return "a list of numbers > 0"

    def json_schema(self) -> dict[str, Any]:
        """JSON Schema of an array of numbers > 0."""
        return {"type": "array", "items": {"type": "number", "exclusiveMinimum": 0}}

    def read(self, node: Node, reading: Reading) -> list[float]:
        """Numbers of a sequence; ``Mismatch`` where one is not > 0."""
        if not isinstance(node, SequenceNode):
            raise self.wrong(node)
        return [_share(item, self) for item in node.value]


class NamedShares(Field, param.Dict):
    """A number > 0 for each of some names; option ``words`` lists those allowed."""

    __slots__ = ()

    def expected(self) -> str:
        """Phrase with the names allowed."""
        return f"a mapping from {', '.join(self.option('words'))} to numbers > 0"

    def json_schema(self) -> dict[str, Any]:
        """JSON Schema of an object from the names allowed to numbers > 0."""
        number = {"type": "number", "exclusiveMinimum": 0}
        names = {"enum": self.option("words")}
        return {"type": "object", "propertyNames": names, "additionalProperties": number}

    def read(self, node: Node, reading: Reading) -> dict[str, float]:
        """Numbers by name; ``Mismatch`` for an unknown name, or a number that is not > 0."""
        if not isinstance(node, MappingNode):
            raise self.wrong(node)
        return {_view_name(key, self): _share(item, self) for key, item in node.value}


def _share(node: Node, field: Field) -> float:
    number = parse_number(node)
    if number is None or number <= 0:
        raise Mismatch(node, f"expected {field.expected()}, got {shown(node)}")
    return float(number)


def _view_name(node: Node, field: Field) -> str:
    word, allowed = read_text(node, field), field.option("words")
    if word not in allowed:
        near = hint(word, allowed) or f"; there are {', '.join(allowed)}"
        raise Mismatch(node, f"unknown view {short(word)}{near}")
    return word


class ByClass(Number):
    """A number within bounds for all classes, or a mapping from class to number.

    The mapping's key ``default`` is for the classes that it does not name; a mapping without it
    is read with the field's own default there.
    """

    __slots__ = ()

    def expected(self) -> str:
        """Phrase for one number, or a mapping from class to such numbers."""
        return f"{super().expected()}, or a mapping from class (and default) to such numbers"

    def json_schema(self) -> dict[str, Any]:
        """JSON Schema of a number within bounds, or of an object with such numbers."""
        number = super().json_schema()
        by_class = {"type": "object", "additionalProperties": number, "minProperties": 1}
        return {"anyOf": [number, by_class]}

    def read(self, node: Node, reading: Reading) -> Any:
        """Number, or numbers by class with ``default``; ``Mismatch`` where one is out of bounds."""
        if not isinstance(node, MappingNode):
            return super().read(node, reading)
        if not node.value:
            raise self.wrong(node)
        values = {"default": float(self.default)}
        for key, item in node.value:
            number = parse_number(item)
            if number is None or not isinstance(key, ScalarNode) or not self.holds(number):
                raise Mismatch(item, f"expected {super().expected()}, got {shown(item)}")
            values[text_of(key)] = number
        return values

    def value_of(self, value: float | dict[str, float], class_name: str) -> float:
        """The number of one class, from the number for all or the mapping."""
        if isinstance(value, dict):
            return float(value.get(class_name, value.get("default", self.default)))
        return float(value)

    def _validate(self, val: Any) -> None:
        for number in val.values() if isinstance(val, dict) else [val]:
            super()._validate(number)
