"""The threshold of a student on the page: in force, and chosen on request."""

import json

import pandas as pd
import pytest
from factory import small_spec
from ruamel.yaml import YAML
from sklearn.metrics import confusion_matrix, f1_score

from inficond_panel.errors import CancelledError, TuningError
from inficond_panel.results.decisions import JUDGED, threshold_trial
from inficond_panel.state import AppState, Job, Jobs
from inficond_panel.tuning import open_tuner
from inficond_panel.views.knowledge.measures import make_threshold
from inficond_panel.views.knowledge.view import KnowledgeView

EXTRA = "students:\n  lambda: 1e-4\n  threshold: {sheep: 0.25}\n"


@pytest.fixture
def app(tmp_path) -> AppState:
    return AppState(open_tuner(small_spec(tmp_path, images=400, extra=EXTRA)), Jobs(inline=True))


@pytest.fixture
def view(app) -> KnowledgeView:
    app.selection.class_name = "bird"
    return KnowledgeView(app)


def choose(view: KnowledgeView, precision: float | None = None) -> dict:
    view.act({"action": "choose_threshold", "least": precision})
    return view.panels.threshold


def test_the_threshold_in_force_is_that_of_the_spec(view, app):
    assert view.panels.threshold == {"now": "0.000", "kind": "ask"}
    app.selection.class_name = "sheep"
    assert view.panels.threshold == {"now": "+0.250", "kind": "ask"}


def test_the_chosen_one_has_its_worth_beside_that_in_force(view, app):
    told = choose(view)
    json.dumps(told, allow_nan=False)
    assert told["kind"] == "done"
    assert told["text"].startswith("best F1 at ")
    student = app.tuner.at(app.tuner.root(), "tune")["bird"]
    known = student.labels >= 0
    now = f1_score(student.labels[known], student.logits[known] > 0)
    names = [row["name"] for row in told["rows"]]
    assert names == ["F1", "Precision", "Recall"]
    assert told["rows"][0]["now"] == f"{now:.3f}"


def test_the_line_keeps_the_thresholds_of_the_spec_and_sets_the_chosen_one(view, app):
    line = choose(view)["line"]
    setting = YAML(typ="safe").load(line)["threshold"]
    assert set(setting) == {"bird", "sheep"}
    assert setting["sheep"] == 0.25
    path = app.spec.path
    path.write_text(path.read_text().replace("threshold: {sheep: 0.25}", line))
    again = AppState(open_tuner(path), Jobs(inline=True))
    again.selection.class_name = "bird"
    assert KnowledgeView(again).panels.threshold["now"] == f"{setting['bird']:+.3f}".replace(
        "-", "\u2212"
    )


def test_recall_at_a_precision_is_another_rule_and_wrong_ones_are_told(view):
    assert choose(view, 0.9)["text"].startswith("most recall at precision 0.9 at ")
    told = choose(view, 1.5)
    assert told["kind"] == "error"
    assert "The precision must be above 0 and at most 1, got 1.5" in told["text"]


def test_too_few_labels_are_told(tmp_path):
    app = AppState(open_tuner(small_spec(tmp_path, images=40)), Jobs(inline=True))
    app.selection.class_name = "bird"
    told = choose(KnowledgeView(app))
    assert told["kind"] == "error"
    assert "10 of each are needed" in told["text"]
    assert "line" not in told


def test_another_student_or_a_batch_that_is_awaited_drops_the_choice(view, app, monkeypatch):
    kept: list[Job] = []
    monkeypatch.setattr(app.jobs, "submit", kept.append)
    assert choose(view)["kind"] == "running"
    (job,) = kept
    app.selection.class_name = "sheep"
    job.done(job.work(job))
    assert view.panels.threshold == {"now": "+0.250", "kind": "ask"}
    choose(view)
    kept[-1].failed(CancelledError("Cancelled."))
    assert view.panels.threshold["kind"] == "running"
    kept[-1].failed(TuningError("It broke.", "Mend it."))
    assert view.panels.threshold["text"] == "It broke. Mend it."


def test_without_a_student_nothing_is_chosen(app):
    view = KnowledgeView(app)
    assert choose(view)["kind"] == "ask"


def test_an_undefined_worth_is_a_dash():
    worth = {f"{key}{end}": float("nan") for key in JUDGED for end in ("", "_low", "_high")}
    change = {f"{key}_change{end}": float("nan") for key in JUDGED for end in ("", "_low", "_high")}
    limits = {"threshold": 1.0, "threshold_low": 0.5, "threshold_high": 2.0, "lacking": ""}
    found = pd.DataFrame([{"class": "bird", **limits, **worth, **change}])
    found.attrs["facts"] = {"threshold": {}}
    rows = make_threshold(found)["rows"]
    assert {(row["now"], row["after"], row["change"]["text"]) for row in rows} == {("–", "–", "–")}


@pytest.mark.parametrize("name", ["bird", "sheep"])
def test_any_threshold_can_be_tried(view, app, name):
    app.selection.class_name, view.panels.extent, view.panels.measured = name, "details", True
    trial = view.panels.measures["trial"]
    json.dumps(trial, allow_nan=False)
    student = app.tuner.at(app.tuner.root(), "tune")[name]
    known = student.labels >= 0
    label, logit = student.labels[known], student.logits[known]
    assert trial["threshold"] == sorted(trial["threshold"])
    assert len(trial["threshold"]) <= 202
    assert trial["threshold"][trial["now"]] == {"bird": 0.0, "sheep": 0.25}[name]
    for cut, found, wrong in zip(*(trial[k] for k in ("threshold", "found", "wrong")), strict=True):
        _, fp, _, tp = confusion_matrix(label, logit > cut, labels=[0, 1]).ravel()
        assert (found, wrong) == (tp, fp)
    assert (trial["found"][0], trial["wrong"][0]) == ((label == 1).sum(), (label == 0).sum())
    assert (trial["found"][-1], trial["wrong"][-1]) == (0, 0)
    assert threshold_trial(app.tuner, app.students.node, "holdout", name) == {}  # chooses nothing
