"""Temperature on teacher and student (Lee et al., eq. 3, 4): the exact students against scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit, log_softmax, softmax

from inficond_panel.distill import fit, fit_joint
from inficond_panel.distill.solver.joint import certify_joint
from inficond_panel.distill.solver.tempered import Tempered
from inficond_panel.errors import SolverError

T, ALPHA, L1 = 3.0, 0.7, 2e-3


@pytest.fixture(scope="module")
def case():
    rng = np.random.default_rng(5)
    scores = np.maximum(rng.normal(0.2, 0.2, (160, 8)), 0)
    logit = (scores - 0.2) @ rng.normal(0, 9, (8, 3)) + rng.normal(0, 1, (160, 3))
    return scores, logit, rng


def bce(f, t):
    return np.logaddexp(0, f) - t * f


def split_form(loss, size, free, l1, slope=None):
    """Least loss + l1 |w| over w = w+ - w- by L-BFGS-B; the last ``free`` numbers have no sign."""

    def value(v):
        return loss(v[:size] - v[size : 2 * size], v[2 * size :]) + l1 * v[: 2 * size].sum()

    def jac(v):
        w, b = slope(v[:size] - v[size : 2 * size], v[2 * size :])
        return np.concatenate([w + l1, l1 - w, b])

    bounds = [(0, None)] * (2 * size) + [(None, None)] * free
    options = {"maxiter": 5000, "maxfun": 10**7, "ftol": 1e-15, "gtol": 1e-9}
    return minimize(value, np.full(2 * size + free, 0.1), method="L-BFGS-B", bounds=bounds,
                    options=options, jac=slope and jac)  # fmt: skip


@pytest.mark.parametrize("labels", [False, True])
def test_the_exact_student_is_the_optimum_of_the_papers_loss(case, labels):
    scores, logit, rng = case
    label = (logit + rng.normal(0, 2, logit.shape) > 0).astype(int)
    label[::7] = -1
    if not labels:
        label[:] = -1
    alpha = ALPHA if labels else 1.0
    soft = expit(logit / T)
    found = fit(scores, Tempered(label, soft, alpha, T), l1=L1, tolerance=1e-9)
    assert found.converged.all()
    for k in range(2):
        known = label[:, k] >= 0

        def loss(w, b, k=k, known=known):
            f = scores @ w + b[0]
            return (np.where(known, bce(f, label[:, k]), 0) + alpha * bce(f / T, soft[:, k])).mean()

        own = loss(found.weights[:, k], found.intercepts[[k]])
        own += L1 * np.abs(found.weights[:, k]).sum()
        assert own == pytest.approx(found.objective[k], abs=1e-12)
        assert own == pytest.approx(split_form(loss, 8, 1, L1).fun, abs=2e-7)
        assert own <= split_form(loss, 8, 1, L1).fun + 1e-9


@pytest.mark.parametrize("labels", [False, True])
def test_the_joint_student_is_the_optimum_of_the_softmax_loss(case, labels):
    scores, logit, rng = case
    soft = softmax(logit / T, axis=1)
    chosen = (logit + rng.gumbel(0, 2, logit.shape)).argmax(axis=1)
    label = np.eye(3, dtype=int)[chosen] if labels else np.full(logit.shape, -1)
    if labels:
        label[::9] = -1
    alpha = ALPHA if labels else 1.0
    found = fit_joint(scores, Tempered(label, soft, alpha, T), l1=L1, tolerance=1e-8)
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
    best = split_form(loss, 24, 3, L1, slope).fun
    assert own <= best + 1e-8
    assert own == pytest.approx(best, abs=1e-6)
    off = certify_joint(scores, Tempered(label, soft, alpha, T), 0.9 * found.weights, l1=L1)
    unit = fit_joint(scores, Tempered(label, soft, alpha, T), l1=10.0).objective
    assert off.gap * unit >= off.objective - own - 1e-12


def test_at_temperature_1_it_is_the_loss_of_mixed_targets(case):
    scores, logit, _ = case
    label = (logit > 0).astype(int)
    tempered = Tempered(label, expit(logit), ALPHA, 1.0)
    mixed = (label + ALPHA * expit(logit)) / (1 + ALPHA)
    one = fit(scores, tempered, l1=L1, tolerance=1e-9)
    other = fit(scores, mixed, l1=L1 / (1 + ALPHA), tolerance=1e-9)
    np.testing.assert_allclose(one.weights, other.weights, atol=1e-5)
    np.testing.assert_allclose(one.objective, other.objective * (1 + ALPHA), rtol=1e-9)


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


@pytest.mark.parametrize("change", [{"alpha": -1.0}, {"temperature": 0.0}, {"label": np.ones(2)}])
def test_settings_that_cannot_be_are_refused(change):
    given = {"label": np.ones((2, 2)), "soft": np.full((2, 2), 0.5), "alpha": 1.0, "temperature": 2}
    with pytest.raises(SolverError):
        Tempered(**{**given, **change})


LABELS = {
    "none has a label": (np.full(20, -1), "has no label, and alpha 0 leaves out the teacher"),
    "all labels are 1": (np.where(np.arange(20) < 9, 1, -1), "All targets of class 1 are 1"),
    "labels that do not count": (
        np.where(np.arange(20) < 5, np.arange(20) % 2, -1),
        "has no label, and alpha 0 leaves out the teacher",
    ),
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
