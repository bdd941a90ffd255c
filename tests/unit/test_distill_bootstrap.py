"""Intervals: the bootstrap against a loop over the draws, and how an interval is written."""

import json
from math import nan
from unittest.mock import Mock

import numpy as np
import pytest
from intervals import change_interval, metric_interval
from scipy.stats import binomtest

from inficond_panel.common.interval import NO_INTERVAL, Interval
from inficond_panel.distill import (
    Outcome,
    change_intervals,
    class_metrics,
    measure,
    metric_intervals,
)
from inficond_panel.distill.metrics import bootstrap, weighted_ap
from inficond_panel.distill.metrics import outcome as outcome_module
from inficond_panel.distill.metrics.bootstrap import draw_counts, intervals
from inficond_panel.distill.metrics.weighted_ap import rank
from inficond_panel.errors import DataError
from inficond_panel.vocabulary.metrics import DECISIONS, METRICS


def case(n=300, seed=0):
    rng = np.random.default_rng(seed)
    label = (rng.random(n) < 0.1).astype(np.int8)
    before = np.round(rng.normal(-2, 1, n) + 2 * label, 1)  # rounded: with ties
    return label, before, np.round(before + rng.normal(0, 0.5, n) + 0.3 * label, 1)


def loop(label, logit, metric, draws, seed, teacher):
    every = np.arange(len(label))
    drawn = [np.repeat(every, counts) for counts in draw_counts(len(label), draws, seed)]
    found = [class_metrics(label[rows], logit[rows], teacher[rows]) for rows in drawn]
    return np.array([getattr(each, metric) for each in found])


@pytest.mark.parametrize("metric", METRICS)
def test_change_equals_a_loop_over_the_draws(metric):
    label, before, after = case()
    teacher = before - 0.4
    options = {"draws": 60, "seed": 3, "metric": metric, "teacher": teacher}
    found = change_interval(label, before, after, level=0.9, **options)
    old, new = (loop(label, x, metric, 60, 3, teacher) for x in (before, after))
    low, high = np.nanquantile(new - old, [0.05, 0.95])
    old, new = (getattr(class_metrics(label, x, teacher), metric) for x in (before, after))
    if metric == "ece":  # the basic interval
        low, high = 2 * (new - old) - high, 2 * (new - old) - low
    expected = (low, high, new - old)
    assert (found.low, found.high, found.estimate) == pytest.approx(expected, abs=1e-12)


def test_fidelity_is_of_all_images():
    label, before, after = case()
    label[:100] = -1
    alike = (before > 0) == (after > 0)
    found = metric_interval(label, before, metric="fidelity", teacher=after)
    truth = binomtest(int(alike.sum()), 300).proportion_ci(method="wilson")
    assert (found.low, found.high) == pytest.approx((truth.low, truth.high))


def test_accuracy_is_of_the_labelled_images():
    label, before, after = case()
    label[:100] = -1
    right = (before > 0)[100:] == (label[100:] == 1)
    found = metric_interval(label, before, metric="accuracy", teacher=after)
    truth = binomtest(int(right.sum()), 200).proportion_ci(method="wilson")
    assert (found.low, found.high) == pytest.approx((truth.low, truth.high))


def test_precision_of_many_images_is_that_of_few_at_a_time(monkeypatch):
    rng = np.random.default_rng(2)
    positive, logit = rng.random(700) < 0.2, np.round(rng.standard_normal(700), 1)
    ranked, counts = rank(positive, logit), draw_counts(700, 40, 0)
    whole = ranked.average_precision(counts)
    monkeypatch.setattr(weighted_ap, "_BLOCK_VALUES", 0)
    monkeypatch.setattr(weighted_ap, "_IMAGES", 16)
    assert np.array_equal(ranked.average_precision(counts), whole)


def test_draws_are_with_replacement():
    table = draw_counts(50, 200, 7)
    assert (table.sum(axis=1) == 50).all()
    assert table.var() == pytest.approx(1 - 1 / 50, abs=0.05)  # of a binomial count
    np.testing.assert_allclose(table.mean(axis=0), 1, atol=0.3)


def test_draws_are_fixed_by_their_seed():
    table = draw_counts(50, 200, 7)
    bootstrap._draw_counts.cache_clear()
    np.testing.assert_array_equal(table, draw_counts(50, 200, 7))
    assert not np.array_equal(table, draw_counts(50, 200, 8))


def test_draws_are_read_only():
    table = draw_counts(50, 200, 7)
    with pytest.raises(ValueError, match="read-only"):
        table[0, 0] = 1


def test_decisions_are_drawn_once_for_all_metrics(monkeypatch):
    decide = Mock(wraps=outcome_module.decision_metrics)
    monkeypatch.setattr(outcome_module, "decision_metrics", decide)
    label, before, after = case()
    change_intervals(Outcome(label, before), Outcome(label, after), DECISIONS, draws=20)
    assert decide.call_count == 2 * 2  # the values of all, and the draws of all


def test_students_are_sorted_once_for_all_metrics(monkeypatch):
    sort = Mock(wraps=rank)
    label, before, after = case()
    monkeypatch.setattr(outcome_module, "rank", sort)
    old, new, teacher = (Outcome(label, logit, after > 0) for logit in (before, after, after - 1))
    measure(old, teacher), measure(new, teacher)
    assert list(metric_intervals(new)) == list(change_intervals(old, new)) == list(METRICS)
    assert sort.call_count == 3


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


WIDE, ALONE = Interval(0.5, 0.25, 0.75), Interval(0.5, nan, nan)
SMALL = Interval(0.00019, -0.001, 0.001)


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (WIDE.text(), "0.500 [0.250, 0.750]"),
        (WIDE.text(limits=False), "0.500"),
        (ALONE.text(), "0.500"),
        (NO_INTERVAL.text(), "–"),
        (SMALL.text(2, scale=100, unit="points", sign=True), "+0.02 points [−0.10, +0.10]"),
        (WIDE.cells(), ["0.500", "[0.250, 0.750]"]),
        (NO_INTERVAL.cells(), ["undefined", "undefined"]),
        (Interval(0.019, 0.004, 0.033).change("points"), ("+1.9 points", "[+0.4, +3.3]")),
        (Interval(-0.002, -0.004, 0.001).change(""), ("−0.002", "[−0.004, +0.001]")),
        (WIDE.columns("ap"), {"ap": 0.5, "ap_low": 0.25, "ap_high": 0.75}),
        (json.loads(json.dumps(ALONE.json())), {"estimate": 0.5, "low": None, "high": None}),
        (Interval(0.2, 0.1, 0.3).words, "up"),
        (Interval(-0.2, -0.3, -0.1).words, "down"),
        (Interval(0.1, -0.1, 0.3).words, "within noise"),
        (Interval(0.1, 0.0, 0.2).words, "within noise"),
        (Interval(0.0, 0.0, 0.0).words, "unchanged"),
        (NO_INTERVAL.words, "undefined"),
    ],
)
def test_forms(shown, expected):
    assert shown == expected
