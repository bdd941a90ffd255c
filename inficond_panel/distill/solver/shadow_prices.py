"""Shadow prices: what a bound on a weight costs, as a derivative of the optimal objective.

Let P(w, b) = L(w, b) + l1*|w|_1 + l2/2*|w|^2 be the objective of a student (objective.py), and

    phi(t) = min of P over b and the other weights in their boxes, with w_j held at t,
    V(beta) = min of phi(t) over t >= beta      (a lower bound beta on w_j).

P is jointly convex, so phi is convex, and so is V. Where the bound rests on the weight, that is
w_j = beta at the optimum, V = phi to the right of beta, and V'(beta) = max(0, phi'(beta)) on
each side: to the left the optimum follows the bound down only as long as phi falls that way.

phi' follows from the envelope theorem. L and the L2 term are smooth, and the L1 terms of the
other weights do not depend on t; the logits at the optimum are unique, since the loss is strictly
convex in them, and so is the loss's gradient g_j = X_j'u there (also where the weights are not
unique, as with duplicate concepts). Only |t| has a kink, at 0:

    phi'(t+) = g_j + l2*t + l1*(+1 if t >= 0 else -1),
    phi'(t-) = g_j + l2*t + l1*(+1 if t >  0 else -1).

So at beta = 0 the two sides differ by up to 2*l1. An upper bound is the mirror image:
V' = min(0, phi'). A weight that is fixed at beta has V = phi itself.

Error. Where the objective is within delta of the optimum, so are the probabilities: the loss has
curvature at most 1/4 in each logit, hence sum_i a_i (p_i - p_i*)^2 <= delta/2; with the intercepts
optimal the differences sum to 0, and by Cauchy-Schwarz |g_j - g_j*| <= sd(X_j) sqrt(delta/2).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from inficond_panel.distill.solver.penalty import Penalty


@dataclass(frozen=True)
class Price:
    """Derivatives of the optimal objective by one bound, in nats per unit of weight.

    ``left`` and ``right``: for a bound that moves down and up from where it is. ``gain``: by
    how much the objective falls per unit by which the bound is relaxed. ``cost``: by how much it
    rises per unit by which it is tightened (nan for a fixed weight, which has no such direction).
    ``error`` bounds the error of all of them.
    """

    left: float
    right: float
    gain: float
    cost: float
    error: float


def shadow_price(gradient: float, weight: float, penalty: Penalty, error: float = 0.0) -> Price:
    """Price of the bound that a weight rests on; all 0 where it rests on none.

    ``gradient`` is the loss's gradient by this weight at the optimum, ``penalty`` of it alone.
    """
    lower, upper = penalty.lower, penalty.upper
    left, right = map(float, penalty.slopes(weight, gradient + penalty.l2 * weight))
    if lower == upper:
        return Price(left, right, max(0.0, left, -right), math.nan, error)
    if weight <= lower:
        left, right = max(left, 0.0), max(right, 0.0)
        return Price(left, right, left, right, error)
    if weight >= upper:
        left, right = min(left, 0.0), min(right, 0.0)
        return Price(left, right, -right, -left, error)
    return Price(0.0, 0.0, 0.0, 0.0, error)


def price_error(spread: float, delta: float) -> float:
    """Bound on the error of a price: spread of the concept's score, distance to the optimum."""
    return spread * math.sqrt(max(delta, 0.0) / 2)
