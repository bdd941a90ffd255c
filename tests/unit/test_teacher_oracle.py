"""The oracle's input against a gradient by hand, and the fall of the loss for a small step."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from inficond_panel.errors import DataError

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch

SHAPE = (4, 3, 5, 6)


def problem(seed, classes=3):
    """A linear network ``z = W x + b``, inputs and labels."""
    rng = np.random.default_rng(seed)
    weight = rng.normal(size=(classes, np.prod(SHAPE[1:])))
    bias, x = rng.normal(size=classes), rng.normal(size=SHAPE)
    return weight, bias, x, rng.integers(-1, 2, (SHAPE[0], classes))


def by_hand(weight, bias, x, label, gamma):
    """x* = x - gamma |x| dL/dx with dL/dx = sum over known labels of (sigmoid(z) - y) W."""
    flat = x.reshape(len(x), -1)
    residual = np.where(label >= 0, expit(flat @ weight.T + bias) - label, 0)
    return (flat - gamma * np.abs(flat) * (residual @ weight)).reshape(x.shape)


def reinforce(forward, pixels, label, gamma):
    from precompute.teachers.teacher import loss_gradient, stepped

    return stepped(pixels, loss_gradient(forward, pixels, label), gamma)


def network(weight, bias):
    return lambda x: x.flatten(1) @ torch.from_numpy(weight).T + torch.from_numpy(bias)


@given(st.integers(0, 10_000), st.floats(1e-3, 3))
@settings(max_examples=30, derandomize=True)
def test_the_reinforced_input_is_that_of_the_formula(seed, gamma):
    weight, bias, x, label = problem(seed)
    found = reinforce(network(weight, bias), torch.from_numpy(x), torch.from_numpy(label), gamma)
    expected = by_hand(weight, bias, x, label, gamma)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-9, atol=1e-12)
    assert not found.requires_grad


@pytest.mark.parametrize("gamma", [1e39, 1e300])
def test_a_gamma_that_overflows_is_told_though_the_network_saturates(gamma):
    weight, bias, x, label = (np.asarray(v, dtype=np.float32) for v in problem(0))
    label = torch.from_numpy(np.ones_like(label, dtype=np.int64))

    def saturating(pixels):
        return network(weight, bias)(pixels.clamp(-3, 3))

    assert torch.isfinite(saturating(torch.full(SHAPE, torch.inf))).all()
    with pytest.raises(DataError, match="is too large: the reinforced photos") as told:
        reinforce(saturating, torch.from_numpy(x), label, gamma)
    assert "a smaller gamma" in told.value.remedy
    assert torch.isfinite(reinforce(saturating, torch.from_numpy(x), label, 1.0)).all()


def test_the_loss_is_the_sum_over_known_labels():
    from precompute.teachers.teacher import task_loss

    logits, label = np.array([[0.3, -2.0, 5.0], [1.0, 1.0, 1.0]]), np.array([[1, 0, -1], [-1] * 3])
    expected = [-np.log(expit(0.3)) - np.log(1 - expit(-2.0)), 0]
    found = task_loss(torch.from_numpy(logits), torch.from_numpy(label))
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-12)


def deep(seed):
    torch.manual_seed(seed)
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3), torch.nn.GELU(), torch.nn.Flatten(), torch.nn.Linear(96, 3)
    ).double()


def test_a_network_without_gradient_is_told():
    *_, x, label = problem(4)
    with pytest.raises(DataError, match="No gradient can be computed"):
        reinforce(lambda p: deep(4)(p).detach(), torch.from_numpy(x), torch.from_numpy(label), 0.5)
