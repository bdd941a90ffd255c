"""Intervals at the spec's level, of as many draws as it says, or none: the same estimates."""

import json
import math
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from factory import small_spec
from scipy import stats
from sklearn.metrics import average_precision_score

from inficond_panel import open_students
from inficond_panel.distill.metrics.bootstrap import draw_counts
from inficond_panel.errors import TuningError
from inficond_panel.results.frame import interval_of
from inficond_panel.results.metrics import metrics
from inficond_panel.results.sensitivity import stability
from inficond_panel.state import AppState
from inficond_panel.state.jobs import Jobs
from inficond_panel.tuning import Intent, open_tuner
from inficond_panel.tuning.suggest.gain import Change
from inficond_panel.views.detail.view import DetailView
from inficond_panel.views.knowledge.view import KnowledgeView
from inficond_panel.views.performance.view import PerformanceView
from inficond_panel.views.provenance.comparison import make_comparison
from inficond_panel.vocabulary.confidence import confidence_word, interval_word, tails

pytestmark = [pytest.mark.commands, pytest.mark.page]

THUMB = Intent("bicycle", "wheel", "up")


def tuned(folder, extra=""):
    tuner = open_tuner(small_spec(folder, extra=extra), history=folder / "h.sqlite")
    node = tuner.fine_tune(tuner.root(), [THUMB])
    tuner.history.set_head(tuner.root_id, node.id, "fine-tune")
    return tuner


def test_words_of_levels_and_a_gain_beyond_its_draws_is_a_normal_one():
    words = {0.95: "95 %", 0.8: "80 %", 0.995: "99.5 %", 0.57: "57 %"}
    assert {level: confidence_word(level) for level in words} == words
    assert interval_word(0.9) == "90 % interval"
    assert tails(0.8) == pytest.approx((0.1, 0.9))
    draws = np.random.default_rng(0).normal(0.1, 0.02, 400)
    change = Change(0.1, draws)
    low, high = stats.norm.interval(0.999, 0.1, draws.std(ddof=1))
    found = change.gain(0.999)
    assert (found.low, found.high) == pytest.approx((low, high))
    assert change.gain(0.99).low == pytest.approx(np.quantile(draws, 0.005))


def test_a_lower_level_is_narrower_and_the_students_stay_what_they_are(tmp_path_factory):
    levels = ("", "views: {confidence: 0.8}\n")
    wide, narrow = (tuned(tmp_path_factory.mktemp("level"), extra) for extra in levels)
    assert wide.head().id == narrow.head().id
    assert wide.head().weights_hash == narrow.head().weights_hash
    measured = ("ap", "accuracy", "brier")
    own = [metrics(t, t.head(), "tune", keys=measured).loc["bicycle"] for t in (wide, narrow)]
    for metric in measured:
        old, new = (interval_of(each, metric) for each in own)
        assert old.estimate == new.estimate
        assert old.low <= new.low <= new.high <= old.high
        assert new.high - new.low < old.high - old.low
    student = narrow.at(narrow.head(), "tune")["bicycle"]
    known = student.labels >= 0
    label, decided = student.labels[known], student.logits[known] > 0
    right = stats.binomtest(int((label == decided).sum()), len(label))
    limits = right.proportion_ci(0.8, method="wilson")
    assert own[1][["accuracy_low", "accuracy_high"]].tolist() == pytest.approx(tuple(limits))


#: ``[low, high]``, ``95 %``, and what is said of an interval.
LIMITS = re.compile(r"\[[+−-]?\d[\d.]*, |95 %|noise|interval")


def texts(told: Any) -> Iterator[str]:
    if isinstance(told, str):
        yield told
    elif isinstance(told, dict | list | tuple):
        for item in told.values() if isinstance(told, dict) else told:
            yield from texts(item)


def limits_in(told: Any) -> list[str]:
    return [text for text in texts(told) if LIMITS.search(text)]


def test_without_intervals_all_views_tell_estimates_alone(tmp_path_factory):
    apps = {}
    for shown in (True, False):
        extra = "" if shown else "views: {intervals: false}\n"
        apps[shown] = AppState(tuned(tmp_path_factory.mktemp("shown"), extra), Jobs(inline=True))
        apps[shown].selection.class_name = "bicycle"
    views = {shown: KnowledgeView(app) for shown, app in apps.items()}
    for shown, view in views.items():
        view.panels.param.update(measured=True, repairing=True, explained=True)
        view.thresholds.ask(None)
        apps[shown].tuning.toggle(Intent("bicycle", "sky", "down"))
        view.batch.show()
        parts = (view.table, view.bar, view.panels)
        found = limits_in([part.param.values() for part in parts])
        assert bool(found) is shown, found
        assert all(bool(effect["low"]) is shown for effect in view.table.effects.values())
    preview = {shown: view.bar.summary["preview"]["text"] for shown, view in views.items()}
    assert preview[True] == preview[False]
    effects = {shown: view.table.effects["wheel"]["change"] for shown, view in views.items()}
    assert effects[True] == effects[False]
    heads = {shown: view.panels.measures["heads"] for shown, view in views.items()}
    assert heads[False] == [head for head in heads[True] if head != "95 %"]
    for shown, app in apps.items():
        detail, cards = DetailView(app), PerformanceView(app)
        app.selection.open_concept("wheel")
        assert bool(detail.panel.bands) is shown
        assert bool(detail.panel.confidence) is shown
        app.refit_what_if.solve("bicycle", "wheel")
        changes = app.refit_what_if.points[0].changes
        assert math.isnan(changes["f1"].low) is not shown
        cards._find_changes("bicycle")
        assert bool(limits_in(cards.table.param.values())) is shown
        app.comparison.compare(app.tuner.root_id, app.students.node.id)
        assert bool(limits_in(make_comparison(app, "bicycle"))) is shown


@pytest.fixture(scope="module")
def students(tmp_path_factory):
    """Students of the same store, tuned alike, with intervals of 40 draws and of 200."""
    found = {}
    for draws, extra in ((40, "views: {draws: 40}\n"), (200, "")):
        spec = small_spec(tmp_path_factory.mktemp("draws"), extra=extra)
        found[draws] = open_students(spec).fit().tune([("bicycle", "wheel", "up")])
    return found


TABLES = {
    "metrics": lambda s: s.metrics(intervals=True),
    "changes": lambda s: s.changes(),
    "groups": lambda s: s.groups("tv monitor"),
    "slices": lambda s: s.slices("tv monitor", metric="brier", min_images=5),
    "thresholds": lambda s: s.thresholds(),
    "coverage": lambda s: s.coverage("bicycle"),
    "penalty_path": lambda s: s.penalty_path("bird"),
    "what_if": lambda s: s.what_if("bicycle", "wheel"),
    "shift": lambda s: s.doctor(["bird"])["classes"],
}


def limits(frame):
    ends = [name for name in frame if name.endswith(("low", "high")) and "lost" not in name]
    return frame[ends].to_numpy(dtype=float).ravel()


@pytest.mark.parametrize("name", TABLES)
def test_tables_draw_as_often_as_the_spec_says(name, students):
    few, usual = (limits(TABLES[name](students[draws])) for draws in (40, 200))
    assert not np.array_equal(few, usual, equal_nan=True)
    assert students[40].tuner.spec.views.draws == 40


@pytest.mark.parametrize("more", [[], ["--draws=40"]])
def test_limits_follow_from_scikit_learns_values(students, run, more):
    student = students[40].student("bird", "tune")
    known = student.labels >= 0
    label, logit = student.labels[known], student.logits[known]
    draws = draw_counts(len(label), 40, 0)
    values = [average_precision_score(label, logit, sample_weight=row) for row in draws]
    found = students[40].metrics(intervals=True).loc["bird"]
    m = label.sum()
    scaled = [np.log((m * a + 0.5) / (m * (1 - a) + 0.5)) for a in values]
    reach = stats.t(m - 1).ppf(0.975) * np.sqrt(m / (m - 1)) * np.std(scaled)
    ap = average_precision_score(label, logit)
    ends = np.log((m * ap + 0.5) / (m * (1 - ap) + 0.5)) + reach * np.array([-1, 1])
    expected = pytest.approx(((m + 1) / (1 + np.exp(-ends)) - 0.5) / m)
    assert [found["ap_low"], found["ap_high"]] == expected
    status, said, _ = run("metrics", students[40].tuner.spec.path, "--json", *more)
    classes = json.loads(said)["classes"]
    (row,) = (row for row in classes["rows"] if row["class"] == "bird")
    assert (status, classes["draws"]) == (0, 40)
    assert [row["ap_low"], row["ap_high"]] == expected


def test_draws_too_few_for_the_level_or_too_many_are_refused(tmp_path, run, capsys):
    spec = small_spec(tmp_path, extra="views: {confidence: 0.999, draws: 2000}\n")
    for command, *more in (["metrics"], ["compare"], ["stability", "--class", "bicycle"]):
        status, _, said = run(command, *more, spec, "--draws", 20)
        assert status == 1
        assert "20 draws are too few: intervals at 99.9 % need at least 2,000." in said
        with pytest.raises(SystemExit):
            run(command, *more, spec, "--draws", 10_001)
        assert "expected a whole number, 1 to 10,000, got '10001'" in capsys.readouterr().err
    students = open_students(spec)
    with pytest.raises(TuningError, match="need at least 2,000"):
        students.coverage("bicycle", draws=1999)
    with pytest.raises(TuningError, match=r"10,001 draws are too many\.\nRequest at most 10,000"):
        students.coverage("bicycle", draws=10_001)
    with pytest.raises(TuningError, match="draws are too many"):
        stability(students.tuner, "bicycle", draws=10_001)
    assert set(students.coverage("bicycle")["level"]) == {0.999}


@pytest.mark.parametrize(("extra", "draws"), [("", 100), ("views: {confidence: 0.99}\n", 200)])
def test_refits_are_as_many_as_their_limits_need(tmp_path, extra, draws):
    tuner = open_students(small_spec(tmp_path, extra=extra)).tuner
    assert stability(tuner, "bicycle", top=1).attrs["facts"]["draws"] == draws
