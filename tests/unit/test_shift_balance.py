"""Balance of photos, against scikit-learn's logistic regression and against what it is for."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from inficond_panel.distill.drift import CUT, balance, density_ratio
from inficond_panel.errors import DataError


def shifted(seed: int, count: int = 800, shift: float = 1.0):
    """Scores of fit and of tune within one side: normal, ``shift`` apart in the first concept."""
    rng = np.random.default_rng(seed)
    ours, theirs = rng.normal(size=(count, 3)), rng.normal(size=(count // 2, 3))
    theirs[:, 0] += shift
    return ours, theirs


def test_the_ratio_is_that_of_scikit_learns_regression():
    ours, theirs = shifted(0)
    both = np.concatenate([ours, theirs])
    scores = (both - both.mean(axis=0)) / both.std(axis=0)
    ratio, penalty = density_ratio(ours, theirs)
    target = np.repeat([0, 1], [len(ours), len(theirs)])
    model = LogisticRegression(C=1 / (penalty * len(both)), tol=1e-10, max_iter=1000)
    logit = model.fit(scores, target).decision_function(scores[: len(ours)])
    expected = np.clip(logit - np.log(len(theirs) / len(ours)), -CUT, CUT)
    np.testing.assert_allclose(np.log(ratio), expected, atol=2e-3)


def test_the_ratio_comes_near_the_true_one_of_two_normals_which_is_exp_of_x_less_half():
    ours, theirs = shifted(1, count=20_000)
    ratio, _ = density_ratio(ours, theirs)
    near = np.abs(ours[:, 0]) < 2
    slope, level = np.polyfit(ours[near, 0], np.log(ratio[near]), 1)
    assert slope == pytest.approx(1, abs=0.05)
    assert level == pytest.approx(-0.5, abs=0.05)


def test_weighted_photos_of_fit_look_like_those_of_tune():
    rng = np.random.default_rng(2)
    label, theirs = (rng.random(3000) < 0.5).astype(int), (rng.random(1000) < 0.2).astype(int)
    scores = rng.normal(size=(3000, 2)) + 1.5 * label[:, None]
    others = rng.normal(size=(1000, 2))  # in tune no concept goes with the class
    found = balance(scores, label, others, theirs)
    assert found.weights.mean() == pytest.approx(1)
    assert found.weights[label == 1].sum() / 3000 == pytest.approx(theirs.mean())
    for side in (1, 0):
        weight = found.weights[label == side]
        mean = weight @ scores[label == side] / weight.sum()
        np.testing.assert_allclose(mean, others[theirs == side].mean(axis=0), atol=0.12)


def test_too_few_photos_are_refused():
    label = np.array([1] * 4 + [0] * 20)
    with pytest.raises(DataError, match="4 photos of fit and 12 of tune show the class"):
        balance(np.ones((24, 1)), label, np.ones((24, 1)), np.arange(24) % 2)
