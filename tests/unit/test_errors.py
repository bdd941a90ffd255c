"""Errors in the words of their reader: in a script, at the command line, on the page."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from factory import STUDENTS, small_spec

import inficond_panel
from inficond_panel import TunableStudents, load_students, open_students
from inficond_panel.errors import InficondError, Problem, SpecError, in_python
from inficond_panel.views.page.page import error_html

pytestmark = pytest.mark.page

ROOT = Path(__file__).parents[2]
#: Rooms that no script calls, and files whose flags have no counterpart in Python.
NOT_IN_PYTHON = re.compile(
    r"inficond_panel/(cli|app|commands|study|views|state|ui|quantify/experiment)"
    r"|precompute/(recipes|download|detect/models|batches/run|teachers/loading)"
)
#: What has no counterpart: the pages of the docs, and stores whose spec names photos.
SHELL = re.compile(r"inficond (?!docs|precompute)[a-z]|(?<![\w-])--[a-z]")


@pytest.fixture
def students(tmp_path):
    return open_students(small_spec(tmp_path)).fit()


def frames(path: Path) -> TunableStudents:
    images = [f"i{n}" for n in range(8)]
    number = pd.Series(range(8), images)
    logits = pd.DataFrame({"cat": number - 3.5})
    split = number.map(lambda n: ("fit", "tune")[n % 2])
    return inficond_panel.from_frames(
        pd.DataFrame({"wheel": number * 1.0, "sky": -number % 3 * 1.0}), logits,
        (logits > 0).astype(int), split=split, path=path,
    )  # fmt: skip


RAISED = {
    "class": (lambda s, _: s.up("bicycel", "wheel"), "students.classes", "inficond info SPEC"),
    "concept": (lambda s, _: s.plot.embedding(concept="whel"), "students.concepts", "--json"),
    "setting": (lambda s, _: open_students(misspelt(s)), "students.classes", "info SPEC"),
    "node": (lambda s, _: s.jump("abcdef"), "There are #0 to #0", "There are #0"),
    "suggest": (lambda s, _: s.suggest("repair"), "students.levers()", "students.suggest()"),
    "report": (lambda s, _: s.report(), "students.jump(ID).report()", "inficond explain SPEC"),
    "top": (lambda s, _: s.confusion(), 'task="single_label"', "in the spec"),
    "column": (lambda _, p: frames(p / "x.zarr").groups("camera"), "metadata=FRAME", "dataset."),
    "there": (lambda s, p: s.export(p).export(p), "force=True", "--force"),
    "copy": (lambda s, p: s.bring_back(copy_of(p)), "students.back_up(FILE)", "history backup"),
    "oracle": (lambda s, _: s.with_settings(targets="oracle").fit(), "from photos", "precompute"),
    "store": (
        lambda s, p: open_students(s.tuner.spec.path, store=p / "none.zarr"),
        "build(...)",
        "Make it: inficond precompute",
    ),
    "export": (lambda s, p: load_students(broken(s, p)), "students.export(", "inficond export"),
    "history": (
        lambda s, p: open_students(s.tuner.spec.path, history=p).fit(),
        "history=FILE",
        "--history",
    ),
}


def misspelt(students: TunableStudents) -> Path:
    spec = Path(students.tuner.spec.path)
    spec.write_text(spec.read_text().replace(STUDENTS, "students: {threshold: {cta: 1.0}}\n"))
    return spec


def broken(students: TunableStudents, folder: Path) -> Path:
    files = students.export(folder / "export")
    file = next(file for file in files.values() if file.suffix == ".json")
    file.write_text(file.read_text()[:100])
    return file


def copy_of(folder: Path) -> Path:
    frames(folder / "other.zarr").fit().back_up(folder / "copy.sqlite")
    return folder / "copy.sqlite"


@pytest.mark.parametrize("kind", RAISED)
def test_an_error_names_what_the_reader_can_do(students, tmp_path, kind):
    fails, script, shell = RAISED[kind]
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(InficondError) as told:
        fails(students, folder)
    assert script in str(told.value)
    assert "cannot be written" not in str(told.value) or kind == "history"
    assert SHELL.search(str(told.value)) is None
    assert shell in told.value.for_shell
    assert shell in told.value.remedy_for_page


def remedies(file: Path) -> Iterator[tuple[int, str]]:
    """Line and text of each remedy in a file; values of f-strings and of names are a word."""
    tree = ast.parse(file.read_text("utf-8"))
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call) or len(call.args) < 2:
            continue
        if not getattr(call.func, "attr", getattr(call.func, "id", "")).endswith("Error"):
            continue
        parts = (n.value if isinstance(n, ast.Constant) else "X" for n in ast.walk(call.args[1])
                 if isinstance(n, ast.Constant | ast.FormattedValue))  # fmt: skip
        yield call.lineno, "".join(part for part in parts if isinstance(part, str))


def test_no_remedy_is_left_in_the_words_of_the_shell():
    files = [*ROOT.glob("inficond_panel/**/*.py"), *ROOT.glob("precompute/**/*.py")]
    left, found = [], 0
    for file in files:
        if NOT_IN_PYTHON.match(file.relative_to(ROOT).as_posix()):
            continue
        for line, remedy in remedies(file):
            found += SHELL.search(remedy) is not None
            if SHELL.search(in_python(remedy)):
                left.append(f"{file.name}:{line}: {remedy}")
    assert left == []
    assert found > 10  # the search still finds those that are there


def test_paths_are_told_on_the_page_by_their_last_names_in_files_too():
    for text, told in (
        ("No store at /srv/own data/x.zarr.", "No store at own data/x.zarr."),
        ("'/srv/own data/x.zarr' is not a store", "'x.zarr' is not a store"),
        ("/srv/a/x.sqlite: disk full (/srv/b/y)", "x.sqlite: disk full (y)"),
        (r"C:\own\x.zarr is damaged", "x.zarr is damaged"),
        ("Either and/or, 3/4 of own/x.zarr", "Either and/or, 3/4 of own/x.zarr"),
        ("See https://example.org/a/b.html", "See https://example.org/a/b.html"),
    ):
        error = InficondError(text, text)
        assert (error.for_page, error.remedy_for_page) == (told, told)
        assert str(error) == f"{text}\n{text}"  # the command line has them whole
    file, told = Path("/srv/private/own.yaml"), "/srv/private/a/net.onnx is missing"
    problems = [Problem(file, line, 1, told) for line in (1, 2)]
    html = error_html(SpecError(problems, "Put it into /srv/private/a/b"))
    assert "srv" not in html
    assert "<li>own.yaml:2:1: net.onnx is missing</li>" in html
