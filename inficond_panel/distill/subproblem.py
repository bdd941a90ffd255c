"""Quadratic subproblem of the solver: L1 and a box per coordinate, solved by projected Newton.

minimise  c'z + z'Hz/2 + l1*|z|_1   with  lower <= z <= upper,  H positive semidefinite.

Each step fixes the coordinates that rest at a kink (0 or a bound) with no force to leave it,
takes the Newton step of the others on their side of the kink, and projects it. As in the
two-metric projection (Bertsekas 1982), the projected step descends.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg.lapack import dposv

from inficond_panel.distill.scores import Array

_RIDGE = 1e-11
_STEPS = 60
_LAST_GAIN = 1e-8
_HALVINGS = 0.5 ** np.arange(1, 25)


def forces(weights: Array, gradient: Array, l1: Array, lower: Array, upper: Array) -> Array:
    """Subgradient of least size: 0 exactly where no move of that coordinate alone descends."""
    right = gradient + np.where(weights >= 0, l1, -l1)
    left = gradient + np.where(weights > 0, l1, -l1)
    force = np.where(right < 0, right, np.maximum(left, 0.0))
    force[(weights >= upper) & (force < 0)] = 0.0
    force[(weights <= lower) & (force > 0)] = 0.0
    return force


def movable(weights: Array, force: Array, l1: Array, lower: Array, upper: Array) -> np.ndarray:
    """Mask of the coordinates that rest at no kink, or are pulled away from theirs."""
    smooth = (weights != 0) | (l1 == 0)
    return (smooth & (weights > lower) & (weights < upper)) | (force != 0)


def solve_quadratic(
    hessian: Array, linear: Array, l1: Array, lower: Array, upper: Array, start: Array
) -> Array:
    """Minimiser z (p,), from a feasible start. All arguments but the Hessian have shape (p,)."""
    scale = np.sqrt(np.diag(hessian).clip(0))
    scale[scale <= 0] = 1.0
    scale = np.exp2(np.round(np.log2(scale)))  # powers of 2: scaling back returns 0 and the bounds
    hessian = hessian / scale / scale[:, None]
    linear, l1 = linear / scale, l1 / scale
    lower, upper, point = lower * scale, upper * scale, start * scale
    gradient = linear + hessian @ point
    floor = 1e-14 * np.max(np.abs(linear) + l1, initial=0.0)
    gained = 0.0
    for _ in range(_STEPS):
        force = forces(point, gradient, l1, lower, upper)
        if np.max(np.abs(force), initial=0.0) <= floor:
            break
        moved, change = _newton_step(hessian, point, force, l1, lower, upper)
        gradient += hessian @ (moved - point)
        point = moved
        gained -= change
        if -change <= _LAST_GAIN * gained:
            break
    return point / scale


def _newton_step(
    hessian: Array, point: Array, force: Array, l1: Array, lower: Array, upper: Array
) -> tuple[Array, float]:
    """One projected Newton step, and the change of the quadratic; no step where none descends."""
    free = np.flatnonzero(movable(point, force, l1, lower, upper))
    ridge = _RIDGE
    while len(free) and ridge < 1:
        inner, at, pull = hessian[np.ix_(free, free)], point[free], force[free]
        low, high = _orthant(at, pull, l1[free], lower[free], upper[free])
        direction = -_solve_damped(inner, ridge, pull)
        target = np.clip(at + direction, low, high)
        step = target - at
        change = float(pull @ step + 0.5 * step @ inner @ step)
        if change >= 0 or change > 1e-3 * (pull @ step):
            blocked = (step == 0) & (direction != 0)
            if blocked.any():
                free = free[~blocked]  # the others' step counted on them: find one without
                continue
            target, change = _search_arc(inner, at, pull, direction, low, high)
        if change < 0:
            point = point.copy()
            point[free] = target
            return point, change
        ridge *= 1e3  # the Hessian is singular to working precision
    return point, 0.0


def _solve_damped(matrix: Array, ridge: float, right: Array) -> Array:
    """Solution of (matrix + ridge I) x = right, with more of the ridge where rounding asks it."""
    for _ in range(8):
        damped = matrix.copy()
        damped[np.diag_indices_from(damped)] += ridge
        _, solution, failed = dposv(damped, right, lower=1)
        if not failed:
            return solution
        ridge *= 1e3
    return right  # not numbers: no step from here descends


def _orthant(at: Array, pull: Array, l1: Array, lower: Array, upper: Array) -> tuple[Array, Array]:
    """Limits of the piece, smooth in each coordinate, that the step may move in."""
    kinked = l1 > 0
    positive = kinked & ((at > 0) | ((at == 0) & (pull < 0)))
    negative = kinked & ((at < 0) | ((at == 0) & (pull > 0)))
    return (
        np.where(positive, np.maximum(lower, 0.0), lower),
        np.where(negative, np.minimum(upper, 0.0), upper),
    )


def _search_arc(
    inner: Array, at: Array, pull: Array, direction: Array, low: Array, high: Array
) -> tuple[Array, float]:
    """Best point on the projected arc, among its first kinks and the halvings of the step."""
    with np.errstate(divide="ignore", invalid="ignore"):
        kinks = np.where(direction > 0, high - at, low - at) / direction
    kinks = np.unique(kinks[(kinks > 0) & (kinks < 1)])[:40]
    lengths = np.concatenate([kinks, _HALVINGS])
    targets = np.clip(at[:, None] + direction[:, None] * lengths, low[:, None], high[:, None])
    steps = targets - at[:, None]
    changes = pull @ steps + 0.5 * np.einsum("ij,ij->j", steps, inner @ steps)
    best = int(np.argmin(changes))
    return targets[:, best], float(changes[best])
