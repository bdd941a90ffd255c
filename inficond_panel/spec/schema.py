"""The JSON Schema of a spec, which editors read, and all its sections."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from inficond_panel.spec.framework.section import Key, Section
from inficond_panel.spec.spec import Spec


def json_schema(
    root: type[Section] = Spec, title: str = "Spec of InFiConD Panel"
) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a spec, or of a file with the root section ``root``."""
    definitions: dict[str, Any] = {}
    for _, section in sections(root):
        kinds = section.kinds()
        if kinds:
            definitions[section.__name__] = {"oneOf": [_pointer(k) for k in kinds.values()]}
        for kind in kinds.values() or [section]:
            definitions[kind.__name__] = _object(kind)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        **_pointer(root),
        "$defs": definitions,
    }


def sections(section: type[Section] = Spec, where: str = "") -> Iterator[tuple[str, type[Section]]]:
    """Yield (full name, class) of all sections within a section, outer sections first."""
    yield where, section
    seen = set()
    for kind in section.kinds().values() or [section]:
        for name, key in kind.fields().items():
            for inner in key.sections:
                if inner not in seen:
                    seen.add(inner)
                    below = f"{name}[]" if key.many else name
                    yield from sections(inner, f"{where}.{below}" if where else below)


def _pointer(section: type[Section]) -> dict[str, Any]:
    return {"$ref": f"#/$defs/{section.__name__}"}


def _object(kind: type[Section]) -> dict[str, Any]:
    spared = [key for keys in kind.spared.values() for key in keys]
    needed, keys = kind.needed(set()), kind.fields()
    none = {"not": {"anyOf": [{"required": [key]} for key in spared]}}
    return {
        "type": "object",
        "description": (kind.__doc__ or "").split("\n", maxsplit=1)[0],
        "properties": {name: _property(key, name in needed) for name, key in keys.items()},
        "required": [name for name in keys if name in needed and name not in spared],
        "additionalProperties": False,
        **({"anyOf": [{"required": spared}, none]} if spared else {}),
    }


def _property(key: Key, needed: bool) -> dict[str, Any]:
    references, schema = [_pointer(section) for section in key.sections], key.schema
    if key.many:
        least = 0 if key.default == [] else 1
        schema = {"type": "array", "items": references[0], "minItems": least}
    elif references:
        others = [schema] if schema else [{"type": "null"}] * (key.default is None and not needed)
        schema = {"anyOf": [*references, *others]} if others else references[0]
    elif key.default is not None and not needed:
        schema = {**schema, "default": key.adapter.dump_python(key.default, mode="json")}
    elif not needed and {"type": "null"} not in schema.get("anyOf", []):
        schema = {"anyOf": [schema, {"type": "null"}]}
    return {**schema, "description": key.doc}
