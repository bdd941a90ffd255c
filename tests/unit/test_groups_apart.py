"""Which groups of a class differ by more than chance: against Fisher's exact test, and alarms."""

import math

import numpy as np
import pytest
from scipy.stats import fisher_exact

from inficond_panel.common.interval import Interval
from inficond_panel.results.worst_group import GroupCell, GroupFigures


def cell(group: str, present: bool, right: int, images: int) -> GroupCell:
    share = Interval(right / images, math.nan, math.nan)
    return GroupCell(group, present, images, 100, share, share)


def figures(*cells: GroupCell) -> GroupFigures:
    return GroupFigures(cells, *[Interval(0.5, math.nan, math.nan)] * 3)


def test_the_worse_of_two_cells_of_one_label_comes_first():
    worse, better = cell("a", True, 10, 40), cell("b", True, 35, 40)
    assert figures(better, worse, cell("a", False, 400, 400)).apart(1) == (worse, better)


@pytest.mark.parametrize("right", range(2, 19, 2))
def test_the_chance_is_that_of_fishers_test_for_all_pairs_of_all_classes(right):
    found = figures(cell("a", True, right, 20), cell("b", True, 18, 20), cell("c", True, 18, 20))
    p = fisher_exact([[right, 18], [20 - right, 2]]).pvalue * 3 * 10
    assert (found.apart(10) is not None) == (p <= 0.05)


def test_cells_of_different_labels_are_not_compared():
    assert figures(cell("a", True, 5, 40), cell("b", False, 40, 40)).apart(1) is None


def test_cells_of_few_images_are_not_compared():
    assert figures(cell("a", True, 0, 9), cell("b", True, 400, 400)).apart(1) is None


def test_random_groups_of_ten_classes_are_rarely_apart():
    """In 200 data sets of ten classes and three random groups, with a found share of 0.7."""
    rng, alarms = np.random.default_rng(0), 0
    for _ in range(200):
        sizes = rng.multinomial(90, [1 / 3] * 3, size=10)
        right = rng.binomial(sizes, 0.7)
        alarms += any(
            figures(*(cell(str(g), True, right[k, g], sizes[k, g]) for g in range(3))).apart(10)
            for k in range(10)
        )
    assert alarms / 200 <= 0.05
