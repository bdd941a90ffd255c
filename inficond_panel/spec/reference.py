"""The reference page: ``python -m inficond_panel.spec.reference`` writes it to stdout."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from inficond_panel.spec.framework.json_schema import sections
from inficond_panel.spec.framework.section import Key, Section
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
        needed = kind.needed(set())
        for name, key in kind.fields().items():
            yield _row(name, key, name in needed)
        yield ""


def _row(name: str, key: Key, needed: bool) -> str:
    expects = key.expected.replace("|", "\\|")
    below = key.location.below
    expects += f", relative to {below}" if below else ""
    default = "**required**" if needed else _default(key)
    return f"| `{name}` | {expects} | {default} | {key.doc} |"


def _default(key: Key) -> str:
    if key.info.default_factory:
        return "all defaults"
    if key.default in (None, [], {}):
        return "–"
    value = key.adapter.dump_python(key.default, mode="json")
    return f"`{str(value).lower() if isinstance(value, bool) else value}`".replace("'", "")


if __name__ == "__main__":
    sys.stdout.write(reference())
