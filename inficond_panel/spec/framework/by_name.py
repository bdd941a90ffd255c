"""Fields that hold a value for each of some names: texts and numbers."""

from __future__ import annotations

from typing import Any

import param
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode

from inficond_panel.spec.framework.fields import (
    Field,
    Mismatch,
    Number,
    Reading,
    parse_number,
    read_text,
)
from inficond_panel.spec.framework.yaml_source import shown, text_of
from inficond_panel.vocabulary.cures import AUTO


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


#: Value of one class: a number, or the word ``auto``.
Value = float | str


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
        values = {"default": self.default}
        for key, item in node.value:
            if not isinstance(key, ScalarNode):
                raise self._wrong_item(item)
            values[text_of(key)] = self._read_item(item)
        return values

    def value_of(self, value: Value | dict[str, Value], class_name: str) -> Value:
        """The value of one class, from the value for all or the mapping."""
        if isinstance(value, dict):
            return value.get(class_name, value.get("default", self.default))
        return value

    def _read_item(self, node: Node) -> Any:
        number = parse_number(node)
        if number is None or not self.holds(number):
            raise self._wrong_item(node)
        return number

    def _wrong_item(self, node: Node) -> Mismatch:
        return Mismatch(node, f"expected {super().expected()}, got {shown(node)}")

    def _validate(self, val: Any) -> None:
        for number in val.values() if isinstance(val, dict) else [val]:
            super()._validate(number)


class ByClassOrAuto(ByClass):
    """As ``ByClass``, but ``auto`` may stand for any number: the data choose it."""

    __slots__ = ()

    def expected(self) -> str:
        """Phrase for the word, a number, or a mapping to them."""
        return f"{AUTO}, {super().expected()}"

    def json_schema(self) -> dict[str, Any]:
        """JSON Schema of the word, of a number, or of an object with such values."""
        one = {"anyOf": [{"const": AUTO}, Number.json_schema(self)]}
        by_class = {"type": "object", "additionalProperties": one, "minProperties": 1}
        return {"anyOf": [*one["anyOf"], by_class]}

    def read(self, node: Node, reading: Reading) -> Any:
        """The word, a number, or values by class; ``Mismatch`` for anything else."""
        return AUTO if _is_auto(node) else super().read(node, reading)

    def _read_item(self, node: Node) -> Any:
        return AUTO if _is_auto(node) else super()._read_item(node)

    def _validate(self, val: Any) -> None:
        items = val.values() if isinstance(val, dict) else [val]
        super()._validate({str(place): item for place, item in enumerate(items) if item != AUTO})


def _is_auto(node: Node) -> bool:
    return isinstance(node, ScalarNode) and node.style is None and node.value == AUTO
