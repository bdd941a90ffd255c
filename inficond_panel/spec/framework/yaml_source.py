"""Parse a spec to YAML nodes with line and column, keep the state while reading, word messages.

YAML is only parsed into nodes, so no tag can create an object or run code.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError
from ruamel.yaml.scanner import Scanner, ScannerError

from inficond_panel.common.files import YAML_BYTES, read_bytes
from inficond_panel.common.near_words import near
from inficond_panel.errors import FileProblem, Remedy, SpecError

SPEC_REMEDY = (
    Remedy("`inficond check SPEC`", "open_students(SPEC)")
    + " checks a spec again; `inficond docs spec` has every key."
)
_TAGS = {
    f"tag:yaml.org,2002:{name}"
    for name in ("str", "int", "float", "bool", "null", "map", "seq", "timestamp", "merge")
}
# YAML reads a brace inside `{...}` as syntax, so `{root: ${DATA}/x}` would be an error. The braces
# of a variable are replaced by two private characters, which keeps all columns.
_VARIABLE = re.compile(r"\$\{(\w+)\}")
_HIDDEN = re.compile("\\$\ue000(\\w+)\ue001")
# Surrogate of UTF-16, written as "\\ud800": no file, page or terminal can hold it alone.
_HALF = re.compile("[\ud800-\udfff]")
_DEEPEST = 50


class _Scanner(Scanner):
    """Scanner that refuses deeply nested brackets, since a few kB of them take seconds."""

    def fetch_flow_collection_start(self, *args: Any, **options: Any) -> None:
        if len(self.flow_context) >= _DEEPEST:
            raise ScannerError(None, None, "nested too deeply", self.reader.get_mark())
        super().fetch_flow_collection_start(*args, **options)


def compose(file: Path, start: str = "a spec starts with 'title: ...'") -> Node:
    """Parse a YAML file and return its root node; raise ``SpecError`` if it is not readable YAML.

    ``start`` ends the message on an empty file.
    """
    text = _VARIABLE.sub("$\ue000\\1\ue001", _read(file))
    try:
        yaml = YAML(typ="safe", pure=True)  # unlike "rt" it keeps no comments
        yaml.Scanner = _Scanner
        node = yaml.compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        message = ", ".join(part for part in (error.context, error.problem) if part)
        raise _broken(file, mark.line + 1, mark.column + 1, f"not YAML: {message}") from None
    except ReaderError as error:
        line, column = _position(text[: error.position])
        raise _broken(file, line, column, "not YAML: a control character") from None
    except (YAMLError, RecursionError):
        raise _broken(file, 1, 1, "not readable YAML (nested too deeply?)") from None
    if node is None:
        raise _broken(file, 1, 1, f"the file is empty; {start}")
    return node


def faults(root: Node) -> Iterator[tuple[Node, str]]:
    """Yield (node, message) for each repeated key, key that is not text, tag, and half of a
    character (surrogate)."""
    waiting, seen = [root], set()
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if node.tag not in _TAGS:
            yield node, f"the tag {short(str(node.tag))} is not allowed"
        if isinstance(node, ScalarNode) and _HALF.search(node.value):
            yield node, "has half of a character (\\ud800 to \\udfff); write it anew"
        elif isinstance(node, MappingNode):
            yield from _key_faults(node)
            waiting.extend(child for pair in node.value for child in pair)
        elif isinstance(node, SequenceNode):
            waiting.extend(node.value)


def tag(node: Node) -> str:
    """Return the YAML type of a node: str, int, float, bool, null, map, seq ..."""
    return str(node.tag).rpartition(":")[2]


def is_null(node: Node) -> bool:
    """Return True if a node has no value (``null``, ``~`` or empty)."""
    return isinstance(node, ScalarNode) and tag(node) == "null"


def parse_number(node: Node, parse: Callable[[str], Any] = float) -> Any:
    """Return the number of an unquoted scalar node, read by ``parse`` (int or float); None if the
    node has no finite number."""
    if not isinstance(node, ScalarNode) or node.style is not None:
        return None
    try:
        value = parse(node.value)
        return value if math.isfinite(value) else None
    except (ValueError, OverflowError):
        return None


def plain(node: Node, depth: int = 3) -> Any:
    """Return a node's value as plain Python data; lists and dicts below ``depth`` are empty."""
    if isinstance(node, MappingNode):
        pairs = node.value if depth else ()
        return {text_of(k): plain(v, depth - 1) for k, v in pairs if isinstance(k, ScalarNode)}
    if isinstance(node, SequenceNode):
        return [plain(item, depth - 1) for item in (node.value if depth else ())]
    if not isinstance(node, ScalarNode) or is_null(node):
        return None
    if tag(node) == "bool":
        return bool(node.value.lower() == "true")
    whole = parse_number(node, int)
    number = parse_number(node) if whole is None else whole
    if number is None and tag(node) in ("int", "float"):
        return math.nan  # such as 0x10 and .inf: neither a number here nor text
    text = _HALF.sub("\ufffd", text_of(node))  # ``faults`` reports it
    return text if number is None or tag(node) == "str" else number


def text_of(node: ScalarNode) -> str:
    """Return the text of a scalar node as the user wrote it."""
    return _HIDDEN.sub(r"${\1}", node.value)


def short(text: str) -> str:
    """Return a text in quotes for a message, cut to 60 characters."""
    return repr(text if len(text) <= 60 else f"{text[:57]}...")


def shown(node: Node) -> str:
    """Return a node's value as words of a message, after "got": "an empty list"."""
    if isinstance(node, MappingNode):
        return "a mapping"
    if isinstance(node, SequenceNode):
        return "a list" if node.value else "an empty list"
    if not isinstance(node, ScalarNode) or tag(node) == "null":
        return "nothing"
    return short(text_of(node)) + (" in quotes" if node.style in ("'", '"') else "")


def expand(text: str, variables: dict[str, str]) -> tuple[str, list[str]]:
    """Replace each ``${NAME}`` in a text by the variable's value; return the text, and the names
    that have no value."""
    unset = [name for name in _VARIABLE.findall(text) if not variables.get(name)]
    return _VARIABLE.sub(lambda match: variables.get(match[1]) or match[0], text), unset


def _key_faults(node: MappingNode) -> Iterator[tuple[Node, str]]:
    first: dict[str, Node] = {}
    for key, _ in node.value:
        if not isinstance(key, ScalarNode):
            yield key, f"a key must be text, got {shown(key)}"
            continue
        earlier = first.setdefault(key.value, key)
        if earlier is not key:
            line = earlier.start_mark.line + 1
            yield key, f"the key {short(text_of(key))} is repeated (first on line {line})"


def _read(file: Path) -> str:
    try:
        data = read_bytes(file, YAML_BYTES)
    except FileNotFoundError:
        raise _broken(file, 1, 1, "no such file") from None
    except IsADirectoryError:
        raise _broken(file, 1, 1, "is a folder, expected a YAML file") from None
    except (OSError, ValueError) as error:
        raise _broken(file, 1, 1, f"cannot be read ({error})") from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line, column = _position(data[: error.start].decode("utf-8", "replace"))
        raise _broken(file, line, column, "not UTF-8 text; save the file as UTF-8") from None


def _position(before: str) -> tuple[int, int]:
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1


def _broken(file: Path, line: int, column: int, message: str) -> SpecError:
    return SpecError([FileProblem(file, line, column, message)], SPEC_REMEDY)


_NOUNS = {
    "boolean": "true or false",
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
}
_SIGNS = {"exclusiveMinimum": ">", "minimum": ">=", "exclusiveMaximum": "<", "maximum": "<="}


def phrase(schema: dict[str, Any]) -> str:
    """Return the values that a JSON Schema allows in words: "a number > 0", "a list of texts"."""
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
    """Join words as ``a, b or c``."""
    return " or ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def _several(schema: dict[str, Any]) -> str:
    if words := schema.get("enum"):
        return ", ".join(words)
    noun, _, rest = phrase(schema).removeprefix("a ").partition(" ")
    return f"{noun}s {rest}".strip()


def kinds_of(schema: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the alternatives of a schema (``anyOf``, nested), else the schema itself."""
    return [kind for one in schema.get("anyOf", []) for kind in kinds_of(one)] or [schema]


def words_of(schema: dict[str, Any]) -> list[str]:
    """Return the words that a schema allows as values, or as items of a list."""
    kinds = kinds_of(schema)
    inner = [one["items"] for one in kinds if "items" in one]
    words = [word for one in kinds for word in one.get("enum", [])]
    return [*words, *(word for one in inner for word in words_of(one))]


def hint(word: str, words: Collection[str]) -> str:
    """Return the end of a message that suggests the nearest of ``words``; "" if none is near."""
    suggestion = near(word, words)
    return f".{suggestion}" if suggestion else ""


Place = tuple[dict[str, Any], Node]


def descend(schema: dict[str, Any], node: Node, loc: tuple[int | str, ...]) -> Iterator[Place]:
    """Yield (schema, node) of each step to the location ``loc`` of a pydantic error in a value.

    Parts of ``loc`` that are not in the YAML, such as the name of a union's member, are skipped.
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


Nodes = dict[str, tuple[Node, Node]]
#: Largest number of problems with hints: a hint takes time.
_MOST_HINTS = 100
_LONGEST = 200


@dataclass
class Reading:
    """State while one section is read: file, key of the section, problems, and values so far.

    Without ``check_files`` files and variables of sections may be missing: only precompute needs
    them.
    """

    file: Path
    check_files: bool
    where: str = ""
    problems: dict[FileProblem, None] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    written: dict[Path, str] = field(default_factory=dict)
    nodes: Nodes = field(default_factory=dict)

    def inside(self, key: str) -> Reading:
        """Return the state for reading the section that is the value of ``key``."""
        return replace(self, where=self.at(key), values={})

    def at(self, key: str) -> str:
        """Return the full name of a key of this section, such as ``students.lambda``."""
        return ".".join(part for part in (self.where, key) if part)

    def report(self, node: Node, key: str, message: str) -> None:
        """Add a problem with ``key`` at the position of a node; equal problems are kept once."""
        mark, where = node.start_mark, self.at(key)
        where = where if len(where) <= _LONGEST else f"{where[:_LONGEST]}..."
        text = f"{where}: {message}" if where else message
        self.problems[FileProblem(self.file, mark.line + 1, mark.column + 1, text)] = None

    def place(self, key: str) -> tuple[Node, Node]:
        """Return the nodes of a key of this section and of its value; for a missing key, the nodes
        of the section."""
        full = self.at(key)
        while full not in self.nodes:
            full = full.rpartition(".")[0]
        return self.nodes[full]

    def hint(self, word: str, words: list[str]) -> str:
        """Return the suggestion ``hint`` for the first 100 problems of a file, and then "", since
        thousands of suggestions take minutes."""
        return hint(word, words) if len(self.problems) < _MOST_HINTS else ""
