"""Suspects of a student, against scipy and numpy, and against what is exactly known of them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ttest_ind

from inficond_panel.distill.suspects import Photos, suspicion
from inficond_panel.errors import DataError


def photos(rng: np.random.Generator, count: int = 120, concepts: int = 6) -> Photos:
    scores = rng.random((count, concepts)).astype(np.float32)
    return Photos(scores, (rng.random(count) < 0.4).astype(np.int8))


def values(these: Photos) -> np.ndarray:
    return np.asarray(these.scores.source.values, dtype=float)  # type: ignore[attr-defined]


def five(scores: np.ndarray, label: np.ndarray) -> list[Photos]:
    parts = zip(np.array_split(scores, 5), np.array_split(label, 5), strict=True)
    return [Photos(*part) for part in parts]


def test_partial_correlation_is_the_correlation_of_what_the_label_leaves():
    rng = np.random.default_rng(0)
    tune = photos(rng)
    logit = values(tune) @ np.array([3.0, -2, 0, 1, 0, 0.5]) + 2 * tune.label
    residual = [column - predicted(column, tune.label) for column in values(tune).T]
    left = logit - predicted(logit, tune.label)
    expected = [np.corrcoef(column, left)[0, 1] for column in residual]
    np.testing.assert_allclose(tune.partial_correlation(logit[None])[0], expected, atol=1e-6)


def predicted(column: np.ndarray, label: np.ndarray) -> np.ndarray:
    known = np.column_stack([label, np.ones(len(label))])
    return known @ np.linalg.lstsq(known, column, rcond=None)[0]


def test_one_fold_against_tune_is_students_test_of_two_means_where_negatives_are_constant():
    rng, label = np.random.default_rng(1), np.repeat([1, 0], 40)
    scores, others = np.zeros((2, 80, 1))
    scores[:40, 0], others[:40, 0] = rng.random(40), rng.random(40) * 0.2
    # the student is the concept itself
    found = suspicion([Photos(scores, label)], Photos(others, label), others.T, np.ones((1, 1)))
    expected = ttest_ind(scores[:40, 0], others[:40, 0], alternative="greater")
    assert found.z[0] == pytest.approx(expected.statistic)
    assert found.q[0] == pytest.approx(expected.pvalue, rel=1e-6)
    assert found.reliance[0] == pytest.approx(1)
    assert found.score[0] == pytest.approx(expected.statistic)


def test_weakening_is_students_t_of_each_side_and_only_what_weakens_counts():
    rng = np.random.default_rng(2)
    fit, tune = photos(rng, 40), photos(rng, 70)
    logits = rng.normal(size=(1, 70))
    found = suspicion([fit], tune, logits, np.ones((1, 6)))
    sign = np.sign(tune.partial_correlation(logits)[0])
    sides = [[values(of)[of.label == side] for of in (fit, tune)] for side in (1, 0)]
    t = [ttest_ind(*both).statistic for both in sides]
    falls, rises = np.maximum(sign * t[0], 0), np.maximum(-sign * t[1], 0)
    np.testing.assert_allclose(found.weakening, np.hypot(falls, rises), rtol=1e-5)
    assert found.weakening.min() < found.weakening.max()
    expected = np.sqrt(np.abs(found.reliance)) * found.weakening
    np.testing.assert_allclose(found.score, expected)
    doubt = np.abs(found.reliance) * np.where(found.z > 0, found.z, 0)
    np.testing.assert_allclose(found.doubt, doubt)


def test_few_positives_of_tune_are_no_clear_difference():
    """Skewed scores, the same on both splits: seven positives seem alike in some of 300 concepts.

    Ten percent of the draws may be called by a test at 1 %; Welch's calls a third of them.
    """
    rng, called, draws = np.random.default_rng(0), 0, 30
    for _ in range(draws):
        fit = Photos(rng.exponential(size=(400, 300)), np.arange(400) < 80)
        tune = Photos(rng.exponential(size=(100, 300)), np.arange(100) < 7)
        logits = rng.normal(size=(1, 100))
        called += suspicion([fit], tune, logits, np.ones((1, 300))).q.min() <= 0.01
    assert called <= draws / 10


def test_few_positives_do_not_hide_what_the_negatives_tell():
    """The context is on half the negatives of tune and on none of fit; concept 1 is loud there.

    Ten positives of 1,000 have noise that makes concept 1 lose more of its bond than concept 0.
    """
    rng = np.random.default_rng(3)
    label = np.arange(1000) % 100 == 0
    context = np.stack([label, np.where(label, 1, np.arange(1000) % 2)])
    scores = np.stack([context, 0.6 * context], axis=2) + rng.normal(0, 0.4, (2, 1000, 2))
    scores[0, label, 1] += 1.5
    label = label * 1
    logits = np.tile(context[1], (5, 1))
    found = suspicion(five(scores[0], label), Photos(scores[1], label), logits, np.ones((5, 2)))
    assert found.z[0] < found.z[1]
    assert found.score[0] > found.score[1]


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 10_000))
def test_what_all_concepts_lose_is_the_separation_lost(seed):
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=(3, 6)) * (rng.random((3, 6)) < 0.7)
    folds, tune = [photos(rng) for _ in range(3)], photos(rng)

    def separation(these: Photos, student: np.ndarray) -> float:
        logit = values(these) @ student + 0.7
        return float(logit[these.label == 1].mean() - logit[these.label == 0].mean())

    found = suspicion(folds, tune, weights @ values(tune).T, weights)
    pairs = zip(folds, weights, strict=True)
    lost = [separation(part, student) - separation(tune, student) for part, student in pairs]
    assert found.lost.sum() == pytest.approx(np.mean(lost), abs=1e-6)


def test_a_bond_of_fit_alone_is_found_without_a_weight_of_its_own():
    """Concept 0 is the class. In fit concepts 1 and 2 go with it; the student uses 0 and 2."""
    rng = np.random.default_rng(5)
    label = (rng.random((2, 1000)) < 0.5).astype(int)
    scores = rng.normal(0.5, 0.1, (2, 1000, 4))
    context = np.stack([label[0], (rng.random(1000) < 0.5).astype(int)])
    scores[..., 0] += 0.2 * label
    scores[..., 1] += 0.2 * context
    scores[..., 2] += 0.1 * context
    weights = np.array([[8.0, 0.0, 8.0, 0.0]] * 5)
    folds, tune = five(scores[0], label[0]), Photos(scores[1], label[1])
    found = suspicion(folds, tune, weights @ scores[1].T, weights)
    assert sorted(np.argsort(-found.score)[:2]) == [1, 2]
    assert found.q[[1, 2]].max() < 1e-6 < 0.05 < found.q[[0, 3]].min()
    assert found.lost[1] == 0


def test_of_100_students_without_a_shift_few_have_a_suspect_at_a_rate_of_5_percent():
    rng = np.random.default_rng(6)
    alarms = 0
    for _ in range(100):
        folds, tune = [photos(rng, 60, 30) for _ in range(5)], photos(rng, 150, 30)
        weights = rng.normal(size=(5, 30))
        found = suspicion(folds, tune, weights @ values(tune).T, weights)
        alarms += bool(found.q.min() <= 0.05)
    assert alarms <= 12  # 5 expected; binomial, 99.8 %


def test_a_constant_concept_is_no_suspect_and_of_no_values_there_are_no_correlations():
    rng = np.random.default_rng(7)
    fit, tune = (Photos(np.full((50, 1), 0.3), (rng.random(50) < 0.5).astype(int)) for _ in "12")
    found = suspicion([fit], tune, np.zeros((1, 50)), np.ones((1, 1)))
    assert found.score[0] == found.lost[0] == 0
    assert found.q[0] == pytest.approx(0.5)
    assert photos(rng).partial_correlation(np.empty((0, 120))).shape == (0, 6)


@pytest.mark.parametrize(
    ("label", "message"),
    [
        ([1, 0, 1], "4 rows of scores have 3 labels"),
        ([1, 0, 1, -1], "must be 0 or 1"),
        ([1, 0, 0, 0], "Fewer than two"),
    ],
)
def test_photos_that_cannot_be_compared_are_refused(label, message):
    with pytest.raises(DataError, match=message):
        Photos(np.zeros((4, 2)), np.array(label))
