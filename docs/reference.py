"""Reference pages of specs, from the classes of their sections: ``python docs/reference.py``."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from inficond_panel.spec.framework.section import Key, Section
from inficond_panel.spec.schema import json_schema
from inficond_panel.spec.sections.quantify import RunSpec
from inficond_panel.spec.spec import Spec
from inficond_panel.study.spec.study_spec import StudySpec

_SPEC = """# The spec

<!-- Written by `make docs` from the classes in inficond_panel/spec; edit those. -->

One YAML file says everything about a run. `specs/` holds complete examples.

- `inficond check SPEC` reports every problem of a file at once, as `file:line:column`.
- A relative path starts from the folder of the file, or from `root` where the table says so.
- `${NAME}` in a path stands for an environment variable; elsewhere it is plain text. Where
  a relative path begins with one, it starts from the folder you are in.
- Numbers may be written in any way: `0.0001` and `1e-4` are the same.
- A tag (`!name`) is refused, and a key may stand only once in a mapping. Merge keys (`<<: *name`)
  are not supported; the value of a key may be an alias (`key: *name`).
- `inficond docs spec --schema` prints the same as JSON Schema. An editor with the YAML language
  server, such as VS Code with its YAML extension, completes and checks keys by the first line of a
  spec, `# yaml-language-server: $schema=FILE`. `inficond init` writes this line.
"""
_STUDY = """# The spec of a study

<!-- Written by `make docs` from the classes in inficond_panel/study; edit those. -->

One YAML file says everything about a study; see [study](study.md) for how one is set up, and
`specs/studies/inficond.yaml` for a complete example.

- `inficond check STUDY` reports every problem of a file at once, as `file:line:column`, and
  compares the file with the store.
- Paths, numbers and tags are as in [the spec](spec.md).
- `inficond docs study-spec --schema` prints the same as JSON Schema, for
  [editors](spec.md).
"""
_RUN = """# The spec of a training run

<!-- Written by `make docs` from the classes in inficond_panel/spec/sections/quantify.py; edit those. -->

One YAML file says what `inficond quantify run` measures; see [quantify](quantify.md) for an
example. Paths, numbers and tags are as in [the spec](spec.md).
"""  # noqa: E501
#: Root section and introduction of each page, by the name of its file.
PAGES: dict[str, tuple[type[Section], str]] = {
    "spec.md": (Spec, _SPEC),
    "study-spec.md": (StudySpec, _STUDY),
    "quantify-spec.md": (RunSpec, _RUN),
}
Row = tuple[str, str, str, str]
_COLUMNS = ("key", "expects", "if left out", "meaning")


@dataclass(frozen=True)
class _Page:
    """A page: its file, and the names that its sections have in the YAML file, outer ones first."""

    file: str
    places: dict[type[Section], list[str]]

    def heading(self, section: type[Section]) -> str:
        """Heading of a section, with its first key if another section has the same name."""
        place = self.places[section][0]
        alike = [names for names in self.places.values() if names[0] == place]
        heading = f"`{place}`" if place else "The file"
        return heading if len(alike) == 1 else f"{heading}, with `{next(iter(section.fields()))}`"

    def address(self, section: type[Section]) -> str:
        """Address of the part on a section, on this page or on the page of the spec."""
        page = self if section in self.places else _page("spec.md")
        anchor = re.sub(r"[^\w\- ]", "", page.heading(section)).replace(" ", "-")
        return f"{'' if page is self else page.file}#{anchor}"


@cache
def _page(file: str) -> _Page:
    root, _ = PAGES[file]
    elsewhere = set() if root is Spec else {*_page("spec.md").places}
    places: dict[type[Section], list[str]] = {root: [""]}

    def visit(section: type[Section], where: str) -> None:
        for name, key in _keys(section):
            place = ".".join(filter(None, (where, f"{name}[]" if key.many else name)))
            for inner in map(_described, key.sections):
                known = places.setdefault(inner, []) if inner not in elsewhere else [place]
                if place not in known:
                    known.append(place)
                    if len(known) == 1:
                        visit(inner, place)

    visit(root, "")
    return _Page(file, places)


def _kinds(section: type[Section]) -> list[type[Section]]:
    return list(section.kinds().values()) or [section]


def _keys(section: type[Section]) -> Iterator[tuple[str, Key]]:
    return (pair for kind in _kinds(section) for pair in kind.fields().items())


def _described(section: type[Section]) -> type[Section]:
    """Return the section, or its base class if that has the same keys with other defaults."""
    for base in section.__bases__:
        if issubclass(base, Section) and not base.kinds():
            return base if base.fields().keys() == section.fields().keys() else section
    return section


def reference(name: str) -> str:
    """Text of the page ``name`` of ``PAGES``: each section once, with all places it is for."""
    page = _page(name)
    parts = (part for each in page.places for part in _part(page, each))
    return "\n\n".join([PAGES[name][1].strip(), *parts]) + "\n"


def _part(page: _Page, section: type[Section]) -> Iterator[str]:
    """Paragraphs on a section. Kinds have tables only if they have different keys of one name."""
    heading = page.heading(section)
    yield f"## {heading}"
    others = ", ".join(f"`{place}`" for place in page.places[section][1:])
    about = " ".join((section.__doc__ or "").split("\n\n")[0].replace("``", "`").split())
    yield about + f" Also for {others}." * bool(others)
    rows = {kind: _rows(page, kind) for kind in _kinds(section)}
    if not section.kinds():
        yield _table(_COLUMNS, rows[section])
        return
    yield _table((f"`{section.chooser}`", "meaning", "keys"), map(_choice, section.kinds().items()))
    every = [row for each in rows.values() for row in each]
    own = [row for row in every if every.count(row) == 1]
    alone = len({row[0] for row in own}) < len(own)
    top = [row for row in dict.fromkeys(every) if not (alone and row in own)]
    if alone and top:
        yield "Keys of several of these, unless a table below has them:"
    if top:
        yield _table(_COLUMNS, [_named(row, top, rows) for row in top])
    for word, kind in section.kinds().items() if alone else ():
        if below := [row for row in rows[kind] if row not in top]:
            yield f"### {heading}, with `{kind.chooser}: {word}`"
            yield _table(_COLUMNS, below)


def _named(row: Row, table: list[Row], rows: dict[type[Section], list[Row]]) -> Row:
    """Return a row, with its kinds if another row of the table has the same key."""
    if [other[0] for other in table].count(row[0]) == 1:
        return row
    words = [f"`{kind.fields()[kind.chooser].default}`" for kind in rows if row in rows[kind]]
    return (f"{row[0]} ({', '.join(words)})", *row[1:])


def _table(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    cells = ([cell.replace("|", "\\|") for cell in row] for row in rows)
    return "\n".join(
        f"| {' | '.join(row)} |" for row in (columns, ["---"] * len([*columns]), *cells)
    )


def _choice(choice: tuple[str, type[Section]]) -> tuple[str, ...]:
    """Row on a kind: its word, its meaning and its keys."""
    word, kind = choice
    names = [f"`{name}`" for name in kind.fields() if name != kind.chooser]
    usual = " (if left out)" if word == kind.usual else ""
    return f"`{word}`{usual}", kind.fields()[kind.chooser].doc, ", ".join(names) or "–"


def _rows(page: _Page, kind: type[Section]) -> list[Row]:
    """Rows on all keys of a kind but the chooser."""
    needed = kind.needed(set())
    titles: dict[str, str] = {}
    rows = []
    for name, key in kind.fields().items():
        expected = _expected(page, key)
        if key.sections:  # a long description stands once
            first = titles.setdefault(expected, name)
            expected = expected if first == name or "](" in expected else f"as `{first}`"
        default = "**required**" if name in needed else _default(key)
        if name != kind.chooser:
            rows.append((f"`{name}`", expected, default, key.doc))
    return rows


def _expected(page: _Page, key: Key) -> str:
    if key.sections and not key.info.title:
        form = "list of mappings" if key.many else "mapping"
        return f"[{form}]({page.address(_described(key.sections[0]))})"
    below = f", relative to {key.location.below}" if key.location.below else ""
    return re.sub("^(the|an?) ", "", key.expected) + below


def _default(key: Key) -> str:
    if key.info.default_factory:
        return "all defaults"
    if key.default in (None, [], {}):
        return "–"
    value = key.adapter.dump_python(key.default, mode="json")
    return f"`{str(value).lower() if isinstance(value, bool) else value}`".replace("'", "")


def schema(name: str) -> str:
    """Return the JSON Schema of the files that a page describes, as text."""
    root, introduction = PAGES[name]
    title = introduction.partition("\n")[0].removeprefix("# ")
    return json.dumps(json_schema(root, title), ensure_ascii=False, indent=1) + "\n"


if __name__ == "__main__":
    for name in PAGES:
        page = Path(__file__).with_name(name)
        page.write_text(reference(name), encoding="utf-8")
        page.with_suffix(".schema.json").write_text(schema(name), encoding="utf-8")
