"""Sizes of thumbs on a network: reliance, limits, and what features explain."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.linear_model import LinearRegression, Ridge

from inficond_panel.distill.thumb_size import enlarged, explained, limited, reliance


def drawn(count=400, features=6, seed=0):
    rng = np.random.default_rng(seed)
    return rng, rng.normal(size=(count, features))


def test_reliance_is_the_slope_of_least_squares():
    rng, given = drawn()
    logits = given @ [1.0, 2.0, 0.5, 0.1, 3.0, 0.2] + rng.normal(size=len(given)) + 7
    expected = LinearRegression().fit(given, logits).coef_ / logits.std()
    assert_allclose(reliance(logits, given), expected)


def test_logits_that_fall_with_a_concept_do_not_rely_on_it():
    _, given = drawn()
    assert reliance(-given[:, 0], given[:, [0]]) == [0.0]


def test_equal_logits_rely_on_nothing():
    _, given = drawn()
    assert_allclose(reliance(np.full(len(given), 3.0), given), 0)


@pytest.mark.parametrize(
    ("gain", "relied", "expected"), [(0.4, 1.0, 0.4), (0.4, 0.2, 0.2), (0.4, 0.0, 0.1),
                                     (-0.2, 0.1, -0.1), (-0.2, 0.0, -0.05), (0.0, 1.0, 0.0)],
)  # fmt: skip
def test_a_gain_lies_between_a_quarter_and_what_is_relied_on(gain, relied, expected):
    assert limited([gain], [relied]) == pytest.approx([expected])


def test_a_linear_shift_is_explained_in_full():
    _, given = drawn()
    assert explained(given, given @ np.arange(6.0)) == pytest.approx(1.0, abs=1e-3)


def test_a_random_shift_is_not_explained():
    rng, given = drawn()
    assert explained(given, rng.normal(size=len(given))) < 0.05


def test_half_of_a_shift_is_explained():
    """A linear part and noise, each with variance 1."""
    rng, given = drawn(4000)
    assert explained(given, given[:, 0] + rng.normal(size=len(given))) == pytest.approx(
        0.5, abs=0.05
    )


def test_a_shift_without_variance_is_not_explained():
    assert explained(drawn()[1], np.full(400, 2.0)) == 0.0


def test_more_features_than_images_are_explained_as_by_scikit_learn():
    """R² of cross-fitted ridge regressions, with the strength of least error."""
    from inficond_panel.distill.last_layer import REFIT_FOLDS, REFIT_STRENGTHS
    from inficond_panel.distill.metrics.bootstrap import stratified_folds

    rng, given = drawn(40, 90)
    shift = given[:, 0] + 0.1 * rng.normal(size=40)
    fold = stratified_folds((shift > np.median(shift))[:, None], REFIT_FOLDS, 0, None)
    errors = []
    for strength in REFIT_STRENGTHS:
        predicted = np.empty(40)
        for number in range(REFIT_FOLDS):
            seen = fold != number
            alpha = strength * seen.sum() * given[seen].var(axis=0).mean()
            model = Ridge(alpha=alpha).fit(given[seen], shift[seen])
            predicted[~seen] = model.predict(given[~seen])
        errors.append(((predicted - shift) ** 2).mean())
    assert explained(given, shift) == pytest.approx(max(1 - min(errors) / shift.var(), 0), abs=1e-6)


@pytest.mark.parametrize(("part", "factor"), [(1.0, 1.0), (0.25, 2.0), (0.0, 1 / 0.3)])
def test_what_is_asked_for_is_divided_by_the_root_of_what_is_explained(part, factor):
    assert enlarged([0.4], [0.4], part) == pytest.approx([0.4 * factor])


@pytest.mark.parametrize(("left", "factor"), [(0.25, 1.0), (0.625, 1.5), (1.0, 2.0)])
def test_a_thumb_that_was_cut_is_enlarged_less(left, factor):
    """A quarter of what is explained would double it."""
    assert enlarged([-0.2 * left], [-0.2], 0.25) == pytest.approx([-0.2 * left * factor])
