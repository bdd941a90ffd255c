"""Iterative stratification: by hand, by its properties, and against another implementation."""

from types import SimpleNamespace

import numpy as np
import pytest

from precompute.datasets.dataset import iterative_stratification


def test_the_rarest_class_is_dealt_out_first():
    positive = np.array(
        [[1, 0], [1, 0], [1, 0], [1, 1], [0, 1], [0, 0], [0, 0], [0, 0]], dtype=bool
    )
    # Class 1 has two images, class 0 four. Each part lacks one of class 1: image 3 goes to either
    # part by a tie (here the first), image 4 to the other. Then each part lacks 2 - 1 and 2 of
    # class 0: image 0 to the second, 1 (1 and 1 lack; the second lacks 2 of 4, the first 3) ...
    part = iterative_stratification(positive, [0.5, 0.5], SimpleNamespace(integers=lambda n: 0))
    assert part[3] == 0
    assert part[4] == 1
    assert part[0] == 1
    assert part[1] == 0
    assert np.bincount(part).tolist() == [4, 4]
    assert [positive[part == p].sum(0).tolist() for p in (0, 1)] == [[2, 1], [2, 1]]


def test_classes_are_even_where_chance_is_not():
    rng = np.random.default_rng(3)
    positive = rng.random((600, 12)) < np.geomspace(0.01, 0.4, 12)
    shares = np.array([0.6, 0.2, 0.2])
    part = iterative_stratification(positive, shares, rng)
    counts = np.array([positive[part == p].sum(0) for p in range(3)])
    assert np.abs(counts - np.outer(shares, positive.sum(0))).max() <= 2
    drawn = rng.permutation(np.repeat([0, 1, 2], [360, 120, 120]))
    by_chance = np.array([positive[drawn == p].sum(0) for p in range(3)])
    assert np.abs(by_chance - np.outer(shares, positive.sum(0))).max() > 4


@pytest.mark.parametrize("seed", range(4))
def test_the_same_as_iterstrat(seed):
    """With the same order and the same draws at ties, parts are the same image by image."""
    reference = pytest.importorskip("iterstrat.ml_stratifiers").IterativeStratification
    positive = np.random.default_rng(seed).random((150, 6)) < [0.03, 0.1, 0.1, 0.3, 0.5, 0.02]
    shares = np.array([0.5, 0.25, 0.25])
    expected = reference(positive, shares, np.random.RandomState(seed))
    ties = SimpleNamespace(integers=np.random.RandomState(seed).choice)
    assert iterative_stratification(positive, shares, ties).tolist() == expected.tolist()
