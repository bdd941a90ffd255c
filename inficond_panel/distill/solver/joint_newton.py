"""Solver state of the joint student: certificate, working set, Newton step, line search."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from inficond_panel.distill.scores import Scores
from inficond_panel.distill.solver.joint_gram import joint_gram
from inficond_panel.distill.solver.joint_model import LargeModel, Rows, solve_bounded
from inficond_panel.distill.solver.joint_objective import JointProblem, flat_solve
from inficond_panel.distill.solver.newton import Move, SolverState
from inficond_panel.distill.solver.objective import Point
from inficond_panel.distill.sources import Array

_NEW_COLUMNS = 24  # limit on the new weights of a class in a working set
_NEW_WEIGHTS = 480  # limit on the new weights of all classes together
_MANY = 700  # weights in a working set above which products cost less than the matrix
_IDLE = 3  # steps in a row that do not descend: the multipliers may need more than one
_MOST = 5000  # weights in a working set whose matrix is made: its copies take 0.8 GB


class JointState(SolverState[Array]):
    """State of the solver of the joint student: current point, certificate and multipliers.

    The intercepts of the current point ``at`` belong to columns less their pivots: for columns with
    large offsets, rounding would keep the residuals from summing to 0, as the bound D needs.
    """

    problem: JointProblem

    def __init__(
        self, data: Scores, problem: JointProblem, starts: list[Array], tolerance: float
    ) -> None:
        super().__init__()
        self.data, self.problem, self.tolerance = data, problem, tolerance
        self.multipliers = np.zeros_like(starts[0])
        self.exact, self.idle = False, 0  # products do not do; steps in a row that did not descend
        self.at = self._point(starts[0])
        if self.at.objective > problem.reference:  # worse than no concepts
            tried = [self.at, *map(self._point, starts[1:])]
            self.at = min(tried, key=lambda point: point.objective)

    @property
    def intercepts(self) -> Array:
        """Intercepts (K,) of the student, of sum 0, for the original scores."""
        intercepts = self.at.intercept - self.data.pivot @ self.at.weights
        return np.asarray(intercepts - intercepts.mean())

    def certify(self) -> None:
        """Compute gap to the optimum and forces on the weights, in one pass over the scores."""
        problem, classes = self.problem, self.problem.target.shape[1]
        tried = [self.at.fitted.probability, *([] if self.outlook is None else [self.outlook])]
        residuals = np.concatenate([problem.residuals(p) for p in tried], axis=1)
        gradients = self.data.gradient(residuals)
        for number, p in enumerate(tried):
            gradient = gradients[:, number * classes : (number + 1) * classes]
            self.bound = max(self.bound, problem.dual(p, gradient, self.multipliers))
        self.gradient = gradients[:, :classes]
        self.gap = max(self.at.objective - self.bound, 0.0) / problem.reference
        self.force = problem.forces(self.at.weights, self.gradient, self.multipliers)
        self.working = self._working_set()

    @property
    def used(self) -> NDArray[np.intp]:
        """Indices of the concepts whose columns the next step reads."""
        return np.flatnonzero(self.working.any(axis=1))

    def step(self, check: Callable[[], object]) -> None:
        """Make one proximal Newton step on the working set; ``check`` may end it by raising."""
        self.iterations += 1
        self.outlook = None
        move = self._newton_move(check)
        moved = self._search(move)
        if not moved and self.outlook is None:
            self._expect(move, 1.0, 0.0)  # it may prove a bound nevertheless
        self.idle = 0 if moved else self.idle + 1
        self.stuck = self.idle >= _IDLE
        self.exact |= not moved

    def look_ahead(self) -> None:
        """Predict the probabilities after the next step, for ``certify``; do not make the step."""
        self.exact = True
        self._expect(self._newton_move(bool), 1.0, 0.0)

    def _expect(self, move: Move[Array], length: float, fall: float) -> None:
        whole = length == 1
        self.outlook = self.problem.outlook(self.at.fitted, move.change) if whole else None

    def _newton_move(self, check: Callable[[], object]) -> Move[Array]:
        """Return the move to the quadratic model's minimum, and keep the model's multipliers.

        It is found by the matrix where that is small, or where products did not find it."""
        if np.count_nonzero(self.working) > (_MOST if self.exact else _MANY):
            return self._large_move(check)
        return self._matrix_move()

    def _large_move(self, check: Callable[[], object]) -> Move[Array]:
        problem, at = self.problem, self.at
        model = LargeModel(self.data, problem, at, self.gradient, self.working, self.multipliers)
        # the dual bound falls by about this product, or by more
        enough = (0.003 if self.exact else 0.3) * self.tolerance * problem.reference
        self.exact |= not model.solve(enough, check)
        self.multipliers = model.multipliers
        full = np.zeros_like(at.weights)
        full[model.concepts] = model.weights[:, :-1].T
        full = problem.bounds.repaired(full)
        move = self._move(full, model.weights[:, -1], *np.nonzero(self.working))
        rest = problem.slope(problem.outlook(at.fitted, move.change))
        shift = -flat_solve(problem.bend(at.fitted.probability), rest)
        return replace(move, change=move.change + shift, share=move.share + shift)

    def _matrix_move(self) -> Move[Array]:
        problem, weights = self.problem, self.at.weights
        of_class, concept = np.nonzero(self.working.T)  # of each weight, sorted by class
        used = [concept[of_class == k] for k in range(weights.shape[1])]
        gram = joint_gram(self.data.columns, used, problem.curvatures(self.at.fitted))
        share_of = flat_solve(gram.intercepts, gram.mixed)  # of the intercepts in each weight
        hessian = gram.weights - gram.mixed.T @ share_of
        start, slope = weights[concept, of_class], self.gradient[concept, of_class]
        rows, bounded = self._rows(concept, of_class)
        target, multiplier = solve_bounded(
            (hessian + hessian.T) / 2,
            slope - hessian @ start,
            problem.l1[of_class],
            rows,
            start,
            self.multipliers[bounded],
            min(1e-3, max(1e-3 * self.gap, 1e-9)),
        )
        self.multipliers = np.zeros_like(weights)
        self.multipliers[bounded] = multiplier
        full = weights.copy()
        full[concept, of_class] = target
        full = problem.bounds.repaired(full)
        step = (full - weights)[concept, of_class]
        share = self.data.pivot @ (full - weights) - share_of @ step
        np.subtract.at(share, of_class, gram.pivot * step)
        return self._move(full, share, concept, of_class)

    def _move(self, full: Array, share: Array, concept: NDArray, of_class: NDArray) -> Move[Array]:
        whole = full - self.at.weights
        promised = self.gradient[concept, of_class] @ whole[concept, of_class]
        promised += self.problem.size(full) - self.problem.size(self.at.weights)
        return Move(full, self._product(whole) + share, share, float(promised))

    def _point(self, weights: Array) -> Point[Array]:
        linear = self._product(weights)
        return self.problem.best_point(weights, linear, self.problem.first_intercepts(linear))

    def _product(self, weights: Array) -> Array:
        """Return (columns - pivots) @ weights (N, K), from the columns that have a weight."""
        used = [(np.flatnonzero(column), column) for column in weights.T]
        columns = [self.data.columns.product(at, column[at]) for at, column in used]
        return np.stack(columns, axis=1) - self.data.pivot @ weights

    def _working_set(self) -> NDArray[np.bool_]:
        """Return the mask (C, K) of weights to solve for: not 0, pulled away from 0, or bounded."""
        weights, force = self.at.weights, np.abs(self.force)
        chosen = weights != 0
        new = np.where(chosen, 0.0, force)
        sizes = np.maximum(_NEW_COLUMNS, np.count_nonzero(weights, axis=0) // 3)
        rank = np.argsort(np.argsort(-new, axis=0, kind="stable"), axis=0, kind="stable")
        new[rank >= sizes] = 0.0
        most = max(_NEW_WEIGHTS, int(np.count_nonzero(weights)) // 3)
        if np.count_nonzero(new) > most:
            new[new < np.partition(new.ravel(), -most)[-most]] = 0.0
        chosen |= new > 0
        chosen[self.problem.bounds.concepts] = True
        return chosen

    def _rows(
        self, concept: NDArray[np.intp], of_class: NDArray[np.intp]
    ) -> tuple[Rows, tuple[NDArray[np.intp], NDArray[np.intp]]]:
        """Return a row for each centred weight with a bound (``Rows``), and these weights' concept
        indices and class indices (m,)."""
        bounds, classes = self.problem.bounds, self.at.weights.shape[1]
        row, column = np.nonzero(bounds.bounded)
        same = concept[None, :] == row[:, None]
        matrix = np.where(same, -1 / classes, 0.0)
        matrix[same & (of_class[None, :] == column[:, None])] += 1
        return Rows(matrix, bounds.lower[row, column], bounds.upper[row, column]), (row, column)
