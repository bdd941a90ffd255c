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
from sklearn.metrics import confusion_matrix, f1_score, recall_score
from viewing import ask

from inficond_panel.common.interval import Interval
from inficond_panel.distill import ClassMetrics, change_intervals
from inficond_panel.errors import CancelledError, TuningError
from inficond_panel.results.decisions import THRESHOLD_METRICS, threshold_trial
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
@pytest.fixture(scope="module")
def now() -> ClassMetrics:
    names = ("ap", "teacher_ap", "precision", "recall", "logit_correlation")
    counts = {"n": 9, "positives": 3, "negatives": 6, "differ": 1}
    told = {"f1": 0.56, "accuracy": 0.927, "fidelity": 0.928, "constant_fidelity": 0.892}
    return ClassMetrics(**dict.fromkeys(names, 0.5), **counts, **told)


def test_the_line_has_fidelity_beside_accuracy(now):
    line = make_line(now, None, {})
    told = [(part["name"], part["now"]) for part in line]
    assert told == [("F1", "0.560"), ("accuracy", "0.927"), ("fidelity", "0.928")]
    assert line[-1]["note"] == " (if always one answer 0.892), correlation of logits 0.50"


def test_the_line_has_the_values_of_a_preview_with_their_changes(now):
    after = replace(now, f1=0.6, fidelity=math.nan, constant_fidelity=0.5)
    changes = {"f1": Interval(0.04, -0.01, 0.05), "fidelity": UNDEFINED}
    line = make_line(now, after, changes)
    assert [part["after"] for part in line] == ["0.600", "", "–"]
    assert [part["change"] for part in line] == [make_change(changes["f1"]), None, None]


@pytest.mark.parametrize(
    ("change", "metric", "part", "told"),
    [
        (Interval(0.019, -0.004, 0.033), "ap", "words", "within noise"),
        (Interval(-0.002, -0.004, 0.001), "brier", "range", "[−0.004, +0.001]"),
        (Interval(0.0, 0.0, 0.0), "f1", "words", "unchanged"),
    ],
)
def test_changes_say_when_they_are_within_noise(change, metric, part, told):
    assert make_noisy(change, metric)[part] == told


def test_a_change_beyond_noise_says_its_direction():
    up = {"text": "+1.9 points", "range": "[+0.4, +3.3]", "words": "up"}
    assert make_noisy(Interval(0.019, 0.004, 0.033), "f1") == up


def test_a_change_that_is_undefined_is_a_dash():
    assert make_noisy(UNDEFINED, "ap") == {"text": "–", "range": "", "words": "undefined"}


def test_the_line_has_no_changes_without_a_batch(view):
    assert [part["change"] for part in view.panels.line] == [None, None, None]


def test_metrics_are_measured_when_they_are_opened(view):
    assert view.panels.measures is None
    view.panels.measured = True
    table = view.panels.measures
    json.dumps(table, allow_nan=False)
    assert [row["name"] for row in table["rows"]][:2] == ["AP", "F1"]
    assert table["heads"] == ["now", "95 %"]


def test_metrics_follow_the_batch(view, app):
    view.panels.measured = True
    ask(view, "toggle", concept=view.table.rows[0]["concept"], direction="remove")
    nodes, keys = (app.students.node, app.tuning.preview.node), ("f1", "accuracy", "fidelity")
    old, new = (app.tuner.at(node, "tune")["bicycle"].outcome for node in nodes)
    found, line = change_intervals(old, new, keys), dict(zip(keys, view.panels.line, strict=True))
    told = {key: part["change"] for key, part in line.items() if part["after"]}
    assert told == {key: make_change(found[key]) for key in told} != {}
    assert view.panels.measures["heads"] == ["now", "95 %", "Preview"]


def test_metrics_follow_the_student(view):
    view.panels.measured = True
    ask(view, "toggle", concept=view.table.rows[0]["concept"], direction="remove")
    ask(view, "fine_tune")
    assert view.panels.measures["heads"] == ["now", "95 %", "Since start"]
    brier = next(row for row in view.panels.measures["rows"] if row["name"] == "Brier score")
    assert len(brier["changes"]) == 1  # the parent is the start


# --- slices ------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def lit_spec(tmp_path_factory):
    """A spec of a store whose images have a column of light."""
    arrays = small_arrays(images=600)
    light = np.where(np.arange(600) % 3, "day", "night")
    arrays["metadata"] = light[:, None].astype(object)
    arrays["metadata_column"] = np.array(["light"])
    return small_spec(tmp_path_factory.mktemp("lit"), make=lambda: arrays)


@pytest.fixture
def lit(lit_spec) -> KnowledgeView:
    """The view of bicycle by slices of light."""
    view = KnowledgeView(session_on(lit_spec, "bicycle", history=":memory:"))
    view.panels.slice_by = "light"
    view.panels.measured = True
    return view


def test_columns_of_the_store_are_offered_for_slices(lit):
    assert lit.table.options["columns"] == ["light"]


def test_slices_are_not_measured_while_their_panel_is_closed(lit):
    lit.panels.measured = False
    lit.app.settings.slice_by = ""
    lit.app.settings.slice_by = "light"
    assert lit.panels.slices is None


def test_slices_name_the_worst(lit):
    told = lit.panels.slices
    json.dumps(told, allow_nan=False)
    assert told["told"].startswith("Worst slice by its p: ")
    assert {row["name"] for row in told["rows"]} == {"day", "night"}
    assert all((row["name"] in told["told"]) == row["worst"] for row in told["rows"])


def test_slices_have_any_metric_with_its_noise(lit):
    view, app = lit, lit.app
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


def test_slices_have_the_teachers_metric_beside(lit):
    """Recall by scikit-learn: the teacher decides by logits above 0."""
    lit.panels.slice_metric = "recall"
    store, rows = lit.app.store, lit.app.store.rows("tune")
    night = rows[rows % 3 == 0]
    truth = recall_score(store.label[night, 0], store.teacher_logit[night, 0] > 0)
    row = next(row for row in lit.panels.slices["rows"] if row["name"] == "night")
    assert row["teacher"] == f"{truth:.3f}"


def test_a_metric_that_compares_with_the_teacher_has_no_teacher_beside(lit):
    lit.panels.slice_metric = "fidelity"
    assert {row["teacher"] for row in lit.panels.slices["rows"]} == {""}


def test_slices_are_of_the_class(lit):
    lit.app.selection.class_name = "sheep"
    name = dict(lit.table.options["slice_metrics"])[lit.panels.slice_metric]
    assert f"for sheep, {name} " in lit.panels.slices["told"]


def test_without_a_column_there_are_no_slices(lit):
    lit.app.settings.slice_by = ""
    assert lit.panels.slices is None


def test_slices_of_a_column_that_is_gone_say_so(lit):
    lit.app.settings.slice_by = "gone"
    assert "no metadata column 'gone'" in lit.panels.slices["told"]


# --- stability ---------------------------------------------------------------------------------
def test_whether_an_influence_holds_is_told(view, app):
    concept = view.table.rows[0]["concept"]
    ask(view, "find_stability", concept=concept)
    found = view.table.stability[concept]
    json.dumps(found, allow_nan=False)
    assert found["kind"] == "done"
    reference = stability(app.tuner, "bicycle", concepts=[concept]).iloc[0]
    assert found["text"] == reference["words"]
    assert dict(found["rows"])["Same sign"] == f"{100 * reference['same_sign']:.0f} %"


def test_another_class_takes_what_was_told_of_an_influence_away(view, app):
    ask(view, "find_stability", concept=view.table.rows[0]["concept"])
    app.selection.class_name = "sheep"
    assert view.table.stability == {}


@pytest.fixture
def runs(app, monkeypatch) -> tuple[list, list]:
    """Keys of jobs that were submitted, and of those that were cancelled: none is run."""
    submitted, cancelled = [], []
    monkeypatch.setattr(app.jobs, "submit", lambda job: submitted.append(job.key))
    monkeypatch.setattr(app.jobs, "cancel", cancelled.append)
    return submitted, cancelled


def test_a_second_click_stops_a_run(view, runs):
    concept = view.table.rows[0]["concept"]
    ask(view, "find_stability", concept=concept)
    assert view.table.stability[concept]["kind"] == "running"
    ask(view, "find_stability", concept=concept)
    assert runs == (["stability"], ["stability"])
    assert view.table.stability == {}


def test_a_thumb_stops_a_run(view, runs):
    _, cancelled = runs
    concept = view.table.rows[0]["concept"]
    ask(view, "find_stability", concept=concept)
    ask(view, "toggle", concept=concept, direction="up")
    assert view.table.stability == {}
    assert cancelled.count("stability") == 1


# --- the threshold -----------------------------------------------------------------------------
@pytest.fixture
def given(tmp_path) -> KnowledgeView:
    """The view of bird, of a spec that gives the threshold of sheep."""
    extra = "students:\n  lambda: 1e-4\n  threshold: {sheep: 0.25}\n"
    return KnowledgeView(session_on(small_spec(tmp_path, images=400, extra=extra), "bird"))


def choose(view: KnowledgeView, precision: float | None = None) -> dict:
    ask(view, "choose_threshold", least=precision)
    return view.panels.threshold


def test_a_threshold_is_not_chosen_before_it_is_asked_for(given):
    assert given.panels.threshold == {"now": "0.000", "tried": {}, "kind": "ask"}


def test_the_chosen_threshold_has_its_worth(given):
    told, tuner = choose(given), given.app.tuner
    json.dumps(told, allow_nan=False)
    assert told["kind"] == "done"
    assert told["text"].startswith("best F1 at ")
    student = tuner.at(tuner.root(), "tune")["bird"]
    known = student.labels >= 0
    now = f1_score(student.labels[known], student.logits[known] > 0)
    assert [row["name"] for row in told["rows"]] == ["F1", "Precision", "Recall"]
    assert told["rows"][0]["now"] == f"{now:.3f}"


def test_the_line_for_the_spec_keeps_the_thresholds_that_it_gives(given):
    told, path = choose(given), given.app.spec.path
    setting = YAML(typ="safe").load(told["line"])["threshold"]
    assert (set(setting), setting["sheep"]) == ({"bird", "sheep"}, 0.25)
    path.write_text(path.read_text().replace("threshold: {sheep: 0.25}", told["line"]))
    again = KnowledgeView(session_on(path, "bird")).panels.threshold["now"]
    assert again == f"{setting['bird']:+.3f}".replace("-", "\u2212")


def test_without_a_student_no_threshold_is_chosen(given):
    given.app.selection.class_name = ""
    assert choose(given)["kind"] == "ask"


def test_a_threshold_is_chosen_by_another_rule(given):
    assert choose(given, 0.9)["text"].startswith("most recall at precision 0.9 at ")


def expect_fault(told: dict, why: str) -> None:
    assert told["kind"] == "error"
    assert why in told["text"]
    assert "line" not in told


def test_a_precision_that_cannot_be_is_refused(given):
    told = choose(given, 1.5)
    expect_fault(told, "The precision must be above 0 and at most 1, got 1.5")


def test_of_few_labels_no_threshold_is_chosen(tmp_path):
    few = KnowledgeView(session_on(small_spec(tmp_path / "few", images=40), "bird"))
    expect_fault(choose(few), "10 of each are needed")


def test_another_student_or_a_batch_that_is_awaited_drops_the_choice(given, monkeypatch):
    kept: list[Job] = []
    monkeypatch.setattr(given.app.jobs, "submit", kept.append)
    assert choose(given)["kind"] == "running"
    (job,) = kept
    given.app.selection.class_name = "sheep"
    job.done(job.work(job))
    assert given.panels.threshold == {"now": "+0.250", "tried": {}, "kind": "ask"}
    choose(given)
    kept[-1].failed(CancelledError("Cancelled."))
    assert given.panels.threshold["kind"] == "running"
    kept[-1].failed(TuningError("It broke.", "Mend it."))
    assert given.panels.threshold["text"] == "It broke. Mend it."


def test_an_undefined_worth_is_a_dash():
    ends = [f"{change}{end}" for change in ("", "_change") for end in ("", "_low", "_high")]
    worth = {f"{key}{end}": math.nan for key in THRESHOLD_METRICS for end in ends}
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
