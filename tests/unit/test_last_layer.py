"""Refit of a network's last layer, against scikit-learn and the conditions of an optimum."""

import numpy as np
import pytest
from scipy.special import expit, softmax

from inficond_panel.distill.last_layer import LinearLayer, ShiftedOutputs, refit_layer
from inficond_panel.errors import SolverError

N, F, K = 120, 6, 3


def drawn(seed=0, features=F):
    rng = np.random.default_rng(seed)
    weight = rng.normal(size=(K, features)) / np.sqrt(features)
    layer = LinearLayer(weight, rng.normal(size=K))
    values = rng.normal(size=(N, features)) * np.linspace(0.2, 3, features) + 1
    shift = np.zeros((N, K))
    shift[:, 1] = np.maximum(values[:, 0] + rng.normal(size=N), 0)
    return layer, ShiftedOutputs(values, shift, np.ones((N, K)))


def changed(images, **values):
    return ShiftedOutputs(**{**vars(images), **values})


@pytest.mark.parametrize("link", ["sigmoid", "softmax"])
@pytest.mark.parametrize("features", [F, 200])
def test_without_a_shift_the_weights_are_the_old_ones_bit_for_bit(link, features):
    old, images = drawn(features=features)
    found = refit_layer(old, changed(images, shift=np.zeros((N, K)), link=link))
    np.testing.assert_array_equal(found.layer.weight, old.weight)
    np.testing.assert_array_equal(found.layer.bias, old.bias)


@pytest.mark.parametrize("link", ["sigmoid", "softmax"])
def test_the_gradient_at_the_old_weights_is_zero(link):
    """The shift of 1e-300 is no change of a target, but the fit runs."""
    old, images = drawn()
    found = refit_layer(old, changed(images, shift=np.full((N, K), 1e-300), link=link))
    assert len(found.strengths) == K
    np.testing.assert_array_equal(found.layer.weight, old.weight)


@pytest.mark.parametrize("link", ["sigmoid", "softmax"])
def test_rows_without_a_shift_stay_bit_for_bit(link):
    old, images = drawn()
    found = refit_layer(old, changed(images, link=link))
    np.testing.assert_array_equal(found.layer.weight[[0, 2]], old.weight[[0, 2]])
    assert not np.allclose(found.layer.weight[1], old.weight[1])


@pytest.mark.parametrize("strength", [10.0, 0.1])
def test_from_zero_weights_it_is_the_ridge_regression_of_scikit_learn(strength):
    linear_model = pytest.importorskip("sklearn.linear_model")
    _, images = drawn()
    old = LinearLayer(np.zeros((K, F)), np.zeros(K))
    found = refit_layer(old, images, [strength])
    target = expit(images.shift[:, 1])
    unit = images.features.var(axis=0).mean()
    model = linear_model.LogisticRegression(
        C=1 / (N * strength * unit), tol=1e-12, max_iter=10000
    ).fit(
        np.vstack([images.features] * 2), np.repeat([1, 0], N),
        np.concatenate([target, 1 - target]),
    )  # fmt: skip
    np.testing.assert_allclose(found.layer.weight[1], model.coef_[0], atol=1e-5)
    np.testing.assert_allclose(found.layer.bias[1], model.intercept_[0], atol=1e-5)


@pytest.mark.parametrize("features", [F, 200])
@pytest.mark.parametrize("temperature", [1.0, 2.0])
@pytest.mark.parametrize("link", ["sigmoid", "softmax"])
def test_the_result_is_the_optimum(link, temperature, features):
    """The derivative of the documented objective, by the definition, is 0 in the new rows."""
    old, images = drawn(features=features)
    rng = np.random.default_rng(3)
    weight = np.repeat(rng.uniform(0.5, 2, (N, 1)), K, axis=1)
    images = changed(images, link=link, temperature=temperature, weight=weight)
    new = refit_layer(old, images, [0.05]).layer
    x, at = images.features, (softmax if link == "softmax" else expit)
    how = {"axis": 1} if link == "softmax" else {}
    target = at((x @ old.weight.T + old.bias) / temperature + images.shift, **how)
    error = (at((x @ new.weight.T + new.bias) / temperature, **how) - target)[:, 1]
    error *= weight[:, 1] / (N * temperature)
    pull = 0.05 * x.var(axis=0).mean() * (new.weight - old.weight)[1]
    np.testing.assert_allclose(error @ x + pull, 0, atol=2e-7)
    np.testing.assert_allclose(error.sum(), 0, atol=2e-7)


def test_images_of_no_weight_do_not_count():
    old, images = drawn()
    weight = np.ones((N, K))
    weight[N // 2 :] = 0
    found = refit_layer(old, changed(images, weight=weight), [0.1]).layer
    shift = images.shift.copy()
    shift[N // 2 :] = 7.0
    other = refit_layer(old, changed(images, weight=weight, shift=shift * [0, 1, 0]), [0.1]).layer
    np.testing.assert_allclose(found.weight, other.weight, atol=1e-6)


def test_a_shift_that_the_features_hold_needs_little_penalty():
    old, images = drawn()
    shift = np.zeros((N, K))
    shift[:, 1] = images.features[:, 0]
    assert refit_layer(old, changed(images, shift=shift)).strengths == {1: 1e-3}


def test_a_shift_by_chance_gets_the_largest_strengths():
    old, images = drawn(features=200)
    shift = np.zeros((N, K))
    shift[:, 1] = np.random.default_rng(2).normal(size=N)
    assert refit_layer(old, changed(images, shift=shift)).strengths[1] >= 1


def test_the_strength_is_the_same_for_features_of_another_scale():
    old, images = drawn()
    larger = changed(images, features=images.features * 1000)
    scaled = LinearLayer(old.weight / 1000, old.bias)
    found, again = refit_layer(old, images), refit_layer(scaled, larger)
    np.testing.assert_allclose(again.layer.weight * 1000, found.layer.weight, atol=1e-4)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"shift": np.full((N, K), np.nan)}, "not a finite number"),
        ({"features": np.full((N, F), np.inf)}, "not a finite number"),
    ],
)
def test_numbers_that_are_not_finite_are_refused(values, told):
    old, images = drawn()
    with pytest.raises(SolverError, match=told):
        refit_layer(old, changed(images, **values))


@pytest.mark.parametrize("strengths", [[], [0.0], [-1.0]])
def test_strengths_are_above_zero(strengths):
    old, images = drawn()
    with pytest.raises(SolverError, match="above 0"):
        refit_layer(old, images, strengths)


def test_few_images_are_refused():
    old, images = drawn()
    few = {name: getattr(images, name)[:9] for name in ("features", "shift", "weight")}
    with pytest.raises(SolverError, match="there are 9"):
        refit_layer(old, changed(images, **few))
