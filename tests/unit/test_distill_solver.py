"""Contract of fit and certify: inputs, errors, starts, cancelling, reproducibility."""

from dataclasses import replace

import numpy as np
import pytest

from inficond_panel.distill import certify, decision_function, fit, soft_targets
from inficond_panel.errors import CancelledError, DataError, SolverError


@pytest.fixture(scope="module")
def case():
    rng = np.random.default_rng(0)
    scores = np.maximum(rng.normal(0.2, 0.1, (400, 30)) + rng.normal(0, 0.03, (400, 1)), 0)
    logits = (scores - 0.2) @ rng.normal(0, 8, (30, 3)) - 3 + rng.normal(0, 1, (400, 3))
    return scores.astype(np.float32), soft_targets(logits)


def no_bounds(concepts=30, classes=3):
    return np.full((concepts, classes), -np.inf), np.full((concepts, classes), np.inf)


def test_shapes_and_values(case):
    scores, targets = case
    answer = fit(scores, targets)
    assert answer.weights.shape == (30, 3)
    assert answer.weights.dtype == np.float64
    assert answer.certificate == ("gap",) * 3
    assert answer.converged.all()
    assert (answer.gap <= 1e-6).all()
    logits = decision_function(scores, answer.weights, answer.intercepts)
    loss = np.mean(np.logaddexp(0, logits) - targets * logits, axis=0)
    objective = loss + 1e-4 * np.abs(answer.weights).sum(axis=0)
    np.testing.assert_allclose(answer.objective, objective, rtol=1e-12)


def test_soft_targets_are_sigmoids_of_the_logit_over_temperature():
    np.testing.assert_allclose(soft_targets(np.array([0.0, 2.0]), 2.0), [0.5, 1 / (1 + np.exp(-1))])
    assert soft_targets(np.array([-800.0]))[0] >= 0


def test_each_weight_has_its_own_l1(case):
    """A penalty s times as high is a column divided by s, with the weight and its box times s."""
    scores, targets = case[:2]
    rng = np.random.default_rng(3)
    factor = np.exp(rng.normal(size=(scores.shape[1], targets.shape[1])))
    lower = np.where(rng.random(factor.shape) < 0.2, 0.3, -np.inf)
    upper = np.where(rng.random(factor.shape) < 0.2, 0.5, np.inf)
    box = {"lower": lower, "upper": upper}
    found = fit(scores, targets, l1=1e-3 * factor, tolerance=1e-9, **box)
    assert found.converged.all()
    for k in range(targets.shape[1]):
        s = factor[:, [k]]
        scaled = {"lower": lower[:, [k]] * s, "upper": upper[:, [k]] * s}
        alone = fit(scores / s.T, targets[:, [k]], l1=1e-3, tolerance=1e-9, **scaled)
        np.testing.assert_allclose(found.weights[:, k], alone.weights[:, 0] / s[:, 0], atol=2e-4)
        assert found.objective[k] == pytest.approx(alone.objective[0], rel=1e-8)


def test_weights_without_a_penalty_among_others_have_the_kkt_certificate(case):
    scores, targets = case[:2]
    l1 = np.full((scores.shape[1], 1), 1e-3)
    l1[0] = 0
    found = fit(scores, targets[:, [0]], l1=l1)
    assert found.certificate == ("kkt",)
    assert found.converged.all()


def test_each_class_has_its_own_l1(case):
    scores, targets = case
    l1 = np.array([1e-4, 1e-3, 1e-2])
    together = fit(scores, targets, l1=l1, tolerance=1e-9)
    for k in range(3):
        alone = fit(scores, targets[:, [k]], l1=l1[k], tolerance=1e-9)
        assert together.objective[k] == pytest.approx(alone.objective[0], abs=1e-9)


def test_sample_weights_are_repetitions(case):
    scores, targets = case
    times = np.random.default_rng(1).integers(0, 4, 400)
    weighted = fit(scores, targets, sample_weight=times.astype(float), tolerance=1e-9)
    rows = np.repeat(np.arange(400), times)
    repeated = fit(scores[rows], targets[rows], tolerance=1e-9)
    np.testing.assert_allclose(weighted.objective, repeated.objective, atol=1e-10)
    np.testing.assert_allclose(weighted.weights, repeated.weights, atol=1e-4)


def test_stored_precision_is_not_the_working_precision(case):
    scores = case[0].astype(np.float16)
    half, single = fit(scores, case[1]), fit(scores.astype(np.float32), case[1])
    np.testing.assert_array_equal(half.weights, single.weights)
    double = fit(scores.astype(np.float64), case[1], tolerance=1e-12)
    again = fit(scores, case[1], tolerance=1e-12)
    np.testing.assert_allclose(again.objective, double.objective, rtol=0, atol=1e-13)
    np.testing.assert_allclose(again.weights, double.weights, atol=1e-5)
    assert again.converged.all()


def test_bounds_hold_exactly_and_cost(case):
    scores, targets = case
    free = fit(scores, targets)
    lower, upper = no_bounds()
    top = int(np.argmax(free.weights[:, 0]))
    lower[top, 0] = 2 * free.weights[top, 0]
    upper[top, 1] = lower[top, 1] = 0.7
    bound = fit(scores, targets, lower=lower, upper=upper, start=free)
    assert bound.weights[top, 0] == lower[top, 0]
    assert bound.weights[top, 1] == 0.7
    assert bound.objective[0] > free.objective[0]
    assert bound.converged.all()
    assert bound.objective[2] == pytest.approx(free.objective[2], abs=1e-9)


def test_warm_start_ends_where_a_cold_one_does(case):
    scores, targets = case
    cold = fit(scores, targets, tolerance=1e-9)
    rng = np.random.default_rng(2)
    wild = replace(cold, weights=rng.normal(0, 30, (30, 3)))
    warm = fit(scores, targets, start=wild, tolerance=1e-9)
    np.testing.assert_allclose(warm.objective, cold.objective, atol=1e-9)
    again = fit(scores, targets, start=cold)
    assert (again.iterations <= 1).all()
    np.testing.assert_allclose(again.objective, cold.objective, rtol=0, atol=1e-10)


def test_a_start_outside_the_box_is_clipped(case):
    scores, targets = case
    _, upper = no_bounds()
    upper[3] = -1.0
    start = replace(fit(scores, targets), weights=np.full((30, 3), 5.0))
    bound = fit(scores, targets, upper=upper, start=start)
    assert (bound.weights[3] <= -1).all()
    assert bound.converged.all()


def test_certify_judges_any_students(case):
    scores, targets = case
    answer = fit(scores, targets)
    same = certify(scores, targets, answer.weights, answer.intercepts)
    assert same.converged.all()
    np.testing.assert_allclose(same.objective, answer.objective, rtol=1e-12)
    shifted = certify(scores, targets, answer.weights, answer.intercepts + 0.5)
    assert (shifted.objective > same.objective).all()
    assert (shifted.gap > same.gap + 1e-3).all()
    open_box = certify(scores, targets, answer.weights, answer.intercepts + 0.5, l1=0)
    assert open_box.certificate == ("kkt",) * 3
    assert (open_box.gap > 1e-3).all()


def test_reports_progress_and_can_be_cancelled(case):
    seen = []
    fit(*case, progress=lambda share, text: seen.append((share, text)))
    shares = [share for share, _ in seen]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert seen[-1][1].startswith("3 of 3")
    calls = iter([False, False, True])
    with pytest.raises(CancelledError):
        fit(*case, cancelled=lambda: next(calls))


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_class_without_both_cases_is_refused(case, value):
    targets = case[1].copy()
    targets[:, 1] = value
    with pytest.raises(SolverError, match=f"class 1 are {value:.0f}") as caught:
        fit(case[0], targets)
    assert caught.value.remedy


@pytest.mark.parametrize("images", [6, 7, 10, 13, 100])
def test_ones_are_refused_however_their_mean_is_rounded(case, images):
    with pytest.raises(SolverError, match="class 0 are 1"):
        fit(case[0][:images], np.ones((images, 1)))


def test_an_empty_box_is_refused(case):
    lower, upper = no_bounds()
    lower[4, 2], upper[4, 2] = 1.0, 0.5
    with pytest.raises(SolverError, match=r"concept 4 of class 2: lower 1\.0, upper 0\.5"):
        fit(*case, lower=lower, upper=upper)
    lower[4, 2] = np.nan
    with pytest.raises(SolverError, match="no allowed value"):
        fit(*case, lower=lower)
    upper[4, 2] = -np.inf
    with pytest.raises(SolverError, match="no allowed value"):
        fit(*case, upper=upper)


def test_numbers_that_are_not_finite_are_counted(case):
    scores = case[0].copy()
    scores[3, 4], scores[5, 6] = np.nan, np.inf
    with pytest.raises(DataError, match="2 of 12000 scores"):
        fit(scores, case[1])
    targets = case[1].copy()
    targets[7] = np.nan
    with pytest.raises(DataError, match="3 of 1200 targets"):
        fit(case[0], targets)


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"scores": np.ones(5)}, DataError, "shape"),
        ({"scores": np.ones((0, 3))}, DataError, "shape"),
        ({"scores": np.full((400, 30), "a")}, DataError, "table of numbers"),
        ({"targets": np.full((399, 3), 0.5)}, SolverError, "400 rows"),
        ({"targets": np.full((400, 3), 1.5)}, SolverError, r"1200 of 1200 targets lie outside"),
        ({"l1": -1.0}, SolverError, "l1"),
        ({"l1": np.ones(4)}, SolverError, "4,"),
        ({"l1": np.ones((4, 4))}, SolverError, "one per concept and class"),
        ({"l2": np.inf}, SolverError, "l2"),
        ({"lower": np.zeros(30)}, SolverError, "lower bounds"),
        ({"sample_weight": -np.ones(400)}, SolverError, "Sample weights"),
        ({"sample_weight": np.zeros(400)}, SolverError, "Sample weights"),
        ({"sample_weight": np.ones(3)}, SolverError, "Sample weights"),
        ({"tolerance": 0.0}, SolverError, "tolerance"),
    ],
)
def test_wrong_input_is_refused_with_a_message(case, change, error, text):
    with pytest.raises(error, match=text):
        fit(**{"scores": case[0], "targets": case[1]} | change)


def test_a_start_of_another_shape_is_refused(case):
    start = fit(case[0][:, :5], case[1])
    with pytest.raises(SolverError, match="start"):
        fit(*case, start=start)
