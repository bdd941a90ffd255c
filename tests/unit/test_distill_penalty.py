"""Penalty of L1, L2 and box: values by hand, and against a search over the weights."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from inficond_panel.distill.solver.penalty import Penalty

INF = np.inf
NUMBERS = st.floats(-3, 3, allow_subnormal=False)
#: Weights at 0, at each bound, between them.
BOX = Penalty(1.0, 2.0, np.full(4, -1.0), np.full(4, 3.0))
WEIGHTS = np.array([0.0, -1.0, 3.0, 2.0])


def psi(w: float, l1: float, l2: float) -> float:
    return l1 * abs(w) + l2 / 2 * w * w


def test_clip_and_rest_are_the_nearest_allowed_weights():
    box = Penalty(1.0, 0.0, np.array([-1.0, 2.0, -INF]), np.array([1.0, INF, -3.0]))
    assert box.clip(np.array([-5.0, 5.0, 0.0])).tolist() == [-1.0, 5.0, -3.0]
    assert box.rest.tolist() == [0.0, 2.0, -3.0]


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


def test_support_leaves_out_what_rests_at_a_kink():
    still, pulled = np.zeros(4), np.full(4, 0.1)
    assert BOX.support(WEIGHTS, still).tolist() == [False, False, False, True]
    assert BOX.support(WEIGHTS, pulled).all()
    smooth = Penalty(0.0, 2.0, BOX.lower, BOX.upper)  # without L1 there is no kink at 0
    assert smooth.support(WEIGHTS, still).tolist() == [True, False, False, True]


@pytest.mark.parametrize(
    ("s", "l2", "upper", "conjugate"),
    [
        (5.0, 2.0, 3.0, 4.0),  # at w = (5 - 1) / 2: 10 - 2 - 4
        (0.5, 2.0, 3.0, 0.0),
        (20.0, 2.0, 3.0, 48.0),  # at the bound: 60 - 3 - 9
        (-5.0, 2.0, 3.0, 3.0),  # at the lower bound: 5 - 1 - 1
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


def test_the_feasible_scale_keeps_open_sides_within_l1():
    penalty = Penalty(1.0, 0.0, np.array([-1.0, -INF]), np.array([INF, 1.0]))
    assert penalty.feasible_scale(np.array([0.5, -0.5])) == 1.0
    assert penalty.feasible_scale(np.array([-9.0, 9.0])) == 1.0  # both pull to a finite side
    scale = penalty.feasible_scale(np.array([4.0, -2.0]))
    assert scale == pytest.approx(0.25)
    assert 4.0 * scale <= 1.0


@pytest.mark.parametrize(
    ("l1", "l2", "upper", "bounded"),
    [(0.0, 0.0, INF, False), (0.0, 0.0, 1.0, True), (0.1, 0.0, INF, True), (0.0, 0.1, INF, True)],
)
def test_it_bounds_the_objective_unless_a_side_is_free(l1, l2, upper, bounded):
    assert Penalty(l1, l2, np.full(2, -1.0), np.full(2, upper)).bounded == bounded


def test_some_weights_in_other_units():
    chosen = BOX.kinks(np.array([1, 3]))
    assert (chosen.l1, chosen.l2, chosen.lower.tolist()) == (1.0, 0.0, [-1.0, -1.0])
    scaled = chosen.scaled(np.array([2.0, 4.0]))
    assert scaled.l1.tolist() == [0.5, 0.25]
    assert (scaled.lower.tolist(), scaled.upper.tolist()) == ([-2.0, -4.0], [6.0, 12.0])
    assert scaled.kinks(np.array([1])).l1.tolist() == [0.25]
