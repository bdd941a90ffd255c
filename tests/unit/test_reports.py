"""Every report: its tables are its frames, its texts are escaped, and it loads nothing."""

import re
from html import escape
from types import SimpleNamespace

import numpy as np
import pytest
from factory import oracle_arrays, small_spec
from frames import joint_spec
from pages import Cells
from studies import STUDY, Person, small_study

from inficond_panel.cli import main
from inficond_panel.commands.compare import comparison
from inficond_panel.quantify.gamma_sweep import measure_gammas
from inficond_panel.quantify.outputs import single_label_groups
from inficond_panel.results.frame import text_table
from inficond_panel.results.networks import gamma_measures, gamma_reliability, map_positions
from inficond_panel.study.pages.report import write_report
from inficond_panel.tuning import open_tuner
from inficond_panel.ui.reports import gamma_page

NAME = '<script>alert(1)</script> & "sons"'


def named(**sizes):
    """Arrays of a store whose first class has the name."""
    arrays = oracle_arrays(**sizes)
    arrays["class_name"] = np.array([NAME, *arrays["class_name"][1:]])
    return arrays


def compared(spec, folder, monkeypatch, names, *flags):
    """Frames that a command shows, and the page that it writes."""
    frames = {}
    monkeypatch.setattr(comparison, "show_all", lambda args, found, shown: frames.update(found))
    arguments = ["compare", str(spec), "--draws", "5", "--output", str(folder / "out"), *flags]
    assert main(arguments) == 0
    (page,) = (folder / "out").glob("*.html")
    return [frames[name] for name in names], page.read_text()


def compare(folder, monkeypatch):
    spec = small_spec(folder, make=named, classes=3)
    return compared(spec, folder, monkeypatch, ("outputs", "students", "changes"))


def links(folder, monkeypatch):
    spec = joint_spec(folder)
    monkeypatch.setattr("inficond_panel.store.Store.title", NAME)
    return compared(spec, folder, monkeypatch, ["links"], "--link")


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
    shown = ("summary", "differences", "tasks")
    return [frames[name] for name in shown], page.read_text()


@pytest.mark.parametrize("report", [compare, links, gammas, study])
def test_a_report_shows_its_frames_escaped_and_loads_nothing(report, tmp_path, monkeypatch):
    frames, page = report(tmp_path, monkeypatch)
    found = Cells(page)
    for frame in frames:
        header, rows = text_table(frame)
        assert rows
        assert [header, *rows] in found.tables, frame.attrs["title"]
        assert f"<h2>{escape(frame.attrs['title'], quote=False)}</h2>" in page
    assert NAME not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "script" not in found.tags
    assert not re.search(r"https?:|url\((?!data:)|@import|(src|href)=.(?!data:)", page)
    assert "color-scheme: light dark" in page
