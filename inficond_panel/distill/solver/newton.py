"""One student on its way to the optimum: certificate, working set, Newton step, line search."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from inficond_panel.common.ordering import strongest
from inficond_panel.distill.scores.array_api import Array
from inficond_panel.distill.scores.scores import Scores
from inficond_panel.distill.solver.line_search import Move, first_descent
from inficond_panel.distill.solver.objective import Point, Problem
from inficond_panel.distill.solver.subproblem import solve_quadratic

_NEW_COLUMNS = 24
_STEPS_WHERE_SLOW = 4  # on one working set, where the next pass costs more
_LAST_GAIN = 1e-2  # of the first of these steps
_MAYBE_LAST = 0.03  # gain of a step, relative to the objective at w = 0, that may have been it
_CLOSE, _SLOW = 0.03, 0.5  # gap, and its factor from step to step, that ask for an exact Hessian


class NewtonState:
    """One class on its way to the optimum."""

    def __init__(self, data: Scores, problem: Problem, starts: list[Array]) -> None:
        self.data, self.problem = data, problem
        self.iterations, self.gap, self.bound = 0, np.inf, -np.inf
        self.stuck = self.cautious = self.exact = False
        self.variance = data.variance(problem.sample_weight) if problem.kind == "kkt" else None
        self.outlook: Array | None = None
        self.at = min(map(self._point, starts), key=lambda point: point.objective)

    def goes_on(self, tolerance: float, max_iterations: int) -> bool:
        """True while there is something to gain and an iteration left."""
        return self.gap > tolerance and self.iterations < max_iterations and not self.stuck

    def probabilities(self) -> list[Array]:
        """Those (N,) that the next certificate goes by: the present ones, and the outlook's."""
        present = self.at.fitted.probability
        return [present] if self.outlook is None else [present, self.outlook]

    def certify(self, gradients: NDArray) -> None:
        """Take the gradients X'u (C, 1 or 2) of the probabilities, and set gap and forces."""
        problem, before = self.problem, self.gap
        self.gradient = gradients[:, 0].copy()
        self.force = problem.forces(self.at.weights, self.gradient)
        if self.variance is not None:
            self.gap = problem.kkt_residual(self.force, self.variance)
        else:
            for probability, gradient in zip(self.probabilities(), gradients.T, strict=True):
                self.bound = max(self.bound, problem.dual(probability, gradient))
            self.gap = max(self.at.objective - self.bound, 0.0) / problem.reference
        self.exact |= _SLOW * before < self.gap < _CLOSE
        self.columns = self._working_set()

    def shift_intercept(self, intercept: float) -> None:
        """Take another intercept than the best, and let the certificate pay for it."""
        problem, best = self.problem, self.at.objective
        fitted = problem.fitted(self.at.fitted.logit + (intercept - self.at.intercept))
        self.at = problem.point(self.at.weights, intercept, fitted)
        if self.variance is None:
            self.gap += (self.at.objective - best) / problem.reference
        else:
            slope = abs(float(problem.residuals(fitted.probability).sum()))
            self.gap = max(self.gap, slope / problem.target_spread)

    def step(self) -> None:
        """Proximal Newton steps on the working set: one, or a few where passes are slow."""
        self.iterations += 1
        columns, slope, first = self.columns, self.gradient[self.columns], self.at.objective
        for number in range(_STEPS_WHERE_SLOW if self.data.source.slow else 1):
            if number:
                residuals = self.problem.residuals(self.at.fitted.probability)
                slope = self.data.columns.gradient(columns, residuals)
            before = self.at.objective
            moved = self._search(self._newton_move(columns, slope))
            if not moved or before - self.at.objective <= _LAST_GAIN * (first - before):
                break
        self.stuck = not (moved or number) and self.exact
        self.exact |= not moved

    def looks_ahead(self, tolerance: float) -> bool:
        """True where the next step's residuals may close the gap: far off they would not."""
        return self.variance is None and tolerance < self.gap < _CLOSE

    def look_ahead(self) -> None:
        """Take the outlook of the next step for the certificate, and stay."""
        self.exact = True
        move = self._newton_move(self.columns, self.gradient[self.columns])
        self.outlook = self.problem.outlook(self.at.fitted, move.change)

    def _newton_move(self, columns: NDArray[np.intp], slope: Array) -> Move[float]:
        """To the minimum of the quadratic model, from the loss's gradient (p,) in the columns."""
        penalty, weights = self.problem.penalty, self.at.weights[columns]
        curvature = self.problem.curvature(self.at.fitted, self.cautious)
        gram, centre = self.data.columns.gram(columns, curvature, self.exact)
        gram.flat[:: len(gram) + 1] += penalty.l2
        linear = slope + penalty.l2 * weights - gram @ weights
        accuracy = min(1e-3, max(1e-3 * self.gap, 1e-8))
        target = solve_quadratic(gram, linear, penalty.kinks(columns), weights, accuracy)
        step = target - weights
        moved = np.flatnonzero(step)
        change = self.data.columns.product(columns[moved], step[moved])
        share = -float(centre @ step)
        full = self.at.weights.copy()
        full[columns] = target
        promised = slope @ step + penalty.value(full) - penalty.value(self.at.weights)
        return Move(full, change + share, share, float(promised))

    def _search(self, move: Move[float]) -> bool:
        """Move as far as the objective falls; False where there is no way down."""
        problem, at = self.problem, self.at
        rounding = 1e-15 * (at.objective + problem.reference)

        def objective(length: float) -> float:
            fitted = problem.fitted(at.fitted.logit + length * move.change)
            return problem.point(move.weights_at(at.weights, length), 0.0, fitted).objective

        found = first_descent(objective, at.objective, move.promised, rounding)
        if found is None:
            return False
        length, value = found
        near_end = at.objective - value <= _MAYBE_LAST * problem.reference
        plain = near_end and length == 1 and not self.cautious
        self.outlook = problem.outlook(at.fitted, move.change) if plain else None
        linear = at.fitted.logit - at.intercept + length * (move.change - move.share)
        guess = at.intercept + length * move.share
        self.at = problem.best_point(move.weights_at(at.weights, length), linear, guess)
        self.cautious = length < 0.5
        return move.promised < -0.1 * rounding

    def _point(self, weights: Array) -> Point:
        support = np.flatnonzero(weights)
        linear = self.data.columns.product(support, weights[support])
        return self.problem.best_point(weights, linear, 0.0)

    def _working_set(self) -> NDArray[np.intp]:
        weights = self.at.weights
        can = self.problem.penalty.support(weights, self.force)
        new = np.flatnonzero(can & (weights == 0))
        limit = max(_NEW_COLUMNS, np.count_nonzero(weights) // 3)  # the Gram matrix costs p^2
        order = strongest(self.force[new])
        can[new[order[limit:]]] = False
        return np.flatnonzero(can)
