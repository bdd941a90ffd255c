"""Quadratic subproblem of the joint student: L1, and bounds on centred weights.

    minimise  c'z + z'Hz/2 + sum l1 |z|   with  lower <= R z <= upper

R takes the centred weights that have a bound. They become variables s of their own, with the box,
and R z = s is met by the method of multipliers (Hestenes 1969; Rockafellar 1976): each round solves
the problem of subproblem.py in (z, s) with rho/2 |R z - s|^2 added, and corrects the multipliers.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from inficond_panel.distill.scores.array_api import Array
from inficond_panel.distill.solver.penalty import Penalty
from inficond_panel.distill.solver.subproblem import solve_quadratic

_ROUNDS = 40
_STIFF = 1e3  # of rho to the curvature of the weights
_MET = 1e-13


class Rows(NamedTuple):
    """Rows R (m, p) of the centred weights that have a bound, and their box (m,)."""

    matrix: Array
    lower: Array
    upper: Array


def solve_bounded(
    hessian: Array, linear: Array, l1: Array, rows: Rows, start: Array, multipliers: Array,
    last_gain: float,
) -> tuple[Array, Array]:  # fmt: skip
    """Minimiser z (p,) and multipliers (m,): > 0 at an upper bound, < 0 at a lower one."""
    if not len(rows.lower):
        return solve_quadratic(hessian, linear, Penalty(l1), start, last_gain), multipliers
    matrix, m = rows.matrix, len(rows.lower)
    used = np.abs(matrix).any(axis=0)
    rho = _STIFF * max(float(np.mean(np.diag(hessian)[used])), 1e-12)
    whole = np.block(
        [[hessian + rho * matrix.T @ matrix, -rho * matrix.T], [-rho * matrix, rho * np.eye(m)]]
    )
    open_ = np.full(len(linear), np.inf)
    penalty = Penalty(
        np.concatenate([l1, np.zeros(m)]),
        0.0,
        np.concatenate([-open_, rows.lower]),
        np.concatenate([open_, rows.upper]),
    )
    at = np.concatenate([start, np.clip(matrix @ start, rows.lower, rows.upper)])
    for _ in range(_ROUNDS):
        pulled = np.concatenate([linear + matrix.T @ multipliers, -multipliers])
        at = solve_quadratic(whole, pulled, penalty, at, min(last_gain, 1e-8))
        apart = matrix @ at[:-m] - at[-m:]
        multipliers = multipliers + rho * apart
        if np.abs(apart).max() <= _MET * max(1.0, np.abs(at[-m:]).max()):
            break
    return at[:-m], multipliers
