"""Minimisers of the joint student's quadratic model: by the matrix of all weights, or without it.

The matrix grows with the square of the number of weights, the time to solve it with the cube. For
many weights, products with it do. A turn is then two moves. The first finds the weights that are
not 0: with curvatures p instead of p (1 - p) and nothing shared, the classes' quadratics add up to
an upper bound of the model, so that each class moves to its own minimum under L1 (newton.py).
Bounds of centred weights tie the classes' weights of one concept together: a concept with a bound
is a block of its own, of K weights.

The second move goes to the minimum in the weights that are not 0, with their signs and the active
bounds as they are, by conjugate gradients. They are preconditioned by the matrices of the classes
and of the bounded concepts, and by that of the concepts' shifts: a softmax hardly feels it when all
weights of a concept move alike, so that the other matrices move these least.

Products are computed in float32 where the scores are. They only choose the step: the solver's
gradients and certificate are in float64.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial, reduce
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dpotrf, dpotrs

from inficond_panel.distill.scores import Scores
from inficond_panel.distill.solver.centred_bounds import (
    CENTRED_ACCURACY,
    CentredBounds,
    at_bound,
    centred,
)
from inficond_panel.distill.solver.joint_objective import JointProblem, least_shift
from inficond_panel.distill.solver.newton import solve_quadratic
from inficond_panel.distill.solver.objective import TINY, Point
from inficond_panel.distill.solver.penalty import Penalty
from inficond_panel.distill.sources import Array, beside, in_order, namespace, thread_count, to_host

_ROUNDS = 40
_STIFF = 1e3  # ratio of rho to the mean curvature of a concept's weights
_STIFFER = 1e3  # most that rho grows, such as where L1 and not curvature holds weights
_MET, _NEARLY_MET = 1e-13, 1e-10  # the second where rounding lets rounds come no nearer


class Rows(NamedTuple):
    """Matrix (m, p) that maps p weights to the m centred weights with a bound; bounds (m,)."""

    matrix: Array
    lower: Array
    upper: Array


def solve_bounded(
    hessian: Array, linear: Array, l1: Array, rows: Rows, start: Array, multipliers: Array,
    last_gain: float,
) -> tuple[Array, Array]:  # fmt: skip
    """Minimise linear'z + z'Hz/2 + L1 under the bounds of ``rows``, by the augmented Lagrangian.

    Returns the minimiser z (p,) and multipliers (m,): > 0 at upper bounds, < 0 at lower bounds."""
    if not len(rows.lower):
        return solve_quadratic(hessian, linear, Penalty(l1), start, last_gain), multipliers
    matrix, m = rows.matrix, len(rows.lower)
    bend = np.array([np.mean(np.diag(hessian)[row != 0]) for row in matrix])
    rho = _STIFF * np.maximum(bend, 1e-3 * float(l1.mean()))
    open_ = np.full(len(linear), np.inf)
    box = np.r_[-open_, rows.lower], np.r_[open_, rows.upper]
    penalty = Penalty(np.r_[l1, np.zeros(m)], 0.0, *box)
    at = np.concatenate([start, np.clip(matrix @ start, rows.lower, rows.upper)])
    most, before = _STIFFER * rho, np.full(m, np.inf)
    for _ in range(_ROUNDS):
        stiff = matrix.T * rho
        whole = np.block([[hessian + stiff @ matrix, -stiff], [-stiff.T, np.diag(rho)]])
        pulled = np.concatenate([linear + matrix.T @ multipliers, -multipliers])
        at = solve_quadratic(whole, pulled, penalty, at, min(last_gain, 1e-8))
        apart = matrix @ at[:-m] - at[-m:]
        multipliers = multipliers + rho * apart
        far = np.abs(apart) / np.maximum(1.0, np.abs(at[-m:]))
        if far.max() <= (_NEARLY_MET if far.max() > before.max() / 2 else _MET):
            break
        slow = far > np.maximum(before / 2, _NEARLY_MET)
        rho, before = np.where(slow, np.minimum(10 * rho, most), rho), far
    return at[:-m], multipliers


_TURNS = 40
_LAST_GAIN = 1e-3  # of a class's quadratic: the other classes move it anyway
_SHARE = 0.1, 0.03  # of the first force that may be left; the second times that force, if less
_LEFT = 0.1  # of a residual, in the preconditioner's norm, that conjugate gradients leave
_PRODUCTS = 60  # most steps of conjugate gradients in a turn
_LENGTHS = 1.0, 0.3, 0.1, 0.03, 0.01
_RIDGE, _SHIFT_RIDGE, _GRAM_RIDGE = 1e-4, 1e-2, 1e-6  # of a diagonal; float32 rounds less
_SHIFTS = 50  # concepts per class up to which a matrix of their shifts costs less than it saves
_LEAST_BEND = 1e-8  # curvature, relative to the preconditioner's, that may be rounding
_FLAT = 1e-4  # curvature, relative to the mean, that may be rounding
_ZERO = 1e-13  # relative to the weight before a step
_HELD_VALUES = 1 << 24  # of centred scores


class JointPart(NamedTuple):
    """Some images: centred scores (U + 1, n) of U concepts, the last row 1; for each softmax of the
    loss the probabilities (P, K, n) and the sample weights (P, 1, n)."""

    rows: Any
    probability: Any
    weight: Any


class Face(NamedTuple):
    """Negative gradient (K, U + 1) by the weights that may move; indices and Cholesky factor of
    each class; inverse second derivatives (K, K) of each bounded concept."""

    pull: Array
    classes: list[tuple[NDArray[np.intp], Array]]
    concepts: dict[int, Array]


class LargeModel:
    """Quadratic model at a point, in the weights of the mask ``working`` (C, K).

    ``weights`` (K, U + 1) are those of its U ``concepts``, then the changes of the intercepts;
    ``multipliers`` (C, K) are those of the bounds."""

    def __init__(
        self, data: Scores, problem: JointProblem, start: Point[Array], gradient: Array,
        working: NDArray[np.bool_], multipliers: Array,
    ) -> None:  # fmt: skip
        self.data, self.problem, self.multipliers = data, problem, multipliers.copy()
        self.concepts = u = np.flatnonzero(working.any(axis=1))
        self._bounds = CentredBounds(problem.bounds.lower[u], problem.bounds.upper[u])
        last = (0, 0), (0, 1)
        self.weights, self._slope = np.pad(start.weights[u].T, last), np.pad(gradient[u].T, last)
        self._l1 = np.pad(np.repeat(problem.l1[:, None], len(u), axis=1), last)
        self._alone = np.pad(working[u].T, last, constant_values=True)
        self._alone[:, self._bounds.concepts] = False
        softmaxes = zip(*problem.curvatures(start.fitted), strict=True)
        self._softmaxes = [np.stack(each, axis=1) for each in softmaxes]
        small = data.shape[0] * len(u) <= _HELD_VALUES
        self._held = list(self._parts(lambda part: part)) if small else None
        self._grams = self._sums(partial(_class_grams, alone=self._alone))
        blocks = self._sums(partial(_concept_blocks, concepts=self._bounds.concepts))
        self._blocks = dict(zip(map(int, self._bounds.concepts), blocks, strict=True))
        self._shifts: tuple[Array, NDArray[np.bool_]] | None = None

    def solve(self, enough: float, check: Callable[[], object]) -> bool:
        """Move to the minimum, until the forces are a small share of the first, or the largest,
        relative to L1, times the L1 term is ``enough``; return False if they stay larger.

        ``check`` is called before each turn, and may raise."""
        first, calm, short = 0.0, False, False  # calm: no sign changed and no bound was reached
        for _ in range(_TURNS):
            check()
            if not (calm or short):  # a short move ended at a weight's 0, or at a bound
                self._move_blocks()
            face = self._face()
            force = self._size(np.maximum(np.abs(face.pull), np.abs(self._forces())))
            first = first or force
            size = float((self._l1 * np.abs(self.weights)).sum())
            least = enough / (size + (enough * self.problem.reference) ** 0.5)
            goal = max(min(_SHARE[0], _SHARE[1] * first) * first, least)
            if force <= goal:
                if not (short or (calm and self._blocks)):
                    return True
                calm = short = False
                continue
            left = max(0.3 * goal / force, 1e-3) if calm else _LEFT
            clean, short = self._move(*self._direction(face, left))
            calm = clean and not self._forces()[self.weights == 0].any()
        return False

    def _parts(self, function: Callable[[JointPart], Any]) -> Iterator[Any]:
        """Yield ``function`` of each part."""

        def apply(rows: Any, *softmaxes: Array) -> Any:
            return function(_part(rows, self.data.pivot[self.concepts], *softmaxes))

        return self.data.columns.map(apply, self.concepts, *self._softmaxes)

    def _sums(self, function: Callable[[JointPart], list[Array]]) -> list[Array]:
        """Return the sums over all parts of the arrays that ``function`` returns."""
        if self._held is None:
            each = self._parts(function)
        else:
            threads = thread_count((self.data.shape[0], len(self.concepts)))
            each = in_order(function, zip(self._held), threads)
        return reduce(lambda a, b: [x + y for x, y in zip(a, b, strict=True)], each)

    def _bent(self, step: Array) -> Array:
        """Return the loss's second derivatives times a step (K, U + 1), less the step's shift."""
        return centred(self._sums(partial(_bent, step=centred(step.T).T))[0].T).T

    def _take(self, step: Array) -> None:
        self.weights = self.weights + step
        self._slope = self._slope + self._bent(step)

    def _size(self, force: Array) -> float:
        return float((np.abs(force).max(axis=1) / self.problem.l1).max())

    def _forces(self) -> Array:
        penalty, shape = Penalty(self._l1.ravel()), self.weights.shape
        forces = penalty.forces(self.weights.ravel(), self._slope.ravel())
        return np.where(self._alone, forces.reshape(shape), 0.0)

    def _move_blocks(self) -> None:
        """Move the classes by the upper bound, then each bounded concept."""
        step = np.zeros_like(self.weights)
        for k, (gram, alone) in enumerate(zip(self._grams, self._alone, strict=True)):
            weights, penalty = self.weights[k, alone], Penalty(self._l1[k, alone])
            linear = self._slope[k, alone] - gram @ weights
            step[k, alone] = solve_quadratic(gram, linear, penalty, weights, _LAST_GAIN) - weights
        self._take(step)
        for c in self._blocks:
            self._move_concept(c)
        full = np.flatnonzero((self.weights[:, :-1] != 0).all(axis=0))
        # without curvature, conjugate gradients would not end
        self.weights[:, full] = least_shift(self.weights[:, full].T, self.problem.l1).T

    def _move_concept(self, c: int) -> None:
        """Move the K weights of a bounded concept to the minimum over these."""
        hessian, weights, bounds = self._blocks[c], self.weights[:, c], self._bounds
        on, concept = np.flatnonzero(bounds.bounded[c]), self.concepts[c]
        rows = Rows(self._centring(on), bounds.lower[c, on], bounds.upper[c, on])
        linear = self._slope[:, c] - hessian @ weights
        target, self.multipliers[concept, on] = solve_bounded(
            hessian, linear, self.problem.l1, rows, weights, self.multipliers[concept, on], 1e-8
        )
        step = np.zeros_like(self.weights)
        step[:, c] = target - weights
        self._take(step)

    def _centring(self, classes: NDArray[np.intp]) -> Array:
        return np.eye(len(self.weights))[classes] - 1 / len(self.weights)

    def _face(self) -> Face:
        pull = -(self._slope + self._l1 * np.sign(self.weights))
        moves = self._alone & ((self.weights != 0) | (self._l1 == 0))
        classes, concepts = [], {}
        for gram, of_class, alone in zip(self._grams, moves, self._alone, strict=True):
            inner = np.ix_(of_class[alone], of_class[alone])
            classes.append((np.flatnonzero(of_class), _factor(gram[inner], _RIDGE)))
        for c in self._blocks:
            along, concepts[c] = self._along(c)
            pull[:, c] = along @ pull[:, c]
        if self._shifts is None and len(self.concepts) <= _SHIFTS * len(pull):
            self._shifts = self._shift_factor(moves[:, :-1].copy())
        moves[:, self._bounds.concepts] = True
        return Face(np.where(moves, pull, 0.0), classes, concepts)

    def _along(self, c: int) -> tuple[Array, Array]:
        """Return the projection (K, K) of a bounded concept's weights onto those that keep zeros
        and active bounds, and the inverse of their second derivatives."""
        v, hessian = centred(self.weights.T[c : c + 1])[0], self._blocks[c]
        reached = at_bound(v, self._bounds.lower[c]) | at_bound(v, self._bounds.upper[c])
        active = np.flatnonzero(reached & (self.multipliers[self.concepts[c]] != 0))
        free = np.diag((self.weights[:, c] != 0).astype(np.float64))
        matrix = self._centring(active) @ free
        along = free - free @ np.linalg.pinv(matrix, rcond=_FLAT) @ matrix  # zeros stay exact
        bend, ways = np.linalg.eigh(along @ hessian @ along)
        curved = bend > _FLAT * np.trace(hessian) / len(hessian)
        ways = along @ ways[:, curved]  # without rounding, which would break the bounds
        return along, (ways / bend[curved]) @ ways.T

    def _shift_factor(self, mask: NDArray[np.bool_]) -> tuple[Array, NDArray[np.bool_]]:
        """Return the Cholesky factor (U, U) of the second derivatives by the concepts' shifts, of
        the weights in ``mask`` (K, U), and the mask."""
        total = -self._sums(partial(_shared, mask=mask))[0]
        for gram, of_class, alone in zip(self._grams, mask, self._alone, strict=True):
            inner = np.flatnonzero(of_class[alone[:-1]])
            total[np.ix_(of_class, of_class)] += gram[np.ix_(inner, inner)]
        return _factor(total, _SHIFT_RIDGE), mask

    def _direction(self, face: Face, left: float) -> tuple[Array, Array]:
        """Return the step (K, U + 1) to the minimum on the face, by conjugate gradients until
        ``left`` of the pull is left; and the second derivatives times the step."""
        step, total, rest = np.zeros_like(face.pull), np.zeros_like(face.pull), face.pull
        way = ahead = self._preconditioned(face, rest)
        size = first = norm = float((rest * ahead).sum())  # norm: of way, by the preconditioner
        for _ in range(_PRODUCTS):
            if size <= left**2 * first:
                break
            bent = self._bent(way)
            bend, least = float((way * bent).sum()), _LEAST_BEND * norm
            length = size / max(bend, least)
            step, total, rest = step + length * way, total + length * bent, rest - length * bent
            if bend <= least:
                break  # flat: a weight that becomes 0, or a bound, ends the step
            ahead = self._preconditioned(face, rest)
            before, size = size, float((rest * ahead).sum())
            way, norm = ahead + size / before * way, size + (size / before) ** 2 * norm
        return step, total

    def _preconditioned(self, face: Face, pull: Array) -> Array:
        step = np.zeros_like(pull)
        for k, (at, factor) in enumerate(face.classes):
            step[k, at] = dpotrs(factor, pull[k, at], lower=1)[0]
        for c, inverse in face.concepts.items():
            step[:, c] = inverse @ pull[:, c]
        if self._shifts is not None:
            factor, mask = self._shifts
            mask = mask & (self.weights[:, :-1] != 0)
            step[:, :-1] += dpotrs(factor, (pull[:, :-1] * mask).sum(axis=0), lower=1)[0] * mask
        return step

    def _room(self, whole: Array) -> float:
        """Return the share of a step, at most 1, up to which no weight changes its sign and no
        bound breaks: up to there the model falls."""
        back = (self._l1 > 0) & (whole * self.weights < 0)
        step = centred(whole[:, :-1].T)
        over = self._bounds.excess(centred(self.weights[:, :-1].T) + step)
        far = (np.abs(over) > CENTRED_ACCURACY) & (step != 0)
        rooms = [-self.weights[back] / whole[back], 1 - over[far] / step[far], np.ones(1)]
        return max(float(np.concatenate(rooms).min()), 0.0)

    def _move(self, whole: Array, bent_whole: Array) -> tuple[bool, bool]:
        """Make the step, or the first shorter one that lowers the model; return whether no sign
        changed and no bound was reached, and whether it ended at the first of these.

        Weights stop at 0. Concepts that would break a bound, or change a sign, do not move."""
        old = self.weights
        for length in (*_LENGTHS, self._room(whole)):
            target = old + length * whole
            share = np.where((self._l1 > 0) & (old != 0), target * old, np.inf)
            crossed = share < _ZERO * old**2
            target[crossed & self._alone] = 0.0
            turned = (share < -_ZERO * old**2) & ~self._alone
            out = self._bounds.beyond(target[:, :-1].T) | turned[:, :-1].any(axis=0)
            target[:, :-1] = np.where(out, old[:, :-1], target[:, :-1])
            clean, step = not (crossed.any() or out.any()), target - old
            bent = length * bent_whole if clean else self._bent(step)
            size = (self._l1 * (np.abs(target) - np.abs(old))).sum()
            if ((self._slope + bent / 2) * step).sum() + size < 0:
                self.weights, self._slope = target, self._slope + bent
                return clean, length < _LENGTHS[-1]
        return False, False


def _part(rows: Any, pivot: Array, probability: Array, weight: Array) -> JointPart:
    one = np.ones((1, rows.shape[1]))
    centred_rows = [rows - _near(pivot[:, None], rows), _near(one, rows)]
    p, a = np.ascontiguousarray(probability.transpose(1, 2, 0)), weight.T[:, None]
    return JointPart(namespace(rows).concat(centred_rows), _near(p, rows), _near(a, rows))


def _bent(part: JointPart, step: Array) -> list[Array]:
    (rows, p, weight), xp = part, namespace(part.rows)
    logit = _near(step, rows) @ rows
    mean = xp.sum(p * logit, axis=1, keepdims=True)
    return [_far(xp.sum(p * weight * (logit - mean), axis=0) @ rows.T)]


def _class_grams(part: JointPart, alone: NDArray[np.bool_]) -> list[Array]:
    """Return each class's matrix of its weights in ``alone`` (K, U + 1), with curvatures p."""
    (rows, p, weight), xp, grams = part, namespace(part.rows), []
    for of_class, root in zip(alone, xp.sum(p * weight, axis=0) ** 0.5, strict=True):
        scaled = xp.take(rows, beside(np.flatnonzero(of_class), rows), axis=0) * root
        gram = _far(scaled @ scaled.T)
        grams.append(gram + np.diag(_GRAM_RIDGE * np.diag(gram)))
    return grams


def _concept_blocks(part: JointPart, concepts: NDArray[np.intp]) -> list[Array]:
    """Return the second derivatives (K, K) by each concept's weights."""
    (rows, p, weight), xp, blocks = part, namespace(part.rows), []
    for c in map(int, concepts):
        shared = _far(xp.sum((p * weight * rows[c] ** 2) @ xp.matrix_transpose(p), axis=0))
        shared = (shared + shared.T) / 2
        blocks.append(np.diag(shared.sum(axis=0)) - shared)  # of no negative eigenvalue by rounding
    return blocks


def _shared(part: JointPart, mask: NDArray[np.bool_]) -> list[Array]:
    """Return what the classes share of the second derivatives (U, U) by shifts of the concepts'
    weights in ``mask`` (K, U)."""
    rows, total = part.rows[:-1, :], np.zeros((mask.shape[1],) * 2)
    for p, weight in zip(part.probability, part.weight, strict=True):
        scaled = (_near(mask.T, rows) @ p) * weight**0.5 * rows
        total += _far(scaled @ scaled.T)
    return [total]


def _near(values: NDArray, rows: Any) -> Any:
    """Convert to the type, the library and the device of ``rows``."""
    kind = np.float64 if rows.dtype == namespace(rows).float64 else np.float32
    return beside(values.astype(kind), rows)


def _far(values: Any) -> Array:
    return to_host(values).astype(np.float64)


def _factor(matrix: Array, ridge: float) -> Array:
    """Return the Cholesky factor of a matrix plus a share of its diagonal, which grows until the
    sum is positive definite."""
    diagonal = np.diag(matrix)
    diagonal = np.maximum(diagonal, _FLAT * diagonal.max(initial=TINY))
    for _ in range(8):
        factor, failed = dpotrf(matrix + np.diag(ridge * diagonal), lower=1)
        if not failed:
            break
        ridge *= 100
    return np.asarray(factor)
