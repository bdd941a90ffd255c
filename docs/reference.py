"""Reference pages of specs, from the classes of their sections: ``python docs/reference.py``."""

from __future__ import annotations

from pathlib import Path

from inficond_panel.spec.framework.section import Key, Section
from inficond_panel.spec.sections.quantify import RunSpec
from inficond_panel.spec.spec import Spec, sections
from inficond_panel.study.spec.study_spec import StudySpec

_SPEC = """# The spec

<!-- Written by `make docs` from the classes in inficond_panel/spec; edit those. -->

One YAML file says everything about a run. `specs/` holds complete examples.

- `inficond check SPEC` reports every problem of a file at once, as `file:line:column`.
- A relative path starts from the folder of the file, or from `root` where the table says so.
- `${NAME}` in a path stands for an environment variable; elsewhere it is plain text. Where
  a relative path begins with one, it starts from the folder you are in.
- Numbers may be written in any way: `0.0001` and `1e-4` are the same.
- A tag (`!name`) is refused, and a key may stand only once in a mapping.
- `inficond_panel.spec.json_schema()` gives the same as JSON Schema, for editors.
"""
_STUDY = """# The spec of a study

<!-- Written by `make docs` from the classes in inficond_panel/study; edit those. -->

One YAML file says everything about a study; see [study](study.md) for how one is set up, and
`specs/studies/inficond.yaml` for a complete example.

- `inficond check STUDY` reports every problem of a file at once, as `file:line:column`, and holds
  it against the store.
- A relative path starts from the folder of the file.
- `inficond_panel.spec.json_schema(StudySpec, "Study")` gives the same as JSON Schema.
"""
_RUN = """# The spec of a training run

<!-- Written by `make docs` from the classes in inficond_panel/spec/sections/quantify.py; edit those. -->

One YAML file says what `inficond quantify run` measures; see [quantify](quantify.md).

- Every problem of a file is told at once, as `file:line:column`.
- A relative path starts from the folder of the file.
"""  # noqa: E501
#: Root section and introduction of each page, by the name of its file.
PAGES = {
    "spec.md": (Spec, _SPEC),
    "study-spec.md": (StudySpec, _STUDY),
    "quantify-spec.md": (RunSpec, _RUN),
}


def reference(name: str) -> str:
    """Text of the page ``name`` of ``PAGES``: each table once, with all places it is for."""
    root, introduction = PAGES[name]
    places: dict[str, list[str]] = {}
    for where, section in sections(root):
        kinds = section.kinds()
        for word, kind in kinds.items() or [("", section)]:
            chosen = f", with `{kind.chooser}: {word}`" if len(kinds) > 1 else ""
            heading = (f"`{where}`" if where else "The file") + chosen
            places.setdefault(_body(kind), []).append(heading)
    return "\n".join([introduction, *(_part(*part) for part in places.items())])


def _part(body: str, places: list[str]) -> str:
    first, *others = places
    names = ", ".join(place.partition(",")[0] for place in others)
    also = f"The keys of {names} are the same.\n\n" if others else ""
    return f"## {first}\n\n{also}{body}"


def _body(kind: type[Section]) -> str:
    needed = kind.needed(set())
    lines = [
        f"{(kind.__doc__ or '').splitlines()[0]}\n",
        "| key | expects | if left out | meaning |",
        "| --- | --- | --- | --- |",
        *(_row(name, key, name in needed) for name, key in kind.fields().items()),
        "",
    ]
    return "\n".join(lines)


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
    for name in PAGES:
        Path(__file__).with_name(name).write_text(reference(name), encoding="utf-8")
