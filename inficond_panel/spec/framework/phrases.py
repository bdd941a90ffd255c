"""What a value may be, in words: phrases for messages and the reference page, from JSON Schema."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from inficond_panel.common.near_words import near
from inficond_panel.spec.framework.yaml_source import text_of

_NOUNS = {
    "boolean": "true or false",
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
}
_SIGNS = {"exclusiveMinimum": ">", "minimum": ">=", "exclusiveMaximum": "<", "maximum": "<="}


def phrase(schema: dict[str, Any]) -> str:
    """What a JSON Schema allows: "a number > 0", "sigmoid or softmax", "a list of texts"."""
    kinds = [one for one in schema.get("anyOf", []) if one.get("type") != "null"]
    words = schema.get("enum") or ([schema["const"]] if "const" in schema else [])
    if "title" in schema:
        return str(schema["title"])
    if kinds or words:
        return either([str(word) for word in words] or [phrase(kind) for kind in kinds])
    match schema["type"]:
        case "array":
            return f"a list of {_several(schema['items'])}"
        case "object":
            names = schema.get("propertyNames", {}).get("enum") or ["class"]
            return (
                f"a mapping from {', '.join(names)} to {_several(schema['additionalProperties'])}"
            )
    limits = [f"{sign} {schema[key]:g}" for key, sign in _SIGNS.items() if key in schema]
    return " ".join([_NOUNS[schema["type"]], " and ".join(limits)]).strip()


def either(words: list[str]) -> str:
    """``a, b or c``."""
    return " or ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def _several(schema: dict[str, Any]) -> str:
    if words := schema.get("enum"):
        return ", ".join(words)
    noun, _, rest = phrase(schema).removeprefix("a ").partition(" ")
    return f"{noun}s {rest}".strip()


def kinds_of(schema: dict[str, Any]) -> list[dict[str, Any]]:
    """Members of a schema that is a choice of several, else the schema itself."""
    return [kind for one in schema.get("anyOf", []) for kind in kinds_of(one)] or [schema]


def words_of(schema: dict[str, Any]) -> list[str]:
    """Words that a value may be."""
    kinds = kinds_of(schema)
    inner = [one["items"] for one in kinds if "items" in one]
    own = [word for one in kinds for word in one.get("enum", [])]
    return [*own, *(word for one in inner for word in words_of(one))]


def hint(word: str, words: Collection[str]) -> str:
    """Suggestion of the nearest right word, behind a message that ends without a full stop."""
    suggestion = near(word, words)
    return f".{suggestion}" if suggestion else ""


Place = tuple[dict[str, Any], Node]


def descend(schema: dict[str, Any], node: Node, loc: tuple[int | str, ...]) -> Iterator[Place]:
    """Walk to the place of an error of pydantic: the schema and the node of each step.

    Parts of ``loc`` that are none of the YAML, such as the name of a union's member, are passed.
    """
    yield schema, node
    for at, part in enumerate(loc):
        inner = _inner(schema, node, part, loc[at + 1 : at + 2] == ("[key]",))
        if inner:
            schema, node = inner
            yield inner


def _inner(schema: dict[str, Any], node: Node, part: int | str, of_key: bool) -> Place | None:
    for kind in schema.get("anyOf", [schema]):
        if isinstance(node, SequenceNode) and isinstance(part, int) and "items" in kind:
            return kind["items"], node.value[part]
        if isinstance(node, MappingNode) and "additionalProperties" in kind:
            for name, value in node.value:
                if isinstance(name, ScalarNode) and text_of(name) == part:
                    inner = (kind["additionalProperties"], value)
                    return (kind["propertyNames"], name) if of_key else inner
    return None
