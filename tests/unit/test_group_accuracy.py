"""Whether the likeliest class is right less often in a group: against exact tests and by hand."""

from itertools import product

import numpy as np
import pytest
from scipy.special import softmax
from scipy.stats import fisher_exact

from inficond_panel.distill.metrics import group_accuracy
from inficond_panel.distill.metrics.group_accuracy import (
    calibrated_confidence,
    chance_of_so_few,
    low_accuracy,
)


def drawn(seed, images=200, classes=3):
    rng = np.random.default_rng(seed)
    label = rng.integers(0, classes, images)
    return rng.random(images) < 0.8, label, rng.random(images) < 0.3


@pytest.mark.parametrize("seed", range(3))
def test_with_one_label_it_is_the_test_of_fisher(seed):
    right, label, inside = drawn(seed, classes=1)
    table = [[(right & inside).sum(), (~right & inside).sum()],
             [(right & ~inside).sum(), (~right & ~inside).sum()]]  # fmt: skip
    p = fisher_exact(table, alternative="less").pvalue
    assert low_accuracy(right, label, inside)[1] == pytest.approx(p, rel=1e-9)


def test_the_expected_share_is_that_of_the_same_labels():
    label = np.array([0] * 10 + [1] * 10)
    right = np.array([True] * 10 + [False] * 10)
    inside = np.array(([True] * 6 + [False] * 4) + ([True] * 2 + [False] * 8))
    assert low_accuracy(right, label, inside)[0] == pytest.approx(6 / 8)


def test_a_group_of_labels_that_are_hard_everywhere_is_not_low():
    """All its images have the hard label, of which as many are right inside as outside."""
    label = np.repeat([0, 1], 100)
    right = np.concatenate([np.ones(100, bool), np.arange(100) % 2 == 0])
    inside = np.arange(200) >= 150
    assert low_accuracy(right, label, inside)[1] > 0.4


def test_many_images_have_the_p_of_the_exact_test(monkeypatch):
    right, label, inside = drawn(1, images=2000)
    exact = low_accuracy(right, label, inside)[1]
    monkeypatch.setattr(group_accuracy, "_MANY", 10)
    assert low_accuracy(right, label, inside)[1] == pytest.approx(exact, abs=0.01)


def test_p_is_uniform_by_chance():
    """At most as often below 5 % as it says, over draws of the group."""
    low = sum(low_accuracy(*drawn(seed))[1] <= 0.05 for seed in range(400))
    assert low <= 32  # 20 expected; binomial: 0.3 % of runs have more


def test_the_chance_of_so_few_is_the_sum_over_all_outcomes():
    probability = np.array([0.9, 0.4, 0.7, 0.2])
    by_hand = sum(
        np.prod(np.where(each, probability, 1 - probability))
        for each in product([True, False], repeat=4)
        if sum(each) <= 2
    )
    assert chance_of_so_few(2, probability) == pytest.approx(by_hand)


def test_confidence_is_that_of_the_right_temperature():
    """Logits that are four times too large are scaled back."""
    rng = np.random.default_rng(0)
    logit = 2 * rng.normal(size=(4000, 4))
    chance = softmax(logit, axis=1)
    label = np.array([rng.choice(4, p=each) for each in chance])
    found = calibrated_confidence(4 * logit, label, 4 * logit)
    assert found == pytest.approx(chance.max(axis=1), abs=0.03)
