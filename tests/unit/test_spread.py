"""Spread, constant columns and support of scores: by hand, by NumPy, at any scale and offset."""

import numpy as np
import pytest

from inficond_panel.distill.correlations import Correlations
from inficond_panel.distill.drift import balance, drift
from inficond_panel.distill.metrics.point_metrics import correlation
from inficond_panel.distill.shift_kinds import label_noise, other_photos
from inficond_panel.distill.spread import constant, divisor, spread, support

#: 337 times 0.1: the mean is rounded, so that NumPy's standard deviation is 1.4e-17.
SAME = np.full(337, 0.1)


def word(photos: int, size: int = 500) -> np.ndarray:
    """Scores of 0 and 1: so many photos of ``size`` show the word."""
    return (np.arange(size) * photos // size != (np.arange(size) + 1) * photos // size) * 1.0


#: Scale and offset of scores; at the last one float32 has no other number between 0 and 1.
CHANGES = [(1.0, 0.0), (1e-6, 0.0), (1e5, 0.0), (1.0, 1e3), (-2.0, -50.0), (1.0, 1e6)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("scale", "offset"), CHANGES)
@pytest.mark.parametrize("photos", [1, 3, 10, 120, 240])
def test_the_support_of_a_word_is_the_number_of_photos_that_show_it(photos, scale, offset, dtype):
    scores = (offset + scale * word(photos)).astype(dtype)
    assert support(scores[:, None])[0] == pytest.approx(photos, rel=1e-5)


def test_the_support_of_a_word_that_most_photos_show_is_the_number_of_the_others():
    assert support(1 - word(7)[:, None])[0] == pytest.approx(7)


def test_the_support_of_normal_scores_is_two_over_pi_of_the_photos():
    scores = np.random.default_rng(0).normal(size=(20_000, 1))
    assert support(scores)[0] == pytest.approx(20_000 * 2 / np.pi, rel=0.02)


def test_the_support_of_equal_scores_is_0():
    assert support(SAME[:, None])[0] == 0


def test_an_outlier_among_nearly_equal_scores_is_one_photo():
    scores = np.random.default_rng(1).normal(size=(400, 1)) * 1e-6
    scores[7] = 1.0
    assert support(scores)[0] == pytest.approx(1, abs=0.01)


def test_the_support_of_many_rows_is_that_of_all_of_them():
    assert support(np.tile(word(40), 100)[:, None])[0] == pytest.approx(4000)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("value", [0.0, 0.1, -0.3, 1e6, 1e-20])
def test_a_constant_column_has_no_spread(value, dtype):
    assert spread(np.full((337, 1), value, dtype))[0] == 0


def test_columns_that_differ_by_rounding_are_constant():
    rounded = np.where(np.arange(337) % 2, 0.1, np.nextafter(0.1, 1))
    assert constant(rounded[:, None])[0]


@pytest.mark.parametrize(("scale", "offset"), CHANGES)
def test_a_rare_word_is_not_constant(scale, offset):
    scores = (offset + scale * word(1)).astype(np.float32)[:, None]
    assert not constant(scores)[0]


def test_what_varies_is_divided_by_numpys_standard_deviation():
    scores = np.random.default_rng(2).normal(5, 2, (300, 4))
    np.testing.assert_allclose(divisor(scores), scores.std(axis=0))


def test_a_constant_logit_has_no_correlation():
    assert np.isnan(correlation(SAME, np.arange(337.0)))


def test_a_concept_of_equal_scores_correlates_with_none():
    columns = np.stack([SAME, np.arange(337.0)], axis=1)
    assert Correlations(columns).rows([0, 1]).tolist() == [[0, 0], [0, pytest.approx(1)]]


def drifted(extra: np.ndarray) -> float:
    """Share of far photos where one more concept has these scores: of fit, then of new photos."""
    rng = np.random.default_rng(3)
    fitted = np.column_stack([rng.normal(size=(337, 2)), SAME])
    new = np.column_stack([rng.normal(size=(len(extra), 2)), extra])
    return drift(fitted, new, ["a", "b", "same"]).share


def test_a_photo_is_not_far_by_the_rounding_of_a_constant_concept():
    assert drifted(np.full(200, np.nextafter(0.1, 1))) == drifted(np.full(200, 0.1)) < 0.1


def test_photos_are_balanced_alike_with_a_constant_concept_as_without():
    rng = np.random.default_rng(4)
    scores, others = rng.normal(size=(337, 2)), rng.normal(0.3, 1, (337, 2))
    label = np.arange(337) % 2
    with_same = [np.column_stack([each, SAME]) for each in (scores, others)]
    plain = balance(scores, label, others, label)
    np.testing.assert_allclose(
        balance(with_same[0], label, with_same[1], label).weights, plain.weights, rtol=1e-6
    )


def test_constant_logits_of_a_model_show_no_wrong_labels():
    label = np.arange(337) % 2
    found = label_noise(SAME[:, None], label, SAME[:, None], label)
    assert found.evidence == pytest.approx(0, abs=1e-6)


def test_photos_differ_alike_with_a_constant_concept_as_without():
    rng = np.random.default_rng(5)
    sides = [rng.normal(mean, 1, (337, 3)) for mean in (0, 0.5)]
    label = np.arange(337) % 2
    plain = other_photos(sides[0], label, sides[1], label)
    given = [np.column_stack([each, SAME]) for each in sides]
    assert other_photos(given[0], label, given[1], label).negatives == pytest.approx(
        plain.negatives, abs=1e-3
    )
