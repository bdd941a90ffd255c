"""The reported gap is an upper bound of the distance to the optimum, on good and bad answers."""

from dataclasses import replace

import numpy as np
import pytest
from problems import KINDS, random_case, seeds
from references import column_scale, lbfgs, max_l1, objective, problem, unit
from scipy.special import expit

from inficond_panel.distill import certify, fit, soft_targets
from inficond_panel.distill.solver.objective import Problem
from inficond_panel.distill.solver.penalty import Penalty

ITERATIONS = (0, 1, 2, 3, 5)


def check_bound(case, answers, least):
    """For each answer: objective as reported, weights in the box, distance at most the gap."""
    for k, optimum in enumerate(least):
        p = problem(case, k)
        for answer in answers:
            w, b = answer.weights[:, k], answer.intercepts[k]
            found = objective(p, w, b)
            assert answer.objective[k] == pytest.approx(found, rel=1e-12)
            assert ((p["lower"] <= w) & (w <= p["upper"])).all()
            rounding = 1e-13 * max(1.0, found / unit(p))
            if case["scores"].max() > 100 * np.ptp(case["scores"], axis=0).max():
                rounding *= 1e3  # logits are differences of large numbers
            assert (found - optimum) / unit(p) <= answer.gap[k] + rounding


def least_values(case):
    """The best known optimum of each class, at or above the true one."""
    best = fit(**case, tolerance=1e-12)
    both = enumerate(best.objective)
    return best, [min(value, lbfgs(problem(case, k))) for k, value in both]


@pytest.mark.parametrize("seed", seeds(1, 8))
@pytest.mark.parametrize("kind", KINDS)
def test_gap_covers_the_distance(kind, seed):
    case = random_case(kind, seed)
    best, least = least_values(case)
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal(best.weights.shape) / column_scale(problem(case))[:, None]
    rest = {name: case[name] for name in case if name not in ("scores", "targets")}
    answers = [fit(**case, tolerance=1e-12, max_iterations=most) for most in ITERATIONS]
    for early in answers:
        np.testing.assert_array_equal(early.converged, early.gap <= 1e-12)
    for size in (1e-6, 1e-2, 1.0, 30.0):
        wild = replace(best, weights=best.weights + size * noise)
        answers += [fit(**case, start=wild, max_iterations=most) for most in (0, 1)]
        pair = case["scores"], case["targets"], wild.weights
        answers += [certify(*pair, rng.normal(0, size, 2), **rest), certify(*pair, **rest)]
    check_bound(case, answers, least)


@pytest.mark.parametrize("seed", seeds(1, 10))
@pytest.mark.parametrize("kind", KINDS)
def test_any_start_ends_at_the_optimum(kind, seed):
    case = random_case(kind, seed)
    best, least = least_values(case)
    noise = np.random.default_rng(seed).standard_normal(best.weights.shape)
    scale = column_scale(problem(case))[:, None]
    for size in (1e-3, 1.0, 1e3):
        answer = fit(**case, start=replace(best, weights=best.weights + size * noise / scale))
        assert answer.converged.all(), (size, answer.gap)
        assert (answer.gap <= 1e-6).all()
        check_bound(case, [answer], least)


@pytest.mark.parametrize("seed", seeds(3, 10))
@pytest.mark.parametrize("kind", KINDS)
def test_gap_is_not_slack_at_the_optimum(kind, seed):
    """A bound that is true but far off would never let the solver stop."""
    assert (fit(**random_case(kind, seed), tolerance=1e-8).gap <= 1e-8).all()


@pytest.mark.parametrize("kind", ["plain", "hard labels", "zero sample weights", "values 1e6"])
@pytest.mark.parametrize("seed", range(10))
def test_beyond_its_maximum_l1_leaves_the_intercept_alone(kind, seed):
    case = random_case(kind, seed) | {"lower": None, "upper": None}
    both = [problem(case, k) for k in range(2)]
    most = np.array([max_l1(p) for p in both])
    answer = fit(**case | {"l1": most * (1 + 1e-9)}, tolerance=1e-8)
    assert not answer.weights.any()
    assert answer.converged.all()
    for p, b in zip(both, answer.intercepts, strict=True):
        odds = p["weight"] @ p["target"] / (p["weight"] @ (1 - p["target"]))
        assert b == pytest.approx(np.log(odds))
    below = fit(**case | {"l1": most * (1 - 1e-3)}, tolerance=1e-12)
    assert below.weights.any(axis=0).all()


@pytest.mark.parametrize("seed", range(10))
def test_without_penalty_and_bounds_the_residual_is_that_of_the_conditions(seed):
    """Largest |correlation of a column with the residuals|, in units of the targets' spread."""
    rng = np.random.default_rng(seed)
    scores, targets = rng.random((40, 6)), soft_targets(rng.normal(-1, 2, (40, 1)))
    for most in (1, 2, 100):
        answer = fit(scores, targets, l1=0, max_iterations=most)
        assert answer.certificate == ("kkt",)
        residual = expit(scores @ answer.weights + answer.intercepts) - targets
        slope = np.abs(scores.T @ residual)[:, 0] / 40
        by_hand = (slope / scores.std(axis=0)).max() / targets.std()
        assert answer.gap[0] == pytest.approx(by_hand, rel=1e-6, abs=1e-12)


def test_probabilities_beyond_0_and_1_are_scaled_towards_the_targets():
    """By hand: of p = (-0.1, 0.9) and t = (0.1, 0.7) half of the way from t is (0, 0.8), whose
    entropies are 0 and 0.5004; the pull on the weight, 0.05, is below its L1."""
    target, weight = np.array([0.1, 0.7]), np.array([0.5, 0.5])
    student = Problem(target, weight, Penalty(0.2, 0.0, np.array([-np.inf]), np.array([np.inf])))
    found = student.dual(np.array([-0.1, 0.9]), np.array([0.1]))
    assert found == pytest.approx(-(0.8 * np.log(0.8) + 0.2 * np.log(0.2)) / 2, rel=1e-12)
    assert found <= fit(np.array([[0.0], [1.0]]), target[:, None], l1=0.2).objective[0]
