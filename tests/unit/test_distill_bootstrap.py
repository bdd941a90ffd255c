"""Bootstrap intervals against a loop over the draws."""

import numpy as np
import pytest
from intervals import change_interval, metric_interval
from scipy.special import expit

from inficond_panel.distill import (
    Outcome,
    change_intervals,
    class_metrics,
    ece,
    measure,
    metric_intervals,
)
from inficond_panel.distill.metrics import outcome as outcome_module
from inficond_panel.distill.metrics.bootstrap import draw_counts, intervals
from inficond_panel.distill.metrics.weighted_ap import rank
from inficond_panel.errors import DataError
from inficond_panel.vocabulary.metrics import METRICS


def case(n=300, seed=0):
    rng = np.random.default_rng(seed)
    label = (rng.random(n) < 0.1).astype(np.int8)
    before = np.round(rng.normal(-2, 1, n) + 2 * label, 1)  # rounded: with ties
    return label, before, np.round(before + rng.normal(0, 0.5, n) + 0.3 * label, 1)


def loop(label, logit, metric, draws, seed, teacher=None):
    values = []
    for counts in draw_counts(len(label), draws, seed):
        rows = np.repeat(np.arange(len(label)), counts)
        other = logit if teacher is None else teacher
        values.append(getattr(class_metrics(label[rows], logit[rows], other[rows]), metric))
    return np.array(values)


@pytest.mark.parametrize("metric", METRICS)
def test_change_equals_a_loop_over_the_draws(metric):
    label, before, after = case()
    teacher = before - 0.4
    found = change_interval(
        label, before, after, draws=60, seed=3, level=0.9, metric=metric, teacher=teacher
    )
    change = loop(label, after, metric, 60, 3, teacher) - loop(
        label, before, metric, 60, 3, teacher
    )
    low, high = np.nanquantile(change, [0.05, 0.95])
    whole = [getattr(class_metrics(label, x, teacher), metric) for x in (before, after)]
    estimate = whole[1] - whole[0]
    if metric == "ece":  # the basic interval
        low, high = 2 * estimate - high, 2 * estimate - low
    assert found.low == pytest.approx(low, abs=1e-12)
    assert found.high == pytest.approx(high, abs=1e-12)
    assert found.estimate == pytest.approx(estimate, abs=1e-12)


def test_all_metrics_at_once_equal_one_by_one():
    label, before, after = case(seed=4)
    old, new = Outcome(label, before, after > 0), Outcome(label, after, after > 0)
    changes = change_intervals(old, new, draws=30)
    levels = metric_intervals(new, draws=30)
    assert list(changes) == list(levels) == list(METRICS)
    for metric in METRICS:
        one = change_interval(label, before, after, draws=30, metric=metric, teacher=after)
        assert changes[metric] == one
        one = metric_interval(label, after, draws=30, metric=metric, teacher=after)
        assert levels[metric] == one


def test_fidelity_draws_from_all_images_the_others_from_the_labelled():
    label, before, after = case()
    label[:100] = -1
    found = metric_interval(label, before, metric="fidelity", teacher=after, draws=50)
    alike = (before > 0) == (after > 0)
    drawn = [np.repeat(alike, counts).mean() for counts in draw_counts(300, 50, 0)]
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(drawn, [0.025, 0.975])))


def test_the_interval_of_the_calibration_error_covers_better_than_its_quantiles():
    """Logits that should be 1.5 times as large; the true error is that of very many images."""
    rng = np.random.default_rng(3)
    many = rng.normal(-2, 1.5, 1_000_000)
    truth = ece((rng.random(len(many)) < expit(1.5 * many)).astype(int), many)
    covered = np.zeros(2)
    for _ in range(100):
        logit = rng.normal(-2, 1.5, 1000)
        outcome = Outcome((rng.random(1000) < expit(1.5 * logit)).astype(int), logit)
        found = metric_intervals(outcome, ("ece",))["ece"]
        low, high = np.quantile(outcome.values("ece", draw_counts(1000, 200, 0)), [0.025, 0.975])
        covered += [found.low <= truth <= found.high, low <= truth <= high]
    assert covered[0] >= 80 > covered[1]


def test_percentile_interval_of_a_mean_covers_as_it_should():
    """95 % intervals of accuracy, for a student that is right with probability 0.8."""
    rng = np.random.default_rng(11)
    covered = 0
    for _ in range(300):
        label = rng.integers(0, 2, 200)
        right = rng.random(200) < 0.8
        logit = np.where(right == (label == 1), 1.0, -1.0)
        found = metric_interval(label, logit, metric="accuracy")
        covered += found.low <= 0.8 <= found.high
    # binomial: 0.95 ± 3 standard errors, less 1 point for 200 draws and 200 images
    assert 0.90 <= covered / 300 <= 0.99


def test_draw_table_is_fixed_by_its_seed_and_read_only():
    table = draw_counts(50, 20, 7)
    assert (table.sum(axis=1) == 50).all()
    draw_counts.cache_clear()
    np.testing.assert_array_equal(table, draw_counts(50, 20, 7))
    assert not np.array_equal(table, draw_counts(50, 20, 8))
    with pytest.raises(ValueError, match="read-only"):
        table[0, 0] = 1


def test_each_student_is_sorted_once_for_all_metrics_and_draws(monkeypatch):
    sorts = []
    monkeypatch.setattr(outcome_module, "rank", lambda *given: sorts.append(1) or rank(*given))
    label, before, after = case()
    old, new, teacher = (Outcome(label, logit, after > 0) for logit in (before, after, after - 1))
    measure(old, teacher), measure(new, teacher)
    metric_intervals(new)
    change_intervals(old, new)
    assert len(sorts) == 3


@pytest.mark.parametrize("metric", ["ap", "ece"])
def test_intervals_taken_together_are_those_taken_one_by_one(metric):
    rng = np.random.default_rng(3)
    resampled = rng.normal(size=(6, 50))
    resampled[1, :3] = np.nan
    resampled[2] = np.nan
    estimates = np.array([0.1, 0.2, 0.3, np.nan, 0.5, 0.6])
    low, high = intervals(estimates, resampled, 0.9, metric)
    for at, estimate in enumerate(estimates):
        drawn = resampled[at][~np.isnan(resampled[at])]
        if np.isnan(estimate) or not len(drawn):
            assert np.isnan([low[at], high[at]]).all()
            continue
        truth = np.percentile(drawn, [5, 95])
        truth = 2 * estimate - truth[::-1] if metric == "ece" else truth
        np.testing.assert_allclose([low[at], high[at]], truth, rtol=1e-13)


@pytest.mark.parametrize("intervals", [change_interval, metric_interval])
def test_an_unknown_metric_is_an_error_of_the_project(intervals):
    logits = (np.arange(4.0),) * (1 + (intervals is change_interval))
    with pytest.raises(DataError, match=r"no metric 'recal'\. Did you mean 'recall'") as caught:
        intervals(np.array([0, 1, 0, 1]), *logits, metric="recal")
    assert "fidelity" in caught.value.remedy
