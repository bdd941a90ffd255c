"""Penalty of L1, L2 and box by hand and by search; prices against the slope of the objective."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.special import expit

from inficond_panel.distill import fit
from inficond_panel.distill.solver.penalty import Penalty, price_error, shadow_price

INF = np.inf
NUMBERS = st.floats(-3, 3, allow_subnormal=False)
#: Weights at 0, at each bound, between them.
BOX = Penalty(1.0, 2.0, np.full(4, -1.0), np.full(4, 3.0))
WEIGHTS = np.array([0.0, -1.0, 3.0, 2.0])


def psi(w: float, l1: float, l2: float) -> float:
    return l1 * abs(w) + l2 / 2 * w * w


def test_clip_and_rest_are_the_nearest_allowed_weights_in_any_unit():
    box = Penalty(1.0, 0.0, np.array([-1.0, 2.0, -INF]), np.array([1.0, INF, -3.0]))
    assert box.clip(np.array([-5.0, 5.0, 0.0])).tolist() == [-1.0, 5.0, -3.0]
    assert box.rest.tolist() == [0.0, 2.0, -3.0]
    chosen = BOX.kinks(np.array([1, 3]))
    assert (chosen.l1, chosen.l2, chosen.lower.tolist()) == (1.0, 0.0, [-1.0, -1.0])
    scaled = chosen.scaled(np.array([2.0, 4.0]))
    assert scaled.l1.tolist() == [0.5, 0.25]
    assert (scaled.lower.tolist(), scaled.upper.tolist()) == ([-2.0, -4.0], [6.0, 12.0])
    assert scaled.kinks(np.array([1])).l1.tolist() == [0.25]


@pytest.mark.parametrize(
    ("weight", "smooth", "force"),
    [
        (0.0, 0.5, 0.0),  # within the kink: -1 <= smooth <= 1
        (0.0, 1.5, 0.5),  # pulled down
        (0.0, -1.5, -0.5),  # pulled up
        (2.0, -1.0, 0.0),  # stationary: smooth + l1 = 0
        (2.0, 0.5, 1.5),
        (3.0, -4.0, 0.0),  # at the upper bound, pulled against it
        (3.0, 4.0, 5.0),  # at the upper bound, pulled off it
        (-1.0, 4.0, 0.0),
        (-1.0, -4.0, -5.0),
    ],
)
def test_forces_are_the_subgradient_of_least_size(weight, smooth, force):
    assert BOX.forces(np.full(4, weight), np.full(4, smooth)).tolist() == [force] * 4


def test_support_leaves_out_kinks_and_the_feasible_scale_keeps_open_sides_within_l1():
    still, pulled = np.zeros(4), np.full(4, 0.1)
    assert BOX.support(WEIGHTS, still).tolist() == [False, False, False, True]
    assert BOX.support(WEIGHTS, pulled).all()
    smooth = Penalty(0.0, 2.0, BOX.lower, BOX.upper)  # without L1 there is no kink at 0
    assert smooth.support(WEIGHTS, still).tolist() == [True, False, False, True]
    penalty = Penalty(1.0, 0.0, np.array([-1.0, -INF]), np.array([INF, 1.0]))
    assert penalty.feasible_scale(np.array([0.5, -0.5])) == 1.0
    assert penalty.feasible_scale(np.array([-9.0, 9.0])) == 1.0  # both pull to a finite side
    scale = penalty.feasible_scale(np.array([4.0, -2.0]))
    assert scale == pytest.approx(0.25)
    assert 4.0 * scale <= 1.0


@pytest.mark.parametrize(
    ("s", "l2", "upper", "conjugate"),
    [
        (20.0, 2.0, 3.0, 48.0),  # at the bound: 60 - 3 - 9
        (2.0, 0.0, 3.0, 3.0),
        (2.0, 0.0, INF, INF),
        (1.0, 0.0, INF, 0.0),
    ],
)
def test_conjugate_by_hand(s, l2, upper, conjugate):
    penalty = Penalty(1.0, l2, np.full(1, -1.0), np.full(1, upper))
    assert penalty.conjugate(np.full(1, s)).tolist() == [conjugate]


@given(s=NUMBERS, l1=st.floats(0, 2), l2=st.floats(0.01, 2), ends=st.tuples(NUMBERS, NUMBERS))
def test_conjugate_is_the_largest_value_over_the_box(s, l1, l2, ends):
    low, high = sorted(ends)
    found = Penalty(l1, l2, np.full(1, low), np.full(1, high)).conjugate(np.full(1, s))[0]
    kinks = [low, high, min(max(0.0, low), high)]
    best = max(s * w - psi(w, l1, l2) for w in kinks)
    if high > low:
        inner = minimize_scalar(
            lambda w: psi(w, l1, l2) - s * w, bounds=(low, high), options={"xatol": 1e-10}
        )
        best = max(best, -inner.fun)
    assert found == pytest.approx(best, abs=1e-8)


@pytest.mark.parametrize(
    ("l1", "l2", "upper", "bounded"),
    [(0.0, 0.0, INF, False), (0.0, 0.0, 1.0, True), (0.1, 0.0, INF, True), (0.0, 0.1, INF, True)],
)
def test_it_bounds_the_objective_unless_a_side_is_free(l1, l2, upper, bounded):
    assert Penalty(l1, l2, np.full(2, -1.0), np.full(2, upper)).bounded == bounded


class Problem:
    """One student; the bound is on concept 0, and concept 1 is its collinear twin."""

    def __init__(self, seed: int, l1: float = 2e-3, l2: float = 0.0) -> None:
        rng = np.random.default_rng(seed)
        self.x = rng.uniform(size=(300, 6))
        self.x[:, 1] = self.x[:, 0] + 0.3 * self.x[:, 1]
        logits = 4 * self.x[:, 0] - 3 * self.x[:, 2] + rng.normal(size=300)
        self.t = expit(logits)[:, None]
        self.l1, self.l2 = l1, l2

    def solve(self, lower: float = -INF, upper: float = INF, tolerance: float = 1e-12):
        low, high = np.full((6, 1), -INF), np.full((6, 1), INF)
        low[0], high[0] = lower, upper
        options = {"l1": self.l1, "l2": self.l2, "tolerance": tolerance}
        return fit(self.x, self.t, lower=low, upper=high, **options)

    def gradient(self, found) -> float:
        p = expit(self.x @ found.weights + found.intercepts)
        return float(self.x[:, 0] @ (p - self.t)[:, 0]) / len(self.x)

    def price(self, lower: float = -INF, upper: float = INF):
        found = self.solve(lower, upper)
        penalty = Penalty(self.l1, self.l2, lower, upper)
        return shadow_price(self.gradient(found), found.weights[0, 0], penalty)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(("l1", "l2"), [(2e-3, 0.0), (2e-3, 1e-2), (0.0, 1e-2)])
@pytest.mark.parametrize("side", ["lower", "upper", "fixed"])
@pytest.mark.parametrize("away", [2.0, -2.0, None])
def test_price_is_the_slope_of_the_optimal_objective(seed, l1, l2, side, away):
    problem = Problem(seed, l1, l2)
    free = float(problem.solve().weights[0, 0])
    at = 0.0 if away is None else free + away
    sides, step = ("lower", "upper") if side == "fixed" else (side,), 1e-4
    below, here, above = (
        float(problem.solve(**dict.fromkeys(sides, limit)).objective[0])
        for limit in (at - step, at, at + step)
    )
    price = problem.price(**dict.fromkeys(sides, at))
    slopes = (here - below) / step, (above - here) / step
    assert (price.left, price.right) == pytest.approx(slopes, abs=5e-6)
    if side != "fixed":
        assert price.gain >= 0
        assert price.cost >= 0
    elif away is None:  # at 0 the two sides differ by twice the penalty
        assert price.right - price.left == pytest.approx(2 * l1, abs=1e-9)


def test_a_bound_that_just_touches_costs_only_when_tightened():
    problem = Problem(0)
    free = float(problem.solve().weights[0, 0])
    assert abs(free) > 0.1
    price = problem.price(lower=free)
    assert price.gain == pytest.approx(0, abs=1e-6)
    assert problem.price(lower=free - 1) == type(price)(0, 0, 0, 0, 0)


@settings(max_examples=30)
@given(seed=st.integers(0, 10**6), tolerance=st.sampled_from([1e-1, 1e-2, 1e-4]))
def test_the_error_of_a_price_is_bounded(seed, tolerance):
    problem = Problem(seed, l1=1e-3)
    rough, exact = problem.solve(upper=0.5, tolerance=tolerance), problem.solve(upper=0.5)
    delta = float(rough.objective[0] - exact.objective[0])
    off = abs(problem.gradient(rough) - problem.gradient(exact))
    assert off <= price_error(float(problem.x[:, 0].std()), delta + 1e-13)
