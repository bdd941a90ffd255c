"""Decision metrics along a grid, held against each point and draw taken by itself."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score, precision_score, recall_score

from inficond_panel.distill.curves import decision_curves

OF_SKLEARN = {
    "accuracy": accuracy_score,
    "precision": precision_score,
    "recall": recall_score,
    "f1": f1_score,
}


def made(seed, images, signed):
    rng = np.random.default_rng(seed)
    score = np.round(rng.normal(0.0 if signed else 0.3, 0.5, images), 1)  # zeros and ties
    score = score if signed else np.maximum(score, 0)
    logit = np.round(rng.normal(-0.5, 1.5, images), 1)
    return score, logit, rng.random(images) < 0.4, rng


@pytest.mark.slow
@pytest.mark.parametrize("metric", OF_SKLEARN)
@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    images=st.integers(1, 40),
    weight=st.sampled_from([-1.0, 0.0, 0.3]),
    threshold=st.sampled_from([-0.5, 0.0, 0.3]),
    signed=st.booleans(),
)
def test_each_point_and_draw_is_what_scikit_learn_says(
    metric, seed, images, weight, threshold, signed
):
    score, logit, positive, rng = made(seed, images, signed)
    grid = np.union1d(np.linspace(-2, 2, 9), [weight])
    counts = rng.integers(0, 3, (2, images)).astype(np.uint8)
    found = decision_curves(score, logit, weight, positive, grid, metric, counts, threshold)
    assert found.shape == (len(grid), 2)
    for v, at in zip(grid, found, strict=True):
        decided = logit + (v - weight) * score > threshold
        for row, value in zip(counts, at, strict=True):
            drawn = np.repeat(np.arange(images), row)
            undefined = {"zero_division": np.nan} if metric != "accuracy" else {}
            if not len(drawn):
                assert np.isnan(value)
                continue
            truth = OF_SKLEARN[metric](positive[drawn], decided[drawn], **undefined)
            np.testing.assert_allclose(value, truth, rtol=1e-13)
