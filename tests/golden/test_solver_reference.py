"""The exact solver against scipy and scikit-learn."""

import numpy as np
import pytest
from problems import concept_problem, lbfgs_reference, random_case

from inficond_panel.distill import certify, fit, soft_targets


@pytest.mark.parametrize("seed", range(200))
def test_random_problem_reaches_the_reference(seed):
    case = random_case(seed)
    answer = fit(**case, tolerance=1e-9)
    optimum, unit = lbfgs_reference(seed)
    assert answer.converged.all(), answer
    assert answer.certificate == ("gap",)
    assert answer.objective[0] <= optimum + 1e-9 * unit
    assert (case["lower"] <= answer.weights).all()
    assert (answer.weights <= case["upper"]).all()


@pytest.mark.parametrize("seed", range(100))
def test_gap_covers_the_distance_to_the_optimum(seed):
    case = random_case(seed)
    optimum, unit = lbfgs_reference(seed)  # at or above the true optimum
    rng = np.random.default_rng(seed)
    solved = fit(**case, tolerance=1e-9).weights
    for noise in (1e-6, 1e-3, 0.3, 10.0):
        weights = solved + noise * rng.standard_normal(solved.shape)
        intercepts = rng.normal(-1, 1, 1) if seed % 2 else None
        case_without = {key: case[key] for key in case if key not in ("scores", "targets")}
        found = certify(case["scores"], case["targets"], weights, intercepts, **case_without)
        assert found.gap[0] * unit >= found.objective[0] - optimum - 1e-12


def test_gap_closes_at_the_optimum():
    for seed in range(40):
        assert fit(**random_case(seed), tolerance=1e-11).gap[0] <= 1e-11


@pytest.mark.parametrize("seed", range(4))
def test_l1_equals_sklearn_saga_with_two_weighted_rows(seed):
    linear_model = pytest.importorskip("sklearn.linear_model")
    scores, logits = concept_problem(120, 10, 1, seed)
    scores = (scores - scores.mean(axis=0)) / scores.std(axis=0)  # saga needs it
    target, l1 = soft_targets(logits + 3), 5e-3
    rows, label = np.concatenate([scores, scores]), np.repeat([1, 0], len(scores))
    weight = np.concatenate([target[:, 0], 1 - target[:, 0]])
    model = linear_model.LogisticRegression(
        l1_ratio=1.0, C=1 / (l1 * len(scores)), solver="saga", tol=1e-9, max_iter=50_000
    )
    model.fit(rows, label, weight)
    ours = fit(scores, target, l1=l1, tolerance=1e-10)
    np.testing.assert_allclose(ours.weights[:, 0], model.coef_[0], atol=2e-4)
    np.testing.assert_allclose(ours.intercepts, model.intercept_, atol=2e-4)
    theirs = certify(scores, target, model.coef_.T, model.intercept_, l1=l1)
    assert ours.objective[0] <= theirs.objective[0] + 1e-12
    assert theirs.gap[0] <= 1e-4


@pytest.mark.parametrize("seed", range(4))
def test_l2_equals_sklearn_newton_cholesky(seed):
    linear_model = pytest.importorskip("sklearn.linear_model")
    scores, logits = concept_problem(150, 20, 1, seed)
    target, l2 = soft_targets(logits + 3), 1e-4
    rows, label = np.concatenate([scores, scores]), np.repeat([1, 0], len(scores))
    weight = np.concatenate([target[:, 0], 1 - target[:, 0]])
    model = linear_model.LogisticRegression(
        C=1 / (l2 * len(scores)), solver="newton-cholesky", tol=1e-12, max_iter=500
    )
    model.fit(rows.astype(np.float64), label, weight)
    ours = fit(scores, target, l1=0, l2=l2, tolerance=1e-12)
    assert ours.certificate == ("gap",)
    np.testing.assert_allclose(ours.weights[:, 0], model.coef_[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("seed", range(4))
def test_hard_labels_equal_sklearn_liblinear(seed):
    linear_model = pytest.importorskip("sklearn.linear_model")
    scores, logits = concept_problem(200, 15, 1, seed)
    label, l1 = (logits[:, 0] > np.quantile(logits, 0.7)).astype(int), 3e-3
    # liblinear penalises its intercept: a large scaling makes that vanish
    model = linear_model.LogisticRegression(
        l1_ratio=1.0,
        C=1 / (l1 * len(scores)),
        solver="liblinear",
        tol=1e-8,
        max_iter=100_000,
        intercept_scaling=1e3,
    )
    model.fit(scores.astype(np.float64), label)
    ours = fit(scores, label[:, None], l1=l1, tolerance=1e-9)
    theirs = certify(scores, label[:, None], model.coef_.T, l1=l1)
    assert ours.objective[0] <= theirs.objective[0] + 1e-12
    assert theirs.gap[0] <= 1e-3
