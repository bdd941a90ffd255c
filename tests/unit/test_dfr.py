"""DFR: a linear model of images drawn in equal numbers per cell of label and group."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from inficond_panel.distill import group_balanced
from inficond_panel.distill.group_balanced import dfr


def drawn(cells, seed=0):
    """Scores (a sign of the class, one of the group, noise), labels and cells of so many images."""
    rng = np.random.default_rng(seed)
    cell = np.repeat(np.arange(4), cells)
    label, group = (cell % 2 == 0).astype(int), cell // 2
    sign = label + rng.normal(0, 0.7, len(cell))
    scores = np.stack([sign, group + rng.normal(0, 0.3, len(cell)), rng.normal(size=len(cell))], 1)
    return scores, label, cell


@pytest.fixture
def one_penalty(monkeypatch):
    monkeypatch.setattr(group_balanced, "INVERSE_PENALTIES", (0.3,))


def test_equal_cells_give_the_l1_regression_of_scikit_learn(one_penalty):
    """Each balanced draw has all images, so the mean is one model, of standardised scores."""
    scores, label, cell = drawn([50] * 4)
    weights, intercept = dfr(scores, label, cell)
    standard = (scores - scores.mean(axis=0)) / scores.std(axis=0)
    how = {"l1_ratio": 1, "C": 0.3, "solver": "saga", "tol": 1e-10, "max_iter": 100_000}
    model = LogisticRegression(**how).fit(standard, label)
    np.testing.assert_allclose(
        scores @ weights + intercept, model.decision_function(standard), atol=0.02
    )


def test_the_group_counts_little_though_it_goes_with_the_label():
    """Most images of label 1 are of group 0: a plain model relies on the group, this does not."""
    scores, label, cell = drawn([400, 40, 40, 400])
    weights, _ = dfr(scores, label, cell)
    plain = LogisticRegression().fit(scores, label).coef_[0]
    assert abs(weights[1]) < abs(plain[1]) / 4


def test_the_same_seed_gives_the_same_model():
    given = drawn([60, 30, 20, 80])
    np.testing.assert_array_equal(dfr(*given, seed=3)[0], dfr(*given, seed=3)[0])


def test_an_image_of_no_group_is_left_out(one_penalty):
    scores, label, cell = drawn([50] * 4)
    extra = np.vstack([scores, [[99.0, 99.0, 99.0]]]), np.append(label, 1), np.append(cell, -1)
    np.testing.assert_allclose(dfr(*extra)[0], dfr(scores, label, cell)[0])
