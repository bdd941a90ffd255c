"""JSON Schema and reference page of the spec, from the classes that read it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from inficond_panel.spec.framework.fields import Field
from inficond_panel.spec.framework.section import Nested, NestedList, Section
from inficond_panel.spec.sections.splits import SplitReference
from inficond_panel.spec.spec import Spec


def json_schema(
    root: type[Section] = Spec, title: str = "Spec of InFiConD Panel"
) -> dict[str, Any]:
    """JSON Schema (2020-12) of a spec, or of another file whose section is ``root``."""
    definitions: dict[str, Any] = {}
    for _, section in sections(root):
        kinds = section.kinds()
        if kinds:
            references = [{"$ref": f"#/$defs/{kind.__name__}"} for kind in kinds.values()]
            definitions[section.__name__] = {"oneOf": references}
        for kind in kinds.values() or [section]:
            definitions[kind.__name__] = _object(kind)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        "$ref": f"#/$defs/{root.__name__}",
        "$defs": definitions,
    }


def sections(section: type[Section] = Spec, where: str = "") -> Iterator[tuple[str, type[Section]]]:
    """Walk the sections, each with its full name; a section before those within it."""
    yield where, section
    seen = set()
    for kind in section.kinds().values() or [section]:
        for key, field in kind.fields().items():
            for inner in _inner(field):
                if inner not in seen:
                    seen.add(inner)
                    name = f"{key}[]" if isinstance(field, NestedList) else key
                    yield from sections(inner, f"{where}.{name}" if where else name)


def is_required(key: str, field: Field, kind: type[Section]) -> bool:
    """True if a key must be given."""
    chooses = key == kind.chooser and field.default != kind.usual
    return bool(field.option("required")) or chooses


def _inner(field: Field) -> tuple[type[Section], ...]:
    if isinstance(field, SplitReference):
        return field.sections
    if isinstance(field, NestedList):
        return (field.kind,)
    return (field.class_,) if isinstance(field, Nested) else ()


def _object(kind: type[Section]) -> dict[str, Any]:
    fields = kind.fields()
    required = [key for key, field in fields.items() if is_required(key, field, kind)]
    spared = kind.spared(set(fields) - set(required))
    given = [key for key in required if key in spared]
    none = {"not": {"anyOf": [{"required": [key]} for key in given]}}
    return {
        "type": "object",
        "description": (kind.__doc__ or "").split("\n", maxsplit=1)[0],
        "properties": {key: _property(key, field, kind) for key, field in fields.items()},
        "required": [key for key in required if key not in spared],
        "additionalProperties": False,
        **({"anyOf": [{"required": given}, none]} if given else {}),
    }


def _property(key: str, field: Field, kind: type[Section]) -> dict[str, Any]:
    described = {**field.json_schema(), "description": field.doc}
    if field.default is not None and not is_required(key, field, kind):
        plain = field.write(field.default)
        described["default"] = plain if isinstance(plain, (int, float, list, dict)) else str(plain)
    if field.default is None and not field.option("required") and not field.default_factory:
        return {"anyOf": [described, {"type": "null"}]}
    return described
