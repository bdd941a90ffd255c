"""Fields of the page's layout: rows of views, and shares of the room that they take."""

from __future__ import annotations

from typing import Any

import param
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

from inficond_panel.spec.framework.fields import (
    Field,
    Mismatch,
    Reading,
    hint,
    parse_number,
    read_text,
)
from inficond_panel.spec.framework.yaml_source import short, shown


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
