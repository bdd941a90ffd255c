"""Ridge regression of many targets, against scikit-learn and the definition."""

import numpy as np
import pytest

pytest.importorskip("sklearn")

from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score

from inficond_panel.distill.last_layer import REFIT_FOLDS
from inficond_panel.distill.metrics.bootstrap import stratified_folds
from inficond_panel.distill.ridge import explained, fit_ridge
from inficond_panel.errors import SolverError

RNG = np.random.default_rng(3)


def data(images, features, targets=3, scale=1.0, offset=0.0):
    x = RNG.normal(size=(images, features)) * RNG.uniform(0.2, 2, features) * scale + offset
    y = x @ RNG.normal(size=(features, targets)) / scale + RNG.normal(size=(images, targets))
    return x, y


def reference(x, y, strength):
    """scikit-learn's ridge with the penalty in its own units."""
    return Ridge(alpha=strength * len(x) * x.var(axis=0).mean()).fit(x, y)


CASES = {
    "more images than features": data(80, 7),
    "more features than images": data(30, 60),
    "features far from 0": data(60, 5, offset=300.0),
    "tiny features": data(60, 5, scale=1e-6),
    "one target": data(50, 4, targets=1),
}


@pytest.mark.parametrize("strength", [10.0, 0.1])
@pytest.mark.parametrize("case", CASES)
def test_values_are_scikit_learns(case, strength):
    x, y = CASES[case]
    found = fit_ridge(x, y, strengths=[strength])
    np.testing.assert_allclose(
        found.values(x), reference(x, y, strength).predict(x).reshape(y.shape), rtol=1e-6, atol=1e-6
    )


def test_unseen_values_come_from_fits_without_the_fold():
    x, y = CASES["more images than features"]
    fold = stratified_folds(np.zeros((len(x), 1)), REFIT_FOLDS, 0)
    expected = np.empty_like(y)
    for number in range(REFIT_FOLDS):
        out = fold == number
        expected[out] = reference(x[~out], y[~out], 1.0).predict(x[out])
    np.testing.assert_allclose(fit_ridge(x, y, strengths=[1.0]).unseen, expected, atol=1e-9)


def test_each_target_has_the_strength_with_the_least_unseen_error():
    x, y = CASES["more images than features"]
    y = np.column_stack([y[:, 0], RNG.normal(size=len(x))])  # the second is noise
    strengths = [100.0, 1.0, 0.01]
    errors = [((fit_ridge(x, y, strengths=[s]).unseen - y) ** 2).sum(axis=0) for s in strengths]
    best = np.array(strengths)[np.argmin(errors, axis=0)]
    np.testing.assert_array_equal(fit_ridge(x, y, strengths=strengths).strength, best)


def test_near_equal_images_share_a_fold():
    """Each image is there twice: alone a fold would have seen all its images."""
    x, y = data(40, 120, targets=1)
    twice, group = np.repeat(np.arange(40), 2), np.repeat(np.arange(40), 2)
    found = fit_ridge(x[twice], y[twice], group=group, strengths=[1e-3])
    left = np.abs(found.unseen - y[twice]).mean()
    assert left > 0.5 * np.abs(y - y.mean()).mean()


def test_a_feature_that_does_not_vary_has_no_weight():
    x, y = data(40, 3)
    x[:, 1] = 5.0
    np.testing.assert_allclose(fit_ridge(x, y).weight[1], 0.0, atol=1e-12)


def test_r2_is_scikit_learns():
    y, values = RNG.normal(size=(30, 2)), RNG.normal(size=(30, 2))
    expected = r2_score(y, values, multioutput="raw_values")
    np.testing.assert_allclose(explained(y, values), expected)


def test_r2_of_a_target_that_does_not_vary_is_undefined():
    assert np.isnan(explained(np.ones((5, 1)), np.ones((5, 1)))[0])


@pytest.mark.parametrize(
    ("x", "y", "strengths", "message"),
    [
        (np.full((20, 2), np.nan), np.zeros((20, 1)), [1.0], "not a finite number"),
        (np.ones((20, 2)), np.full((20, 1), np.inf), [1.0], "not a finite number"),
        (np.ones((20, 2)), np.zeros((20, 1)), [0.0], "above 0"),
        (np.ones((4, 2)), np.zeros((4, 1)), [1.0], "there are 4"),
    ],
)
def test_bad_input_is_refused(x, y, strengths, message):
    with pytest.raises(SolverError, match=message):
        fit_ridge(x, y, strengths=strengths)
