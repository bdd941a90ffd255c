"""The softmax student: optimum, certificate and bounds, against other solvers and by properties."""

import numpy as np
import pytest
from joint_references import (
    KINDS,
    concept_case,
    conic,
    excess,
    objective,
    problem,
    random_case,
    unit,
    value,
)
from problems import seeds
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression

from inficond_panel.distill import certify_joint, fit, fit_joint
from inficond_panel.distill.solver import joint_model, joint_newton
from inficond_panel.distill.solver.joint import JointFit, make_joint_problem, one_of_each
from inficond_panel.distill.solver.joint_objective import JointProblem, least_shift
from inficond_panel.distill.solver.tempered import Tempered
from inficond_panel.errors import CancelledError, SolverError

FEASIBLE = 1e-11


@pytest.mark.parametrize(("many", "tolerance"), [(joint_newton._MANY, 1e-9), (0, 1e-7)])
@pytest.mark.parametrize("seed", seeds(2, 4))
@pytest.mark.parametrize("kind", KINDS)
def test_the_optimum_is_that_of_a_conic_solver(kind, seed, many, tolerance, monkeypatch):
    """By the matrix of all weights, and by products, as where more than ``many`` move."""
    monkeypatch.setattr(joint_newton, "_MANY", many)
    case = random_case(kind, seed)
    p = problem(case)
    found = fit_joint(**case, tolerance=tolerance)
    assert found.converged
    mine = objective(p, found.weights, found.intercepts)
    assert found.objective == pytest.approx(mine, rel=1e-11)
    assert excess(p, found.weights).max() <= FEASIBLE * max(1, np.abs(found.weights).max())
    primal, dual, _ = conic(p)
    slack = 1e-6 * unit(p)
    assert dual - slack <= mine <= primal + slack


@pytest.mark.parametrize("seed", seeds(2, 4))
@pytest.mark.parametrize("kind", KINDS)
def test_the_gap_covers_the_distance_of_good_and_bad_answers(kind, seed):
    case = random_case(kind, seed)
    p, rng = problem(case), np.random.default_rng(seed)
    best = fit_joint(**case, tolerance=1e-11)
    least = min(best.objective, conic(p)[0])
    answers = [fit_joint(**case, tolerance=1e-11, max_iterations=most) for most in (0, 1, 2, 4)]
    rest = {name: each for name, each in case.items() if name not in ("scores", "targets")}
    for size in (1e-6, 1e-2, 1.0, 30.0):
        wild = best.weights + size * rng.standard_normal(best.weights.shape) / case["scores"].max()
        answers.append(certify_joint(case["scores"], case["targets"], wild, **rest))
        answers.append(fit_joint(**case, start=wild, max_iterations=1))
    for answer in answers:
        assert excess(p, answer.weights).max() <= FEASIBLE * max(1, np.abs(answer.weights).max())
        distance = objective(p, answer.weights, answer.intercepts) - least
        assert distance / unit(p) <= answer.gap + 2e-7  # the conic solver's own accuracy


@pytest.mark.parametrize("seed", seeds(2, 6))
@pytest.mark.parametrize("kind", KINDS)
def test_any_start_ends_at_the_optimum_and_the_gap_there_is_tight(kind, seed):
    case = random_case(kind, seed)
    best = fit_joint(**case, tolerance=1e-9)
    assert best.gap <= 1e-9
    noise = np.random.default_rng(seed).standard_normal(best.weights.shape)
    for size in (1e-3, 1.0, 100.0):
        again = fit_joint(**case, start=best.weights + size * noise / case["scores"].max())
        assert again.converged
        assert again.objective - best.objective <= (1e-6 + 1e-9) * unit(problem(case))


@pytest.mark.parametrize(("kind", "seed"), [("hard labels", 3), ("plain", 1)])
def test_scikit_learns_multinomial_with_saga(kind, seed):
    """A soft target is a row of each class, weighted."""
    case = random_case(kind, seed)
    x, t, p = case["scores"], case["targets"], problem(case)
    n, k = t.shape
    strength = 1 / (n * case["l1"])
    model = LogisticRegression(C=strength, l1_ratio=1, solver="saga", tol=1e-10, max_iter=200_000)
    model.fit(np.repeat(x, k, axis=0), np.tile(np.arange(k), n), sample_weight=t.ravel())
    found = fit_joint(**case, tolerance=1e-10)
    theirs = objective(p, model.coef_.T, model.intercept_)
    assert 0 <= theirs - found.objective + 1e-10 <= 1e-6 * unit(p)
    mine = softmax(x @ found.weights + found.intercepts, axis=1)
    np.testing.assert_allclose(mine, model.predict_proba(x), atol=1e-3)


@pytest.mark.parametrize("seed", range(5))
def test_two_classes_are_the_sigmoid_student(seed):
    """Of (w1, w2) with w1 - w2 = w the L1 term is least at |w|: the problem of one sigmoid; and
    the centred weight is w / 2."""
    case = random_case("two classes", seed)
    rng = np.random.default_rng(seed)
    size = case["scores"].shape[1]
    upper = np.where(rng.random(size) < 0.5, rng.normal(0, 0.3, size), np.inf)
    bounds = np.stack([upper, np.full(size, np.inf)], axis=1)
    joint = fit_joint(**case, upper=bounds, tolerance=1e-10)
    x, target, both = case["scores"], case["targets"][:, :1], 2 * upper[:, None]
    one = fit(x, target, l1=case["l1"], upper=both, tolerance=1e-10)
    assert joint.objective == pytest.approx(one.objective[0], abs=1e-8)
    logits = x @ joint.weights + joint.intercepts
    theirs = x @ one.weights[:, 0] + one.intercepts[0]
    np.testing.assert_allclose(logits[:, 0] - logits[:, 1], theirs, atol=1e-3)
    assert (joint.centred[:, 0] <= upper + 1e-11).all()


def test_weights_of_photos_are_photos_that_are_there_as_often():
    case = random_case("plain", 2)
    counts = np.random.default_rng(0).integers(0, 4, len(case["scores"]))
    counts[0] = 1
    weighted = fit_joint(**case, sample_weight=counts, tolerance=1e-10)
    repeated = {name: np.repeat(case[name], counts, axis=0) for name in ("scores", "targets")}
    again = fit_joint(**case | repeated, tolerance=1e-10)
    assert weighted.objective == pytest.approx(again.objective, abs=1e-9)


def test_the_order_of_classes_does_not_matter():
    case = random_case("bounds", 0)
    order = np.random.default_rng(0).permutation(case["targets"].shape[1])
    turned = case | {name: case[name][:, order] for name in ("targets", "lower", "upper")}
    first, second = fit_joint(**case, tolerance=1e-10), fit_joint(**turned, tolerance=1e-10)
    assert first.objective == pytest.approx(second.objective, abs=1e-9)


def test_all_weights_are_zero_from_the_largest_pull_on():
    """At W = 0 the residuals are t - mean t; no weight moves while none of X'(t - mean t) / n
    exceeds l1."""
    case = random_case("plain", 0)
    spread = case["targets"] - case["targets"].mean(axis=0)
    most = np.abs(case["scores"].T @ spread).max() / len(spread)
    none = fit_joint(**{**case, "l1": 1.0001 * most})
    assert not none.weights.any()
    mean = case["targets"].mean(axis=0)
    np.testing.assert_allclose(softmax(none.intercepts), mean, rtol=1e-12)
    assert fit_joint(**{**case, "l1": 0.98 * most}, tolerance=1e-9).weights.any()


def test_the_weights_of_a_concept_have_the_median_zero():
    found = fit_joint(**random_case("many classes", 1), tolerance=1e-10)
    assert np.abs(np.median(found.weights, axis=1)).max() <= 1e-9
    np.testing.assert_allclose(found.centred.sum(axis=1), 0, atol=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_no_shift_of_a_concepts_weights_has_less_l1_than_the_chosen_one(seed):
    """Against all shifts to one of the weights: the L1 term is linear between them."""
    rng = np.random.default_rng(seed)
    weights, l1 = rng.normal(size=(6, 5)), rng.exponential(size=5)
    found = np.abs(least_shift(weights, l1)) @ l1
    for row, least in zip(weights, found, strict=True):
        assert least == pytest.approx(min(np.abs(row - s) @ l1 for s in row), rel=1e-12)


def test_influences_beyond_a_bound_by_rounding_are_put_on_it():
    weights = np.array([[0.3 + 1e-13, -0.3 - 1e-13, 0.0]])
    none = np.zeros((1, 3))
    found = JointFit(weights, np.zeros(3), 1.0, 0.0, none, iterations=1, converged=True)
    lower, upper = np.full((1, 3), -np.inf), np.full((1, 3), np.inf)
    upper[0, 0], lower[0, 1] = 0.3, -0.3
    students = one_of_each(found, lower, upper)
    assert students.weights[0].tolist() == [0.3, -0.3, 0.0]


@pytest.mark.parametrize("bound", [1e3, 5e3])
def test_bounds_far_away_are_met(bound):
    """Most photos are then sure, and the loss is flat there: steps are far too long."""
    case = {**concept_case(80, 12, 3), "l1": 1e-5}
    lower = np.full((12, 3), -np.inf)
    lower[[3, 4, 5], [0, 1, 2]] = bound * np.array([1, 2, 3])
    found = fit_joint(**case, lower=lower)
    assert found.converged, found.gap
    assert found.iterations < 75
    p = problem({**case, "lower": lower})
    assert found.objective == pytest.approx(value(p, found.weights), rel=1e-9)


def test_a_bound_on_one_class_moves_the_others_and_its_multiplier_is_its_price():
    case = concept_case()
    free = fit_joint(**case, tolerance=1e-10)
    c = int(np.abs(free.centred[:, 0]).argmax())
    assert free.centred[c, 0] != 0
    shape = free.weights.shape

    def bounded(limit):
        lower, upper = np.full(shape, -np.inf), np.full(shape, np.inf)
        lower[c, 0] = upper[c, 0] = limit
        return fit_joint(**case, lower=lower, upper=upper, start=free.weights, tolerance=1e-11)

    here = free.centred[c, 0] / 2
    found, step = bounded(here), 1e-3 * abs(here)
    assert found.centred[c, 0] == pytest.approx(here, abs=1e-11)
    assert np.abs(found.centred[:, 1:] - free.centred[:, 1:]).max() > 1e-3
    # the optimum as a function of the bound falls by the multiplier
    slope = (bounded(here + step).objective - bounded(here - step).objective) / (2 * step)
    assert found.multipliers[c, 0] == pytest.approx(-slope, rel=1e-2)


def test_a_bound_on_a_constant_column_is_proved():
    targets = softmax(np.random.default_rng(3).normal(size=(40, 3)), axis=1)
    assert fit_joint(np.ones((40, 1)), targets, l1=1e-3, lower=np.array([[0.5, -9, -9]])).converged


@pytest.mark.parametrize(
    ("bend", "l1", "bound"), [([1e8, 1e-8], 1e-9, [5e-5, 5e3]), ([1e-6, 1e-6], 0.05, [0.01, 0.001])]
)
def test_bounds_of_concepts_of_any_scale_and_of_a_small_curvature_are_met(bend, l1, bound):
    """Two concepts of two classes, centred weights (w1 - w2) / 2 >= bound: by hand w = (bound,
    -bound), and the multiplier is -2 (l1 + bend bound)."""
    bend, bound = np.array(bend), np.array(bound)
    matrix = np.kron(np.eye(2), [0.5, -0.5])
    rows = joint_model.Rows(matrix, bound, np.full(2, np.inf))
    hessian, zeros = np.diag(np.repeat(bend, 2)), np.zeros(4)
    found, multipliers = joint_model.solve_bounded(
        hessian, zeros, np.full(4, l1), rows, zeros, np.zeros(2), 1e-8
    )
    np.testing.assert_allclose(found, np.kron(bound, [1, -1]), rtol=1e-6)
    np.testing.assert_allclose(multipliers, -2 * (l1 + bend * bound), rtol=1e-6)


def test_a_problem_of_the_size_of_a_store():
    case = concept_case(1500, 200, 8, seed=1)
    found = fit_joint(**case)
    p = problem(case)
    assert found.converged
    assert found.gap <= 1e-6
    assert found.objective <= value(p, found.weights) + 1e-9
    float32 = fit_joint(**{**case, "scores": case["scores"].astype(np.float64)})
    assert found.objective == pytest.approx(float32.objective, abs=2e-6 * unit(p))


def test_a_bound_among_many_weights_needs_few_products(monkeypatch):
    """With the same bits where the scores are too large to be held twice."""
    monkeypatch.setattr(joint_newton, "_MANY", 0)
    case = concept_case(1500, 200, 8, seed=1)
    start = fit_joint(**case)
    lower = np.full(start.weights.shape, -np.inf)
    lower.flat[start.centred.argmax()] = 1.2 * start.centred.max()
    products, bent = [], joint_model._bent
    monkeypatch.setattr(joint_model, "_bent", lambda *a, **k: products.append(1) or bent(*a, **k))
    found = fit_joint(**case, start=start.weights, lower=lower)
    assert found.converged
    assert len(products) <= 60
    monkeypatch.setattr(joint_model, "_HELD_VALUES", 0)
    np.testing.assert_array_equal(
        fit_joint(**case, start=start.weights, lower=lower).weights, found.weights
    )


def dependent_case(kind, rank):
    """Scores of 16 concepts in ``rank`` dimensions; equal columns for 8."""
    rng = np.random.default_rng(0)
    mixing = np.tile(np.eye(8), 2) if rank == 8 else rng.normal(size=(rank, 16))
    scores = (rng.normal(size=(120, rank)) @ mixing).astype(np.float32)
    logits = 2 * scores[:, :4] @ rng.normal(size=(4, 4)) + rng.normal(size=(120, 4))
    targets = softmax(logits, axis=1)
    if kind == "boxes":
        box = np.full((16, 4), 0.1)
        return {"l1": 1e-4, "lower": -box, "upper": box, "scores": scores, "targets": targets}
    if kind == "tempered":
        label = np.eye(4, dtype=np.intp)[rng.integers(0, 4, 120)]
        targets = Tempered(label, softmax(logits / 4, axis=1), 16.0, 4.0)
    return {"l1": 1e-4 if kind == "plain" else 1e-6, "scores": scores, "targets": targets}


@pytest.mark.parametrize(
    ("kind", "rank", "most"),
    [
        ("boxes", 2, 3000),  # flat directions, which float32 rounds to negative curvature
        ("tempered", 8, 200),  # small forces that leave a gap, since the L1 term is small
        ("plain", 3, 600),  # weights that become 0 one after the other
    ],
)
def test_dependent_columns_need_few_products(kind, rank, most, monkeypatch):
    case = dependent_case(kind, rank)
    by_matrix = fit_joint(**case)
    monkeypatch.setattr(joint_newton, "_MANY", 0)
    monkeypatch.setattr(joint_newton, "_MOST", 0)
    products, bent = [], joint_model._bent
    monkeypatch.setattr(joint_model, "_bent", lambda *a, **k: products.append(1) or bent(*a, **k))
    found = fit_joint(**case)
    assert found.converged
    assert found.objective <= by_matrix.objective + 2e-6 * np.log(4)
    assert len(products) <= most


def test_matrices_of_dependent_columns_have_no_negative_eigenvalue():
    rows = dependent_case("plain", 3)["scores"].T
    part = joint_model._part(rows, np.zeros(16), np.full((120, 1, 4), 0.25), np.full((120, 1), 0.1))
    for gram in joint_model._class_grams(part, np.ones((4, 17), dtype=bool)):
        assert np.linalg.eigvalsh(gram).min() > 0


def test_best_intercepts_end_where_only_rounding_is_left(monkeypatch):
    rng = np.random.default_rng(0)
    targets, linear = softmax(3 * rng.normal(size=(5000, 3)), axis=1), rng.normal(size=(5000, 3))
    p = make_joint_problem((5000, 20), targets, 1e-3, None, None, None)
    fits, fitted = [], JointProblem.fitted
    monkeypatch.setattr(JointProblem, "fitted", lambda *a: fits.append(1) or fitted(*a))
    best = p.best_point(np.zeros((20, 3)), linear, np.zeros(3))
    assert len(fits) <= 6
    assert np.abs(p.slope(best.fitted.probability)).max() <= 1e-15


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"l1": 0.0}, "l1 .* is 0"),
        ({"l1": -1.0}, "l1 must be finite"),
        ({"targets": np.full((5, 1), 1.0)}, "Targets have shape"),
        ({"targets": np.full((5, 3), 0.5)}, "add up to 1 .* 1.5 to 1.5"),
        ({"targets": np.eye(3)[[0, 1, 0, 1, 0]]}, "All targets of class 2 are 0"),
        ({"targets": np.eye(3)[[0, 0, 0, 0, 0]]}, "All targets of class 1 are 0"),
        ({"sample_weight": np.ones((5, 3))}, "Sample weights have shape"),
        ({"sample_weight": -np.ones(5)}, "0 or more"),
        ({"lower": np.full((2, 3), 0.1)}, "bounds of 2 concepts cannot be kept"),
        ({"upper": np.full((2, 3), -0.1)}, "bounds of 2 concepts cannot be kept"),
        ({"lower": np.ones((2, 3)), "upper": np.zeros((2, 3))}, "have no allowed value"),
        ({"start": np.ones((3, 3))}, r"weights have shape \(3, 3\), .* \(2, 3\)"),
        ({"tolerance": 0.0}, "between 0 and 1"),
    ],
)
def test_problems_without_a_solution_are_told(change, fault):
    rng = np.random.default_rng(0)
    case = {"scores": rng.random((5, 2)), "targets": softmax(rng.normal(size=(5, 3)), axis=1)}
    with pytest.raises(SolverError, match=fault):
        fit_joint(**{**case, "l1": 0.01, **change})


def test_it_can_be_cancelled_and_says_how_far_it_is():
    case, said = concept_case(), []
    with pytest.raises(CancelledError):
        fit_joint(**case, cancelled=lambda: True)
    fit_joint(**case, progress=lambda share, text: said.append((share, text)))
    assert [share for share, _ in said] == sorted(share for share, _ in said)
    assert all(0 <= share <= 1 for share, _ in said)


@pytest.mark.parametrize("spread", [0.03, 1.0])
@pytest.mark.parametrize("offset", [1e3, 1e4, 1e5, 1e6])
@pytest.mark.parametrize("bounded", [False, True])
def test_offsets_of_the_columns_leave_student_and_certificate_as_they_are(spread, offset, bounded):
    """The intercepts absorb them: the same as for columns that are centred by hand."""
    rng = np.random.default_rng(3)
    scores = np.round(spread * rng.normal(size=(300, 20)) * 2**12) / 2**12  # exact with the offset
    logits = scores[:, :5] / spread @ rng.normal(size=(5, 4))
    targets = softmax(logits, axis=1)
    lower = np.full((20, 4), -np.inf)
    lower[2, 1] = 0.3 / spread if bounded else -np.inf
    given = {"l1": 1e-3, "lower": lower}
    columns = offset * np.where(np.arange(20) % 2, 1.0, -0.7).round(1)
    centred, moved = (fit_joint(x, targets, **given) for x in (scores, scores + columns))
    assert centred.converged
    assert moved.converged, moved.gap
    assert moved.objective == pytest.approx(centred.objective, abs=2e-6 * np.log(4))
    assert abs(moved.intercepts.sum()) <= 1e-9 * max(1, np.abs(moved.intercepts).max())
    p = problem({"scores": scores + columns, "targets": targets, **given})
    own = objective(p, moved.weights, moved.intercepts)
    assert moved.objective == pytest.approx(own, abs=1e-15 * offset * 1e3)
    near = 1.01 * centred.weights
    ends = [certify_joint(x, targets, near, **given) for x in (scores, scores + columns)]
    assert ends[1].gap * np.log(4) >= ends[0].objective - centred.objective
    assert ends[1].gap < 0.02
    alone = fit(scores + columns, softmax(logits, axis=1), l1=1e-3)
    assert alone.converged.all()
    np.testing.assert_allclose(alone.objective, fit(scores, targets, l1=1e-3).objective, atol=1e-6)
