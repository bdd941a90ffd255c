"""Targets with true labels mixed in, and with a temperature, against scipy."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit, log_softmax, softmax

from inficond_panel.distill import fit, fit_joint, mixed_targets
from inficond_panel.distill.solver.joint import certify_joint
from inficond_panel.distill.solver.tempered import Tempered
from inficond_panel.errors import SolverError


@pytest.fixture(scope="module")
def mixed():
    rng = np.random.default_rng(3)
    scores = rng.random((200, 6))
    soft = expit(8 * (scores - 0.5) @ rng.normal(0, 1, (6, 2)) + rng.normal(0, 1, (200, 2)))
    label = (rng.random((200, 2)) < soft).astype(np.int8)
    label[rng.random((200, 2)) < 0.2] = -1
    return scores, label, soft


@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0, 4.0])
def test_mixed_labels_minimise_the_sum_of_both_losses(mixed, alpha):
    scores, label, soft = mixed
    targets, weight, scale = mixed_targets(label, soft, alpha)
    l1 = np.array([3e-3, 1e-2])
    penalties = {"l1": l1 * scale, "l2": 1e-3 * scale}
    answer = fit(scores, targets, sample_weight=weight, tolerance=1e-9, **penalties)
    for k in range(2):
        loss = of_one_class(scores, label[:, k], soft[:, k], alpha, l2=1e-3)
        least = split_form(*loss, 6, 1, l1[k]).fun
        assert answer.objective[k] / scale[k] == pytest.approx(least, abs=1e-8)


def test_all_labels_known_is_one_target(mixed):
    _, label, soft = mixed
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
    ids=["other label", "shape", "negative alpha", "no alpha", "no label"],
)
def test_what_cannot_be_mixed_is_refused(mixed, label, alpha, text):
    with pytest.raises(SolverError, match=text):
        mixed_targets(label, mixed[2], alpha)


@pytest.mark.parametrize("change", [{"alpha": -1.0}, {"temperature": 0.0}, {"label": np.ones(2)}])
def test_what_cannot_be_tempered_is_refused(change):
    given = {"label": np.ones((2, 2)), "soft": np.full((2, 2), 0.5), "alpha": 1.0, "temperature": 2}
    with pytest.raises(SolverError):
        Tempered(**{**given, **change})


T, ALPHA, L1 = 3.0, 0.7, 2e-3


@pytest.fixture(scope="module")
def case():
    rng = np.random.default_rng(5)
    scores = np.maximum(rng.normal(0.2, 0.2, (160, 8)), 0)
    logit = (scores - 0.2) @ rng.normal(0, 9, (8, 3)) + rng.normal(0, 1, (160, 3))
    return scores, logit, rng


def bce(f, t):
    return np.logaddexp(0, f) - t * f


def of_one_class(scores, label, soft, alpha, t=1.0, l2=0.0):
    """Mean BCE(label) + alpha BCE(teacher, both over t) + the L2 term, and its slope."""
    known = label >= 0

    def loss(w, b):
        f = scores @ w + b[0]
        return (known * bce(f, label) + alpha * bce(f / t, soft)).mean() + l2 / 2 * w @ w

    def slope(w, b):
        f = scores @ w + b[0]
        each = (known * (expit(f) - label) + alpha / t * (expit(f / t) - soft)) / len(f)
        return scores.T @ each + l2 * w, [each.sum()]

    return loss, slope


def split_form(loss, slope, size, free, l1):
    """Least loss + l1 |w| over w = w+ - w- by L-BFGS-B; the last ``free`` numbers have no sign."""

    def value(v):
        return loss(v[:size] - v[size : 2 * size], v[2 * size :]) + l1 * v[: 2 * size].sum()

    def jac(v):
        w, b = slope(v[:size] - v[size : 2 * size], v[2 * size :])
        return np.concatenate([w + l1, l1 - w, b])

    bounds = [(0, None)] * (2 * size) + [(None, None)] * free
    options = {"maxiter": 5000, "maxfun": 10**7, "ftol": 1e-15, "gtol": 1e-9}
    return minimize(value, np.full(2 * size + free, 0.1), method="L-BFGS-B", bounds=bounds,
                    options=options, jac=jac)  # fmt: skip


@pytest.mark.parametrize(("labels", "t"), [(False, T), (True, T), (True, 1.0)])
def test_the_exact_student_is_the_optimum_of_the_papers_loss(case, labels, t):
    scores, logit, rng = case
    label = (logit + rng.normal(0, 2, logit.shape) > 0).astype(int)
    label[:: 7 if labels else 1] = -1
    alpha, soft = ALPHA if labels else 1.0, expit(logit / t)
    found = fit(scores, Tempered(label, soft, alpha, t), l1=L1, tolerance=1e-9)
    assert found.converged.all()
    for k in range(2):
        loss, slope = of_one_class(scores, label[:, k], soft[:, k], alpha, t)
        own = loss(found.weights[:, k], found.intercepts[[k]])
        own += L1 * np.abs(found.weights[:, k]).sum()
        assert own == pytest.approx(found.objective[k], abs=1e-12)
        least = split_form(loss, slope, 8, 1, L1).fun
        assert own == pytest.approx(least, abs=2e-7)
        assert own <= least + 1e-9


@pytest.mark.parametrize("labels", [False, True])
def test_the_joint_student_is_the_optimum_of_the_softmax_loss(case, labels):
    scores, logit, rng = case
    soft = softmax(logit / T, axis=1)
    chosen = (logit + rng.gumbel(0, 2, logit.shape)).argmax(axis=1)
    label = np.eye(3, dtype=int)[chosen] if labels else np.full(logit.shape, -1)
    if labels:
        label[::9] = -1
    alpha = ALPHA if labels else 1.0
    targets = Tempered(label, soft, alpha, T)
    found = fit_joint(scores, targets, l1=L1, tolerance=1e-8)
    assert found.converged
    known = label[:, 0] >= 0

    def loss(w, b):
        f = scores @ w.reshape(8, 3) + b
        hard = -(np.maximum(label, 0) * log_softmax(f, axis=1)).sum(axis=1)
        return (known * hard - alpha * (soft * log_softmax(f / T, axis=1)).sum(axis=1)).mean()

    def slope(w, b):
        f = scores @ w.reshape(8, 3) + b
        hard = known[:, None] * (softmax(f, axis=1) - label)
        rest = (hard + alpha / T * (softmax(f / T, axis=1) - soft)) / len(f)
        return (scores.T @ rest).ravel(), rest.sum(axis=0)

    own = loss(found.weights.ravel(), found.intercepts) + L1 * np.abs(found.weights).sum()
    assert own == pytest.approx(found.objective, abs=1e-12)
    best = split_form(loss, slope, 24, 3, L1).fun
    assert own <= best + 1e-8
    assert own == pytest.approx(best, abs=1e-6)
    off = certify_joint(scores, targets, 0.9 * found.weights, l1=L1)
    unit = fit_joint(scores, targets, l1=10.0).objective
    assert off.gap * unit >= off.objective - own - 1e-12


@pytest.fixture(scope="module")
def in_part_labelled(case):
    """Labels (n, 3), one class per image; every fourth image has none."""
    _, logit, _ = case
    noise = np.random.default_rng(6).gumbel(0, 2, logit.shape)
    label = np.eye(3, dtype=int)[(logit + noise).argmax(axis=1)]
    label[::4] = -1
    return label


def test_a_student_without_the_teacher_is_fitted_to_the_images_with_a_label(case, in_part_labelled):
    scores, logit, _ = case
    targets = Tempered(in_part_labelled, expit(logit / T), 0.0, T)
    found = fit(scores, targets, l1=L1, tolerance=1e-9)
    loss, slope = of_one_class(scores, in_part_labelled[:, 0], expit(logit[:, 0] / T), 0.0)
    assert found.objective[0] == pytest.approx(split_form(loss, slope, 8, 1, L1).fun, abs=2e-7)


def test_a_joint_student_without_the_teacher_is_that_of_the_images_with_a_label(
    case, in_part_labelled
):
    """The other images count in the mean, so that the penalty of the labelled ones is larger."""
    scores, logit, _ = case
    known = in_part_labelled[:, 0] >= 0
    targets = Tempered(in_part_labelled, softmax(logit / T, axis=1), 0.0, T)
    found = fit_joint(scores, targets, l1=L1, tolerance=1e-9)
    alone = fit_joint(scores[known], in_part_labelled[known], l1=L1 / known.mean(), tolerance=1e-9)
    np.testing.assert_allclose(found.weights, alone.weights, atol=1e-3)


def test_bounds_and_open_penalties_are_certified(case):
    """Without any penalty the KKT residual is told; a box holds, and the gap with it."""
    scores, logit, _ = case
    targets = Tempered(np.full(logit.shape, -1), expit(logit / T), 1.0, T)
    free = fit(scores, targets, l1=0.0, tolerance=1e-8)
    assert free.converged.all()
    assert set(free.certificate) == {"kkt"}
    upper = np.minimum(free.weights, 0.5)
    held = fit(scores, targets, l1=0.0, upper=upper, lower=upper - 30, tolerance=1e-8)
    assert held.converged.all()
    assert set(held.certificate) == {"gap"}
    assert (held.weights <= upper).all()
    assert (held.objective >= free.objective - 1e-9).all()


NO_LABEL = "has no label, and alpha 0 leaves out the teacher"
LABELS = {
    "none has a label": (np.full(20, -1), NO_LABEL),
    "all labels are 1": (np.where(np.arange(20) < 9, 1, -1), "All targets of class 1 are 1"),
    "labels that do not count": (np.where(np.arange(20) < 5, np.arange(20) % 2, -1), NO_LABEL),
}


@pytest.mark.parametrize("temperature", [1.0, 2.0])
@pytest.mark.parametrize("given", LABELS)
def test_without_the_teacher_each_class_needs_labels_that_count(given, temperature):
    column, told = LABELS[given]
    label = np.stack([np.arange(20) % 2, column], axis=1)
    weight = np.where(np.arange(20) < 5, 0.0, 1.0)
    targets = Tempered(label, np.full((20, 2), 0.3), 0.0, temperature)
    with pytest.raises(SolverError, match=told):
        fit(np.eye(20, 3), targets, l1=0.01, sample_weight=weight)
    joint = Tempered(np.full((20, 2), -1), np.full((20, 2), 0.5), 0.0, temperature)
    with pytest.raises(SolverError, match="No image has a label, and alpha 0"):
        fit_joint(np.eye(20, 3), joint, l1=0.01)
