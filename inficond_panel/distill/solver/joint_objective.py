"""The objective of the joint student, one softmax over K classes, and its certificate.

For scores x_i (C,), targets t_i (K,) that add up to 1, sample weights a_i >= 0 with sum 1, weights
W (C, K) with rows w_c, and logits f_i = W'x_i + b:

    P(W, b) = sum_i a_i [log sum_k exp(f_ik) - t_i'f_i] + sum_ck l1_k |w_ck|

where the centred weights A w_c, A = I - 11'/K, lie in their box (centred_bounds.py); else
infinite. This is glmnet's multinomial lasso (Friedman, Hastie, Tibshirani 2010, J. Stat. Softw. 33)
with soft targets and bounds. A number added to all logits of an image changes nothing; of the
weights with equal predictions the L1 term selects those whose median over the classes is 0.

Certificate. Write g_c(w) = sum_k l1_k |w_k| where A w is in the box of concept c, else infinity.
Take any distributions p_i over the classes whose residuals u_i = a_i (p_i - t_i) add up to 0 for
each class. The conjugate of log sum exp is the negative entropy, so by Fenchel-Young, for every W
and b,

    a_i [log sum exp(f_i) - t_i'f_i] >= u_i'f_i + a_i H(p_i),
    g_c(w_c) >= s_c'w_c - g_c*(s_c),   s_c = -(X'u)_c.

Summed over i and c, sum_i u_i'f_i + sum_c s_c'w_c = b'sum_i u_i = 0 remains, and

    P(W, b) >= D(u) = sum_i a_i H(p_i) - sum_c g_c*(s_c).

The conjugate. g_c is a sum, so g_c* is at most any split of s: for multipliers m (K,) of the bounds

    g_c*(s) <= sigma(m) = sum_k max(m_k lower_k, m_k upper_k)   if |s - A m|_k <= l1_k for all k

(A is its own transpose; the first part is the conjugate of the L1 term at s - A m, which is 0
there, the second the support function of the box at m). m_k must be <= 0 where the upper side is
open, >= 0 where the lower is. Without bounds m = 0 and the condition is |s_k| <= l1_k. It is
homogeneous in (s, m): where it fails, u and m are scaled by one c in [0, 1], p by t + c (p - t).
So D holds for any m; m is taken from the quadratic subproblem, where it is optimal.

Two residuals are tried: those of the student, and those that the last Newton step predicts, of
p + H d for its change d of the logits, H = diag(p) - p p'. The latter equal the optimum's to second
order, for the reasons in objective.py. All is computed in float64.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from scipy.special import entr

from inficond_panel.distill.solver.centred_bounds import CentredBounds, centred
from inficond_panel.distill.solver.objective import LEAST_REFERENCE, TINY, Point
from inficond_panel.distill.solver.penalty import Penalty
from inficond_panel.distill.sources import Array

_STEPS = 300
_SCALINGS = 4
_SMALL = 1e-15
_LEAST_DAMPING = 1e-8


class FittedSoftmax:
    """Logits (N, K) of a softmax student, with the terms of the loss and its derivatives."""

    def __init__(self, logit: Array) -> None:
        self.logit = logit
        self._top = logit.max(axis=1, keepdims=True)
        self._odds = np.exp(logit - self._top)
        self._total = self._odds.sum(axis=1, keepdims=True)

    @cached_property
    def probability(self) -> Array:
        """Class probabilities (N, K): softmax of each row of the logits."""
        return self._odds / self._total

    def loss(self, target: Array, sample_weight: Array) -> float:
        """Return the weighted mean cross-entropy against targets (N, K), whose rows sum to 1."""
        log_sum_exp = (self._top + np.log(self._total))[:, 0]
        return float(sample_weight @ (log_sum_exp - np.einsum("ik,ik->i", target, self.logit)))


def entropies(probability: Array) -> Array:
    """Return the entropy, in nats, of each row (N,) of distributions (N, K)."""
    return np.asarray(entr(np.maximum(probability, 0.0)).sum(axis=1))


def intercept_curvature(probability: Array, sample_weight: Array) -> Array:
    """Return the second derivatives (K, K) of the loss by the intercepts: 0 along (1, ..., 1)."""
    weighted = probability * np.sqrt(sample_weight)[:, None]
    return np.asarray(np.diag(sample_weight @ probability) - weighted.T @ weighted)


def flat_solve(curvature: Array, right: Array) -> Array:
    """Return the solution x (K,) of ``curvature`` x = ``right`` whose entries sum to 0; both sides
    are 0 along (1, ..., 1)."""
    scale = np.trace(curvature) / len(curvature)
    ones = np.full_like(curvature, max(scale, np.finfo(float).tiny))
    solution = np.linalg.lstsq(curvature + ones, right, rcond=1e-15)[0]
    return np.asarray(solution - solution.mean(axis=0))


_ROUNDED = 1 - 1e-15
_FLOOR = 1e-10  # share of 1/K mixed into the probabilities before their curvature is taken
_NO_SUM = 1e-12


@dataclass(frozen=True)
class JointProblem:
    """Objective to minimise for a softmax student: targets (N, K), sample weights (N,) of sum 1,
    L1 penalty (K,) > 0, and bounds of the centred weights."""

    #: Longest step of the intercepts, beyond the range of the logits.
    longest: ClassVar[float] = 50.0

    target: Array
    sample_weight: Array
    l1: Array
    bounds: CentredBounds

    @cached_property
    def reference(self) -> float:
        """Objective at W = 0 with the best intercepts, the unit of the relative gap; at least
        ``LEAST_REFERENCE``."""
        return max(float(entropies((self.sample_weight @ self.target)[None])[0]), LEAST_REFERENCE)

    def size(self, weights: Array) -> float:
        """Return the L1 term of the objective for weights (C, K)."""
        return float(np.abs(weights).sum(axis=0) @ self.l1)

    def fitted(self, logit: Array) -> FittedSoftmax:
        """Return logits (N, K) with the terms of the loss, as ``FittedSoftmax``."""
        return FittedSoftmax(logit)

    def point(self, weights: Array, intercepts: Array, fitted: FittedSoftmax) -> Point[Array]:
        """Return weights, intercepts and fitted logits as a ``Point``, with its objective."""
        return Point(weights, intercepts, fitted, self.loss(fitted) + self.size(weights))

    def loss(self, fitted: FittedSoftmax) -> float:
        """Return the loss of fitted logits: the weighted mean cross-entropy."""
        return fitted.loss(self.target, self.sample_weight)

    def best_point(self, weights: Array, linear: Array, guess: Array) -> Point[Array]:
        """Return the point of these weights with the best intercepts, of sum 0; ``linear`` is
        X @ weights (N, K).

        Damped Newton steps (Levenberg) from ``guess``. Each class's residuals then sum to 0.
        """
        b, damping = guess - guess.mean(), 0.0
        fitted = self.fitted(linear + b)
        loss = self.loss(fitted)
        longest = float(np.ptp(linear)) + self.longest
        for _ in range(_STEPS):
            slope = self.slope(fitted.probability)
            size = float(np.abs(slope).max())
            if size <= _SMALL or damping > 1:
                break
            bend = self.bend(fitted.probability)
            step = -flat_solve(bend + damping * np.eye(len(b)), slope)
            step *= min(1.0, longest / max(float(np.abs(step).max()), _SMALL))
            moved = self.fitted(linear + b + step)
            value = self.loss(moved)
            smaller = np.abs(self.slope(moved.probability)).max() < size
            if value < loss or (value <= loss + 1e-14 * (1 + abs(loss)) and smaller):
                b, fitted, loss = b + step, moved, value
                damping = damping / 10 if damping > _LEAST_DAMPING else 0.0
            else:
                damping = max(10 * damping, _LEAST_DAMPING)
        return self.point(weights, b, fitted)

    def first_intercepts(self, linear: Array) -> Array:
        """Return intercepts (K,) near the best for ``linear`` (N, K), by iterative scaling (Darroch
        and Ratcliff 1972): each step gives every class its share of the targets, were the others
        to stay."""
        goal = np.log(np.maximum(self.sample_weight @ self.target, TINY))
        b = goal - self.sample_weight @ linear
        for _ in range(_SCALINGS):
            share = self.sample_weight @ FittedSoftmax(linear + b).probability
            b += goal - np.log(np.maximum(share, TINY))
        return np.asarray(b)

    def slope(self, probability: Array) -> Array:
        """Return the loss's derivatives (K,) by the intercepts: the sums of the residuals."""
        return self.sample_weight @ (probability - self.target)

    def bend(self, probability: Array) -> Array:
        """Return the loss's second derivatives (K, K) by the intercepts."""
        return intercept_curvature(probability, self.sample_weight)

    def residuals(self, probability: Array) -> Array:
        """Return the derivative of the loss by each logit (N, K), from probabilities (N, K)."""
        return self.sample_weight[:, None] * (probability - self.target)

    def forces(self, weights: Array, gradient: Array, multipliers: Array) -> Array:
        """Return the Lagrangian's subgradient of least size (C, K), from the loss's gradient and
        the ``multipliers`` of the bounds, (C, K) each."""
        l1 = np.broadcast_to(self.l1, weights.shape).ravel()
        smooth = gradient + centred(multipliers)
        forces = Penalty(l1).forces(weights.ravel(), smooth.ravel())
        return np.asarray(forces).reshape(weights.shape)

    def dual(self, probability: Array, gradient: Array, multipliers: Array) -> float:
        """Return the dual's lower bound D of the least objective, from probabilities (N, K).

        ``gradient`` (C, K) is X'u for their residuals u; any ``multipliers`` (C, K) of the bounds
        are valid. D is -inf if u does not sum to 0, as with intercepts that are not the best."""
        if np.abs(self.slope(probability)).max() > _NO_SUM:
            return -np.inf
        m = self.bounds.allowed(multipliers)
        rest = np.abs(-gradient - centred(m))
        over = rest > self.l1
        scale = min(1.0, float(np.min((self.l1 / np.where(over, rest, 1.0))[over], initial=1.0)))
        scale = min(scale, self.inside(probability))
        scale *= 1.0 if scale == 1 else _ROUNDED
        return self.dual_loss(probability, scale) - scale * self.bounds.support(m)

    def curvatures(self, fitted: FittedSoftmax) -> list[tuple[Array, Array]]:
        """Return pairs (probabilities (N, K), weights (N,)) of softmaxes whose second derivatives
        add up to those of the quadratic model."""
        return [self.curvature_of(fitted.probability, self.sample_weight)]

    @staticmethod
    def curvature_of(probability: Array, weight: Array) -> tuple[Array, Array]:
        """Return one pair of ``curvatures``, with its probabilities raised above 0."""
        return (1 - _FLOOR) * probability + _FLOOR / probability.shape[1], weight

    def outlook(self, fitted: FittedSoftmax, change: Array) -> Array:
        """Predict the probabilities (N, K) after a change (N, K) of the logits, to first order."""
        p = fitted.probability
        mean = np.einsum("ik,ik->i", p, change)[:, None]
        return p + p * (change - mean)

    def dual_loss(self, probability: Array, scale: float) -> float:
        """Return the entropy term of the dual bound, for residuals scaled by ``scale``."""
        return float(
            self.sample_weight @ entropies(self.target + scale * (probability - self.target))
        )

    def inside(self, probability: Array) -> float:
        """Return the largest scale of the residuals, in [0, 1], that keeps probabilities >= 0."""
        return inside_scale(probability, self.target)


def inside_scale(probability: Array, target: Array) -> float:
    """Return the largest scale in [0, 1] at which target + scale * (p - target) is >= 0."""
    out = probability < 0
    if not out.any():
        return 1.0
    return float(np.min(target[out] / (target[out] - probability[out])))


def least_shift(weights: Array, l1: Array) -> Array:
    """Shift weights (C, K) to the least L1 term, without a change of the softmax's predictions.

    From each concept's weights their median over the classes, weighted by ``l1``, is subtracted.
    """
    order = np.argsort(weights, axis=1, kind="stable")
    total = np.cumsum(l1[order], axis=1)
    middle = (total >= total[:, -1:] / 2 * (1 - 1e-12)).argmax(axis=1)
    chosen = np.take_along_axis(order, middle[:, None], axis=1)
    return np.asarray(weights - np.take_along_axis(weights, chosen, axis=1))
