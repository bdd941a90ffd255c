"""Sample weights by class, L2 by class, and true labels mixed in."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit

from inficond_panel.distill import fit, mixed_targets
from inficond_panel.errors import SolverError


@pytest.fixture(scope="module")
def case():
    rng = np.random.default_rng(3)
    scores = rng.random((200, 6))
    soft = expit(8 * (scores - 0.5) @ rng.normal(0, 1, (6, 2)) + rng.normal(0, 1, (200, 2)))
    label = (rng.random((200, 2)) < soft).astype(np.int8)
    label[rng.random((200, 2)) < 0.2] = -1
    return scores, label, soft


def direct_minimum(scores, label, soft, alpha, l1, l2=0.0):
    """Least mean BCE(label) + alpha BCE(teacher) + penalties, by L-BFGS-B on w = w+ - w-."""
    known = label >= 0

    def value(z):
        w, b = z[:6] - z[6:12], z[12]
        f = scores @ w + b
        softplus, p = np.logaddexp(0, f), expit(f)
        each = known * (softplus - label * f) + alpha * (softplus - soft * f)
        slope = (known * (p - label) + alpha * (p - soft)) / len(f)
        in_w = scores.T @ slope + l2 * w
        gradient = np.concatenate([in_w + l1, l1 - in_w, [slope.sum()]])
        return each.mean() + l1 * z[:12].sum() + l2 / 2 * w @ w, gradient

    options = {"maxiter": 10_000, "maxfun": 100_000, "ftol": 1e-15, "gtol": 1e-10}
    bounds = [(0, None)] * 12 + [(None, None)]
    return minimize(value, np.zeros(13), jac=True, bounds=bounds, options=options).fun


@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0, 4.0])
def test_mixed_labels_minimise_the_sum_of_both_losses(case, alpha):
    scores, label, soft = case
    targets, weight, scale = mixed_targets(label, soft, alpha)
    l1 = np.array([3e-3, 1e-2])
    answer = fit(
        scores, targets, sample_weight=weight, l1=l1 * scale, l2=1e-3 * scale, tolerance=1e-9
    )
    for k in range(2):
        least = direct_minimum(scores, label[:, k], soft[:, k], alpha, l1[k], 1e-3)
        assert answer.objective[k] / scale[k] == pytest.approx(least, abs=1e-8)


def test_all_labels_known_is_one_target_and_a_smaller_penalty(case):
    _, label, soft = case
    label = np.abs(label)
    targets, weight, scale = mixed_targets(label, soft, 0.25)
    np.testing.assert_allclose(targets, (label + 0.25 * soft) / 1.25)
    np.testing.assert_allclose(weight, 1.25)
    np.testing.assert_allclose(scale, 1 / 1.25)


@pytest.mark.parametrize(
    ("label", "alpha", "text"),
    [
        (np.full((200, 2), 2), 1.0, "1, 0 or -1"),
        (np.ones((200, 3)), 1.0, "Labels .* shape"),
        (np.ones((200, 2)), -1.0, "alpha .* -1"),
        (np.ones((200, 2)), np.nan, "alpha .* nan"),
        (np.full((200, 2), -1), 0.0, "Class 0 has no label"),
    ],
)
def test_labels_that_cannot_be_mixed_are_refused(case, label, alpha, text):
    with pytest.raises(SolverError, match=text):
        mixed_targets(label, case[2], alpha)


def test_each_class_has_its_own_sample_weights_and_l2(case):
    scores, _, soft = case
    weight = np.random.default_rng(1).random((200, 2))
    l2 = np.array([1e-3, 1e-1])
    together = fit(scores, soft, sample_weight=weight, l2=l2, tolerance=1e-10)
    for k in range(2):
        alone = fit(
            scores, soft[:, [k]], sample_weight=weight[:, k], l2=float(l2[k]), tolerance=1e-10
        )
        assert together.objective[k] == pytest.approx(alone.objective[0], abs=1e-10)
        np.testing.assert_allclose(together.weights[:, k], alone.weights[:, 0], atol=1e-4)
