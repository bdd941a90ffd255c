"""The references of benchmarks/shift.py that infer environments, on photos with known ones."""

from __future__ import annotations

import numpy as np
import pytest
from shift_parts.environments import ROUNDS, group_weights, inferred_environment

from inficond_panel.distill import decision_function, fit


@pytest.fixture(scope="module")
def toy():
    """Labels, a shortcut that holds in one environment and is turned in the other, and scores."""
    rng = np.random.default_rng(0)
    label = rng.random(1200) < 0.4
    turned = rng.random(1200) < 0.1
    scores = np.stack([label + rng.normal(0, 0.8, 1200), (label ^ turned) + 0.0], axis=1)
    return label, turned, scores


def logits(scores, label, weights=None):
    found = fit(scores, label.astype(float)[:, None], l1=1e-3, sample_weight=weights)
    return decision_function(scores, found.weights, found.intercepts)[:, 0]


def test_a_student_that_leans_on_the_shortcut_tells_the_environments(toy) -> None:
    label, turned, scores = toy
    found = inferred_environment(label, logits(scores[:, 1:], label))
    np.testing.assert_array_equal(found, turned)


def test_group_dro_weighs_the_worst_group_up_and_its_loss_falls(toy) -> None:
    label, turned, scores = toy
    group = 2 * label + turned

    def losses(weights):
        logit = logits(scores, label, weights)
        return np.logaddexp(0, np.where(label, -logit, logit))

    def worst(weights):
        each = losses(weights)
        return max(each[group == g].mean() for g in range(4))

    tried = group_weights(group, losses)
    assert len(tried) == ROUNDS
    for weights in tried:
        assert weights.mean() == pytest.approx(1)
    alike = [tried[0][group == g].sum() for g in range(4)]
    assert alike == pytest.approx([300] * 4)
    assert worst(tried[0]) < 0.5 * worst(np.ones(len(label)))
    assert worst(tried[-1]) < worst(tried[0])
