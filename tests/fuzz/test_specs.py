"""Mutants of specs, studies and edits: read and written back alike, or told by their lines."""

from __future__ import annotations

import random
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from guard import attempt
from mutate import from_schema, text_mutant, tree_mutant, yaml_of
from ruamel.yaml import YAML

from inficond_panel.errors import FileProblemsError
from inficond_panel.spec import find_spec, json_schema, load_spec
from inficond_panel.study.spec.study_spec import StudySpec, is_study, load_study
from inficond_panel.tuning.edits_file import dump_edits, read_edits

SHIPPED = {
    name: find_spec(name).read_text(encoding="utf-8") for name in ("demo", "voc2007", "cub200")
}
SHIPPED["study"] = find_spec("inficond", "study").read_text(encoding="utf-8")
SCHEMAS = [json_schema(), json_schema(StudySpec, "Study")]
EDITS = """\
- - {class: bicycle, concept: wheel, direction: up, factor: 2}
  - {class: sheep, concept: sky, direction: remove}
- - {class: tv monitor, concepts: [screen, glass], direction: down}
"""


def plain(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(text)


def some_spec(rng: random.Random) -> str:
    text = SHIPPED[rng.choice(list(SHIPPED))]
    match rng.randrange(4):
        case 0:
            return text_mutant(rng, text)
        case 1:
            schema = rng.choice(SCHEMAS)
            return yaml_of(from_schema(rng, schema, schema))
    return yaml_of(tree_mutant(rng, plain(text)))


def round_trip(file: Path, check_files: bool) -> Any:
    """Read a file, and what it writes; both are the same."""
    if is_study(file):
        spec: Any = load_study(file)
        file.write_text(spec.to_yaml(), encoding="utf-8", newline="")
        assert load_study(file) == spec
    else:
        spec = load_spec(file, check_files)
        file.write_text(spec.to_yaml(), encoding="utf-8", newline="")
        assert load_spec(file, check_files) == spec
    return spec


def assert_told(name: str, error: Any, text: str) -> None:
    """A problem of a file stands in the file."""
    assert isinstance(error, FileProblemsError), f"{name}: {error!r} has no line"
    lines = text.splitlines() or [""]
    for problem in error.problems:
        assert 1 <= problem.line <= len(lines) + 1, f"{name}: {problem}"
        assert problem.column >= 1, f"{name}: {problem}"
        assert problem.message, name


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "a.yaml"


def test_specs_and_studies(mutants: Any, file: Path) -> None:
    for name, rng in mutants.generators(300):
        text = some_spec(rng)
        file.write_text(text, encoding="utf-8", errors="surrogatepass", newline="")
        check_files = rng.random() < 0.2
        found = attempt(name, partial(round_trip, file, check_files))
        if isinstance(found, Exception):
            assert_told(name, found, text)


def test_edits(mutants: Any, file: Path, store: Any) -> None:
    for name, rng in mutants.generators(200):
        whole = rng.random() < 0.5
        text = text_mutant(rng, EDITS) if whole else yaml_of(tree_mutant(rng, plain(EDITS)))
        file.write_text(text, encoding="utf-8", newline="")
        found = attempt(name, lambda: read_edits(file, store))
        if isinstance(found, Exception):
            assert_told(name, found, text)
        else:
            file.write_text(dump_edits(found), encoding="utf-8")
            assert read_edits(file, store) == found, name
