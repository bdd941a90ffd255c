"""Suspects of a student, against numpy, and against what is exactly known of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from scipy.stats import ttest_ind

from inficond_panel.distill.shift.photos import Photos
from inficond_panel.distill.shift.suspects import suspicion
from inficond_panel.errors import DataError


def photos(seed: int, count: int = 200, concepts: int = 6, weights: np.ndarray | None = None):
    """Photos with random scores and labels, of a student with these weights."""
    rng = np.random.default_rng(seed)
    scores = rng.random((count, concepts)).astype(np.float32)
    label = (rng.random(count) < 0.4).astype(np.int8)
    weights = np.zeros(concepts) if weights is None else weights
    return Photos(scores, label, expit(scores @ weights - 0.5))


def test_the_difference_and_its_variance_are_those_of_welchs_test() -> None:
    ours = photos(0)
    difference, variance = ours.difference
    sides = [np.asarray(ours.scores, dtype=float)[ours.label == side] for side in (1, 0)]
    np.testing.assert_allclose(difference, sides[0].mean(axis=0) - sides[1].mean(axis=0))
    welch = ttest_ind(*sides, equal_var=False).statistic
    np.testing.assert_allclose(difference / np.sqrt(variance), welch)


def test_the_residual_correlation_is_numpys() -> None:
    ours = photos(1, weights=np.array([3.0, -2.0, 0.0, 1.0, 0.0, 0.5]))
    residual = ours.label - ours.probability
    expected = [np.corrcoef(column, residual)[0, 1] for column in np.asarray(ours.scores, float).T]
    np.testing.assert_allclose(ours.residual_correlation, expected, atol=1e-12)


def test_a_constant_concept_is_no_suspect() -> None:
    scores = np.full((50, 1), 0.3)
    label = np.arange(50) % 2
    ours = Photos(scores, label, np.full(50, 0.4))
    found = suspicion(np.ones(1), ours, ours)
    assert found.residual_change.tolist() == found.z.tolist() == [0.0]


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 10_000))
def test_what_all_concepts_lose_is_the_separation_lost(seed: int) -> None:
    """Separation: the mean logit of the positives less that of the negatives."""
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=6) * (rng.random(6) < 0.7)
    fit, tune = photos(seed, weights=weights), photos(seed + 1, weights=weights)

    def separation(these: Photos) -> float:
        logit = np.asarray(these.scores, dtype=float) @ weights + 0.7
        return float(logit[these.label == 1].mean() - logit[these.label == 0].mean())

    found = suspicion(weights, fit, tune)
    assert found.lost.sum() == pytest.approx(separation(fit) - separation(tune), abs=1e-6)
    assert (found.residual_change[weights == 0] == 0).all()
    assert (found.q[weights == 0] == 1).all()
    assert set(found.ranked()) <= set(np.flatnonzero(weights))


def test_a_concept_that_only_goes_with_the_class_in_fit_comes_first() -> None:
    """Concept 2 stands for the class in fit alone, concept 0 in both."""
    rng = np.random.default_rng(5)
    label = (rng.random((2, 400)) < 0.5).astype(int)
    scores = rng.normal(0.5, 0.1, (2, 400, 4))
    scores[..., 0] += 0.1 * label
    scores[0, :, 2] += 0.1 * label[0]
    weights = np.array([8.0, 1.0, 8.0, -1.0])
    fit, tune = (Photos(x, y, expit(x @ weights - 8.5)) for x, y in zip(scores, label, strict=True))
    found = suspicion(weights, fit, tune)
    assert found.ranked()[0] == np.argmax(found.z) == 2
    assert found.q[2] < 1e-6 < 0.05 < np.delete(found.q, 2).min()


@pytest.mark.parametrize(
    ("label", "message"),
    [
        ([1, 0, 1], "do not belong together"),
        ([1, 0, 1, -1], "neither 0 nor 1"),
        ([1, 0, 0, 0], "Fewer than two"),
    ],
)
def test_photos_that_cannot_be_compared_are_refused(label: list[int], message: str) -> None:
    with pytest.raises(DataError, match=message):
        Photos(np.zeros((4, 2)), np.array(label), np.full(4, 0.5))
