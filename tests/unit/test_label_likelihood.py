"""The likelihood of labels that may be wrong: derivatives, and the minimum beside scipy's."""

import numpy as np
import pytest
from scipy.optimize import approx_fprime, minimize
from scipy.special import expit

from inficond_panel.distill.label_likelihood import SHARE_BOUNDS, Sides, label_loss, least_loss

#: Points with all values, without the ends of the curve, and without shares, of one or two scores.
POINTS = [
    [-1.0, -2.0, 1.0],
    [-1.2, -1.0, 0.7, 0.1, 0.2],
    [-1.2, -1.0, 0.7, 0.1, 0.2, 0.05, 0.3],
    [-1.2, -1.0, 0.7, 0.4, 0.1, 0.2, 0.05, 0.3],
]
STARTS = ((0.05, 0.05), (0.2, 0.05), (0.05, 0.3))


def drawn(rng, photos: int, scores: int, ends: tuple[float, float], shares: tuple[float, float]):
    """Scores of which the first one tells the class, and its labels, some of which are wrong."""
    score = 2.5 * rng.normal(size=(photos, scores))
    low, high = ends
    label = (rng.random(photos) < low + (1 - low - high) * expit(score[:, 0] - 1)).astype(int)
    wrong = rng.random(photos) < np.where(label == 1, shares[1], shares[0])
    return score, np.where(wrong, 1 - label, label)


def sides(seed: int, scores: int) -> Sides:
    rng = np.random.default_rng(seed)
    ends, shares = (
        ((0.0, 0.0), (0.1, 0.3))[seed % 2],
        ((0.0, 0.0), (0.1, 0.1), (0.0, 0.4))[seed % 3],
    )
    return Sides(*drawn(rng, 500, scores, ends, shares), *drawn(rng, 300, scores, ends, (0, 0)))


@pytest.mark.parametrize("point", POINTS)
def test_the_gradient_is_that_of_the_loss(point):
    given = sides(1, 2 if len(point) == 8 else 1)
    numeric = approx_fprime(np.array(point), lambda at: label_loss(at, given).loss, 1e-6)
    found = label_loss(np.array(point), given).gradient
    np.testing.assert_allclose(found, numeric, rtol=1e-3, atol=1e-2)


@pytest.mark.parametrize("point", POINTS)
def test_the_curvature_is_that_of_the_loss(point):
    given = sides(1, 2 if len(point) == 8 else 1)
    numeric = [
        approx_fprime(np.array(point), lambda at, i=i: label_loss(at, given).gradient[i], 1e-6)
        for i in range(len(point))
    ]
    found = label_loss(np.array(point), given).curvature
    np.testing.assert_allclose(found, numeric, rtol=1e-3, atol=1e-2)


def test_the_loss_is_the_negative_log_likelihood():
    given, at = sides(1, 1), np.array(POINTS[2])
    curve = [
        0.05 + 0.65 * expit(b + 0.7 * x[:, 0]) for b, x in ((-1.2, given[0]), (-1.0, given[2]))
    ]
    chances = (0.1 + 0.7 * curve[0], given.fit_label), (curve[1], given.tune_label)
    by_hand = -sum(np.log(np.where(y == 1, p, 1 - p)).sum() for p, y in chances)
    assert label_loss(at, given).loss == pytest.approx(by_hand)


def by_scipy(starts, given: Sides) -> float:
    free = [*[(None, None)] * 2, *[(0, None)] * given.fit_scores.shape[1]]
    bounds = [*free, *SHARE_BOUNDS, *SHARE_BOUNDS][: len(starts[0])]

    def loss(at: np.ndarray) -> tuple[float, np.ndarray]:
        return label_loss(at, given)[:2]

    found = (minimize(loss, at, jac=True, method="L-BFGS-B", bounds=bounds) for at in starts)
    return min(each.fun for each in found)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("values", ["plain", "shares", "shares and ends"])
def test_the_least_loss_is_no_larger_than_scipys(seed, values):
    scores = 1 + seed % 3
    given, plain = sides(seed, scores), [-2.0, -2.0, *[1.0] * scores]
    starts = {
        "plain": [plain],
        "shares": [[*plain, *start] for start in STARTS],
        "shares and ends": [[*plain, *start, *end] for start in STARTS for end in STARTS],
    }[values]
    assert least_loss(starts, given)[0] <= by_scipy(starts, given) + 1e-5


@pytest.mark.parametrize("shares", [[(0.0, 0.0)] * 2, [(0.2, 0.2), (0.0, 0.5)]])
def test_shares_stay_in_their_bounds(shares):
    found = least_loss([[-2.0, -2.0, 1.0, 0.4, 0.4]], sides(1, 1), shares)[1][-2:]
    assert all(low <= value <= high for value, (low, high) in zip(found, shares, strict=True))


def test_a_class_that_the_scores_tell_perfectly_has_a_finite_loss():
    """Its slope grows until a step gains nothing."""
    given = sides(0, 1)
    sure = given._replace(fit_label=(given.fit_scores[:, 0] > 0).astype(int))
    loss, at = least_loss([[-2.0, -2.0, 1.0]], sure)
    assert np.isfinite([loss, *at]).all()
