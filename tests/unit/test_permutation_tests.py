"""Permutation tests of slices: p against the exact one, and as many draws as a verdict needs."""

import numpy as np
import pytest
from scipy import stats

from inficond_panel.distill import Outcome, compare_slices
from inficond_panel.distill.metrics.permutation_tests import (
    FIRST_DRAWS,
    MONTE_CARLO,
    Draws,
    Luck,
    SliceTest,
    adjusted_limits,
    most_draws,
    verdict_is_open,
)

POSITIVES, MISSED, MEMBERS = 120, 40, 40


def misses(count):
    """Images of one class, of which every third positive is missed and no negative is called; a
    slice of 40 positives, of which so many are missed, and of 20 negatives."""
    label = np.repeat([1, 0], POSITIVES)
    logit = np.where(label, 1.0, -1.0)
    logit[:MISSED] = -1.0
    member = np.zeros(2 * POSITIVES, dtype=bool)
    member[:count] = member[MISSED : MISSED + MEMBERS - count] = member[POSITIVES:][:20] = True
    return Outcome(label, logit, logit > 0), member


def exact(count):
    """The chance of so many misses, or more, among the positives of the slice."""
    return stats.hypergeom(POSITIVES, MISSED, MEMBERS).sf(count - 1)


def result_of(count, seed, **options):
    outcome, member = misses(count)
    of_class = compare_slices({"cat": outcome}, {"here": member}, "accuracy", seed=seed, **options)
    return of_class["cat"].slices[0]


@pytest.mark.parametrize("count", [17, 18])
def test_the_verdict_near_the_limit_is_that_of_the_exact_p(count):
    assert 0.04 < exact(count) < 0.1  # one on either side of the limit
    wrong = [
        seed for seed in range(12) if (result_of(count, seed).p <= 0.05) != (exact(count) <= 0.05)
    ]
    assert not wrong


def test_a_verdict_near_the_limit_has_more_draws_than_a_clear_one():
    near, clear = result_of(18, 0), result_of(13, 0)
    assert clear.draws <= FIRST_DRAWS < near.draws


def test_p_of_many_draws_is_the_exact_one():
    outcome, member = misses(17)
    test = SliceTest("cat", member, outcome.value("accuracy") - 1)  # no draw is as bad
    luck = Luck(outcome, "accuracy", 0)
    assert luck.more(test, Draws(), 500).p == pytest.approx(1 / 501)
    value = (60 - 17) / 60
    many = luck.more(SliceTest("cat", member, value), Draws(), 20_000)
    assert many.p == pytest.approx(exact(17), abs=4 * np.sqrt(exact(17) / 20_000))


def test_draws_that_are_continued_are_those_that_are_made_at_once():
    outcome, member = misses(16)
    test, luck = SliceTest("cat", member, (60 - 16) / 60), Luck(outcome, "accuracy", 3)
    in_parts = luck.more(test, luck.more(test, Draws(), 130), 700)
    whole = Luck(outcome, "accuracy", 3).more(test, Draws(), 700)
    assert (in_parts.drawn, in_parts.worse) == (700, whole.worse)
    assert in_parts.expected == pytest.approx(whole.expected)


@pytest.mark.parametrize(("worse", "drawn"), [(0, 1000), (3, 1000), (200, 200)])
def test_monte_carlo_limits_are_those_of_scipy(worse, drawn):
    truth = stats.binomtest(worse, drawn).proportion_ci(MONTE_CARLO, method="exact")
    assert Draws(drawn, worse).limits == pytest.approx((truth.low, truth.high))


def test_limits_of_adjusted_p_by_hand():
    few, many = Draws(1000, 3), Draws(1000, 400)
    first, second = adjusted_limits([few, many])
    assert first == pytest.approx([2 * end for end in few.limits])
    assert second == pytest.approx(many.limits)


@pytest.mark.parametrize(
    ("limits", "still_open"), [((0.04, 0.06), True), ((0.051, 0.2), False), ((0.01, 0.05), False)]
)
def test_a_verdict_is_open_if_its_limit_is_inside(limits, still_open):
    assert verdict_is_open(limits) is still_open


@pytest.mark.parametrize(
    ("tests", "images", "most"),
    [(15, 300, 50_000), (1000, 100, 200_000), (15, 1 << 15, 4096), (1000, 1 << 20, 40_000)],
)
def test_the_most_draws_by_hand(tests, images, most):
    assert most_draws(tests, images) == most


def test_a_test_that_reaches_the_most_draws_stays_open():
    found = result_of(18, 0, permutations=1500)
    assert found.draws == 1500
    assert verdict_is_open(found.p_holm_limits)
