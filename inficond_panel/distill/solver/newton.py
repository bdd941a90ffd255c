"""Solver state of one student: certificate, working set, Newton step, line search.

The quadratic subproblem, solved by projected Newton:

    minimise  c'z + z'Hz/2 + psi(z),  H positive semidefinite,

psi the L1 norm and box of penalty.py.

Each step fixes the coordinates that no force pulls away from their kink (0 or a bound), makes a
Newton step in the other coordinates, and projects it onto their side of the kink. As in the
two-metric projection (Bertsekas 1982), the projected step descends.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dposv

from inficond_panel.common.ordering import strongest
from inficond_panel.distill.scores import Scores
from inficond_panel.distill.solver.objective import Intercept, Point, Problem
from inficond_panel.distill.solver.penalty import Penalty
from inficond_panel.distill.sources import Array

_HALVINGS = 40
_SUFFICIENT = 1e-4  # share that a step must reach of the fall it promises: never a rise


@dataclass(frozen=True)
class Move(Generic[Intercept]):
    """Step of the solver, at length 1: its new weights, the change of the logits, and the part of
    this change that comes from the intercept (``share``)."""

    weights: Array
    change: Array
    share: Intercept
    promised: float  # change of the objective, to first order

    def weights_at(self, start: Array, length: float) -> Array:
        """Return the weights after a step of ``length`` (1, or at most 1/2) from ``start``; then
        rounding does not violate the bounds."""
        return self.weights if length == 1 else start + length * (self.weights - start)


class SolverState(Generic[Intercept]):
    """Shared state of both solvers: current point ``at``, gap, and line search."""

    problem: Any
    at: Point[Intercept]

    def __init__(self) -> None:
        self.iterations, self.gap, self.bound = 0, np.inf, -np.inf
        self.stuck = False
        self.outlook: Array | None = None

    def goes_on(self, tolerance: float, max_iterations: int) -> bool:
        """Return True if the gap is above ``tolerance``, iterations are left, and steps descend."""
        return self.gap > tolerance and self.iterations < max_iterations and not self.stuck

    def share_done(self, tolerance: float) -> float:
        """Return the share of the work done, 0 to 1: the fall of the gap on a log scale."""
        return float(np.log(min(max(self.gap, tolerance), 1.0)) / np.log(tolerance))

    def _search(self, move: Move[Intercept]) -> bool:
        """Make the step ``move``, at the first length of 1, 1/2, 1/4, ... that lowers the objective
        enough; return False if none does, or if no more than rounding is promised."""
        problem, at = self.problem, self.at
        rounding = 1e-15 * (at.objective + problem.reference)
        for halving in range(_HALVINGS):
            length = 0.5**halving
            weights = move.weights_at(at.weights, length)
            tried = problem.fitted(at.fitted.logit + length * move.change)
            value = problem.point(weights, at.intercept, tried).objective
            del tried  # as large as the images: not kept until the next is made
            if value <= at.objective + _SUFFICIENT * length * min(move.promised, 0.0) + rounding:
                break
        else:
            return False
        self._expect(move, length, at.objective - value)
        linear = at.fitted.logit - at.intercept + length * (move.change - move.share)
        self.at = problem.best_point(weights, linear, at.intercept + length * move.share)
        return move.promised < -0.1 * rounding

    def _expect(self, move: Move[Intercept], length: float, fall: float) -> None:
        """Set ``outlook`` before the step of ``length``, which lowers the objective by ``fall``."""
        raise NotImplementedError


_RIDGE = 1e-11
_LARGEST_RIDGE = 1e4
_ENOUGH = 1e-4  # of what the direction promises to first order
_STEPS = 60
_LAST_FORCE = 1e-2
_LENGTHS = 0.5 ** np.arange(1, 25)


def solve_quadratic(
    hessian: Array, linear: Array, penalty: Penalty, start: Array, last_gain: float = 1e-8
) -> Array:
    """Return the z (p,) that minimises linear'z + z'Hz/2 + penalty, from a feasible start.

    The Hessian H (p, p) includes L2. The loop stops at a step that gains less than ``last_gain``
    of all earlier gains, unless the forces are still large.
    """
    scale = np.sqrt(np.diag(hessian).clip(0))
    scale[scale <= 0] = 1.0
    scale = np.exp2(np.round(np.log2(scale)))  # powers of 2: scaling back returns 0 and the bounds
    hessian = hessian / scale / scale[:, None]
    linear, penalty, point = linear / scale, penalty.scaled(scale), start * scale
    gradient = linear + hessian @ point
    floor = 1e-14 * np.max(np.abs(linear) + penalty.l1, initial=0.0)
    gained, change, first = 0.0, -np.inf, np.inf
    for _ in range(_STEPS):
        force = penalty.forces(point, gradient)
        size = float(np.max(np.abs(force), initial=0.0))
        first = min(first, size) if first == np.inf else first
        small = -change <= last_gain * gained and size <= _LAST_FORCE * first
        if size <= floor or small:
            break
        moved, change = _newton_step(hessian, point, force, penalty)
        if not change < 0:
            break
        gradient += hessian @ (moved - point)
        point = moved
        gained -= change
    return point / scale


def _newton_step(
    hessian: Array, point: Array, force: Array, penalty: Penalty
) -> tuple[Array, float]:
    """Return the point (p,) after a projected Newton step, and the quadratic's change (<= 0)."""
    free = np.flatnonzero(penalty.support(point, force))
    moved, best, ridge = point, 0.0, _RIDGE
    while len(free) and ridge < _LARGEST_RIDGE:
        whole = len(free) == len(point)
        inner = hessian if whole else hessian.take(free, 0).take(free, 1)
        at, pull = point[free], force[free]
        piece = penalty.kinks(free).piece(at, pull)
        direction = -_solve_damped(inner, ridge, pull)
        target = piece.clip(at + direction)
        step = target - at
        slope = float(pull @ step)
        change = float(slope + 0.5 * step @ inner @ step)
        if change > min(1e-3 * slope, 0.0) or not slope:
            blocked = (step == 0) & (direction != 0)
            if blocked.any():
                free = free[~blocked]  # the step assumed that these move: solve without them
                continue
            target, change = _search_arc(inner, at, pull, direction, piece)
        if change < best:
            moved, best = point.copy(), change
            moved[free] = target
        if change <= _ENOUGH * (pull @ direction):
            break
        ridge *= 1e3  # the Hessian is singular to working precision: the step is far too long
    return moved, best


def _solve_damped(matrix: Array, ridge: float, right: Array) -> Array:
    """Solve (matrix + ridge I) x = right; the ridge grows until the matrix is positive definite."""
    for _ in range(8):
        damped = matrix.copy()
        damped.flat[:: len(matrix) + 1] += ridge
        _, solution, failed = dposv(damped.T, right, lower=1, overwrite_a=1)
        if not failed:
            return solution
        ridge *= 1e3
    return right  # no solution, such as for nan: no step from here descends


def _search_arc(
    inner: Array, at: Array, pull: Array, direction: Array, piece: Penalty
) -> tuple[Array, float]:
    """Return the best point along ``direction``, projected onto the bounds of ``piece``, among the
    first kinks and halvings of the length; and the quadratic's change there."""
    low, high = np.asarray(piece.lower), np.asarray(piece.upper)
    limit = np.where(direction > 0, high, low)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        kink = np.where(direction == 0, np.inf, (limit - at) / direction)
    lengths = np.concatenate([np.unique(kink[(kink > 0) & (kink < 1)])[:40], _LENGTHS])
    free = at[:, None] + direction[:, None] * lengths
    reached = kink[:, None] <= lengths  # these are put on the kink exactly, without rounding
    targets = np.where(reached, limit[:, None], np.clip(free, low[:, None], high[:, None]))
    steps = targets - at[:, None]
    changes = pull @ steps + 0.5 * np.einsum("ij,ij->j", steps, inner @ steps)
    best = int(np.argmin(changes))
    return targets[:, best], float(changes[best])


_NEW_COLUMNS = 24
_STEPS_WHERE_SLOW = 4  # steps on one working set, where a pass over the scores is slow
_LAST_GAIN = 1e-2  # a step that gains less than this share of the steps so far is the last
_MAYBE_LAST = 0.03  # largest gain, relative to the objective at w = 0, of a step that may be last
_CHEAP_GRAM = 4  # entries of a Gram matrix per concept that cost less than a pass
_SMALL_EDIT = 1e-4  # fall of the objective, relative to w = 0, after which an edit is mostly done
_ROUGH_PASSES = 4  # most passes with a gradient in float32
#: Gap below which a gradient in float32 does not do; a student that needs no smaller gap than this
#: is often done after its first pass.
NEARLY = 1e-5
_CLOSE, _SLOW = 0.03, 0.5  # exact Hessian: gap below the first, falling slower than this factor


class NewtonState(SolverState[float]):
    """State of the solver for one class: current point, certificate and working set."""

    problem: Problem

    def __init__(self, data: Scores, problem: Problem, starts: list[Array]) -> None:
        super().__init__()
        self.data, self.problem = data, problem
        self.cautious = self.exact = self.rough = self.misled = self.settled = False
        known = problem.kind == "gap"
        self.variance = None if known else data.moments(problem.sample_weight)[1]
        self.at = self._point(starts[0])
        for other in starts[1:]:
            if other.any() or self.at.objective >= problem.reference:  # that of weights of 0
                self.at = min(self.at, self._point(other), key=lambda point: point.objective)

    def is_far(self, tolerance: float, max_iterations: int) -> bool:
        """Return True if the gap is so far from ``tolerance`` that a rough gradient shows the next
        step."""
        begins = self.goes_on(_CLOSE, min(_ROUGH_PASSES, max_iterations)) and not self.misled
        return begins and tolerance < NEARLY and self.data.narrow and not self.settled

    def probabilities(self) -> list[Array]:
        """Return the probabilities (N,) to certify: the current, and if any the predicted ones."""
        present = self.at.fitted.probability
        return [present] if self.outlook is None else [present, self.outlook]

    def residuals(self) -> Array:
        """Return the residuals (1 or 2, N) of ``probabilities()``."""
        return np.stack(list(map(self.problem.residuals, self.probabilities())))

    def certify(self, gradients: NDArray, rough: bool) -> None:
        """Update gap, forces and working set, from the gradients X'u (C, 1 or 2) of the residuals
        of ``probabilities()``. ``rough`` gradients prove no bound."""
        problem, before = self.problem, self.gap
        self.gradient = gradients[:, 0].copy()
        self.force = problem.forces(self.at.weights, self.gradient)
        if self.variance is not None:
            self.gap = problem.kkt_residual(self.force, self.variance)
        else:
            for probability, gradient in zip(self.probabilities(), gradients.T, strict=True):
                self.bound = max(self.bound, problem.dual(probability, gradient))
            self.gap = max(self.at.objective - self.bound, 0.0) / problem.reference
        self.rough = rough
        if rough:
            self.bound = -np.inf
        self.exact |= _SLOW * before < self.gap < _CLOSE
        self.columns = self._working_set()

    def shift_intercept(self, intercept: float) -> None:
        """Replace the best intercept by ``intercept``, and add the objective's rise to the gap."""
        problem, best = self.problem, self.at.objective
        fitted = problem.fitted(self.at.fitted.logit + (intercept - self.at.intercept))
        self.at = problem.point(self.at.weights, intercept, fitted)
        if self.variance is None:
            self.gap += (self.at.objective - best) / problem.reference
        else:
            slope = abs(float(problem.residuals(fitted.probability).sum()))
            self.gap = max(self.gap, slope / problem.target_spread)

    def settle(self) -> None:
        """Make a step on the weights of a warm start, before the first pass over the scores, if
        they are so few that a step costs less than a pass. After a small step that pass is exact:
        it often is the last."""
        weights = self.at.weights
        free = self.problem.penalty.support(weights, np.zeros(len(weights)))
        columns = np.flatnonzero(free & (weights != 0))
        if 0 < len(columns) ** 2 <= _CHEAP_GRAM * len(weights):
            residuals = self.problem.residuals(self.at.fitted.probability)
            before = self.at.objective
            self._search(self._newton_move(columns, self.data.columns.gradient(columns, residuals)))
            self.settled = before - self.at.objective <= _SMALL_EDIT * self.problem.reference

    def step(self) -> None:
        """Make one proximal Newton step on the working set, or a few if passes are slow."""
        self.iterations, self.settled = self.iterations + 1, False
        columns, slope, first = self.columns, self.gradient[self.columns], self.at.objective
        for number in range(_STEPS_WHERE_SLOW if self.data.source.slow else 1):
            if number:
                residuals = self.problem.residuals(self.at.fitted.probability)
                slope = self.data.columns.gradient(columns, residuals)
            before = self.at.objective
            moved = self._search(self._newton_move(columns, slope))
            if not moved or before - self.at.objective <= _LAST_GAIN * (first - before):
                break
        self.stuck = not (moved or number or self.rough) and self.exact
        self.misled |= self.rough and not moved
        self.exact |= not (moved or self.rough)

    def looks_ahead(self, tolerance: float) -> bool:
        """Return True if the gap is small but above ``tolerance``: the next step may close it."""
        return self.variance is None and tolerance < self.gap < _CLOSE

    def look_ahead(self) -> None:
        """Predict the probabilities after the next step, for ``certify``; do not make the step."""
        self.exact = True
        move = self._newton_move(self.columns, self.gradient[self.columns])
        self.outlook = self.problem.outlook(self.at.fitted, move.change)

    def _newton_move(self, columns: NDArray[np.intp], slope: Array) -> Move[float]:
        """Return the move to the minimum of the quadratic model in the weights at ``columns`` (p,);
        ``slope`` (p,) is the loss's gradient by these."""
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

    def _expect(self, move: Move[float], length: float, fall: float) -> None:
        near_end = fall <= _MAYBE_LAST * self.problem.reference
        plain = near_end and length == 1 and not self.cautious
        self.outlook = self.problem.outlook(self.at.fitted, move.change) if plain else None
        self.cautious = length < 0.5

    def _point(self, weights: Array) -> Point[float]:
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
