"""A student's metrics on request: the line, slices, stability, and the choice of a threshold."""

import json
import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from factory import small_arrays, small_spec
from ruamel.yaml import YAML
from sessions import session_on
from sklearn.metrics import confusion_matrix, f1_score
from viewing import ask

from inficond_panel.common.interval import Interval
from inficond_panel.distill import ClassMetrics, change_intervals
from inficond_panel.errors import CancelledError, TuningError
from inficond_panel.results.decisions import JUDGED, threshold_trial
from inficond_panel.results.sensitivity import stability
from inficond_panel.state import Job
from inficond_panel.views.knowledge.measures import make_line, make_noisy, make_threshold
from inficond_panel.views.knowledge.view import KnowledgeView
from inficond_panel.wording.metrics import make_change

pytestmark = pytest.mark.page

UNDEFINED = Interval(math.nan, math.nan, math.nan)


@pytest.fixture
def view(app) -> KnowledgeView:
    app.selection.class_name = "bicycle"
    return KnowledgeView(app)


# --- metrics -----------------------------------------------------------------------------------
def test_the_line_has_fidelity_beside_accuracy_and_changes_say_when_they_are_within_noise():
    names = ("ap", "teacher_ap", "precision", "recall", "logit_correlation")
    counts = {"n": 9, "positives": 3, "negatives": 6, "differ": 1}
    told = {"f1": 0.56, "accuracy": 0.927, "fidelity": 0.928, "constant_fidelity": 0.892}
    now = ClassMetrics(**dict.fromkeys(names, 0.5), **counts, **told)
    line = make_line(now, None, {})
    told = [(part["name"], part["now"]) for part in line]
    assert told == [("F1", "0.560"), ("accuracy", "0.927"), ("fidelity", "0.928")]
    assert line[-1]["note"] == " (if always one answer 0.892), correlation of logits 0.50"
    after = replace(now, f1=0.6, fidelity=math.nan, constant_fidelity=0.5)
    changes = {"f1": Interval(0.04, -0.01, 0.05), "fidelity": UNDEFINED}
    line = make_line(now, after, changes)
    assert [part["after"] for part in line] == ["0.600", "", "–"]
    assert [part["change"] for part in line] == [make_change(changes["f1"]), None, None]
    up = {"text": "+1.9 points", "range": "[+0.4, +3.3]", "words": "up"}
    assert make_noisy(Interval(0.019, 0.004, 0.033), "f1") == up
    assert make_noisy(Interval(0.019, -0.004, 0.033), "ap")["words"] == "within noise"
    assert make_noisy(Interval(-0.002, -0.004, 0.001), "brier")["range"] == "[−0.004, +0.001]"
    assert make_noisy(Interval(0.0, 0.0, 0.0), "f1")["words"] == "unchanged"
    assert make_noisy(UNDEFINED, "ap") == {"text": "–", "range": "", "words": "undefined"}


def test_metrics_are_measured_when_they_are_opened_and_follow_batch_and_student(view, app):
    assert [part["change"] for part in view.panels.line] == [None, None, None]
    assert view.panels.measures is None
    view.panels.measured = True
    table = view.panels.measures
    json.dumps(table, allow_nan=False)
    assert [row["name"] for row in table["rows"]][:2] == ["AP", "F1"]
    assert table["heads"] == ["now", "95 %"]
    ask(view, "toggle", concept=view.table.rows[0]["concept"], direction="remove")
    nodes, keys = (app.students.node, app.tuning.preview.node), ("f1", "accuracy", "fidelity")
    old, new = (app.tuner.at(node, "tune")["bicycle"].outcome for node in nodes)
    found, line = change_intervals(old, new, keys), dict(zip(keys, view.panels.line, strict=True))
    told = {key: part["change"] for key, part in line.items() if part["after"]}
    assert told == {key: make_change(found[key]) for key in told} != {}
    assert view.panels.measures["heads"] == ["now", "95 %", "Preview"]
    ask(view, "fine_tune")
    assert view.panels.measures["heads"] == ["now", "95 %", "Since start"]
    brier = next(row for row in view.panels.measures["rows"] if row["name"] == "Brier score")
    assert len(brier["changes"]) == 1  # the parent is the start


# --- slices ------------------------------------------------------------------------------------
def test_slices_name_the_worst_by_any_metric_with_its_noise_or_say_why_there_are_none(tmp_path):
    arrays = small_arrays(images=600)
    light = np.where(np.arange(600) % 3, "day", "night")
    arrays["metadata"] = light[:, None].astype(object)
    arrays["metadata_column"] = np.array(["light"])
    app = session_on(small_spec(tmp_path, make=lambda: arrays), "bicycle")
    view = KnowledgeView(app)
    assert view.table.options["columns"] == ["light"]
    view.panels.slice_by = "light"
    assert view.panels.slices is None  # the panel is closed
    view.panels.measured = True
    told = view.panels.slices
    json.dumps(told, allow_nan=False)
    assert told["told"].startswith("Worst slice: ")
    assert {row["name"] for row in told["rows"]} == {"day", "night"}
    assert all((row["name"] in told["told"]) == row["worst"] for row in told["rows"])
    rows = app.store.rows("tune")
    night = rows[rows % 3 == 0]
    found = app.tuner.logits(app.students.node)[night, 0]
    alike = f"{((found > 0) == (app.store.teacher_logit[night, 0] > 0)).mean():.3f}"
    for key, name in view.table.options["slice_metrics"]:
        view.panels.slice_metric = key
        told = view.panels.slices
        assert told["heads"][:3] == ["light", name, "95 %"]
        assert f"for bicycle, {name} " in told["told"]
        assert all(row["range"].startswith("[") for row in told["rows"])
        row = next(row for row in told["rows"] if row["name"] == "night")
        if key == "fidelity":
            assert (told["heads"][3], row["value"]) == ("Accuracy", alike)
        else:
            beside = ("Fidelity", alike) if key == "accuracy" else ("", "")
            assert (told["heads"][3], row["beside"]) == beside
    app.selection.class_name = "sheep"
    assert f"for sheep, {name} " in view.panels.slices["told"]
    app.settings.slice_by = ""
    assert view.panels.slices is None
    app.settings.slice_by = "gone"
    assert "no metadata column 'gone'" in view.panels.slices["told"]


# --- stability ---------------------------------------------------------------------------------
def test_whether_an_influence_holds_is_told_and_a_run_is_stopped(view, app, monkeypatch):
    concept = view.table.rows[0]["concept"]
    ask(view, "find_stability", concept=concept)
    found = view.table.stability[concept]
    json.dumps(found, allow_nan=False)
    assert found["kind"] == "done"
    reference = stability(app.tuner, "bicycle", concepts=[concept]).iloc[0]
    assert found["text"] == reference["words"]
    assert dict(found["rows"])["Same sign"] == f"{100 * reference['same_sign']:.0f} %"
    app.selection.class_name = "sheep"
    assert view.table.stability == {}
    submitted, cancelled = [], []
    monkeypatch.setattr(app.jobs, "submit", lambda job: submitted.append(job.key))
    monkeypatch.setattr(app.jobs, "cancel", cancelled.append)
    concept = view.table.rows[0]["concept"]
    ask(view, "find_stability", concept=concept)
    assert view.table.stability[concept]["kind"] == "running"
    ask(view, "find_stability", concept=concept)
    assert (submitted, cancelled) == (["stability"], ["stability"])
    assert view.table.stability == {}
    ask(view, "find_stability", concept=concept)
    ask(view, "toggle", concept=concept, direction="up")
    assert view.table.stability == {}
    assert cancelled.count("stability") == 2


# --- the threshold -----------------------------------------------------------------------------
@pytest.fixture
def given(tmp_path) -> KnowledgeView:
    """The view of bird, of a spec that gives the threshold of sheep."""
    extra = "students:\n  lambda: 1e-4\n  threshold: {sheep: 0.25}\n"
    return KnowledgeView(session_on(small_spec(tmp_path, images=400, extra=extra), "bird"))


def choose(view: KnowledgeView, precision: float | None = None) -> dict:
    ask(view, "choose_threshold", least=precision)
    return view.panels.threshold


def test_the_chosen_threshold_has_its_worth_and_a_line_that_keeps_those_of_the_spec(given):
    assert given.panels.threshold == {"now": "0.000", "kind": "ask"}
    told, tuner, path = choose(given), given.app.tuner, given.app.spec.path
    json.dumps(told, allow_nan=False)
    assert told["kind"] == "done"
    assert told["text"].startswith("best F1 at ")
    student = tuner.at(tuner.root(), "tune")["bird"]
    known = student.labels >= 0
    now = f1_score(student.labels[known], student.logits[known] > 0)
    assert [row["name"] for row in told["rows"]] == ["F1", "Precision", "Recall"]
    assert told["rows"][0]["now"] == f"{now:.3f}"
    setting = YAML(typ="safe").load(told["line"])["threshold"]
    assert (set(setting), setting["sheep"]) == ({"bird", "sheep"}, 0.25)
    path.write_text(path.read_text().replace("threshold: {sheep: 0.25}", told["line"]))
    again = KnowledgeView(session_on(path, "bird")).panels.threshold["now"]
    assert again == f"{setting['bird']:+.3f}".replace("-", "\u2212")
    given.app.selection.class_name = ""
    assert choose(given)["kind"] == "ask"  # there is no student


def test_another_rule_is_told_and_why_there_is_no_choice(given, tmp_path):
    assert choose(given, 0.9)["text"].startswith("most recall at precision 0.9 at ")
    few = KnowledgeView(session_on(small_spec(tmp_path / "few", images=40), "bird"))
    for view, least, why in (
        (given, 1.5, "The precision must be above 0 and at most 1, got 1.5"),
        (few, None, "10 of each are needed"),
    ):
        told = choose(view, least)
        assert told["kind"] == "error"
        assert why in told["text"]
        assert "line" not in told


def test_another_student_or_a_batch_that_is_awaited_drops_the_choice(given, monkeypatch):
    kept: list[Job] = []
    monkeypatch.setattr(given.app.jobs, "submit", kept.append)
    assert choose(given)["kind"] == "running"
    (job,) = kept
    given.app.selection.class_name = "sheep"
    job.done(job.work(job))
    assert given.panels.threshold == {"now": "+0.250", "kind": "ask"}
    choose(given)
    kept[-1].failed(CancelledError("Cancelled."))
    assert given.panels.threshold["kind"] == "running"
    kept[-1].failed(TuningError("It broke.", "Mend it."))
    assert given.panels.threshold["text"] == "It broke. Mend it."


def test_an_undefined_worth_is_a_dash():
    ends = [f"{change}{end}" for change in ("", "_change") for end in ("", "_low", "_high")]
    worth = {f"{key}{end}": math.nan for key in JUDGED for end in ends}
    limits = {"threshold": 1.0, "threshold_low": 0.5, "threshold_high": 2.0, "lacking": ""}
    found = pd.DataFrame([{"class": "bird", **limits, **worth}])
    found.attrs["facts"] = {"threshold": {}}
    rows = make_threshold(found)["rows"]
    assert {(row["now"], row["after"], row["change"]["text"]) for row in rows} == {("–", "–", "–")}


def test_any_threshold_can_be_tried(given):
    app, panels = given.app, given.panels
    panels.extent, panels.measured = "details", True
    for name, now in (("bird", 0.0), ("sheep", 0.25)):
        app.selection.class_name = name
        trial = panels.measures["trial"]
        json.dumps(trial, allow_nan=False)
        student = app.tuner.at(app.tuner.root(), "tune")[name]
        known = student.labels >= 0
        label, logit = student.labels[known], student.logits[known]
        assert trial["threshold"] == sorted(trial["threshold"])
        assert len(trial["threshold"]) <= 202
        assert trial["threshold"][trial["now"]] == now
        counts = [confusion_matrix(label, logit > cut, labels=[0, 1]) for cut in trial["threshold"]]
        found, wrong = ([count[row, 1] for count in counts] for row in (1, 0))
        assert (trial["found"], trial["wrong"]) == (found, wrong)
        assert (found[0], wrong[0]) == ((label == 1).sum(), (label == 0).sum())
        assert (found[-1], wrong[-1]) == (0, 0)
    assert threshold_trial(app.tuner, app.students.node, "holdout", name) == {}  # chooses nothing
