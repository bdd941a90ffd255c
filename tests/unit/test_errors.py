"""Errors in the words of their reader: in a script, at the command line, on the page."""

import pickle
import re
from pathlib import Path

import pandas as pd
import pytest
from factory import STUDENTS, small_spec

import inficond_panel
from inficond_panel import TunableStudents, load_students, open_students
from inficond_panel.errors import FileProblem, InficondError, Remedy, SpecError
from inficond_panel.views.page.page import error_html

pytestmark = pytest.mark.page

#: Commands and flags of the shell; the pages of the docs are read by both readers, and a spec is
#: computed by a command.
SHELL = re.compile(r"inficond (?!docs|precompute)[a-z]|(?<![\w-])--[a-z]")


def leaves(kind: type[InficondError]) -> list[type[InficondError]]:
    return [leaf for each in kind.__subclasses__() for leaf in leaves(each)] or [kind]


def test_the_reference_names_the_errors_that_are_no_builtin_error():
    page = (Path(inficond_panel.__file__).parents[1] / "docs" / "api.md").read_text("utf-8")
    part = page.split("\n## Errors\n")[1].split("such as")[1].split(";")[1]
    own = {
        each.__name__
        for each in leaves(InficondError)
        if each.__module__ == InficondError.__module__
        and not issubclass(each, (ValueError, OSError, ImportError))
    }
    assert {*re.findall(r"`(\w+)`", part)} == own


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
    "suggest": (
        lambda s, _: s.suggest("repair"),
        "students.compare_repairs()",
        "students.suggest()",
    ),
    "report": (lambda s, _: s.report(), "students.jump(ID).report()", "inficond explain SPEC"),
    "top": (lambda s, _: s.confusion(), 'task="single_label"', "in the spec"),
    "column": (lambda _, p: frames(p / "x.zarr").groups("camera"), "metadata=FRAME", "dataset."),
    "address": (
        lambda _, p: inficond_panel.build(
            [p / "a.jpg"], teacher=len, concepts=["b"], encoder=p, labels=None, path="s3://a/b.zarr"
        ),
        "from_frames and inficond precompute write stores",
        "from_frames and inficond precompute write stores",
    ),
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


FIT = Remedy("inficond distill SPEC", "students.fit()")


@pytest.mark.parametrize(
    ("remedy", "shell", "script"),
    [
        (FIT, "inficond distill SPEC", "students.fit()"),
        ("First: " + FIT, "First: inficond distill SPEC", "First: students.fit()"),
        (FIT + ".", "inficond distill SPEC.", "students.fit()."),
        (FIT + "; " + FIT, "inficond distill SPEC; inficond distill SPEC",
         "students.fit(); students.fit()"),
        (Remedy("Do this."), "Do this.", "Do this."),
        ("Do this.", "Do this.", "Do this."),
    ],
)  # fmt: skip
class TestTheTwoTextsOfARemedy:
    def test_a_terminal_has_the_shells(self, remedy, shell, script):
        assert InficondError("It failed.", remedy).for_shell == f"It failed.\n{shell}"

    def test_the_page_has_the_shells(self, remedy, shell, script):
        assert InficondError("It failed.", remedy).whole_for_page == f"It failed. {shell}"

    def test_a_script_has_that_of_python(self, remedy, shell, script):
        assert str(InficondError("It failed.", remedy)) == f"It failed.\n{script}"

    def test_an_error_brings_both_from_another_process(self, remedy, shell, script):
        error = pickle.loads(pickle.dumps(InficondError("It failed.", remedy)))
        assert (error.for_shell, str(error)) == (f"It failed.\n{shell}", f"It failed.\n{script}")


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
    problems = [FileProblem(file, line, 1, told) for line in (1, 2)]
    html = error_html(SpecError(problems, "Put it into /srv/private/a/b"))
    assert "srv" not in html
    assert "<li>own.yaml:2:1: net.onnx is missing</li>" in html


@pytest.fixture
def thousands() -> SpecError:
    return SpecError([FileProblem(Path("/data/a.yaml"), n, 1, "odd") for n in range(1, 3_001)])


@pytest.mark.parametrize("text", ["for_shell", "for_page"])
def test_a_list_of_thousands_of_faults_ends_with_their_number(thousands, text):
    assert getattr(thousands, text).splitlines()[20:] == ["and 2,980 more"]


def test_all_faults_are_kept_with_the_error(thousands):
    assert len(thousands.problems) == 3_000


def test_a_short_list_of_faults_is_whole():
    error = SpecError([FileProblem(Path("a.yaml"), n, 1, "odd") for n in range(1, 21)])
    assert error.message.splitlines()[-1] == "a.yaml:20:1: odd"
