"""Quadratic subproblem of the solver: L1 and a box per coordinate, solved by projected Newton.

minimise  c'z + z'Hz/2 + psi(z),  H positive semidefinite, psi the L1 norm and box of penalty.py.

Each step fixes the coordinates that rest at a kink (0 or a bound) with no force to leave it,
takes the Newton step of the others on their side of the kink, and projects it. As in the
two-metric projection (Bertsekas 1982), the projected step descends.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg.lapack import dposv

from inficond_panel.distill.scores.array_api import Array
from inficond_panel.distill.solver.penalty import Penalty

_RIDGE = 1e-11
_LARGEST_RIDGE = 1e4
_ENOUGH = 1e-4  # of what the direction promises to first order
_STEPS = 60
_LAST_FORCE = 1e-2
_HALVINGS = 0.5 ** np.arange(1, 25)


def solve_quadratic(
    hessian: Array, linear: Array, penalty: Penalty, start: Array, last_gain: float = 1e-8
) -> Array:
    """Minimiser z (p,), from a feasible start; L2, if any, is in the Hessian (p, p).

    It stops at a step that gains less than ``last_gain`` of what was gained before, unless the
    forces say that much is left.
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
    """One projected Newton step, and the change of the quadratic; no step where none descends."""
    free = np.flatnonzero(penalty.support(point, force))
    moved, best, ridge = point, 0.0, _RIDGE
    while len(free) and ridge < _LARGEST_RIDGE:
        inner, at, pull = hessian.take(free, 0).take(free, 1), point[free], force[free]
        piece = penalty.kinks(free).piece(at, pull)
        direction = -_solve_damped(inner, ridge, pull)
        target = piece.clip(at + direction)
        step = target - at
        slope = float(pull @ step)
        change = float(slope + 0.5 * step @ inner @ step)
        if change > min(1e-3 * slope, 0.0) or not slope:
            blocked = (step == 0) & (direction != 0)
            if blocked.any():
                free = free[~blocked]  # the others' step counted on them: find one without
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
    """Solution of (matrix + ridge I) x = right, with more of the ridge where rounding asks it."""
    for _ in range(8):
        damped = matrix.copy()
        damped.flat[:: len(matrix) + 1] += ridge
        _, solution, failed = dposv(damped.T, right, lower=1, overwrite_a=1)
        if not failed:
            return solution
        ridge *= 1e3
    return right  # not numbers: no step from here descends


def _search_arc(
    inner: Array, at: Array, pull: Array, direction: Array, piece: Penalty
) -> tuple[Array, float]:
    """Best point on the arc projected into a piece, among its first kinks and the halvings."""
    low, high = np.asarray(piece.lower), np.asarray(piece.upper)
    limit = np.where(direction > 0, high, low)
    with np.errstate(divide="ignore", invalid="ignore"):
        kink = np.where(direction == 0, np.inf, (limit - at) / direction)
    lengths = np.concatenate([np.unique(kink[(kink > 0) & (kink < 1)])[:40], _HALVINGS])
    free = at[:, None] + direction[:, None] * lengths
    reached = kink[:, None] <= lengths  # exactly there: a rounding short of it is no place to stop
    targets = np.where(reached, limit[:, None], np.clip(free, low[:, None], high[:, None]))
    steps = targets - at[:, None]
    changes = pull @ steps + 0.5 * np.einsum("ij,ij->j", steps, inner @ steps)
    best = int(np.argmin(changes))
    return targets[:, best], float(changes[best])
