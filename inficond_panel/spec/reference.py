"""The reference page: ``python -m inficond_panel.spec.reference`` writes it to stdout."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from inficond_panel.spec.framework.fields import Field
from inficond_panel.spec.framework.json_schema import is_required, sections
from inficond_panel.spec.framework.section import Section
from inficond_panel.spec.spec import Spec

_INTRODUCTION = """# The spec

<!-- Written by `make docs` from the classes in inficond_panel/spec; edit those. -->

One YAML file says everything about a run. `specs/` holds complete examples.

- `inficond check SPEC` reports every problem of a file at once, as `file:line:column`.
- A relative path starts from the folder of the file, or from `root` where the table says so.
- `${NAME}` in a path stands for an environment variable; elsewhere it is plain text.
- Numbers may be written in any way: `0.0001` and `1e-4` are the same.
- A tag (`!name`) is refused, and a key may stand only once in a mapping.
- `inficond_panel.spec.json_schema()` gives the same as JSON Schema, for editors.
"""


def reference(root: type[Section] = Spec, introduction: str = _INTRODUCTION) -> str:
    """Text of docs/spec.md, or of the page on another file whose section is ``root``."""
    return "\n".join([introduction, *(line for part in sections(root) for line in _section(*part))])


def _section(where: str, section: type[Section]) -> Iterator[str]:
    kinds = section.kinds()
    for word, kind in kinds.items() or [("", section)]:
        chosen = f", with `{kind.chooser}: {word}`" if len(kinds) > 1 else ""
        yield f"## {f'`{where}`' if where else 'The file'}{chosen}\n"
        yield f"{(kind.__doc__ or '').splitlines()[0]}\n"
        yield "| key | expects | if left out | meaning |"
        yield "| --- | --- | --- | --- |"
        for key, field in kind.fields().items():
            yield _row(key, field, kind)
        yield ""


def _row(key: str, field: Field, kind: type[Section]) -> str:
    unit = field.option("unit")
    expects = field.expected().replace("|", "\\|") + (f" ({unit})" if unit else "")
    below = field.option("below")
    expects += f", relative to {below}" if below else ""
    return f"| `{key}` | {expects} | {_default(key, field, kind)} | {field.doc} |"


def _default(key: str, field: Field, kind: type[Section]) -> str:
    if is_required(key, field, kind):
        return "**required**"
    if field.default_factory:
        return "all defaults"
    if field.default in (None, [], {}):
        return "–"
    value = field.write(field.default)
    return f"`{str(value).lower() if isinstance(value, bool) else value}`".replace("'", "")


if __name__ == "__main__":
    sys.stdout.write(reference())
