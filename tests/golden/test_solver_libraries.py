"""The exact solver against scikit-learn and celer, where no weight is bounded.

skglm, whose compilation takes longer than these tests, is in benchmarks/solver.py.
"""

import numpy as np
import pytest
from problems import concept_problem
from references import objective, problem, unit
from sklearn.linear_model import LogisticRegression

from inficond_panel.distill import certify, fit, soft_targets


def two_rows(scores, target):
    """A soft target as one positive and one negative row, weighted: rows, labels, weights."""
    rows = np.concatenate([scores, scores]).astype(np.float64)
    return rows, np.repeat([1, 0], len(scores)), np.concatenate([target, 1 - target])


def standardised(seed, shape=(120, 10), classes=1):
    scores, logits = concept_problem(*shape, classes, seed)
    scores = scores.astype(np.float64)
    return (scores - scores.mean(axis=0)) / scores.std(axis=0), logits + 3


@pytest.mark.parametrize("seed", range(3))
def test_l1_equals_sklearn_saga_on_two_weighted_rows(seed):
    scores, logits = standardised(seed)  # saga needs it
    target, l1 = soft_targets(logits), 5e-3
    strength = 1 / (l1 * len(scores))
    model = LogisticRegression(l1_ratio=1, C=strength, solver="saga", tol=1e-9, max_iter=50_000)
    model.fit(*two_rows(scores, target[:, 0]))
    ours = fit(scores, target, l1=l1, tolerance=1e-10)
    np.testing.assert_allclose(ours.weights[:, 0], model.coef_[0], atol=2e-4)
    np.testing.assert_allclose(ours.intercepts, model.intercept_, atol=2e-4)
    theirs = certify(scores, target, model.coef_.T, model.intercept_, l1=l1)
    assert ours.objective[0] <= theirs.objective[0] + 1e-10
    assert theirs.gap[0] <= 1e-4


@pytest.mark.parametrize("seed", range(8))
def test_l2_equals_sklearn_newton_cholesky(seed):
    scores, logits = concept_problem(150, 20, 1, seed)
    target, l2 = soft_targets(logits + 3), 1e-4
    own = np.random.default_rng(seed).random(150) * (np.arange(150) % 3 > 0)
    rows, label, weight = two_rows(scores, target[:, 0])
    options = {"solver": "newton-cholesky", "tol": 1e-12, "max_iter": 500}
    model = LogisticRegression(C=1 / (l2 * own.sum()), **options)
    model.fit(rows, label, weight * np.tile(own, 2))
    ours = fit(scores, target, l1=0, l2=l2, sample_weight=own, tolerance=1e-12)
    assert ours.certificate == ("gap",)
    np.testing.assert_allclose(ours.weights[:, 0], model.coef_[0], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(ours.intercepts, model.intercept_, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("seed", range(8))
def test_hard_labels_equal_sklearn_liblinear(seed):
    scores, logits = concept_problem(200, 15, 2, seed)
    labels = (logits > np.quantile(logits, 0.7, axis=0)).astype(float)
    l1 = np.array([3e-3, 1e-3])
    ours = fit(scores, labels, l1=l1, tolerance=1e-9)
    for k in range(2):
        # liblinear penalises its intercept: a large scaling makes that vanish
        options = {"solver": "liblinear", "intercept_scaling": 1e3, "tol": 1e-8}
        strength = 1 / (l1[k] * len(scores))
        model = LogisticRegression(l1_ratio=1.0, C=strength, max_iter=100_000, **options)
        model.fit(scores.astype(np.float64), labels[:, k])
        theirs = certify(scores, labels[:, [k]], model.coef_.T, l1=l1[k])
        assert ours.objective[k] <= theirs.objective[0] + 1e-9
        assert theirs.objective[0] - ours.objective[k] <= 1e-6
        assert theirs.gap[0] <= 1e-3


@pytest.mark.parametrize("seed", range(6))
def test_hard_labels_equal_celer(seed):
    """celer has no intercept: mirrored rows make the best one 0."""
    celer = pytest.importorskip("celer")
    scores, logits = standardised(seed, (150, 30))
    label, l1 = (logits[:, 0] > np.median(logits)).astype(float), 10.0 ** -(1.5 + seed / 5)
    model = celer.LogisticRegression(C=1 / (l1 * len(scores)), tol=1e-12)
    model.fit(np.asfortranarray(scores), 2 * label - 1)
    target = np.concatenate([label, 1 - label])[:, None]
    mirrored = {"scores": np.concatenate([scores, -scores]), "targets": target, "l1": l1}
    ours = fit(**mirrored, tolerance=1e-11)
    np.testing.assert_allclose(ours.weights[:, 0], model.coef_[0], atol=1e-4)
    np.testing.assert_allclose(ours.intercepts, 0, atol=1e-6)
    p = problem(mirrored)
    assert abs(ours.objective[0] - objective(p, model.coef_[0], 0.0)) <= 1e-10 * unit(p)
