"""Contract of fit and certify: inputs, errors, starts, cancelling, reproducibility."""

import numpy as np
import pytest

from inficond_panel.distill import certify, decision_function, fit, soft_targets
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


def test_each_weight_has_its_own_l1_and_with_one_of_0_the_kkt_certificate():
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
    l1 = np.full((SCORES.shape[1], 1), 1e-3)
    l1[0] = 0
    found = fit(SCORES, TARGETS[:, [0]], l1=l1)
    assert found.certificate == ("kkt",)
    assert found.converged.all()


def test_stored_precision_is_not_the_working_precision():
    stored = SCORES.astype(np.float16)
    half, single = fit(stored, TARGETS), fit(stored.astype(np.float32), TARGETS)
    np.testing.assert_array_equal(half.weights, single.weights)
    double = fit(stored.astype(np.float64), TARGETS, tolerance=1e-12)
    again = fit(stored, TARGETS, tolerance=1e-12)
    np.testing.assert_allclose(again.objective, double.objective, rtol=0, atol=1e-13)
    np.testing.assert_allclose(again.weights, double.weights, atol=1e-5)
    assert again.converged.all()


def test_a_start_at_the_optimum_is_left_at_once_and_one_of_another_shape_refused():
    cold = fit(SCORES, TARGETS, tolerance=1e-9)
    again = fit(SCORES, TARGETS, start=cold)
    assert (again.iterations <= 1).all()
    np.testing.assert_allclose(again.objective, cold.objective, rtol=0, atol=1e-10)
    with pytest.raises(SolverError, match="start"):
        fit(SCORES, TARGETS, start=fit(SCORES[:, :5], TARGETS))


def test_certify_judges_any_students():
    answer = fit(SCORES, TARGETS)
    same = certify(SCORES, TARGETS, answer.weights, answer.intercepts)
    assert same.converged.all()
    np.testing.assert_allclose(same.objective, answer.objective, rtol=1e-12)
    shifted = certify(SCORES, TARGETS, answer.weights, answer.intercepts + 0.5)
    assert (shifted.objective > same.objective).all()
    assert (shifted.gap > same.gap + 1e-3).all()
    open_box = certify(SCORES, TARGETS, answer.weights, answer.intercepts + 0.5, l1=0)
    assert open_box.certificate == ("kkt",) * 3
    assert (open_box.gap > 1e-3).all()


def test_reports_progress_and_can_be_cancelled():
    seen = []
    fit(SCORES, TARGETS, progress=lambda share, text: seen.append((share, text)))
    shares = [share for share, _ in seen]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert seen[-1][1].startswith("3 of 3")
    calls = iter([False, False, True])
    with pytest.raises(CancelledError):
        fit(SCORES, TARGETS, cancelled=lambda: next(calls))


def test_ones_are_refused_however_their_mean_is_rounded():
    for images in (6, 7, 10, 13, 100):
        with pytest.raises(SolverError, match="class 0 are 1"):
            fit(SCORES[:images], np.ones((images, 1)))


def bounds(place, low, high):
    lower, upper = np.full((30, 3), -np.inf), np.full((30, 3), np.inf)
    return {"lower": changed(lower, place, low), "upper": changed(upper, place, high)}


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
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
    ],
)
def test_wrong_input_is_refused_with_a_message(change, error, text):
    with pytest.raises(error, match=text) as caught:
        fit(**{"scores": SCORES, "targets": TARGETS} | change)
    assert caught.value.remedy
