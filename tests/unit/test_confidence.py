"""Level of the intervals in the spec: numbers against other libraries, and words that follow."""

from __future__ import annotations

import json

import numpy as np
import pytest
from factory import SPEC, small_spec
from sklearn.metrics import accuracy_score, average_precision_score

from inficond_panel import open_students
from inficond_panel.cli import main
from inficond_panel.distill.metrics.bootstrap import draw_counts
from inficond_panel.results.comparison import compare
from inficond_panel.results.frame import interval_of
from inficond_panel.spec import load_spec
from inficond_panel.state import AppState
from inficond_panel.state.comparison import measure
from inficond_panel.state.jobs import Jobs
from inficond_panel.tuning import Intent, open_tuner
from inficond_panel.views.detail.view import DetailView
from inficond_panel.views.knowledge.measures import make_measures
from inficond_panel.views.knowledge.view import KnowledgeView
from inficond_panel.views.provenance.comparison import make_comparison
from inficond_panel.vocabulary.confidence import confidence_word, interval_word, tails

THUMB = Intent("bicycle", "wheel", "up")


@pytest.fixture(scope="module")
def tuners(tmp_path_factory):
    """The same store and history under the usual level and under 0.8, each tuned alike."""
    found = {}
    for level in (0.95, 0.8):
        folder = tmp_path_factory.mktemp("level")
        extra = f"views: {{confidence: {level}}}\n" if level != 0.95 else ""
        tuner = open_tuner(small_spec(folder, extra=extra), history=folder / "h.sqlite")
        tuner.history.set_head(
            tuner.root_id, tuner.fine_tune(tuner.root(), [THUMB]).id, "fine-tune"
        )
        found[level] = tuner
    return found


@pytest.fixture(scope="module")
def app(tuners):
    return AppState(tuners[0.8], Jobs(inline=True))


@pytest.fixture
def narrow(tmp_path):
    return small_spec(tmp_path, extra="views: {confidence: 0.8}\n")


def drawn(student, metric):
    """The metric on each bootstrap draw, by scikit-learn."""
    known = student.labels >= 0
    label, logit = student.labels[known], student.logits[known]
    weights = draw_counts(len(label), 200, 0)
    return np.array([metric(label, logit, row) for row in weights])


def ap(label, logit, weight):
    return average_precision_score(label, logit, sample_weight=weight)


def accuracy(label, logit, weight):
    return accuracy_score(label, logit > 0, sample_weight=weight)


def test_words():
    assert [confidence_word(x) for x in (0.95, 0.8, 0.995, 0.57)] == [
        "95 %",
        "80 %",
        "99.5 %",
        "57 %",
    ]
    assert interval_word(0.9) == "90 % interval"
    assert tails(0.8) == pytest.approx((0.1, 0.9))


@pytest.mark.parametrize("level", [0.95, 0.8])
def test_limits_of_a_change_are_the_percentiles_of_scikit_learns_values(tuners, level):
    tuner = tuners[level]
    before, after = (tuner.at(n, "tune")["bicycle"] for n in (tuner.root(), tuner.head()))
    values = drawn(after, ap) - drawn(before, ap)
    found = compare(tuner, tuner.root(), tuner.head()).of("bicycle").changes["ap"]
    share = 50 * (1 - level)
    assert [found.low, found.high] == pytest.approx(np.percentile(values, [share, 100 - share]))


def test_a_lower_level_is_narrower_and_the_students_stay_what_they_are(tuners):
    wide, narrow = tuners[0.95], tuners[0.8]
    assert wide.head().id == narrow.head().id
    assert wide.head().weights_hash == narrow.head().weights_hash
    own = [measure(t, t.at(t.head(), "tune")["bicycle"]).now for t in (wide, narrow)]
    for metric in ("ap", "accuracy", "brier"):
        old, new = (interval_of(each, metric) for each in own)
        assert old.estimate == new.estimate
        assert old.low <= new.low <= new.high <= old.high
        assert new.high - new.low < old.high - old.low
    values = drawn(narrow.at(narrow.head(), "tune")["bicycle"], accuracy)
    limits = np.percentile(values, [10, 90])
    assert own[1][["accuracy_low", "accuracy_high"]].tolist() == pytest.approx(limits)


def test_the_page_says_the_level(app):
    tuner = app.tuner
    knowledge, detail = KnowledgeView(app), DetailView(app)
    assert knowledge.table.options["confidence"] == detail.panel.confidence == "80 %"
    student = app.students.student("bicycle")
    measured = measure(tuner, student)
    assert make_measures(measured, student.metrics, 0.8)["heads"][1] == "80 %"
    app.selection.class_name = "bicycle"
    knowledge.panels.measured = True
    assert knowledge.panels.measures["heads"][1] == "80 %"
    app.comparison.compare(tuner.root_id, tuner.head().id)
    assert make_comparison(app, "")["confidence"] == "80 % interval"
    knowledge.thresholds.ask(None)
    assert ", 80 % [" in knowledge.panels.threshold["text"]


def test_a_curve_that_is_kept_at_one_level_is_not_shown_at_another(tuners):
    students = open_students(str(tuners[0.8].spec.path))
    usual = students.tuner.spec.views
    first = students.what_if("bicycle", "wheel")
    usual.confidence = 0.6
    second = students.what_if("bicycle", "wheel")
    assert (first["change_low"] <= second["change_low"]).all()
    assert (first["change_low"] < second["change_low"]).any()
    assert [set(first["level"]), set(second["level"])] == [{0.8}, {0.6}]


COMMANDS = [
    ("metrics", "--class", "bicycle"),
    ("compare",),
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_commands_say_the_level(command, narrow, capsys):
    name, *more = command
    assert main([name, str(narrow), *more]) == 0
    said = capsys.readouterr().out
    assert "80 %" in said
    assert "95 %" not in said
    assert main([name, str(narrow), *more, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found if "level" in found else next(iter(found.values())))["level"] == 0.8


def test_frames_have_a_column_of_the_level(tuners):
    students = open_students(str(tuners[0.8].spec.path)).fit().tune([("bicycle", "wheel", "up")])
    frames = {
        "metrics": students.metrics(intervals=True),
        "changes": students.changes(),
        "thresholds": students.thresholds(),
        "coverage": students.coverage("bicycle"),
        "penalty_path": students.penalty_path("bicycle"),
        "what_if": students.what_if("bicycle", "wheel"),
        "refit": students.what_if("bicycle", "wheel", refit=True),
        "stability": students.stability("bicycle", top=1, draws=8),
        "doctor": students.doctor(["bicycle"])["classes"],
        "groups": students.groups("tv monitor"),
    }
    assert [name for name, frame in frames.items() if set(frame["level"]) != {0.8}] == []
    assert set(frames["doctor"]["verdict_level"]) == {0.96}
    assert "level" not in students.metrics()


def test_the_level_is_no_part_of_an_iterations_id(tuners):
    assert "confidence" not in json.dumps(dict(tuners[0.8].root().settings))
    assert load_spec(tuners[0.95].spec.path, check_files=False).views.confidence == 0.95
    assert "confidence" not in SPEC
