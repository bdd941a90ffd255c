"""Shadow prices of bounds on centred weights: what each costs the joint student.

Let V(beta) be the least objective (joint_objective.py) as a function of one bound beta. It is
convex, and its subdifferential is {-m : m a multiplier of the bound at the optimum}. The residuals
are unique at the optimum, so that the multipliers m (K,) of one concept are those with

    s - A m in l1 times the subdifferential of |w|,   s = -X'u, A = I - 11'/K,

m_k = 0 where no bound is reached, >= 0 at an upper and <= 0 at a lower bound. The one-sided
derivatives of V are thus the ends of -m_k over a polyhedron of as many variables as the concept has
bounds that are reached: two small linear programs.

Error. The loss has curvature at most 1/2 in the logits of an image, so that within delta of the
optimum sum_i a_i |p_i - p_i*|^2 <= delta, and |s_k - s_k*| <= sd(X_c) sqrt(delta) as in
shadow_prices.py. Each condition is relaxed by that; a multiplier moves by at most K times as much.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog

from inficond_panel.distill.scores.array_api import Array
from inficond_panel.distill.solver.centred_bounds import at_bound
from inficond_panel.distill.solver.shadow_prices import Price

_ROUNDING = 1e-10


@dataclass(frozen=True)
class ConceptAtOptimum:
    """One concept of the joint student at its optimum; each array is (K,).

    ``gradient`` is the loss's by its weights, ``weights`` are of least L1, ``multipliers`` those
    that the solver found. ``spread`` is that of its score; the objective is within ``delta``.
    """

    gradient: Array
    weights: Array
    lower: Array
    upper: Array
    l1: Array
    multipliers: Array
    spread: float
    delta: float

    def price(self, k: int) -> Price:
        """Price of the bound on the class at ``k``; all 0 where it is not reached."""
        slack = self.spread * math.sqrt(max(self.delta, 0.0))
        error = len(self.weights) * slack
        if not self._reached[k]:
            return Price(0.0, 0.0, 0.0, 0.0, error)
        low, high = self._ends(k, slack + _ROUNDING)
        left, right = 0.0 - high, 0.0 - low
        if self.lower[k] == self.upper[k]:
            return Price(left, right, max(0.0, left, -right), math.nan, error)
        if np.isfinite(self.lower[k]):
            return Price(left, right, left, right, error)
        return Price(left, right, -right, -left, error)

    @cached_property
    def _reached(self) -> NDArray[np.bool_]:
        return self._at(self.lower) | self._at(self.upper)

    def _at(self, bound: Array) -> NDArray[np.bool_]:
        return at_bound(self.weights - self.weights.mean(), bound)

    def _ends(self, k: int, slack: float) -> tuple[float, float]:
        """Least and largest multiplier of the class at ``k``."""
        places = np.flatnonzero(self._reached)
        centring = np.eye(len(self.weights)) - 1 / len(self.weights)
        sign = np.sign(self.weights)
        most = np.where(sign < 0, -self.l1, self.l1) + slack  # of s - A m
        least = np.where(sign > 0, self.l1, -self.l1) - slack
        s, part = -self.gradient, centring[:, places]
        limits = [
            (None if at_low else 0.0, None if at_high else 0.0)
            for at_low, at_high in zip(
                self._at(self.lower)[places], self._at(self.upper)[places], strict=True
            )
        ]
        cost = (places == k).astype(np.float64)
        found = [
            linprog(
                way * cost,
                A_ub=np.vstack([-part, part]),
                b_ub=np.concatenate([most - s, s - least]),
                bounds=limits,
            )
            for way in (1, -1)
        ]
        known = float(self.multipliers[k])
        ends = [
            way * one.fun if one.status == 0 else known
            for way, one in zip((1, -1), found, strict=True)
        ]
        return min(ends), max(ends)
