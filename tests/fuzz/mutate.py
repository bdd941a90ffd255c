"""Mutants of plain data, text, bytes and tables, and data drawn from a JSON Schema."""

from __future__ import annotations

import copy
import io
import random
import string
from collections.abc import Iterator
from typing import Any

from ruamel.yaml import YAML

#: What people, programs and attackers write where something else is expected.
ODD: list[Any] = [
    None, True, 0, -1, 1, 7, 11, 1000.5, 10**30, 1e-300, 1e300, -0.0, "", " ", "null", "1", "nan",
    ".inf", "rest", "all", "a/../../b", "/", "..", "~", "${HOME}", "${", "{}", "\x00", "\x1b[2J",
    "\u2028", "\u202e", "é漢😀", "x" * 300, "a, b", "a\nb", "'", '"', "#", "- a", "<b>", "=1+1",
    [], {}, [[]], [None], [1, "1"], {"a": 1}, {"default": 0}, ["knowledge", "knowledge"],
]  # fmt: skip
MARKS = ["\x00", "\t", "\n", "\r", "\ufeff", "\u2028", "\x1b", ": ", "- ", "#", "'", '"', "[", "]",
         "{", "}", "&a ", "*a ", "!!python/object:os.system ", "? ", "|", "%", ",", "=", "<", ">",
         "\\", "1e999", "é", "😀"]  # fmt: skip


def tree_mutant(rng: random.Random, tree: Any, times: int = 3) -> Any:
    """A copy with one to ``times`` places changed."""
    tree = copy.deepcopy(tree)
    for _ in range(rng.randint(1, times)):
        places = list(_places(tree))
        if places:
            _change(rng, *rng.choice(places), places)
    return tree


def _places(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Each (container, key) of a tree."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for key, value in list(items):
        yield tree, key
        if isinstance(value, dict | list):
            yield from _places(value)


def _change(rng: random.Random, holder: Any, key: Any, places: list[Any]) -> None:
    other, name = rng.choice(places)
    value = holder[key]
    match rng.randrange(7):
        case 0:
            holder[key] = copy.deepcopy(rng.choice(ODD))
        case 1:
            del holder[key]
        case 2:
            holder[key] = copy.deepcopy(other[name])
        case 3:
            holder[key] = [value] if rng.random() < 0.5 else {"a": value}
        case 4 if isinstance(holder, dict):
            holder[text_mutant(rng, str(key))] = holder.pop(key)
        case 5:
            holder[key] = _other(rng, value)
        case _ if isinstance(holder, list):
            holder.insert(rng.randint(0, len(holder)), copy.deepcopy(value))
        case _:
            holder[rng.choice(["kind", "labels", "default", "x", "splits", "epochs"])] = value


def _other(rng: random.Random, value: Any) -> Any:
    if isinstance(value, str):
        return text_mutant(rng, value)
    if isinstance(value, int | float):
        return value * rng.choice([-1, 0, 0.5, 100, 1e9])
    return value


def text_mutant(rng: random.Random, text: str) -> str:
    """The text with a piece cut out, doubled, moved, or with a mark put in."""
    a, b = sorted(rng.randint(0, len(text)) for _ in range(2))
    b = min(b, a + rng.choice([1, 2, 10, 1000]))
    piece, mark = text[a:b], rng.choice([*MARKS, rng.choice(string.printable)])
    made = rng.choice(["", piece * 2, mark, piece + mark, piece[::-1], piece.upper(), "x" * 50])
    return text[:a] + made + text[b:]


def bytes_mutant(rng: random.Random, data: bytes) -> bytes:
    """The bytes with some changed, cut out or put in, or broken off."""
    made = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randint(0, max(len(made) - 1, 0))
        match rng.randrange(4):
            case 0 if made:
                made[at] = rng.randrange(256)
            case 1:
                made[at:at] = rng.randbytes(rng.randint(1, 8))
            case 2:
                del made[at : at + rng.randint(1, 30)]
            case _ if rng.random() < 0.2:
                del made[at:]
    return bytes(made)


def grid_mutant(rng: random.Random, grid: list[list[Any]], odd: list[Any]) -> list[list[Any]]:
    """Rows of a table with cells, rows or columns changed."""
    grid = [list(row) for row in grid]
    for _ in range(rng.randint(1, 4)):
        row, column = rng.randrange(len(grid)), rng.randrange(len(grid[0]) or 1)
        match rng.randrange(6):
            case 0:
                grid.append(list(grid[row]))
            case 1 if len(grid) > 1:
                del grid[row]
            case 2:
                grid[row] = grid[row][:-1] if rng.random() < 0.5 else [*grid[row], "1"]
            case 3:
                grid = [[*line, *line[column : column + 1]] for line in grid]
            case _ if column < len(grid[row]):
                grid[row][column] = rng.choice(odd)
    return grid


def yaml_of(tree: Any) -> str:
    """The tree as a YAML file."""
    yaml, stream = YAML(typ="safe", pure=True), io.StringIO()
    yaml.default_flow_style = False
    yaml.dump(tree, stream)
    return stream.getvalue()


def from_schema(rng: random.Random, schema: dict[str, Any], root: dict[str, Any]) -> Any:
    """Data that a schema allows, mostly; every twentieth value is an odd one."""
    if rng.random() < 0.05:
        return copy.deepcopy(rng.choice(ODD))
    if "$ref" in schema:
        return from_schema(rng, root["$defs"][schema["$ref"].rpartition("/")[2]], root)
    for key in ("oneOf", "anyOf"):
        if key in schema:
            return from_schema(rng, rng.choice(schema[key]), root)
    if "enum" in schema or "const" in schema:
        return rng.choice(schema.get("enum") or [schema["const"]])
    kind = schema.get("type")
    kind = rng.choice(kind) if isinstance(kind, list) else kind
    if kind == "object":
        return _object(rng, schema, root)
    if kind == "array":
        count = rng.randint(schema.get("minItems", 0), min(schema.get("maxItems", 4), 4))
        items = schema.get("prefixItems") or [schema["items"]] * count
        return [from_schema(rng, item, root) for item in items]
    return _scalar(rng, kind, schema)


def _object(rng: random.Random, schema: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    needed, made = schema.get("required", []), {}
    for key, value in schema.get("properties", {}).items():
        if rng.random() < (0.97 if key in needed else 0.4):
            made[key] = from_schema(rng, value, root)
    more = schema.get("additionalProperties")
    if isinstance(more, dict):
        names = schema.get("propertyNames", {}).get("enum", ["bicycle", "default", "a b", "1"])
        made |= {name: from_schema(rng, more, root) for name in names if rng.random() < 0.5}
    return made


def _scalar(rng: random.Random, kind: str | None, schema: dict[str, Any]) -> Any:
    low = schema.get("minimum", schema.get("exclusiveMinimum", 0))
    high = schema.get("maximum", schema.get("exclusiveMaximum", low + 10))
    match kind:
        case "integer":
            return rng.choice([low, high, rng.randint(int(low), int(high))])
        case "number":
            return rng.choice([low, high, rng.uniform(low, high)])
        case "boolean":
            return rng.random() < 0.5
        case "null":
            return None
    return rng.choice(["a", "q1", "Some text.", "a {}", "data/x.csv", "fit", "test", "é 漢", "1"])
