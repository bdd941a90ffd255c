"""The statistics behind automated thumbs, against references that do not share their code."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from scipy.stats import norm

from inficond_panel.distill import average_precision, fit
from inficond_panel.distill.folds import stratified_folds
from inficond_panel.tuning.suggest.baselines import column_ap
from inficond_panel.tuning.suggest.crossfit import Crossfitted, conclusion
from inficond_panel.tuning.suggest.evidence import Evidence, calibrate
from inficond_panel.tuning.suggest.first_order import image_moves, response
from inficond_panel.tuning.suggest.gate import ALPHA, Way, highest_bound, largest_of, passing
from inficond_panel.tuning.suggest.shrinkage import Signal, shrink, signal
from inficond_panel.tuning.suggest.suggestion import Change, change, mean_change

L1 = 1e-3


@pytest.fixture(scope="module")
def problem() -> dict:
    """Scores (400, 12), soft targets, and the student at its optimum."""
    rng = np.random.default_rng(0)
    scores = rng.random((400, 12)) + 0.5 * rng.random((400, 1))
    weights = rng.normal(0, 4, 12) * (rng.random(12) < 0.7)
    targets = expit((scores - 0.7) @ weights + rng.normal(0, 1, 400))[:, None]
    student = fit(scores, targets, l1=L1, tolerance=1e-12)
    return {"scores": scores, "targets": targets, "student": student}


def responses(problem: dict, free: np.ndarray):
    scores, student = problem["scores"], problem["student"]
    logits = scores @ student.weights[:, 0] + student.intercepts[0]
    return response(scores, logits, np.full(len(scores), 1 / len(scores)), free)


def test_response_is_the_derivative_of_the_refit(problem: dict) -> None:
    scores, student = problem["scores"], problem["student"]
    free = np.flatnonzero(student.weights[:, 0])
    answers = responses(problem, free).of(scores)
    before = scores @ student.weights[:, 0] + student.intercepts[0]
    moved = 3e-3  # large beside what the certificate leaves open, small beside the curvature
    for concept in range(12):
        lower = np.full((12, 1), -np.inf)
        lower[concept] = student.weights[concept, 0] + moved
        refit = fit(scores, problem["targets"], l1=L1, lower=lower, start=student, tolerance=1e-12)
        after = scores @ refit.weights[:, 0] + refit.intercepts[0]
        np.testing.assert_allclose((after - before) / moved, answers[:, concept], atol=0.02)


def test_an_image_moves_the_refit_as_it_counts_more(problem: dict) -> None:
    """The weights keep their sum, as they do among as many drawn images."""
    scores, targets, student = problem["scores"], problem["targets"], problem["student"]
    free, weight = np.flatnonzero(student.weights[:, 0]), np.full(400, 1 / 400)
    logits = scores @ student.weights[:, 0] + student.intercepts[0]
    residuals = weight * (expit(logits) - targets[:, 0])
    moves = image_moves(scores, logits, weight, residuals, free, np.arange(400))
    more = 0.02 * np.random.default_rng(5).normal(size=400)
    more -= more.mean()
    refit = fit(scores, targets, l1=L1, sample_weight=1 + more, start=student, tolerance=1e-12)
    after = scores @ refit.weights[:, 0] + refit.intercepts[0]
    expected = (scores[:, free] @ moves[:-1] + moves[-1]) @ more
    np.testing.assert_allclose(after - logits, expected, atol=0.03 * np.abs(expected).max())


def test_weights_that_were_moved_answer_no_more(problem: dict) -> None:
    scores, student = problem["scores"], problem["student"]
    free = np.flatnonzero(student.weights[:, 0])
    held = [int(free[1]), int(free[3])]
    label = (np.random.default_rng(1).random(400) < 0.4).astype(float)
    logit = scores @ student.weights[:, 0]
    folds, everything = np.arange(400) % 5, np.ones(400, dtype=bool)
    answer = responses(problem, free)
    ours = Evidence(label, logit, answer.of(scores), folds, [(everything, answer)])
    for concept in held:
        ours.move(concept, 0.0)
    without = responses(problem, np.setdiff1d(free, held))
    fresh = without.of(scores)
    theirs = Evidence(label, logit, fresh, folds, [(everything, without)], ours.scale)
    others = np.setdiff1d(np.arange(12), held)
    np.testing.assert_allclose(
        ours.responses[:, others], theirs.responses[:, others], atol=2e-4 * np.abs(fresh).max()
    )


def test_pull_is_the_slope_of_the_log_likelihood() -> None:
    rng = np.random.default_rng(2)
    logit, raw = rng.normal(0, 2, 300), rng.normal(size=(300, 5)).astype(np.float32)
    label = (rng.random(300) < expit(logit)).astype(float)
    found = Evidence(label, logit, raw.copy(), np.arange(300) % 3, [])
    step = 1e-3
    for concept in range(5):
        along = step * found.responses[:, concept].astype(float)
        up, down = (
            np.mean(label * (found.linear + s) - np.logaddexp(0, found.linear + s))
            for s in (along, -along)
        )
        assert found.pulls()[0][concept] == pytest.approx((up - down) / (2 * step), abs=1e-5)
    share = expit(found.linear)
    curvature = share * (1 - share)
    np.testing.assert_allclose(curvature @ found.responses**2 / 300, 1, rtol=1e-4)
    np.testing.assert_allclose((curvature * logit) @ found.responses / 300, 0, atol=1e-4)


def test_calibration_finds_slope_and_offset() -> None:
    rng = np.random.default_rng(3)
    logit = rng.normal(0, 2, 20_000)
    label = (rng.random(20_000) < expit(0.7 * logit - 1)).astype(float)
    assert calibrate(label, logit) == pytest.approx((0.7, -1.0), abs=0.06)
    slope, offset = calibrate(np.r_[np.zeros(50), np.ones(50)], np.r_[-np.ones(50), np.ones(50)])
    assert slope <= 3
    assert np.isfinite(offset)


def test_signal_is_the_variance_of_the_true_pulls_whatever_the_noise() -> None:
    rng = np.random.default_rng(4)
    true = rng.multivariate_normal([0, 0], [[4.0, 1.0], [1.0, 2.0]], 20_000).T
    tune = true[0] + rng.normal(0, 5, (5, 20_000))
    other = true[1] + rng.normal(0, 3, (5, 20_000))
    pulls = [((t.mean(axis=0), np.full(20_000, v / 5)) for t, v in ((tune, 25.0), (other, 9.0)))]
    found = signal([(tune, other)], [tuple(p) for p in pulls])
    assert (found.tune, found.fit, found.both) == pytest.approx((4, 2, 1), rel=0.15)
    mean, variance = found.posterior(*(tuple(p) for p in _both(tune, other)))
    error = float(np.mean((mean - true[0]) ** 2))
    covariance = np.array([[4.0, 1.0], [1.0, 2.0]])
    best = 4.0 - covariance[0] @ np.linalg.inv(covariance + np.diag([5.0, 1.8])) @ covariance[0]
    assert error == pytest.approx(best, rel=0.06)
    assert float(variance.mean()) == pytest.approx(best, rel=0.15)


def _both(tune: np.ndarray, other: np.ndarray):
    count = tune.shape[1]
    yield tune.mean(axis=0), np.full(count, 5.0)
    yield other.mean(axis=0), np.full(count, 1.8)


def test_one_normal_is_the_textbook_posterior() -> None:
    mean, variance = Signal(2.0).posterior((np.array([3.0]), np.array([1.0])), None)
    assert (mean[0], variance[0]) == pytest.approx((2.0, 2 / 3))


def test_a_few_strong_concepts_are_not_hidden_by_many_without_effect() -> None:
    rng = np.random.default_rng(5)
    true = np.zeros(2000)
    true[:10] = 8.0
    folds = true + rng.normal(0, 5**0.5, (5, 2000))
    seen = folds.mean(axis=0), np.ones(2000)
    found = signal([(folds, None)], [(seen, None)])
    mean, _ = found.posterior(seen, None)
    assert mean[:10].min() > 4
    assert np.abs(mean[10:]).mean() < 0.1
    assert found.weights[0] > 0.8


def test_gains_are_shrunk_towards_each_other() -> None:
    rng = np.random.default_rng(6)
    true = rng.normal(1.0, 0.5, 4000)
    errors = np.full(4000, 2.0)
    found = shrink(true + errors * rng.normal(size=4000), errors)
    estimate = np.array([f.estimate for f in found])
    assert np.mean((estimate - true) ** 2) == pytest.approx(0.25 * 4 / 4.25, rel=0.15)
    above = np.mean([t >= f.bound for f, t in zip(found, true, strict=True)])
    assert above == pytest.approx(0.8, abs=0.03)
    assert shrink(np.array([]), np.array([])) == []


@pytest.mark.parametrize("count", [1, 4])
def test_bound_of_the_largest_of_independent_gains(count: int) -> None:
    rng = np.random.default_rng(7)
    means = [Change(0.0, rng.normal(size=4000)) for _ in range(count)]
    exact = norm.ppf((1 - 0.05) ** (1 / count))
    assert largest_of(means, 0.05) == pytest.approx(exact, abs=0.06)


def test_the_same_way_twice_costs_nothing() -> None:
    draws = np.random.default_rng(8).normal(size=4000)
    assert largest_of([Change(0.0, draws)] * 5, 0.05) == pytest.approx(norm.isf(0.05), abs=0.04)


def test_nothing_passes_where_nothing_changed_and_one_clear_class_does() -> None:
    still, noisy = Change(0.0, np.zeros(400)), np.random.default_rng(9).normal(size=(3, 400))
    assert passing([]) is None
    assert passing([Way("tune", 1, {0: still, 1: still})]) is None
    weak = {k: Change(0.5, noisy[k]) for k in range(2)}
    assert passing([Way("tune", 1, weak)]) is None
    clear = Way("tune", 2, {0: Change(6.0, noisy[0]), 1: Change(-5.0, noisy[1])})
    assert passing([Way("tune", 1, weak), clear]) is clear


def test_where_nothing_passes_the_bounds_that_decide_are_stated() -> None:
    """Eight ways of independent noise: one alone is above 0 at 95 %, all together are not."""
    noise = np.random.default_rng(11).normal(size=(8, 4000))
    noise = (noise - noise.mean(axis=1, keepdims=True)) / noise.std(axis=1, ddof=1, keepdims=True)
    changes = [Change(g, g + 0.01 * each) for g, each in zip([0.022, *[0] * 7], noise, strict=True)]
    ways = [Way("tune", length, {0: one}) for length, one in enumerate(changes, start=1)]
    assert ways[0].mean.gain(0.95).low > 0
    assert passing(ways) is None
    best, bound = highest_bound(ways)
    assert best is ways[0]
    exact = norm.ppf((1 - ALPHA / 2) ** (1 / 8))
    assert bound == pytest.approx(0.022 - 0.01 * exact, abs=0.001)
    shown = conclusion(Crossfitted(tuple(ways), None, {}, {}))
    assert f"simultaneous over the 8 ways tried, is −{-100 * bound:.2f} AP points" in shown
    single = norm.isf(ALPHA / 2 / 8)
    assert f"no single class gains the {single:.1f} standard errors" in shown
    assert "(the most is 2.2)" in shown


def test_changes_of_classes_share_their_draws() -> None:
    rng = np.random.default_rng(10)
    label, before = (rng.random(300) < 0.3).astype(int), rng.normal(size=300)
    first = change(label, before, before + label)
    assert first.estimate == pytest.approx(
        average_precision(label, before + label) - average_precision(label, before)
    )
    both = mean_change([first, first])
    np.testing.assert_allclose(both.draws, first.draws)
    opposite = mean_change([first, Change(-first.estimate, -first.draws)])
    assert opposite.error == pytest.approx(0, abs=1e-12)
    assert first.gain().low <= first.estimate <= first.gain().high


@given(seed=st.integers(0, 99))
@settings(max_examples=20)
def test_column_ap_is_average_precision(seed: int) -> None:
    rng = np.random.default_rng(seed)
    positive, logits = rng.random(60) < 0.3, rng.normal(size=(60, 4))
    positive[0] = True
    expected = [average_precision(positive, column) for column in logits.T]
    np.testing.assert_allclose(column_ap(positive, logits), expected, rtol=1e-12)


@given(seed=st.integers(0, 99), count=st.integers(2, 6))
@settings(max_examples=30)
def test_folds_share_out_a_rare_class(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    label = (rng.random((200, 3)) < [0.05, 0.3, 0.6]).astype(int)
    folds = stratified_folds(label, count, seed)
    sizes = np.bincount(folds, minlength=count)
    assert sizes.max() - sizes.min() <= 1
    rarest = np.argmin(label.sum(axis=0))
    rare = np.bincount(folds[label[:, rarest] == 1], minlength=count)
    assert rare.max() - rare.min() <= 1
    np.testing.assert_array_equal(folds, stratified_folds(label, count, seed))
