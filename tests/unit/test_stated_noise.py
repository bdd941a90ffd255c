"""Draws of stated intervals: the spec's number everywhere, and enough for the level."""

from __future__ import annotations

import contextlib
import io
import json

import numpy as np
import pytest
from factory import small_spec
from scipy.stats import norm
from sklearn.metrics import average_precision_score

from inficond_panel import open_students
from inficond_panel.cli import main
from inficond_panel.distill.metrics.bootstrap import draw_counts
from inficond_panel.errors import TuningError
from inficond_panel.results.sensitivity import stability
from inficond_panel.tuning.suggest.gain import Change

THUMB = ("bicycle", "wheel", "up")


@pytest.fixture(scope="module")
def students(tmp_path_factory):
    """Students of the same store, tuned alike, with intervals of 40 draws and of 200."""
    found = {}
    for draws in (40, 200):
        folder = tmp_path_factory.mktemp("draws")
        extra = f"views: {{draws: {draws}}}\n" if draws != 200 else ""
        found[draws] = open_students(small_spec(folder, extra=extra)).fit().tune([THUMB])
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
    few, usual = (TABLES[name](students[draws]) for draws in (40, 200))
    assert not np.array_equal(limits(few), limits(usual), equal_nan=True)
    assert students[40].tuner.spec.views.draws == 40


def test_limits_are_the_percentiles_of_scikit_learns_values(students):
    student = students[40].student("bicycle", "tune")
    known = student.labels >= 0
    label, logit = student.labels[known], student.logits[known]
    values = [
        average_precision_score(label, logit, sample_weight=row)
        for row in draw_counts(len(label), 40, 0)
    ]
    found = students[40].metrics(intervals=True).loc["bicycle"]
    expected = np.percentile(values, [2.5, 97.5])
    assert [found["ap_low"], found["ap_high"]] == pytest.approx(expected)
    assert found["ap_low"] == pytest.approx(_of_command(students[40], "ap"))


def _of_command(students, metric):
    """Lower limit as ``inficond metrics`` states it, without and with ``--draws``."""
    spec = str(students.tuner.spec.path)
    shown = [json.loads(_output("metrics", spec, "--json", *more)) for more in ([], ["--draws=40"])]
    assert [each["classes"]["draws"] for each in shown] == [40, 40]
    rows = [row for each in shown for row in each["classes"]["rows"] if row["class"] == "bicycle"]
    low = {row[f"{metric}_low"] for row in rows}
    return low.pop() if len(low) == 1 else None


def _output(*args):
    with contextlib.redirect_stdout(io.StringIO()) as out:
        assert main(list(args)) == 0
    return out.getvalue()


def test_draws_too_few_for_the_level_are_refused(tmp_path, capsys):
    spec = str(small_spec(tmp_path, extra="views: {confidence: 0.999, draws: 2000}\n"))
    for command in (["metrics"], ["compare"], ["stability", "--class", "bicycle"]):
        assert main([*command, spec, "--draws", "20"]) == 1
        said = capsys.readouterr().err
        assert "20 draws are too few: intervals at 99.9 % need at least 2,000." in said
    students = open_students(spec)
    with pytest.raises(TuningError, match="need at least 2,000"):
        students.coverage("bicycle", draws=1999)
    assert set(students.coverage("bicycle")["level"]) == {0.999}


def test_refits_are_as_many_as_their_limits_need(tmp_path):
    usual = open_students(small_spec(tmp_path)).tuner
    assert stability(usual, "bicycle", top=1).attrs["facts"]["draws"] == 100
    sure = open_students(small_spec(tmp_path, extra="views: {confidence: 0.99}\n")).tuner
    assert stability(sure, "bicycle", top=1).attrs["facts"]["draws"] == 200


def test_a_gain_at_a_level_beyond_its_draws_is_a_normal_one():
    draws = np.random.default_rng(0).normal(0.1, 0.02, 400)
    change = Change(0.1, draws)
    low, high = norm.interval(0.999, 0.1, draws.std(ddof=1))
    found = change.gain(0.999)
    assert (found.low, found.high) == pytest.approx((low, high))
    assert change.gain(0.99).low == pytest.approx(np.quantile(draws, 0.005))
