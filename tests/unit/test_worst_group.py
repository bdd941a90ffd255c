"""Accuracy in cells of label and group: by hand, and by the definition."""

from itertools import permutations

import numpy as np
import pytest

from inficond_panel.distill.metrics.worst_group import (
    accuracies_at_equal_numbers,
    cell_accuracies,
    worst_cell,
)

POSITIVE = np.array([True, True, True, False, False, False])
#: Cells: 0 present · a, 1 absent · a, 2 present · b, 3 absent · b.
CELL = np.array([0, 0, 2, 1, 3, 3])


def test_as_many_images_are_called_as_have_the_class():
    """Three positives, so the three largest logits are called: images 0, 4 and 1."""
    logit = np.array([5.0, 3.0, 1.0, 0.0, 4.0, 2.0])
    found = accuracies_at_equal_numbers(POSITIVE, logit, CELL)[:, 0]
    np.testing.assert_allclose(found, [1.0, 1.0, 0.0, 0.5])


def test_equal_logits_at_the_cut_are_called_with_equal_shares():
    """One place is left for the images 1, 2 and 3, which are equal: a third each."""
    logit = np.array([5.0, 3.0, 3.0, 3.0, 4.0, 0.0])
    found = accuracies_at_equal_numbers(POSITIVE, logit, CELL)[:, 0]
    np.testing.assert_allclose(found, [2 / 3, 2 / 3, 1 / 3, 1 / 2])


@pytest.mark.parametrize("seed", range(5))
def test_ties_are_the_mean_over_all_orders_of_the_equal_images(seed):
    logit = np.random.default_rng(seed).integers(3, size=6).astype(float)
    every = [
        accuracies_at_equal_numbers(POSITIVE, logit + 1e-3 * np.array(order), CELL)[:, 0]
        for order in permutations(range(6))
    ]
    found = accuracies_at_equal_numbers(POSITIVE, logit, CELL)[:, 0]
    np.testing.assert_allclose(found, np.mean(every, axis=0), atol=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_counts_are_repeated_images(seed):
    rng = np.random.default_rng(seed)
    logit, counts = rng.normal(size=6).round(1), rng.integers(1, 4, size=6)
    repeated = [each.repeat(counts) for each in (POSITIVE, logit, CELL)]
    found = accuracies_at_equal_numbers(POSITIVE, logit, CELL, counts[None])
    np.testing.assert_allclose(found, accuracies_at_equal_numbers(*repeated), atol=1e-12)


def test_a_larger_intercept_changes_nothing():
    logit = np.array([5.0, 3.0, 1.0, 0.0, 4.0, 2.0])
    before, after = (accuracies_at_equal_numbers(POSITIVE, x, CELL) for x in (logit, logit + 9))
    np.testing.assert_array_equal(before, after)


def test_an_image_of_no_group_takes_a_place_and_counts_in_no_cell():
    logit, cell = np.array([5.0, 3.0, 1.0, 0.0, 4.0, 2.0]), CELL.copy()
    cell[4] = -1
    found = accuracies_at_equal_numbers(POSITIVE, logit, cell)[:, 0]
    np.testing.assert_allclose(found, [1.0, 1.0, 0.0, 1.0])


def test_the_accuracy_of_a_cell_is_the_share_of_its_images_that_are_right():
    right = np.array([1, 0, 1, 1, 0, 1])
    np.testing.assert_allclose(cell_accuracies(right, CELL)[:, 0], [0.5, 1.0, 1.0, 0.5])


def test_many_draws_are_computed_in_blocks(monkeypatch):
    monkeypatch.setattr("inficond_panel.distill.metrics.worst_group._BLOCK_VALUES", 12)
    rng = np.random.default_rng(0)
    logit, counts = rng.normal(size=6), rng.integers(1, 3, size=(7, 6))
    found = accuracies_at_equal_numbers(POSITIVE, logit, CELL, counts)
    each = [accuracies_at_equal_numbers(POSITIVE, logit, CELL, row[None])[:, 0] for row in counts]
    np.testing.assert_allclose(found, np.transpose(each), atol=1e-12)


def test_the_worst_cell_has_the_least_accuracy():
    np.testing.assert_array_equal(worst_cell(np.array([[0.9, 0.2], [0.4, 0.3]])), [0.4, 0.2])


def test_the_worst_is_not_defined_if_a_cell_is_empty():
    counts = np.array([[1, 1, 0, 1, 1, 1]])  # no image of present · b is drawn
    found = worst_cell(accuracies_at_equal_numbers(POSITIVE, np.arange(6.0), CELL, counts))
    assert np.isnan(found[0])
