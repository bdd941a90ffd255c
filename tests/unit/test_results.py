"""Every door of a result shows one frame: Python, table, JSON, CSV and HTML hold the same."""

import argparse
import re
from html import escape
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from doors import hold_doors
from factory import oracle_arrays, small_spec
from frames import joint_spec
from pages import Cells
from studies import STUDY, Person, small_study

from inficond_panel import TunableStudents, open_students
from inficond_panel.cli import main
from inficond_panel.commands.compare import comparison
from inficond_panel.commands.shared.output import show_all
from inficond_panel.common.interval import Interval
from inficond_panel.quantify.gamma_sweep import measure_gammas
from inficond_panel.quantify.outputs import single_label_groups
from inficond_panel.results import frame as module
from inficond_panel.results import refits
from inficond_panel.results.events import events
from inficond_panel.results.frame import Heading, make_frame, records, text_table
from inficond_panel.results.history import iterations
from inficond_panel.results.networks import gamma_measures, gamma_reliability, map_positions
from inficond_panel.results.store_content import store_content
from inficond_panel.study.pages.report import write_report
from inficond_panel.tuning import open_tuner
from inficond_panel.ui.reports import frames_page, gamma_page

pytestmark = [pytest.mark.commands, pytest.mark.page]


def content(students):
    tuner = students.tuner
    known = {"title": tuner.spec.title, "history": Path(tuner.history.path), "tuner": tuner}
    return store_content(tuner.store, spec=str(tuner.spec.path), **known)


def carried_out(students, *, shown=False):
    """What ``tune`` tells of its iterations, or ``history show`` of the one."""
    tuner, nodes = students.tuner, students.tuner.nodes()
    one = {"bounds": refits.bounds(tuner, nodes[1])}
    one["students"] = refits.students(tuner, nodes[1], "tune")
    if shown:
        iteration = iterations(tuner, only=nodes[1:], changes=True)
        return {"iteration": iteration, **one, "events": events(tuner, nodes[1])}
    refit = refits.refits(tuner, nodes, "tune", {})
    return {"iterations": iterations(tuner, only=nodes), "refits": refit, **one}


#: Command with its arguments, and the call in Python; ``predict`` is in test_predict.py.
DOORS = {
    "doctor": (["--class", "bicycle"], lambda students: students.fit().doctor("bicycle")),
    "info": ([], content),
    "metrics": ([], lambda students: {"classes": students.metrics(intervals=True)}),
    "thresholds": ([], lambda students: students.thresholds()),
    "suggest": (
        ["--class", "bicycle", "--dry-run"],
        lambda each: each.fit().compare_repairs("bicycle"),
    ),
    "distill": ([], lambda students: refits.students(students.tuner, students.node, "tune")),
    "tune": (["--edits", "{folder}/edits.yaml", "--keep-head"], carried_out),
    "history list": ([], lambda students: iterations(students.tuner, changes=True)),
    "history show": (["--node", "1"], lambda each: carried_out(each, shown=True)),
    "history events": ([], lambda students: students.fit().events),
    "lambda": (["--class", "bicycle"], lambda students: students.penalty_path("bicycle")),
    "stability": (["--class", "bicycle", "--draws=8"], lambda s: s.stability("bicycle", draws=8)),
    "history compare": (["--node", "0", "1"], lambda students: students.compare(0, 1)),
    "explain": (["--node", "1"], lambda s: TunableStudents(s.tuner, s.tuner.nodes()[1]).report()),
}


@pytest.fixture(scope="module")
def spec(tmp_path_factory):
    spec = small_spec(tmp_path_factory.mktemp("doors"), images=120, extra="views: {draws: 50}\n")
    students = open_students(spec).remove("bicycle", "wheel")
    (spec.parent / "edits.yaml").write_text(students.edits())
    students.undo()
    return spec


@pytest.mark.parametrize("command", DOORS)
def test_all_doors_hold_the_same(command, spec, capsys):
    arguments, made = DOORS[command]

    def said(*form: str) -> str:
        words = [word.format(folder=spec.parent) for word in arguments]
        assert main([*command.split(), str(spec), *words, *form]) == 0
        out = capsys.readouterr().out
        assert "split tune" not in out  # "tuning images"
        return out

    hold_doors(said, made(open_students(spec)))


def made():
    rows = [
        {"name": "<a>", "n": 1200, "ap": 0.51234, "ap_low": 0.4, "ap_high": 0.6, "hit": True},
        {"name": "b", "n": 3, "ap": np.nan, "ap_low": np.nan, "ap_high": np.nan, "hit": False},
    ]
    headings = {"name": Heading("name"), "n": Heading("images"), "ap": Heading("AP", 2)}
    more = {"hit": Heading("hit")}
    return make_frame(rows, "name", headings | more, title="T", notes=["One & two."], level=0.8)


def test_a_person_reads_numbers_with_their_limits():
    assert text_table(made()) == (
        ["name", "images", "AP", "80 %", "hit"],
        [["<a>", "1,200", "0.51", "[0.40, 0.60]", "yes"], ["b", "3", "undefined", "undefined", ""]],
    )


def test_a_program_reads_all_digits_or_null():
    found = module.document(made())
    assert (found["level"], found["notes"]) == (0.8, ["One & two."])
    assert found["rows"][0]["ap"] == 0.51234
    assert found["rows"][1]["ap"] is None


def test_a_line_of_csv_has_nothing_where_a_number_is_undefined():
    assert module.csv_text(made()).splitlines()[2] == "b,3,,,,False,0.8"


def test_an_interval_is_read_from_its_columns():
    assert module.interval_of(made().loc["<a>"], "ap") == Interval(0.51234, 0.4, 0.6)


def test_a_page_escapes_names_with_notes():
    text = module.html_text(made())
    assert "<a>" not in text
    assert "&lt;a&gt;" in text
    assert "<p>One &amp; two.</p>" in text


def test_facts_are_not_copied_for_each_row():
    class Fact:
        copied = 0

        def __deepcopy__(self, memo):
            Fact.copied += 1
            return self

    rows = [{"name": i, "ap": 0.5, "ap_low": 0.4, "ap_high": 0.6} for i in range(100)]
    headings = {"name": Heading("name"), "ap": Heading("AP")}
    frame = make_frame(rows, "name", headings, facts={"large": Fact()})
    assert module.intervals_of(frame, "ap") == [Interval(0.5, 0.4, 0.6)] * 100
    text_table(frame)
    assert Fact.copied < 20


def test_a_missing_word_is_a_blank_or_what_its_heading_says():
    rows = [{"name": "a", "told": "so", "named": None, "p": 0.5}]
    rows += [{"name": "b", "told": None, "named": "dog", "p": np.nan}]
    headings = {"told": Heading("told"), "named": Heading("named", missing="don't know")}
    headings["p"] = Heading("p", missing="")
    frame = make_frame(rows, "name", headings)
    assert text_table(frame)[1] == [["so", "don't know", "0.500"], ["", "dog", ""]]
    assert [row["told"] for row in records(frame)] == ["so", None]


def test_notes_stay_where_a_table_has_no_rows_and_forms_exclude_each_other(capsys):
    headings = {"name": Heading("name")}
    frames = {
        "none": make_frame([], "name", headings, title="None", notes=["Too few."]),
        "made": made(),
        "silent": make_frame([], "name", headings, title="Silent"),
    }
    form = argparse.Namespace(json=False, csv=False, html=False)
    show_all(form, frames)
    lines = capsys.readouterr().out.splitlines()
    assert lines[:5] == ["None", "", "Too few.", "", "T"]
    assert "Silent" not in lines
    form.csv = True
    show_all(form, frames)
    out, err = capsys.readouterr()
    assert err.splitlines() == ["Too few.", "One & two."]
    assert out.startswith("# none\nname\n\n# made\nname,n,")
    for command in ("metrics demo", "doctor demo", "study report demo"):
        for one, other in (("--json", "--csv"), ("--csv", "--html"), ("--html", "--json")):
            with pytest.raises(SystemExit):
                main([*command.split(), one, other])
            assert "not allowed with" in capsys.readouterr().err


def pictures(images: list[str], size: int) -> str:
    """A page of two columns of images, by a store whose photos have ``size`` bytes."""
    rows = [{"image": images[i], "other": images[i + 1]} for i in range(0, len(images), 2)]
    headings = {"image": Heading("image", image=True), "other": Heading("other")}
    frame = make_frame(rows, "image", headings, title="T & U")
    store = SimpleNamespace(images=images, has=lambda _: True, thumbnail=lambda _: b"0" * size)
    return frames_page([frame], store=store)


def test_a_page_shows_the_images_that_a_column_names_up_to_60_and_3_megabytes():
    page = pictures(["<a>", "b", "c", "d"], 3)
    assert page.startswith('<!doctype html>\n<html lang="en"><head><meta charset="utf-8">')
    assert "<title>T &amp; U</title>" in page
    assert re.findall('<img src="(.*?)" alt="(.*?)">', page) == [
        ("data:image/jpeg;base64,MDAw", "&lt;a&gt;"),
        ("data:image/jpeg;base64,MDAw", "c"),
    ]
    assert Cells(page).tables == [[["image", "other"], ["<a>", "b"], ["c", "d"]]]
    assert "script" not in Cells(page).tags
    for size, most in ((1, 60), (300_000, 6)):
        page = pictures([f"{i:03d}" for i in range(200)], size)
        assert re.findall('alt="(.*?)"', page) == [f"{2 * i:03d}" for i in range(most)]
        assert len(page) < 3_000_000


NAME = '<script>alert(1)</script> & "sons"'


def named(**sizes):
    """Arrays of a store whose first class has the name."""
    arrays = oracle_arrays(**sizes)
    arrays["class_name"] = np.array([NAME, *arrays["class_name"][1:]])
    return arrays


def compared(spec, folder, monkeypatch, names, *flags):
    """Frames that a command shows, and the page that it writes."""
    frames = {}
    monkeypatch.setattr(
        comparison, "show_all", lambda args, found, shown, store: frames.update(found)
    )
    arguments = ["compare", str(spec), "--draws", "5", "--output", str(folder / "out"), *flags]
    assert main(arguments) == 0
    (page,) = (folder / "out").glob("*.html")
    return [frames[name] for name in names], page.read_text()


def compare(folder, monkeypatch):
    spec = small_spec(folder, make=named, classes=3)
    return compared(spec, folder, monkeypatch, ("outputs", "students", "changes"))


def links(folder, monkeypatch):
    monkeypatch.setattr("inficond_panel.store.Store.title", NAME)
    return compared(joint_spec(folder), folder, monkeypatch, ["links"], "--link")


def gammas(folder, monkeypatch):
    tuner = open_tuner(small_spec(folder, make=named), history=":memory:")
    store, rows = tuner.store, tuner.store.rows("fit")
    oracle = SimpleNamespace(own=2 * store.teacher_logit[rows], other=np.empty((len(rows), 0)))
    groups = single_label_groups(store.label[rows], store.classes)
    sweep = measure_gammas(store, {0.5: oracle}, groups=groups, draws=5)
    images = [store.images[row] for row in rows]
    places = {f"{gamma:g}": xy for gamma, xy in sweep.places().items()}
    found = gamma_measures(tuner, sweep, draws=5)
    assert found.loc[("silhouette", 0.5), "words"] == "silhouette of logits"
    more = {"reliability": gamma_reliability(sweep), "map": map_positions(images, places, groups)}
    return [found], gamma_page(store, {"gammas": found, **more})


def study(folder, monkeypatch):
    levels = "conditions: {design: between, levels: [{name: a}, {name: b}]}\n"
    studied = small_study(folder, STUDY + levels)
    people = [Person(studied, monkeypatch) for _ in range(4)]
    for at, person in enumerate(people):
        person.notes(0, "bicycle", "start")
        node = person.tune("bicycle", [1 + at], ["wheel"])
        person.notes(2 + at, "bicycle", "done", node=node, value=1.0, target=1.0)
        person.notes(3 + at, "bicycle", "leave", outcome="done")
        person.answers(9, "questionnaire-1", q1=at + 1, remarks=NAME)
        person.answers(9, "form", age=20 + at)
    studied.log.remark(1, "bicycle", NAME)
    (page, *_), frames = write_report(studied, folder / "report")
    return [frames[name] for name in ("summary", "differences", "tasks")], page.read_text()


@pytest.fixture(scope="module", params=[compare, links, gammas, study])
def report(request, tmp_path_factory) -> tuple:
    """Frames of a report, and its page."""
    with pytest.MonkeyPatch.context() as patch:
        return request.param(tmp_path_factory.mktemp("report"), patch)


def test_a_report_shows_its_frames(report):
    frames, page = report
    found = Cells(page)
    for frame in frames:
        header, rows = text_table(frame)
        assert rows
        assert [header, *rows] in found.tables, frame.attrs["title"]
        assert f"<h2>{escape(frame.attrs['title'], quote=False)}</h2>" in page


def test_a_report_is_escaped(report):
    _, page = report
    assert NAME not in page
    assert "split tune" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_a_report_loads_nothing(report):
    _, page = report
    found = Cells(page)
    assert "script" not in found.tags
    assert not re.search(r"https?:|url\((?!data:)|@import|(src|href)=.(?!data:)", page)


def test_a_report_follows_the_theme_of_its_reader(report):
    _, page = report
    assert "color-scheme: light dark" in page
