"""Optimality conditions of the answers, computed here from their definition."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from problems import KINDS, concept_problem, random_case
from references import column_scale, problem
from scipy.special import expit

from inficond_panel.distill import fit, soft_targets

HARD_TO_ROUND = {"far bounds", "columns 1e-6 to 1e6", "large mean", "uneven sample weights"}
DEFINED = [kind for kind in KINDS if kind not in HARD_TO_ROUND]


def check_conditions(p, w, b, slack):
    """No coordinate can move inside the box and descend."""
    residual = p["weight"] * (expit(p["scores"] @ w + b) - p["target"])
    gradient = p["scores"].T @ residual + p["l2"] * w
    rising = gradient + np.where(w >= 0, p["l1"], -p["l1"])
    falling = -gradient + np.where(w <= 0, p["l1"], -p["l1"])
    assert (rising[w < p["upper"]] >= -slack[w < p["upper"]]).all()
    assert (falling[w > p["lower"]] >= -slack[w > p["lower"]]).all()
    assert abs(residual.sum()) <= 1e-12


@given(st.sampled_from(DEFINED), st.integers(1000, 10**7))
@settings(max_examples=300, deadline=None, derandomize=True)
def test_answers_meet_the_optimality_conditions(kind, seed):
    case = random_case(kind, seed)
    answer = fit(**case, tolerance=1e-13)
    for k in range(2):
        p = problem(case, k)
        slack = 2e-6 * column_scale(p)  # the root of the tolerance, as far as a gap can see
        check_conditions(p, answer.weights[:, k], answer.intercepts[k], slack)


@given(st.sampled_from(KINDS), st.integers(0, 10**6), st.integers(-5, 6))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_the_unit_of_a_score_does_not_matter(kind, seed, power):
    """Scores times s, L1 times s, L2 times s^2, box over s: weights over s."""
    case, s = random_case(kind, seed), 10.0**power
    scaled = {**case, "scores": case["scores"] * s, "l1": case["l1"] * s, "l2": case["l2"] * s**2}
    scaled |= {"lower": case["lower"] / s, "upper": case["upper"] / s}
    one, other = fit(**case, tolerance=1e-8), fit(**scaled, tolerance=1e-8)
    assert other.converged.all()
    np.testing.assert_allclose(one.objective, other.objective, atol=1e-7)


@given(st.sampled_from(DEFINED), st.integers(0, 10**6))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_the_order_of_images_and_concepts_does_not_matter(kind, seed):
    case, rng = random_case(kind, seed), np.random.default_rng(seed)
    rows, columns = (rng.permutation(n) for n in case["scores"].shape)
    moved = {name: case[name][columns] for name in ("lower", "upper")}
    moved |= {"scores": case["scores"][rows][:, columns], "targets": case["targets"][rows]}
    if case["sample_weight"] is not None:
        moved["sample_weight"] = case["sample_weight"][rows]
    one, other = fit(**case, tolerance=1e-10), fit(**case | moved, tolerance=1e-10)
    np.testing.assert_allclose(one.objective, other.objective, atol=1e-9)


@given(st.sampled_from(DEFINED), st.integers(0, 10**6))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_a_smaller_box_never_helps(kind, seed):
    case, rng = random_case(kind, seed), np.random.default_rng(seed)
    free = fit(**case, tolerance=1e-10)
    bound = rng.normal(free.weights, np.abs(free.weights) + 0.1)
    bound = np.clip(bound, case["lower"], case["upper"])
    chosen = rng.random(bound.shape) < 0.3
    smaller = {"lower": np.where(chosen, bound, case["lower"])}
    tight = fit(**case | smaller, tolerance=1e-10, start=free)
    assert (tight.weights >= smaller["lower"]).all()
    assert (tight.objective >= free.objective - 1e-9).all()
    held = (free.weights >= smaller["lower"]).all(axis=0)
    np.testing.assert_allclose(tight.objective[held], free.objective[held], atol=1e-9)


def test_columns_of_very_different_scale():
    scores, logits = concept_problem(800, 60, 2, 3)
    scores = scores * 10.0 ** np.random.default_rng(0).uniform(-6, 6, 60)
    answer = fit(scores, soft_targets(logits))
    assert answer.converged.all(), answer.gap


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


@pytest.mark.parametrize("seed", [1, 6, 10])
def test_bounds_that_leave_no_curvature_are_met_by_steps_that_descend(seed):
    """Two weights of columns of 1e4 make all photos sure: a matrix in float32 then has negative
    curvatures, along which a step may promise a rise."""
    rng = np.random.default_rng(seed)
    scores = (rng.random((40, 8)) * np.repeat([1e-4, 1e4], 4)).astype(np.float32)
    lower, upper = np.full((8, 1), -np.inf), np.full((8, 1), np.inf)
    lower[4:6], upper[4:6] = 1.0, 2.0
    box = {"lower": lower, "upper": upper}
    answer = fit(scores, expit(rng.normal(size=(40, 1))), l1=1e-3, l2=1e-4, **box)
    assert answer.converged.all(), answer.gap


def test_concept_scores_of_full_size():
    scores, logits = concept_problem(5011, 584, 3, 5)
    answer = fit(scores, soft_targets(logits))
    assert answer.converged.all()
    assert (answer.iterations < 15).all()
