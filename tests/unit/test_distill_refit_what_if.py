"""The refit what-if against solving each point from nothing."""

import itertools

import numpy as np
import pytest

from inficond_panel.distill import fit, refit_what_if, soft_targets
from inficond_panel.distill.refits import refit_grid
from inficond_panel.errors import CancelledError


def problem(seed=0, n=200, concepts=12):
    rng = np.random.default_rng(seed)
    scores = np.maximum(rng.normal(0.2, 0.15, (n, concepts)), 0)
    scores[:, 1] = np.maximum(scores[:, 0] + rng.normal(0, 0.03, n), 0)  # a twin
    teacher = 6 * scores[:, :1] - 4 * scores[:, 3:4] + rng.normal(0, 0.3, (n, 1))
    return scores, soft_targets(teacher)


def test_each_point_equals_a_fit_from_nothing():
    scores, targets = problem()
    start = fit(scores, targets, l1=1e-3, tolerance=1e-9)
    points = list(
        refit_what_if(scores, targets[:, 0], 0, start, -2, 6, levels=3, l1=1e-3, tolerance=1e-9)
    )
    assert len(points) == 2 + 2**3
    for point in points:
        lower, upper = np.full((12, 1), -np.inf), np.full((12, 1), np.inf)
        lower[0] = upper[0] = point.influence
        alone = fit(scores, targets, l1=1e-3, lower=lower, upper=upper, tolerance=1e-9)
        assert point.fit.weights[0, 0] == point.influence
        assert point.fit.gap[0] <= 1e-9
        assert point.fit.objective[0] == pytest.approx(alone.objective[0], rel=1e-8)
        np.testing.assert_allclose(point.fit.weights, alone.weights, atol=2e-3)


def test_the_present_weight_gives_the_present_student_and_the_least_objective():
    scores, targets = problem(1)
    start = fit(scores, targets, l1=1e-3, tolerance=1e-9)
    points = list(refit_what_if(scores, targets[:, 0], 0, start, -3, 9, l1=1e-3, tolerance=1e-9))
    assert points[0].influence == start.weights[0, 0]
    np.testing.assert_allclose(points[0].fit.weights, start.weights, atol=1e-3)
    objective = {point.influence: point.fit.objective[0] for point in points}
    assert min(objective.values()) == pytest.approx(start.objective[0], rel=1e-8)
    # the partial minimum of a convex function is convex
    grid = np.array(sorted(objective))
    slopes = np.diff([objective[v] for v in grid]) / np.diff(grid)
    assert (np.diff(slopes) > -1e-6).all()


def test_points_come_coarse_to_fine_and_outwards():
    plan = refit_grid(1.0, 0.0, 8.0, 3)
    assert plan == [
        (0, 1.0), (0, 0.0), (0, 8.0), (1, 4.0), (2, 2.0), (2, 6.0), (3, 3.0), (3, 5.0), (3, 7.0)
    ]  # fmt: skip
    assert [level for level, _ in plan] == sorted(level for level, _ in plan)


def test_nothing_is_solved_that_nobody_asks_for():
    scores, targets = problem(3)
    start = fit(scores, targets, l1=1e-3)
    asked = []
    points = refit_what_if(
        scores, targets[:, 0], 0, start, 0, 4, l1=1e-3, cancelled=lambda: bool(asked)
    )
    first = list(itertools.islice(points, 2))
    assert [point.level for point in first] == [0, 0]
    assert first[1].share == pytest.approx(2 / 18)
    asked.append("stop")
    with pytest.raises(CancelledError):
        next(points)
