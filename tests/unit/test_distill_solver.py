"""Contract of fit and certify; the penalty by hand and by search, prices against slopes."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.special import expit

from inficond_panel.distill import certify, decision_function, fit, soft_targets
from inficond_panel.distill.solver.penalty import Penalty, price_error, shadow_price
from inficond_panel.errors import CancelledError, DataError, SolverError


def changed(values, place, value):
    values = values.copy()
    values[place] = value
    return values


RNG = np.random.default_rng(0)
SCORES = np.maximum(RNG.normal(0.2, 0.1, (400, 30)) + RNG.normal(0, 0.03, (400, 1)), 0)
LOGITS = (SCORES - 0.2) @ RNG.normal(0, 8, (30, 3)) - 3 + RNG.normal(0, 1, (400, 3))
SCORES, TARGETS = SCORES.astype(np.float32), soft_targets(LOGITS)


def test_shapes_and_values():
    np.testing.assert_allclose(soft_targets(np.array([0.0, 2.0]), 2.0), [0.5, 1 / (1 + np.exp(-1))])
    assert soft_targets(np.array([-800.0]))[0] >= 0
    answer = fit(SCORES, TARGETS)
    assert (answer.weights.shape, answer.weights.dtype) == ((30, 3), np.float64)
    assert answer.certificate == ("gap",) * 3
    assert answer.converged.all()
    assert (answer.gap <= 1e-6).all()
    logits = decision_function(SCORES, answer.weights, answer.intercepts)
    loss = np.mean(np.logaddexp(0, logits) - TARGETS * logits, axis=0)
    objective = loss + 1e-4 * np.abs(answer.weights).sum(axis=0)
    np.testing.assert_allclose(answer.objective, objective, rtol=1e-12)


def test_each_weight_has_its_own_l1():
    """A penalty s times as high is a column divided by s, with the weight and its box times s."""
    rng = np.random.default_rng(3)
    factor = np.exp(rng.normal(size=(SCORES.shape[1], TARGETS.shape[1])))
    lower = np.where(rng.random(factor.shape) < 0.2, 0.3, -np.inf)
    upper = np.where(rng.random(factor.shape) < 0.2, 0.5, np.inf)
    box = {"lower": lower, "upper": upper}
    found = fit(SCORES, TARGETS, l1=1e-3 * factor, tolerance=1e-9, **box)
    assert found.converged.all()
    for k in range(TARGETS.shape[1]):
        s = factor[:, [k]]
        scaled = {"lower": lower[:, [k]] * s, "upper": upper[:, [k]] * s}
        alone = fit(SCORES / s.T, TARGETS[:, [k]], l1=1e-3, tolerance=1e-9, **scaled)
        np.testing.assert_allclose(found.weights[:, k], alone.weights[:, 0] / s[:, 0], atol=2e-4)
        assert found.objective[k] == pytest.approx(alone.objective[0], rel=1e-8)


def test_with_an_l1_of_0_the_certificate_is_kkt():
    l1 = np.full((SCORES.shape[1], 1), 1e-3)
    l1[0] = 0
    found = fit(SCORES, TARGETS[:, [0]], l1=l1)
    assert found.certificate == ("kkt",)
    assert found.converged.all()


def test_stored_precision_is_not_the_working_precision():
    stored = SCORES.astype(np.float16)
    half, single = fit(stored, TARGETS), fit(stored.astype(np.float32), TARGETS)
    np.testing.assert_allclose(half.weights, single.weights, atol=1e-6)  # float32 has rough passes
    double = fit(stored.astype(np.float64), TARGETS, tolerance=1e-12)
    again = fit(stored, TARGETS, tolerance=1e-12)
    np.testing.assert_allclose(again.objective, double.objective, rtol=0, atol=1e-13)
    np.testing.assert_allclose(again.weights, double.weights, atol=1e-5)
    assert again.converged.all()


def test_a_start_at_the_optimum_is_left_at_once():
    cold = fit(SCORES, TARGETS, tolerance=1e-9)
    again = fit(SCORES, TARGETS, start=cold)
    assert (again.iterations <= 1).all()
    np.testing.assert_allclose(again.objective, cold.objective, rtol=0, atol=1e-10)


def test_a_start_of_another_shape_is_refused():
    with pytest.raises(SolverError, match="start"):
        fit(SCORES, TARGETS, start=fit(SCORES[:, :5], TARGETS))


def test_certify_agrees_with_the_fit():
    answer = fit(SCORES, TARGETS)
    same = certify(SCORES, TARGETS, answer.weights, answer.intercepts)
    assert same.converged.all()
    np.testing.assert_allclose(same.objective, answer.objective, rtol=1e-12)


def test_certify_judges_any_students():
    answer = fit(SCORES, TARGETS)
    same = certify(SCORES, TARGETS, answer.weights, answer.intercepts)
    shifted = certify(SCORES, TARGETS, answer.weights, answer.intercepts + 0.5)
    assert (shifted.objective > same.objective).all()
    assert (shifted.gap > same.gap + 1e-3).all()
    open_box = certify(SCORES, TARGETS, answer.weights, answer.intercepts + 0.5, l1=0)
    assert open_box.certificate == ("kkt",) * 3
    assert (open_box.gap > 1e-3).all()


def bounds(place, low, high):
    lower, upper = np.full((30, 3), -np.inf), np.full((30, 3), np.inf)
    return {"lower": changed(lower, place, low), "upper": changed(upper, place, high)}


WRONG = [
    ({"targets": changed(TARGETS, np.s_[:, 1], 0.0)}, SolverError, "class 1 are 0"),
    ({"targets": changed(TARGETS, np.s_[:, 1], 1.0)}, SolverError, "class 1 are 1"),
    ({"targets": changed(TARGETS, 7, np.nan)}, DataError, "3 of 1200 targets"),
    ({"scores": changed(SCORES, ([3, 5], [4, 6]), [np.nan, np.inf])}, DataError, "2 of 12000"),
    (bounds((4, 2), 1.0, 0.5), SolverError, r"concept 4 of class 2: lower 1\.0, upper 0\.5"),
    (bounds((1, 1), 1 + 1e-15, 1.0), SolverError, "concept 1 of class 1"),
    (bounds((4, 2), np.nan, np.inf), SolverError, "no allowed value"),
    (bounds((4, 2), -np.inf, -np.inf), SolverError, "no allowed value"),
    ({"scores": np.ones(5)}, DataError, "shape"),
    ({"scores": np.ones((0, 3))}, DataError, "shape"),
    ({"scores": np.full((400, 30), "a")}, DataError, "table of numbers"),
    ({"targets": np.full((399, 3), 0.5)}, SolverError, "400 rows"),
    ({"targets": np.ones((400, 0))}, SolverError, "one column for each class"),
    ({"targets": np.full((400, 3), 1.5)}, SolverError, r"1200 of 1200 targets lie outside"),
    ({"l1": -1.0}, SolverError, "l1"),
    ({"l1": np.ones(4)}, SolverError, "4,"),
    ({"l1": np.ones((4, 4))}, SolverError, "one per concept and class"),
    ({"l2": np.inf}, SolverError, "l2"),
    ({"lower": np.zeros(30)}, SolverError, "lower bounds"),
    ({"sample_weight": -np.ones(400)}, SolverError, "Sample weights"),
    ({"sample_weight": np.zeros(400)}, SolverError, "Sample weights"),
    ({"sample_weight": np.ones(3)}, SolverError, "Sample weights"),
    ({"tolerance": 0.0}, SolverError, "tolerance"),
]


@pytest.mark.parametrize(("change", "error", "text"), WRONG)
def test_wrong_input_is_refused(change, error, text):
    with pytest.raises(error, match=text) as caught:
        fit(**{"scores": SCORES, "targets": TARGETS} | change)
    assert caught.value.remedy


@pytest.mark.parametrize("images", [6, 7, 10, 13, 100])
def test_targets_of_1_alone_are_refused(images):
    with pytest.raises(SolverError, match="class 0 are 1"):
        fit(SCORES[:images], np.ones((images, 1)))


def test_progress_is_told_to_the_end():
    seen = []
    fit(SCORES, TARGETS, progress=lambda share, text: seen.append((share, text)))
    shares = [share for share, _ in seen]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert seen[-1][1].startswith("3 of 3")


def test_a_fit_can_be_cancelled():
    calls = iter([False, False, True])
    with pytest.raises(CancelledError):
        fit(SCORES, TARGETS, cancelled=lambda: next(calls))


INF = np.inf
NUMBERS = st.floats(-3, 3, allow_subnormal=False)
#: Weights at 0, at each bound, between them.
BOX = Penalty(1.0, 2.0, np.full(4, -1.0), np.full(4, 3.0))
WEIGHTS = np.array([0.0, -1.0, 3.0, 2.0])


def psi(w: float, l1: float, l2: float) -> float:
    return l1 * abs(w) + l2 / 2 * w * w


ONE_SIDED = Penalty(1.0, 0.0, np.array([-1.0, 2.0, -INF]), np.array([1.0, INF, -3.0]))


def test_clip_gives_the_nearest_allowed_weights_by_hand():
    assert ONE_SIDED.clip(np.array([-5.0, 5.0, 0.0])).tolist() == [-1.0, 5.0, -3.0]


def test_weights_at_rest_by_hand():
    assert ONE_SIDED.rest.tolist() == [0.0, 2.0, -3.0]


def test_kinks_of_chosen_weights_have_no_l2():
    chosen = BOX.kinks(np.array([1, 3]))
    assert (chosen.l1, chosen.l2, chosen.lower.tolist()) == (1.0, 0.0, [-1.0, -1.0])


def test_a_penalty_in_other_units_by_hand():
    chosen = BOX.kinks(np.array([1, 3]))
    scaled = chosen.scaled(np.array([2.0, 4.0]))
    assert scaled.l1.tolist() == [0.5, 0.25]
    assert (scaled.lower.tolist(), scaled.upper.tolist()) == ([-2.0, -4.0], [6.0, 12.0])
    assert scaled.kinks(np.array([1])).l1.tolist() == [0.25]


def test_support_by_hand():
    still, pulled = np.zeros(4), np.full(4, 0.1)
    assert BOX.support(WEIGHTS, still).tolist() == [False, False, False, True]
    assert BOX.support(WEIGHTS, pulled).all()


def test_without_l1_support_has_no_kink_at_zero():
    still = np.zeros(4)
    smooth = Penalty(0.0, 2.0, BOX.lower, BOX.upper)  # without L1 there is no kink at 0
    assert smooth.support(WEIGHTS, still).tolist() == [True, False, False, True]


def test_forces_are_scaled_into_the_dual_where_sides_are_open():
    penalty = Penalty(1.0, 0.0, np.array([-1.0, -INF]), np.array([INF, 1.0]))
    assert penalty.feasible_scale(np.array([0.5, -0.5])) == 1.0
    assert penalty.feasible_scale(np.array([-9.0, 9.0])) == 1.0  # both pull to a finite side
    scale = penalty.feasible_scale(np.array([4.0, -2.0]))
    assert scale == pytest.approx(0.25)
    assert 4.0 * scale <= 1.0


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
def test_forces_by_hand(weight, smooth, force):
    assert BOX.forces(np.full(4, weight), np.full(4, smooth)).tolist() == [force] * 4


@pytest.mark.parametrize(
    ("s", "l2", "upper", "conjugate"),
    [
        (20.0, 2.0, 3.0, 48.0),  # at the bound: 60 - 3 - 9
        (2.0, 0.0, 3.0, 3.0),
        (2.0, 0.0, INF, INF),
        (1.0, 0.0, INF, 0.0),
    ],
)
def test_the_conjugate_by_hand(s, l2, upper, conjugate):
    penalty = Penalty(1.0, l2, np.full(1, -1.0), np.full(1, upper))
    assert penalty.conjugate(np.full(1, s)).tolist() == [conjugate]


#: A penalty without bounds, and one whose bounds no weight comes near.
FREE, FAR = (
    Penalty(1.0, lower=np.full(4, -INF), upper=np.full(4, INF)),
    Penalty(1.0, 0.0, -1e9, 1e9),
)


@pytest.mark.parametrize("free", [FREE, Penalty(1.0)], ids=["of each", "of all"])
@pytest.mark.parametrize("l1", [1.0, np.array([0.5, 0.0, 2.0, 1.0])], ids=["one", "each"])
def test_a_penalty_without_bounds_pulls_like_one_with_far_bounds(free, l1):
    weights, smooth = np.array([0.0, -1.0, 2.0, 0.0]), np.array([1.5, 0.2, -3.0, 0.7])
    free, far = replace(free, l1=l1), replace(FAR, l1=l1)
    assert free.forces(weights, smooth).tolist() == far.forces(weights, smooth).tolist()
    forces = far.forces(weights, smooth)
    assert free.support(weights, forces).tolist() == far.support(weights, forces).tolist()


def test_a_penalty_without_bounds_stays_without_them():
    assert FREE.kinks(np.array([1, 3])).scaled(np.array([2.0, 4.0])).free
    assert not FAR.free


def test_without_bounds_all_forces_are_scaled_into_the_dual():
    scale = FREE.feasible_scale(np.array([4.0, -8.0, 0.5, 0.0]))
    assert scale == pytest.approx(0.125)
    assert FREE.conjugate(np.array([1.0, -1.0, 0.5, 0.0])).tolist() == [0.0] * 4
    assert FREE.conjugate(np.array([2.0, -1.0, 0.5, -2.0])).tolist() == [INF, 0.0, 0.0, INF]


@pytest.mark.parametrize(
    ("l1", "l2", "upper", "bounded"),
    [(0.0, 0.0, INF, False), (0.0, 0.0, 1.0, True), (0.1, 0.0, INF, True), (0.0, 0.1, INF, True)],
)
def test_a_penalty_keeps_weights_finite_by_either_part_or_by_bounds(l1, l2, upper, bounded):
    assert Penalty(l1, l2, np.full(2, -1.0), np.full(2, upper)).bounded == bounded


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
