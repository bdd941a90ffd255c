"""Collinear concepts: correlation as numpy has it, groups as a graph search finds them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inficond_panel.distill import scores
from inficond_panel.distill.scores import components, correlation, spread


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_correlation_and_spread_are_those_of_numpy(kind):
    x = np.random.default_rng(0).uniform(size=(9000, 5)).astype(kind)
    x[:, 1] = x[:, 0] + x[:, 1] / 4
    np.testing.assert_allclose(spread(x), x.std(axis=0, dtype=np.float64), rtol=1e-6)
    expected = np.corrcoef(x.astype(np.float64), rowvar=False)
    np.testing.assert_allclose(correlation(x), expected, atol=1e-9)


def test_a_concept_that_is_the_same_everywhere_correlates_with_none():
    x = np.random.default_rng(0).uniform(size=(50, 3)).astype(np.float32)
    x[:, 1] = 0.3
    r = correlation(x)
    assert (r[1] == 0).all()
    assert (r[:, 1] == 0).all()
    assert components(r, 0.0) == [(0, 2)] or r[0, 2] < 0


def test_many_images_are_sampled_evenly(monkeypatch):
    x = np.random.default_rng(0).uniform(size=(100, 3))
    monkeypatch.setattr(scores, "SAMPLE", 40)
    np.testing.assert_allclose(correlation(x), np.corrcoef(x[::3], rowvar=False))


@given(size=st.integers(2, 9), threshold=st.floats(0.1, 0.99), seed=st.integers(0, 10**6))
def test_groups_are_the_connected_components(size, threshold, seed):
    r = np.corrcoef(np.random.default_rng(seed).uniform(size=(size, 4)))
    found = components(r, threshold)
    expected = set()
    for start in range(size):
        reached, waiting = set(), [start]
        while waiting:
            at = waiting.pop()
            if at not in reached:
                reached.add(at)
                waiting += [j for j in range(size) if r[at, j] >= threshold]
        if len(reached) > 1:
            expected.add(tuple(sorted(reached)))
    assert found == sorted(expected)
