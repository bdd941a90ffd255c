"""Curves of what-if and refits against moving the weight, plain fits and scikit-learn."""

import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from intervals import change_interval
from sklearn import metrics as sklearn_metrics

from inficond_panel.distill import (
    FitProblem,
    Scores,
    average_precision,
    bootstrap_stability,
    change_band,
    class_metrics,
    fit,
    fit_joint,
    influence_axes,
    influence_axis,
    influence_grid,
    refit_what_if,
    soft_targets,
    what_if_curve,
    what_if_curves,
)
from inficond_panel.distill.curves import decision_curves
from inficond_panel.distill.refits import joint_stability, refit_grid, summarised
from inficond_panel.errors import CancelledError, SolverError

METRICS = ("accuracy", "precision", "recall", "f1")


def make_case(seed, n, *, signed=False):
    rng = np.random.default_rng(seed)
    score = np.round(rng.normal(0.0 if signed else 0.3, 0.3, n), 2)  # with ties
    score = score if signed else np.maximum(score, 0)  # with zeros
    label = rng.choice([-1, 0, 1], n, p=[0.1, 0.6, 0.3])
    return score, np.round(rng.normal(-0.5, 1, n), 1), label


def between(curves):
    """Influences between the breakpoints, where rounding decides nothing."""
    return ((curves.edges[:-1] + curves.edges[1:]) / 2)[np.diff(curves.edges) > 1e-9]


SEED, WEIGHT, THRESHOLD = st.integers(0, 10**6), st.floats(-5, 5), st.sampled_from([0.0, 0.7])


@given(SEED, st.integers(1, 60), WEIGHT, THRESHOLD, st.booleans())
@settings(max_examples=80, deadline=None)
def test_curves_equal_moving_the_weight(seed, n, weight, threshold, signed):
    score, logit, label = make_case(seed, n, signed=signed)
    teacher = np.round(np.random.default_rng(seed + 1).normal(0, 1, n), 1)
    curves = what_if_curve(score, logit, weight, label, -8.0, 8.0, threshold, teacher > threshold)
    assert (np.diff(curves.breakpoints) > 0).all()
    assert len(curves.f1) == len(curves.breakpoints) + 1 == len(curves.edges) - 1
    for influence in [*between(curves), weight]:
        moved = logit + (influence - weight) * score
        truth = class_metrics(label, moved, teacher, threshold=threshold)
        found = curves.at(influence)
        for name in (*METRICS, "fidelity"):
            assert found[name] == pytest.approx(getattr(truth, name), nan_ok=True), name


@given(st.integers(0, 10**6), st.integers(1, 60), st.floats(-5, 5), st.booleans())
@settings(max_examples=50, deadline=None)
def test_curves_of_mirrored_scores_are_mirrored(seed, n, weight, wide):
    """Scores -s at the weight -w decide as s at w."""
    score, logit, label = make_case(seed, n, signed=True)
    score = score * (1000 if wide else 1)
    found = what_if_curve(score, logit, weight, label, -8, 8)
    other = what_if_curve(-score, logit, -weight, label, -8, 8)
    np.testing.assert_allclose(other.breakpoints, -found.breakpoints[::-1], atol=1e-9)
    for influence in np.linspace(-7.9, 7.9, 13):
        if np.abs(found.breakpoints - influence).min(initial=9) > 1e-6:
            assert found.at(influence) == pytest.approx(other.at(-influence), nan_ok=True)


def test_a_curve_by_hand():
    score, logit = np.array([-2.0, 1.0]), np.array([1.0, -1.0])
    curves = what_if_curve(score, logit, 0.0, np.array([1, 1]), -3.0, 3.0)
    # image 0 is positive below 0.5, image 1 above 1
    np.testing.assert_allclose(curves.breakpoints, [0.5, 1.0])
    np.testing.assert_allclose(curves.recall, [1 / 2, 0, 1 / 2])
    assert curves.at(0.5)["recall"] == 0  # at 0.5 the logit is 0: negative
    assert curves.at(np.nextafter(0.5, 0))["recall"] == 0.5


def test_a_curve_without_positives_is_undefined_by_hand():
    curves = what_if_curve(np.ones(2), np.array([-1.0, -2.0]), 0.0, np.zeros(2), -1.0, 3.0)
    assert np.isnan(curves.recall).all()
    assert np.isnan(curves.precision[0])
    np.testing.assert_array_equal(curves.precision[1:], [0, 0])


@pytest.mark.parametrize(
    ("weights", "weight", "axis"),
    [
        # 2.25 × 2, a third of it to the other side; at least a third of the strongest
        ((2.0, -1.0, 0.1, 0.0), 2.0, (-1.5, 4.5)),
        ((2.0, -1.0, 0.1, 0.0), -1.0, (-2.25, 0.75)),
        ((2.0, -1.0, 0.1, 0.0), 0.1, (-2 / 9, 2 / 3)),
        ((2.0, -1.0, 0.1, 0.0), 0.0, (-2 / 3, 2 / 3)),
        ((0.0, 0.0, 0.0), 0.0, (-1 / 3, 1 / 3)),
    ],
)
def test_the_axis_of_an_influence_by_hand(weights, weight, axis):
    assert influence_axis(np.array(weights), weight) == pytest.approx(axis)


def test_a_grid_by_hand():
    grid = influence_grid(np.array([4.0, 1.0]), 4.0, 25)
    np.testing.assert_allclose(grid, np.arange(-3, 9.5, 0.5))


def test_a_grid_has_zero_despite_rounding():
    third = influence_grid(np.array([1.1, 0.2]), 1.1, 25)  # 0 and 1.1 but for rounding
    assert (len(third), third[6], third[14]) == (25, 0.0, 1.1)


def test_a_grid_has_the_weight_beside_its_steps():
    beside = influence_grid(np.array([9.0, 0.1]), 0.1, 25)  # from -1 to 3 in steps of 1/6
    assert len(beside) == 26
    assert {0.0, 0.1} <= set(beside)


def test_logits_that_differ_by_rounding_alone_are_no_ranking():
    # rounding leaves differences of 1e-16 among their logits, which are no ranking
    rng = np.random.default_rng(0)
    score, label = rng.random(200), rng.integers(0, 2, 200)
    weight = 1.3
    logit = 0.2 + weight * score
    without = average_precision(label, logit - weight * score)
    assert without == pytest.approx(label.mean(), abs=1e-15)


def table(seed, n, concepts):
    rng = np.random.default_rng(seed)
    scores = np.maximum(np.round(rng.normal(0.2, 0.3, (n, concepts)), 2), 0).astype(np.float32)
    scores[:, 0] = 0  # never moves anything
    weights = np.round(rng.normal(0, 1, concepts) * (rng.random(concepts) < 0.5), 1)
    label = rng.choice([-1, 0, 1], n, p=[0.1, 0.6, 0.3])
    return scores, weights, np.round(rng.normal(-0.5, 1, n), 1), label


@given(st.integers(0, 10**6), st.integers(1, 40), st.integers(1, 20), st.sampled_from([0.0, 0.7]))
@settings(max_examples=60, deadline=None)
def test_all_concepts_equal_moving_each_weight(seed, n, concepts, threshold):
    scores, weights, logit, label = table(seed, n, concepts)
    found = what_if_curves(scores, logit, weights, label, cutoff=threshold)
    low, high = influence_axes(weights)
    for c in range(concepts):
        curves = found.concept(c)
        assert (curves.low, curves.high) == (low[c], high[c]) == influence_axis(weights, weights[c])
        for influence in [*between(curves), weights[c]]:
            moved = logit + (influence - weights[c]) * scores[:, c].astype(np.float64)
            truth = class_metrics(label, moved, moved, threshold=threshold)
            at = curves.at(influence)
            for name in METRICS:
                assert at[name] == pytest.approx(getattr(truth, name), nan_ok=True), name


@given(st.integers(0, 10**6), st.integers(1, 40), st.sampled_from(METRICS))
@settings(max_examples=60, deadline=None)
def test_the_best_influence_of_every_concept(seed, n, metric):
    scores, weights, logit, label = table(seed, n, 6)
    found = what_if_curves(scores, logit, weights, label)
    best, influence = found.best(metric)
    for c in range(6):
        curves = found.concept(c)
        values = getattr(curves, metric)
        if np.isnan(values).all():
            assert np.isnan([best[c], influence[c]]).all()
        else:
            assert best[c] == np.nanmax(values)
            assert curves.at(influence[c])[metric] == best[c]
            assert curves.low <= influence[c] <= curves.high


def rounded_otherwise(values, rng):
    """The values as another processor may have computed them: other last digits."""
    return values * (1 + rng.uniform(-1e-12, 1e-12, np.shape(values)))


@given(st.integers(0, 10**6), st.integers(1, 60), st.booleans())
@settings(max_examples=80, deadline=None)
def test_last_digits_neither_add_nor_remove_a_point(seed, n, signed):
    """Images that are alike turn together, however their logits were rounded."""
    score, logit, label = make_case(seed, n, signed=signed)
    logit = np.where(logit == 0, 0.35, logit)  # on the threshold the last digit does decide
    score, logit, label = (np.tile(values, 2) for values in (score, logit, label))
    teacher = np.round(np.random.default_rng(seed).normal(0, 1, 2 * n), 1)
    weights, rng = np.array([1.3, -0.4, 0.02, 0.0]), np.random.default_rng(seed)
    for weight in weights:
        axis = influence_axis(weights, weight)
        found = what_if_curve(score, logit, weight, label, *axis, teacher=teacher)
        moved = (rounded_otherwise(values, rng) for values in (score, logit, weight))
        again = what_if_curve(*moved, label, *rounded_otherwise(axis, rng), teacher=teacher)
        np.testing.assert_allclose(again.breakpoints, found.breakpoints, rtol=0, atol=1e-8)
        for name in (*METRICS, "fidelity"):
            np.testing.assert_array_equal(getattr(again, name), getattr(found, name), name)


@given(st.integers(0, 10**6), st.floats(-5, 5), st.integers(2, 40))
@settings(max_examples=80, deadline=None)
def test_last_digits_neither_add_nor_remove_a_point_of_a_grid(seed, weight, points):
    rng = np.random.default_rng(seed)
    weights = np.array([weight, 3.0, 0.0])
    for c in range(3):
        grid = influence_grid(weights, weights[c], points)
        other = rounded_otherwise(weights, rng)
        again = influence_grid(other, other[c], points)
        np.testing.assert_allclose(again, grid, rtol=1e-9, atol=1e-9)
        assert weights[c] in grid


@pytest.mark.parametrize("metric", ["ap", "f1", "fidelity"])
def test_band_equals_the_paired_interval_at_each_influence(metric):
    score, logit, label = make_case(6, 200)
    teacher = np.roll(logit, 1)
    grid = np.array([0.5, 2.0])
    band = change_band(score, logit, 0.5, label, grid, metric, draws=50, teacher=teacher > 0)
    assert (band.estimate[0], band.low[0], band.high[0]) == (0, 0, 0)
    moved = logit + 1.5 * score
    truth = change_interval(label, logit, moved, draws=50, metric=metric, teacher=teacher)
    expected = (truth.estimate, truth.low, truth.high)
    found = (band.estimate[1], band.low[1], band.high[1])
    assert found == pytest.approx(expected, abs=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("metric", METRICS)
@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    images=st.integers(1, 40),
    weight=st.sampled_from([-1.0, 0.0, 0.3]),
    threshold=st.sampled_from([-0.5, 0.0, 0.3]),
    signed=st.booleans(),
)
def test_each_point_and_draw_is_that_of_sklearn(metric, seed, images, weight, threshold, signed):
    score, logit, label = make_case(seed, images, signed=signed)
    positive, rng = label == 1, np.random.default_rng(seed)
    grid = np.union1d(np.linspace(-2, 2, 9), [weight])
    counts = rng.integers(0, 3, (2, images)).astype(np.uint8)
    found = decision_curves(score, logit, weight, positive, grid, metric, counts, threshold)
    assert found.shape == (len(grid), 2)
    for v, at in zip(grid, found, strict=True):
        decided = logit + (v - weight) * score > threshold
        for row, value in zip(counts, at, strict=True):
            drawn = np.repeat(np.arange(images), row)
            undefined = {"zero_division": np.nan} if metric != "accuracy" else {}
            if not len(drawn):
                assert np.isnan(value)
                continue
            of_sklearn = getattr(sklearn_metrics, f"{metric}_score")
            truth = of_sklearn(positive[drawn], decided[drawn], **undefined)
            np.testing.assert_allclose(value, truth, rtol=1e-13)


def twins(seed=0, n=200, concepts=12):
    rng = np.random.default_rng(seed)
    scores = np.maximum(rng.normal(0.2, 0.15, (n, concepts)), 0)
    scores[:, 1] = np.maximum(scores[:, 0] + rng.normal(0, 0.03, n), 0)  # a twin
    teacher = 6 * scores[:, :1] - 4 * scores[:, 3:4] + rng.normal(0, 0.3, (n, 1))
    return scores, soft_targets(teacher)


def test_each_point_equals_a_fit_from_nothing():
    (scores, targets), options = twins(), {"l1": 1e-3, "tolerance": 1e-9}
    start = fit(scores, targets, **options)
    made = FitProblem(Scores(scores), targets, 1e-3)
    points = list(refit_what_if(made, 0, start, -2, 6, levels=3, tolerance=1e-9))
    assert len(points) == 2 + 2**3
    assert points[0].influence == start.weights[0, 0]
    np.testing.assert_allclose(points[0].fit.weights, start.weights, atol=1e-3)
    assert min(point.fit.objective[0] for point in points) >= start.objective[0] - 1e-8
    for point in points:
        lower, upper = np.full((12, 1), -np.inf), np.full((12, 1), np.inf)
        lower[0] = upper[0] = point.influence
        alone = fit(scores, targets, lower=lower, upper=upper, **options)
        assert point.fit.weights[0, 0] == point.influence
        assert point.fit.gap[0] <= 1e-9
        assert point.fit.objective[0] == pytest.approx(alone.objective[0], rel=1e-8)
        np.testing.assert_allclose(point.fit.weights, alone.weights, atol=2e-3)


def test_no_point_is_solved_that_nobody_asks_for():
    scores, targets = twins(3)
    start = fit(scores, targets, l1=1e-3)
    asked = []
    made = FitProblem(Scores(scores), targets, 1e-3)
    points = refit_what_if(made, 0, start, 0, 4, cancelled=lambda: bool(asked))
    first = list(itertools.islice(points, 2))
    assert [point.level for point in first] == [0, 0]
    assert first[1].share == pytest.approx(2 / 18)
    asked.append("stop")
    with pytest.raises(CancelledError):
        next(points)


def test_points_come_coarse_to_fine():
    assert refit_grid(1.0, 0.0, 8.0, 3) == [
        (0, 1.0), (0, 0.0), (0, 8.0), (1, 4.0), (2, 2.0), (2, 6.0), (3, 3.0), (3, 5.0), (3, 7.0)
    ]  # fmt: skip


def problem(seed=0, n=250, concepts=8):
    rng = np.random.default_rng(seed)
    scores = np.maximum(rng.normal(0.3, 0.2, (n, concepts)), 0)
    target = soft_targets(8 * scores[:, 0] - 6 * scores[:, 1] - 1 + rng.normal(0, 1, n))
    return scores, target, fit(scores, target[:, None], l1=5e-3, tolerance=1e-8)


def test_refits_equal_fits_to_the_images_drawn():
    scores, target, start = problem()
    made = FitProblem(Scores(scores), target[:, None], 5e-3)
    found = bootstrap_stability(made, start, draws=12, seed=4, tolerance=1e-9)
    rng = np.random.default_rng(4)
    for draw in range(12):
        rows = rng.integers(250, size=250)
        alone = fit(scores[rows], target[rows, None], l1=5e-3, tolerance=1e-9)
        np.testing.assert_allclose(found.weights[draw], alone.weights[:, 0], atol=2e-3)


def test_bounds_hold_in_refits():
    scores, target, start = problem(2)
    upper = np.full((8, 1), np.inf)
    made = FitProblem(Scores(scores), target[:, None], 5e-3)
    upper[0] = 0.5
    found = bootstrap_stability(made.within(None, upper), start, draws=4)
    assert (found.weights[:, 0] == 0.5).all()


def test_weights_of_images_multiply_in_refits():
    scores, target, start = problem(2)
    made = FitProblem(Scores(scores), target[:, None], 5e-3)
    half = np.repeat([1.0, 0.0], 125)
    options = {"l1": 5e-3, "tolerance": 1e-9}
    weighted = dataclasses.replace(made, sample_weight=half)
    found = bootstrap_stability(weighted, start, draws=1, seed=3, tolerance=1e-9)
    rows = np.random.default_rng(3).integers(250, size=250)
    alone = fit(scores[rows[rows < 125]], target[rows[rows < 125], None], **options)
    np.testing.assert_allclose(found.weights[0], alone.weights[:, 0], atol=2e-3)


def test_summary_by_hand():
    draws = np.array([[1.0, 0.0, -2.0], [2.0, -0.5, 0.0], [3.0, 0.5, 1.0], [4.0, 0.0, -1.0]])
    found = summarised(np.array([2.0, 0.0, -3.0]), draws, level=0.5)
    assert found.rank.tolist() == [2, 3, 1]
    np.testing.assert_array_equal(found.same_sign, [1.0, np.nan, 0.5])
    assert found.selected.tolist() == [1.0, 0.5, 0.75]
    assert found.median.tolist() == [2.5, 0.0, -0.5]
    # ranks of the first: 2, 1, 1, 1
    assert (found.rank_low[0], found.rank_high[0]) == (1, 1)
    assert (found.rank_low[1], found.rank_high[1]) == (2, 3)


@pytest.fixture(scope="module")
def few() -> tuple:
    """A fit of four images, one of them positive, and its problem."""
    target = np.array([1.0, *np.zeros(3)])
    scores = np.random.default_rng(0).random((4, 2))
    start = fit(scores, target[:, None], l1=0.01)
    made = FitProblem(Scores(scores), target[:, None], 0.01)
    return made, start


def test_a_draw_without_a_solution_is_drawn_again(few):
    made, start = few
    told = []
    progress = lambda share, text: told.append(share)  # noqa: E731
    found = bootstrap_stability(made, start, draws=20, progress=progress)
    assert np.isfinite(found.weights).all()
    assert told == [0.5, 1.0]


def test_refits_can_be_stopped(few):
    made, start = few
    with pytest.raises(CancelledError):
        bootstrap_stability(made, start, cancelled=lambda: True)


def test_draws_of_a_joint_student_show_every_class_or_it_is_told_that_they_nearly_never_do():
    """A sample is without the one image of the last class at a chance of 1/e: drawn again."""
    label, rng = np.repeat([0, 1, 2], [20, 20, 1]), np.random.default_rng(0)
    scores, targets = rng.random((41, 4)) + np.eye(4)[label], np.eye(3)[label]
    start = fit_joint(scores, targets, l1=0.02).centred
    found = joint_stability(FitProblem(Scores(scores), targets, 0.02), start, 0, draws=6, seed=1)
    rng, drawn = np.random.default_rng(1), []
    while len(drawn) < 6:
        rows = rng.integers(41, size=41)
        drawn += [rows] if 40 in rows else []
    for weights, rows in zip(found.weights, drawn, strict=True):
        alone = fit_joint(scores[rows], targets[rows], l1=0.02, tolerance=1e-9)
        np.testing.assert_allclose(weights, alone.centred[:, 0], atol=2e-2)
    # by hand: 40 classes of one image are all there in a share of 40!/40^40 of the samples
    single = FitProblem(Scores(np.ones((40, 1))), np.eye(40), 0.1)
    with pytest.raises(SolverError, match="lacks a class"):
        joint_stability(single, np.zeros((1, 40)), 0, draws=1)


@pytest.mark.parametrize("side", ["lower", "upper"])
def test_refits_leave_the_bounds_they_were_given(side):
    scores, target, start = problem()
    bound = np.full((scores.shape[1], 1), -1.0 if side == "lower" else 1.0)
    made = FitProblem(Scores(scores), target[:, None], 5e-3, **{side: bound})
    list(refit_what_if(made, 0, start, -3, 3, levels=0))
    assert (np.abs(bound) == 1).all()


def test_refits_of_joint_students_report_the_share_done():
    rng = np.random.default_rng(0)
    scores, shares = rng.normal(size=(40, 3)), []
    targets = np.eye(2)[rng.integers(0, 2, 40)]
    made = FitProblem(Scores(scores), targets, 0.02)
    joint_stability(
        made, np.zeros((3, 2)), 0, draws=4, progress=lambda share, _: shares.append(share)
    )
    assert [share for share in shares if share in (0.25, 0.5, 0.75, 1)] == [0.25, 0.5, 0.75, 1]
