"""Draws of stated intervals: the spec's number everywhere, and enough for the level."""

from __future__ import annotations

import json

import numpy as np
import pytest
from factory import small_spec
from scipy.stats import norm
from sklearn.metrics import average_precision_score

from inficond_panel import open_students
from inficond_panel.distill.metrics.bootstrap import draw_counts
from inficond_panel.errors import TuningError
from inficond_panel.results.sensitivity import stability
from inficond_panel.tuning.suggest.gain import Change


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
    "slices": lambda s: s.slices("tv monitor", min_images=5),
    "thresholds": lambda s: s.thresholds(),
    "coverage": lambda s: s.coverage("bicycle"),
    "penalty_path": lambda s: s.penalty_path("bicycle"),
    "what_if": lambda s: s.what_if("bicycle", "wheel"),
    "shift": lambda s: s.doctor(["bicycle"])["classes"],
}


def limits(frame):
    """Lower and upper limits of a table, as one list."""
    ends = [name for name in frame if name.endswith(("low", "high")) and "lost" not in name]
    return frame[ends].to_numpy(dtype=float).ravel()


@pytest.mark.parametrize("name", TABLES)
def test_tables_draw_as_often_as_the_spec_says(name, students):
    few, usual = (limits(TABLES[name](students[draws])) for draws in (40, 200))
    assert not np.array_equal(few, usual, equal_nan=True)
    assert students[40].tuner.spec.views.draws == 40


@pytest.mark.parametrize("more", [[], ["--draws=40"]])
def test_limits_are_the_percentiles_of_scikit_learns_values(students, run, more):
    student = students[40].student("bicycle", "tune")
    known = student.labels >= 0
    label, logit = student.labels[known], student.logits[known]
    values = [
        average_precision_score(label, logit, sample_weight=row)
        for row in draw_counts(len(label), 40, 0)
    ]
    found = students[40].metrics(intervals=True).loc["bicycle"]
    expected = pytest.approx(np.percentile(values, [2.5, 97.5]))
    assert [found["ap_low"], found["ap_high"]] == expected
    status, said, _ = run("metrics", students[40].tuner.spec.path, "--json", *more)
    classes = json.loads(said)["classes"]
    (row,) = (row for row in classes["rows"] if row["class"] == "bicycle")
    assert (status, classes["draws"]) == (0, 40)
    assert [row["ap_low"], row["ap_high"]] == expected


def test_draws_too_few_for_the_level_are_refused(tmp_path, run):
    spec = small_spec(tmp_path, extra="views: {confidence: 0.999, draws: 2000}\n")
    for command, *more in (["metrics"], ["compare"], ["stability", "--class", "bicycle"]):
        status, _, said = run(command, *more, spec, "--draws", 20)
        assert status == 1
        assert "20 draws are too few: intervals at 99.9 % need at least 2,000." in said
    students = open_students(spec)
    with pytest.raises(TuningError, match="need at least 2,000"):
        students.coverage("bicycle", draws=1999)
    assert set(students.coverage("bicycle")["level"]) == {0.999}


@pytest.mark.parametrize(("extra", "draws"), [("", 100), ("views: {confidence: 0.99}\n", 200)])
def test_refits_are_as_many_as_their_limits_need(tmp_path, extra, draws):
    tuner = open_students(small_spec(tmp_path, extra=extra)).tuner
    assert stability(tuner, "bicycle", top=1).attrs["facts"]["draws"] == draws


def test_a_gain_at_a_level_beyond_its_draws_is_a_normal_one():
    draws = np.random.default_rng(0).normal(0.1, 0.02, 400)
    change = Change(0.1, draws)
    low, high = norm.interval(0.999, 0.1, draws.std(ddof=1))
    found = change.gain(0.999)
    assert (found.low, found.high) == pytest.approx((low, high))
    assert change.gain(0.99).low == pytest.approx(np.quantile(draws, 0.005))
