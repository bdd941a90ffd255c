"""Shadow prices against the slope of the objective, solved again with the bound moved."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from inficond_panel.distill import fit
from inficond_panel.distill.solver.penalty import Penalty, price_error, shadow_price

STEP, TIGHT = 1e-4, 1e-12


class Problem:
    """One student; the bound is on concept 0, and concept 1 is its collinear twin."""

    def __init__(self, seed: int, l1: float = 2e-3, l2: float = 0.0, twin: float = 0.3) -> None:
        rng = np.random.default_rng(seed)
        self.x = rng.uniform(size=(300, 6))
        self.x[:, 1] = self.x[:, 0] + twin * self.x[:, 1]
        logits = 4 * self.x[:, 0] - 3 * self.x[:, 2] + rng.normal(size=300)
        self.t = expit(logits)[:, None]
        self.l1, self.l2 = l1, l2

    def solve(self, lower: float = -np.inf, upper: float = np.inf, tolerance: float = TIGHT):
        low, high = np.full((6, 1), -np.inf), np.full((6, 1), np.inf)
        low[0], high[0] = lower, upper
        penalties = {"l1": self.l1, "l2": self.l2}
        return fit(self.x, self.t, lower=low, upper=high, tolerance=tolerance, **penalties)

    def value(self, lower: float = -np.inf, upper: float = np.inf) -> float:
        return float(self.solve(lower, upper).objective[0])

    def gradient(self, found) -> float:
        p = expit(self.x @ found.weights + found.intercepts)
        return float(self.x[:, 0] @ (p - self.t)[:, 0]) / len(self.x)

    def price(self, lower: float = -np.inf, upper: float = np.inf):
        found = self.solve(lower, upper)
        penalty = Penalty(self.l1, self.l2, lower, upper)
        return shadow_price(self.gradient(found), found.weights[0, 0], penalty)

    def slopes(self, side: str, at: float) -> tuple[float, float]:
        """Left and right difference quotients of the optimal objective in one bound."""

        def value(limit: float) -> float:
            given = {"lower": limit, "upper": limit} if side == "fixed" else {side: limit}
            return self.value(**given)

        here = value(at)
        return (here - value(at - STEP)) / STEP, (value(at + STEP) - here) / STEP


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("l1", "l2"), [(2e-3, 0.0), (2e-3, 1e-2), (0.0, 1e-2)])
@pytest.mark.parametrize("side", ["lower", "upper", "fixed"])
@pytest.mark.parametrize("away", [2.0, -2.0, None])
def test_price_is_the_slope_of_the_optimal_objective(seed, l1, l2, side, away):
    problem = Problem(seed, l1, l2)
    free = float(problem.solve().weights[0, 0])
    at = 0.0 if away is None else free + away
    limits = {"lower": at, "upper": at} if side == "fixed" else {side: at}
    price = problem.price(**limits)
    left, right = problem.slopes(side, at)
    assert (price.left, price.right) == pytest.approx((left, right), abs=5e-6)
    if side != "fixed":
        assert price.gain >= 0
        assert price.cost >= 0


def test_at_0_the_two_sides_differ_by_twice_the_penalty():
    problem = Problem(1)
    price = problem.price(lower=0.0, upper=0.0)
    assert price.right - price.left == pytest.approx(2 * problem.l1)
    left, right = problem.slopes("fixed", 0.0)
    assert right - left == pytest.approx(2 * problem.l1, abs=5e-6)


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
