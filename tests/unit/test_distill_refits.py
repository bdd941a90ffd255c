"""Refits, along a what-if and over bootstrap samples, against plain fits from nothing."""

import itertools

import numpy as np
import pytest

from inficond_panel.distill import bootstrap_stability, fit, fit_joint, refit_what_if, soft_targets
from inficond_panel.distill.refits import joint_stability, refit_grid, summarised
from inficond_panel.errors import CancelledError, SolverError


def twins(seed=0, n=200, concepts=12):
    rng = np.random.default_rng(seed)
    scores = np.maximum(rng.normal(0.2, 0.15, (n, concepts)), 0)
    scores[:, 1] = np.maximum(scores[:, 0] + rng.normal(0, 0.03, n), 0)  # a twin
    teacher = 6 * scores[:, :1] - 4 * scores[:, 3:4] + rng.normal(0, 0.3, (n, 1))
    return scores, soft_targets(teacher)


def test_each_point_equals_a_fit_from_nothing():
    (scores, targets), options = twins(), {"l1": 1e-3, "tolerance": 1e-9}
    start = fit(scores, targets, **options)
    points = list(refit_what_if(scores, targets[:, 0], 0, start, -2, 6, levels=3, **options))
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


def test_points_come_coarse_to_fine_and_none_is_solved_that_nobody_asks_for():
    scores, targets = twins(3)
    start = fit(scores, targets, l1=1e-3)
    asked = []
    options = {"l1": 1e-3, "cancelled": lambda: bool(asked)}
    points = refit_what_if(scores, targets[:, 0], 0, start, 0, 4, **options)
    first = list(itertools.islice(points, 2))
    assert [point.level for point in first] == [0, 0]
    assert first[1].share == pytest.approx(2 / 18)
    asked.append("stop")
    with pytest.raises(CancelledError):
        next(points)
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
    found = bootstrap_stability(scores, target, start, draws=12, seed=4, l1=5e-3, tolerance=1e-9)
    rng = np.random.default_rng(4)
    for draw in range(12):
        rows = rng.integers(250, size=250)
        alone = fit(scores[rows], target[rows, None], l1=5e-3, tolerance=1e-9)
        np.testing.assert_allclose(found.weights[draw], alone.weights[:, 0], atol=2e-3)


def test_bounds_hold_in_every_draw_and_weights_multiply():
    scores, target, start = problem(2)
    upper = np.full(8, np.inf)
    upper[0] = 0.5
    found = bootstrap_stability(scores, target, start, draws=4, l1=5e-3, upper=upper)
    assert (found.weights[:, 0] == 0.5).all()
    half = np.repeat([1.0, 0.0], 125)
    options = {"l1": 5e-3, "tolerance": 1e-9}
    found = bootstrap_stability(
        scores, target, start, draws=1, seed=3, sample_weight=half, **options
    )
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


def test_a_draw_without_a_solution_is_drawn_again_and_the_work_can_be_stopped():
    target = np.array([1.0, *np.zeros(3)])
    scores = np.random.default_rng(0).random((4, 2))
    start, told = fit(scores, target[:, None], l1=0.01), []
    options = {"l1": 0.01, "progress": lambda share, text: told.append(share)}
    found = bootstrap_stability(scores, target, start, draws=20, **options)
    assert np.isfinite(found.weights).all()
    assert told == [0.5, 1.0]
    with pytest.raises(CancelledError):
        bootstrap_stability(scores, target, start, cancelled=lambda: True)


def test_draws_of_a_joint_student_show_every_class_or_it_is_told_that_they_nearly_never_do():
    """A sample is without the one image of the last class at a chance of 1/e: drawn again."""
    label, rng = np.repeat([0, 1, 2], [20, 20, 1]), np.random.default_rng(0)
    scores, targets = rng.random((41, 4)) + np.eye(4)[label], np.eye(3)[label]
    start = fit_joint(scores, targets, l1=0.02).centred
    found = joint_stability(scores, targets, start, 0, draws=6, seed=1, l1=0.02)
    rng, drawn = np.random.default_rng(1), []
    while len(drawn) < 6:
        rows = rng.integers(41, size=41)
        drawn += [rows] if 40 in rows else []
    for weights, rows in zip(found.weights, drawn, strict=True):
        alone = fit_joint(scores[rows], targets[rows], l1=0.02, tolerance=1e-9)
        np.testing.assert_allclose(weights, alone.centred[:, 0], atol=2e-2)
    # by hand: 40 classes of one image are all there in a share of 40!/40^40 of the samples
    with pytest.raises(SolverError, match="lacks a class"):
        joint_stability(np.ones((40, 1)), np.eye(40), np.zeros((1, 40)), 0, draws=1, l1=0.1)
