"""Optimality conditions of the answers, computed here from their definition."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from problems import concept_problem, random_case
from scipy.special import expit

from inficond_panel.distill import fit, soft_targets


def slopes(case, answer):
    """Gradient of the smooth part in w (C,) and in b."""
    weight = case["sample_weight"]
    weight = np.ones(len(case["targets"])) if weight is None else weight
    weight = weight / weight.sum()
    w, b = answer.weights[:, 0], answer.intercepts[0]
    residual = weight * (expit(case["scores"] @ w + b) - case["targets"][:, 0])
    return case["scores"].T @ residual + case["l2"] * w, residual.sum()


def check_conditions(case, answer, slack):
    """No coordinate can move inside the box and descend."""
    gradient, in_b = slopes(case, answer)
    w, l1 = answer.weights[:, 0], case["l1"]
    lower, upper = case["lower"][:, 0], case["upper"][:, 0]
    rising = gradient + np.where(w >= 0, l1, -l1)
    falling = -gradient + np.where(w <= 0, l1, -l1)
    assert (rising[w < upper] >= -slack[w < upper]).all()
    assert (falling[w > lower] >= -slack[w > lower]).all()
    assert abs(in_b) <= 1e-12


@given(st.integers(1000, 10**7))
@settings(max_examples=150, deadline=None)
def test_answers_meet_the_optimality_conditions(seed):
    case = random_case(seed)
    answer = fit(**case, tolerance=1e-13)
    scale = np.maximum(np.abs(case["scores"]).max(axis=0), 1e-3)
    check_conditions(case, answer, 1e-7 * scale)


@given(st.integers(0, 10**6), st.integers(-6, 6))
@settings(max_examples=25, deadline=None)
def test_the_unit_of_a_score_does_not_matter(seed, power):
    """Scores times s, L1 times s, box over s: weights over s."""
    case = random_case(seed)
    if case["l2"]:
        return
    s = 10.0**power
    scaled = {**case, "scores": case["scores"] * s, "l1": case["l1"] * s}
    scaled |= {"lower": case["lower"] / s, "upper": case["upper"] / s}
    one, other = fit(**case, tolerance=1e-10), fit(**scaled, tolerance=1e-10)
    assert other.converged.all()
    assert one.objective[0] == pytest.approx(other.objective[0], abs=1e-9)


def test_columns_of_very_different_scale():
    scores, logits = concept_problem(800, 60, 2, 3)
    scores = scores * 10.0 ** np.random.default_rng(0).uniform(-6, 6, 60)
    answer = fit(scores, soft_targets(logits))
    assert answer.converged.all(), answer.gap


@given(st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_l1_at_its_maximum_gives_no_weights(seed):
    case = random_case(seed) | {"lower": None, "upper": None, "sample_weight": None}
    target = case["targets"][:, 0]
    steepest = np.abs(case["scores"].T @ (target.mean() - target)).max() / len(target)
    answer = fit(**{**case, "l1": steepest * (1 + 1e-9) + 1e-15})
    assert not answer.weights.any()
    assert answer.intercepts[0] == pytest.approx(np.log(target.mean() / (1 - target.mean())))
    below = fit(**{**case, "l1": steepest * 0.9, "l2": 0.0}, tolerance=1e-9)
    assert below.weights.any() or steepest < 1e-12


@pytest.mark.parametrize("shape", [(300, 20), (20, 60)])
def test_no_penalty_and_no_box_is_certified_by_the_conditions(shape):
    scores, logits = concept_problem(*shape, 2, 1)
    targets = soft_targets(logits)
    answer = fit(scores, targets, l1=0)
    assert answer.certificate == ("kkt", "kkt")
    assert answer.converged.all()
    if shape[0] < shape[1]:  # the logits can be met exactly
        fitted = scores @ answer.weights + answer.intercepts
        np.testing.assert_allclose(expit(fitted), targets, atol=1e-5)


def test_no_penalty_with_a_finite_box_has_a_gap():
    scores, logits = concept_problem(300, 20, 1, 1)
    box = np.full((20, 1), 5.0)
    answer = fit(scores, soft_targets(logits), l1=0, lower=-box, upper=box)
    assert answer.certificate == ("gap",)
    assert answer.converged.all()
    assert (np.abs(answer.weights) == 5).any()


@pytest.mark.parametrize("bound", [30.0, 1e3, 1e5])
def test_a_bound_far_away_is_met(bound):
    scores, logits = concept_problem(600, 40, 1, 2)
    lower = np.full((40, 1), -np.inf)
    lower[7] = bound
    answer = fit(scores, soft_targets(logits), lower=lower)
    assert answer.weights[7] >= bound
    assert answer.converged.all(), answer.gap


def test_concept_scores_of_full_size():
    scores, logits = concept_problem(5011, 584, 3, 5)
    answer = fit(scores, soft_targets(logits))
    assert answer.converged.all()
    assert (answer.iterations < 15).all()
