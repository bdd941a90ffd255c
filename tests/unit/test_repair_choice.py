"""The choice by AP: against scikit-learn's AP over the draws, and over many students of chance."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from inficond_panel.distill.metrics.bootstrap import draw_counts
from inficond_panel.tuning.repairs.resolution import DRAWS, choose, chosen, errors


def students(gain: float, others: int = 20, seed: int = 0):
    """Labels (300,), and logits of a student, of ``others`` as good but for noise, of a better."""
    rng = np.random.default_rng(seed)
    label = rng.random(300) < 0.2
    first = label + rng.normal(0, 0.8, 300)
    tried = [first, *(first + rng.normal(0, 0.1, 300) for _ in range(others)), first + gain * label]
    return label.astype(int), np.array(tried)


def test_it_is_the_best_beyond_one_standard_error_and_else_the_first() -> None:
    left = []
    for seed in range(3):
        label, logits = students(0.0, others=2, seed=seed)
        values = [average_precision_score(label, each) for each in logits]
        best = int(np.argmax(values))
        drawn = [
            average_precision_score(label, logits[best], sample_weight=count)
            - average_precision_score(label, logits[0], sample_weight=count)
            for count in draw_counts(len(label), DRAWS, 0)
        ]
        gain, error = values[best] - values[0], np.std(drawn, ddof=1)
        left.append(gain > error)
        made = choose(label, logits)
        assert (made.taken, made.best) == (best if left[-1] else 0, best)
        assert (made.gain, made.error) == pytest.approx((gain, error))
    assert 0 < sum(left) < len(left)  # both happen


def test_each_draw_chooses_by_its_own_values() -> None:
    """By hand: gains of 0.2 and 0.4 in three draws, of which the best is held to its own error."""
    values = np.array([[0.5, 0.5, 0.5], [0.7, 0.5, np.nan], [0.6, 0.9, 0.6]])
    np.testing.assert_array_equal(chosen(values, np.array([0.0, 0.1, 0.3])), [1, 2, 0])
    np.testing.assert_array_equal(chosen(values, np.array([0.0, 0.3, 0.1])), [0, 2, 0])
    assert errors(values[::2]) == pytest.approx([0, np.std([0.1, 0.4, 0.1], ddof=1)])
