"""Columns whose values are exchanged in a group of images."""

import numpy as np
import pytest

from inficond_panel.distill import exchanged
from inficond_panel.distill.drift import drift
from inficond_panel.distill.exchanged import exchanged_columns
from inficond_panel.wording.metrics import drift_sentences

COLUMNS = 12
MIX = np.random.default_rng(7).normal(size=(3, COLUMNS))
MEANS = np.linspace(0, 1, COLUMNS)


def scores(seed: int, images: int) -> np.ndarray:
    """Scores (images, 12) that correlate by three factors."""
    rng = np.random.default_rng(seed)
    return MEANS + rng.normal(size=(images, 3)) @ MIX + 0.3 * rng.normal(size=(images, COLUMNS))


def exchange(group: np.ndarray, *pairs: tuple[int, int]) -> np.ndarray:
    group = group.copy()
    for a, b in pairs:
        group[:, [a, b]] = group[:, [b, a]]
    return group


def test_one_pair_is_found():
    assert exchanged_columns(scores(0, 400), exchange(scores(1, 100), (2, 9))) == [(2, 9)]


def test_two_pairs_are_found():
    group = exchange(scores(1, 100), (2, 9), (0, 5))
    assert exchanged_columns(scores(0, 400), group) == [(0, 5), (2, 9)]


def test_columns_of_one_distribution_are_found_by_their_correlations():
    """Two columns of mean 0 and spread 1, of which each correlates with another column."""
    rng = np.random.default_rng(2)
    wide = rng.normal(size=(500, 4))
    wide[:, 2:] = 0.8 * wide[:, :2] + 0.6 * rng.normal(size=(500, 2))
    found = exchanged_columns(wide[:400], exchange(wide[400:], (0, 1)))
    assert found in ([(0, 1)], [(2, 3)])  # either exchange makes the group fit


def _with_logit(images: int) -> tuple[np.ndarray, np.ndarray]:
    """Independent columns of one distribution, and a logit that the first two tell."""
    wide = np.random.default_rng(3).normal(size=(images, 4))
    return wide, 2 * wide[:, :1] - 2 * wide[:, 1:2]


def test_columns_without_correlations_are_found_beside_a_logit():
    wide, logit = _with_logit(500)
    group, beside = exchange(wide[400:], (0, 1)), (logit[:400], logit[400:])
    assert exchanged_columns(wide[:400], group, beside) == [(0, 1)]


def test_they_are_not_found_without_it():
    wide, _ = _with_logit(500)
    assert exchanged_columns(wide[:400], exchange(wide[400:], (0, 1))) == []


def test_the_fall_of_the_distance_is_that_of_the_quadratic_forms():
    model, group = exchanged._Others(scores(0, 400), COLUMNS), scores(1, 30)
    gain, _ = exchanged._gains(model, group, np.array([2]), np.array([9]))
    before, after = (
        np.einsum("ij,jk,ik->i", wide, model.precision, wide)
        for wide in map(model.standardised, (group, exchange(group, (2, 9))))
    )
    np.testing.assert_allclose(gain[:, 0], before - after, atol=1e-9)


def _moved_to_each_other(group: np.ndarray) -> np.ndarray:
    group = group.copy()
    group[:, 0] += MEANS[11] - MEANS[0]
    group[:, 11] += MEANS[0] - MEANS[11]
    return group


RNG = np.random.default_rng(4)
OTHERWISE = {
    "like the others": lambda group: group,
    "offsets": lambda group: group + RNG.normal(0, 2, COLUMNS),
    "scales": lambda group: group * RNG.uniform(0.5, 2, COLUMNS),
    "noise": lambda group: group + RNG.normal(size=group.shape),
    "blur": lambda group: 0.5 * group + 0.5 * MEANS,
    "shuffled": lambda group: RNG.permuted(group, axis=0),
    "means exchanged": _moved_to_each_other,
    "constant": lambda group: np.full_like(group, 0.3),
    "one column reversed": lambda group: group * np.where(np.arange(COLUMNS) == 4, -1, 1),
}


@pytest.mark.parametrize("change", OTHERWISE)
def test_a_group_that_differs_otherwise_has_no_exchanged_columns(change):
    groups = (OTHERWISE[change](scores(seed, 100)) for seed in range(1, 21))
    assert [exchanged_columns(scores(0, 400), group) for group in groups] == [[]] * 20


def test_exchanged_copies_are_the_same_columns():
    others, group = scores(0, 400), scores(1, 100)
    rng = np.random.default_rng(5)
    for each in (others, group):
        each[:, 1] = each[:, 0] + 0.02 * rng.normal(size=len(each))
    assert exchanged_columns(others, exchange(group, (0, 1))) == []


@pytest.mark.parametrize(("others", "images"), [(400, 19), (49, 200)])
def test_few_images_are_not_looked_at(others, images):
    assert exchanged_columns(scores(0, others), exchange(scores(1, images), (2, 9))) == []


def test_a_constant_column_of_the_others_changes_nothing():
    others, group = scores(0, 400), exchange(scores(1, 100), (2, 9))
    others[:, 4] = 0.0
    assert exchanged_columns(others, group) == [(2, 9)]


def test_columns_of_0_and_1_are_found():
    others, group = (each > MEANS + 0.5 for each in (scores(0, 800), scores(1, 200)))
    assert exchanged_columns(others, exchange(group, (2, 9))) == [(2, 9)]


NAMES = [f"c{at}" for at in range(COLUMNS)]


def test_new_rows_with_exchanged_columns_are_told():
    found = drift(scores(0, 400), exchange(scores(1, 100), (2, 9)), NAMES, things="rows")
    told = "The columns c2 and c9 look exchanged: exchanged back, they fit the training rows."
    assert told in drift_sentences(found)


def test_the_scores_of_photos_are_told_of_tuning_images():
    found = drift(scores(0, 400), exchange(scores(1, 100), (2, 9), (0, 5)), NAMES)
    told = "The scores of c0 and c5, and of c2 and c9 look exchanged: exchanged back, they fit the "
    assert f"{told}training images." in " ".join(drift_sentences(found))


def test_exchanged_columns_are_an_alarm_by_themselves():
    rng = np.random.default_rng(6)
    factor = rng.normal(size=(500, 2))
    wide = np.hstack([factor, factor, factor[:, :1]]) + 0.4 * rng.normal(size=(500, 5))
    found = drift(wide[:400], exchange(wide[400:], (0, 1)), NAMES[:5])
    assert not found.drifted
    assert found.exchanged
    assert found.alarm
