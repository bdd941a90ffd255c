"""Platt scaling, against a regression of scikit-learn on weighted labels."""

import numpy as np
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from inficond_panel.distill.platt import platt_scaling


def drawn(seed, slopes):
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(400, len(slopes))) * 3 + 1
    label = (rng.random(400) < expit(logits @ slopes - 1.5)).astype(int)
    return label, logits


def reference(label, logits):
    """Slopes and constant of scikit-learn: each image once as present and once as absent, weighted
    by the targets of Platt."""
    p, q = (label == 1).sum(), (label == 0).sum()
    target = np.where(label == 1, (p + 1) / (p + 2), 1 / (q + 2))
    model = LogisticRegression(C=np.inf, tol=1e-10, max_iter=10_000).fit(
        np.concatenate([logits, logits]),
        np.repeat([1, 0], len(label)),
        sample_weight=np.concatenate([target, 1 - target]),
    )
    return [*model.coef_[0], model.intercept_[0]]


@pytest.mark.parametrize("slopes", [(0.7,), (0.3, 0.6, 0.2)])
def test_it_is_the_regression_on_the_targets_of_platt(slopes):
    label, logits = drawn(0, slopes)
    slope, constant = platt_scaling(label, logits)
    assert [*slope, constant] == pytest.approx(reference(label, logits), abs=2e-3)


def test_a_score_that_falls_with_the_label_counts_nothing():
    label, logits = drawn(1, (0.7, -0.7))
    assert platt_scaling(label, logits)[0][1] == 0


def test_a_constant_score_changes_nothing():
    label, logits = drawn(2, (0.7,))
    both = np.column_stack([logits, np.full(len(label), 5.0)])
    slope, constant = platt_scaling(label, both)
    of_one = platt_scaling(label, logits)
    assert both @ slope + constant == pytest.approx(logits @ of_one[0] + of_one[1], abs=1e-3)


def test_slopes_stay_finite_where_a_score_separates_the_labels():
    """To the targets 21/22 and 1/22: the slope is their logit."""
    label = np.array([0] * 20 + [1] * 20)
    slope, _ = platt_scaling(label, np.where(label == 1, 1.0, -1.0)[:, None])
    assert slope[0] == pytest.approx(np.log(21), abs=1e-3)
