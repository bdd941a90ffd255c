"""An estimate outside its interval, as of a calibration error, is marked wherever it is written."""

from __future__ import annotations

import json

import numpy as np
import pytest
from factory import small_spec
from scipy.special import expit

from inficond_panel import open_students
from inficond_panel.common.interval import OUTSIDE_MARK, OUTSIDE_NOTE
from inficond_panel.distill import Interval, Outcome, metric_intervals
from inficond_panel.results.frame import Heading, make_frame


@pytest.mark.parametrize(
    ("interval", "outside"),
    [
        (Interval(0.032, 0.021, 0.027), True),
        (Interval(0.01, 0.021, 0.027), True),
        (Interval(0.021, 0.021, 0.027), False),
        (Interval(0.03, np.nan, np.nan), False),
        (Interval(np.nan, np.nan, np.nan), False),
    ],
)
def test_the_mark_stands_where_the_estimate_lies_outside(interval, outside):
    assert interval.outside is outside
    assert interval.written().endswith(OUTSIDE_MARK) is outside
    frame = make_frame([{"a": 1, **interval.columns("b")}], "a", {"b": Heading("b")})
    assert frame.attrs["notes"] == [OUTSIDE_NOTE] * outside


def calibrated(images: int, seed: int) -> Outcome:
    """A perfectly calibrated student: all of its ECE is noise."""
    rng = np.random.default_rng(seed)
    logit = rng.normal(-1, 2, images)
    return Outcome((rng.random(images) < expit(logit)).astype(np.int8), logit)


def test_a_calibrated_students_error_lies_outside_in_some_samples_and_above():
    found = [metric_intervals(calibrated(300, seed), ["ece"])["ece"] for seed in range(40)]
    beyond = [each for each in found if each.outside]
    assert 2 <= len(beyond) < 40
    assert all(each.estimate > each.high for each in beyond)


def test_the_interval_covers_the_true_error_better_than_percentiles():
    """True error by 2 million images; nominal 95 %, of 100 samples of 600."""
    rng = np.random.default_rng(0)
    cut = np.linspace(0, 1, 16)[1:-1]

    def drawn(images):
        logit = rng.normal(-1, 2, images)
        return logit, expit(0.6 * logit)

    logit, truth = drawn(2_000_000)
    where = np.searchsorted(cut, expit(logit))
    true = np.abs(np.bincount(where, truth - expit(logit))).sum() / len(logit)
    covered = percentile = 0
    for _ in range(100):
        logit, truth = drawn(600)
        outcome = Outcome((rng.random(600) < truth).astype(np.int8), logit)
        found = metric_intervals(outcome, ["ece"])["ece"]
        covered += found.low <= true <= found.high
        (values,) = outcome.drawn("ece").values()
        low, high = np.quantile(values, (0.025, 0.975))
        percentile += low <= true <= high
    assert covered >= 88
    assert percentile <= 70


def test_documents_frames_and_text_hold_the_mark(run, tmp_path, monkeypatch):
    monkeypatch.setattr(Interval, "outside", property(lambda self: self.estimate > -1))
    spec = small_spec(tmp_path)
    status, out, _ = run("metrics", spec, "--metric", "ece", "--draws", "5", "--json")
    assert status == 0
    assert json.loads(out)["classes"]["rows"][0]["ece_outside"] is True
    _, out, _ = run("metrics", spec, "--metric", "ece", "--draws", "5")
    assert f"]{OUTSIDE_MARK}" in out
    assert OUTSIDE_NOTE in out
    frame = open_students(spec).metrics("tune", intervals=True)
    assert frame["ece_outside"].all()
    assert "ap_outside" not in frame
