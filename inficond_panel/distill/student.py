"""One student on its way to the optimum: certificate, working set, Newton step, line search."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from inficond_panel.distill.objective import Problem
from inficond_panel.distill.scores import Array, Scores
from inficond_panel.distill.subproblem import movable, solve_quadratic

_NEW_COLUMNS = 32
_HALVINGS = 40


class Student:
    """One class on its way to the optimum."""

    def __init__(self, data: Scores, problem: Problem, weights: Array) -> None:
        self.data, self.problem = data, problem
        self.iterations, self.gap, self.stuck, self.cautious = 0, np.inf, False, False
        self.variance = data.variance(problem.sample_weight) if problem.kind == "kkt" else None
        support = np.flatnonzero(weights)
        linear = data.product(support, weights[support])
        self.weights, self.intercept, self.logits, self.loss = self._placed(weights, linear)

    @property
    def objective(self) -> float:
        """Value of the objective at the present weights and intercept."""
        return self.loss + self.problem.penalty(self.weights)

    def goes_on(self, tolerance: float, max_iterations: int) -> bool:
        """True while there is something to gain and an iteration left."""
        return self.gap > tolerance and self.iterations < max_iterations and not self.stuck

    def certify(self, gradient: Array) -> None:
        """Take the gradient X'u (C,) of the present weights, and set gap and forces by it."""
        problem = self.problem
        self.gradient = gradient
        self.force = problem.forces(self.weights, gradient)
        if self.variance is None:
            self.gap = problem.gap(self.weights, self.logits, gradient)
        else:
            self.gap = problem.kkt_residual(self.force, self.variance)

    def shift_intercept(self, intercept: float) -> None:
        """Take another intercept than the best, and let the certificate pay for it."""
        problem, best = self.problem, self.loss
        self.logits = self.logits + (intercept - self.intercept)
        self.intercept, self.loss = intercept, problem.loss(self.logits)
        if self.variance is None:
            self.gap += (self.loss - best) / problem.reference
        else:
            slope = abs(float(problem.residuals(self.logits).sum()))
            self.gap = max(self.gap, slope / problem.target_spread)

    def step(self) -> None:
        """One proximal Newton step on the working set."""
        self.iterations += 1
        columns = self._working_set()
        target, centre = self._model_minimum(columns)
        self.stuck = not self._search(columns, target, centre)

    def _placed(self, weights: Array, linear: Array) -> tuple[Array, float, Array, float]:
        """The weights with their best intercept, logits and loss, for X @ weights (N,)."""
        intercept = self.problem.intercept(linear)
        logits = linear + intercept
        return weights, intercept, logits, self.problem.loss(logits)

    def _working_set(self) -> NDArray[np.intp]:
        problem, weights = self.problem, self.weights
        can = movable(weights, self.force, problem.l1_each, problem.lower, problem.upper)
        new = np.flatnonzero(can & (weights == 0))
        limit = max(_NEW_COLUMNS, np.count_nonzero(weights))
        order = np.argsort(-np.abs(self.force[new]), kind="stable")
        can[new[order[limit:]]] = False
        return np.flatnonzero(can)

    def _model_minimum(self, columns: NDArray[np.intp]) -> tuple[Array, Array]:
        """Minimiser (p,) of the quadratic model, and the columns' weighted means (p,)."""
        problem, weights = self.problem, self.weights[columns]
        curvature = problem.curvature(self.logits, self.cautious)
        gram, centre = self.data.gram(columns, curvature)
        gram[np.diag_indices_from(gram)] += problem.l2
        linear = self.gradient[columns] + problem.l2 * weights - gram @ weights
        box = problem.l1_each[columns], problem.lower[columns], problem.upper[columns]
        return solve_quadratic(gram, linear, *box, weights), centre

    def _search(self, columns: NDArray[np.intp], target: Array, centre: Array) -> bool:
        """Move towards the target, halving until the objective falls; False where it cannot."""
        problem, weights, before = self.problem, self.weights, self.objective
        move = target - weights[columns]
        change = self.data.product(columns, move)
        along = change - centre @ move  # with the intercept's share of the step
        trial = weights.copy()
        trial[columns] = target
        promised = self.gradient[columns] @ move + problem.penalty(trial) - problem.penalty(weights)
        rounding = 1e-15 * (before + problem.reference)
        for halving in range(_HALVINGS):
            length = 0.5**halving
            if halving:
                trial[columns] = weights[columns] + length * move
                np.clip(trial, problem.lower, problem.upper, out=trial)
            value = problem.loss(self.logits + length * along) + problem.penalty(trial)
            if value <= before + 1e-4 * length * promised + rounding:
                self.weights, self.intercept, self.logits, self.loss = self._placed(
                    trial, self.logits - self.intercept + length * change
                )
                self.cautious = halving > 1
                return bool(promised < -0.1 * rounding)
        return False
