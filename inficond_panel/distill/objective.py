"""The objective of one student, its dual, and the certificate of how close an answer is.

Student (InFiConD, sec. 4.4, eq. 1), for scores x_i (C,), targets t_i in [0, 1], sample weights
a_i >= 0 with sum 1, and a box [lower, upper] per weight:

    P(w, b) = sum_i a_i l(x_i'w + b; t_i) + l1*|w|_1 + l2/2*|w|^2,   l(f; t) = log(1 + e^f) - t f

with infinity outside the box. The intercept b is free and not penalised.

Certificate. Write psi_j(w) = l1|w| + l2/2 w^2 on [lower_j, upper_j], and psi_j* for its conjugate
psi_j*(s) = max over the box of s w - psi_j(w). Take any probabilities p_i in [0, 1] whose dual
residuals u_i = a_i (p_i - t_i) sum to 0. By Fenchel-Young, for every w, b

    a_i l(f_i; t_i) >= u_i f_i + a_i H(p_i),    psi_j(w_j) >= s_j w_j - psi_j*(s_j),  s = -X'u,

where H is the entropy in nats. Summed over i and j, u'f + s'w = b sum(u) = 0 remains, so

    P(w, b) >= D(u) = sum_i a_i H(p_i) - sum_j psi_j*(s_j)   for every w in the box and every b.

So P - D bounds the distance to the optimum from above. The residuals of the student itself sum
to 0 when its intercept is optimal. Where l2 = 0 and a side is infinite, psi_j*(s_j) is finite
only for s_j <= l1 (upper) or s_j >= -l1 (lower): scaling u by some c in [0, 1] mends that, and
keeps both conditions, since t + c (p - t) lies between t and p. Where l1 = l2 = 0 and a side is
infinite only c = 0 is left and the bound says nothing: there the residual of the KKT conditions
is reported instead.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import entr, expit, logit

from inficond_panel.distill.scores import Array, Scores
from inficond_panel.distill.subproblem import forces
from inficond_panel.distill.threads import one_thread

_CURVATURE_FLOOR = 1e-12


def soft_targets(teacher_logit: NDArray, temperature: float = 1.0) -> Array:
    """Targets sigmoid(z / T) in (0, 1), of the shape of the teacher's logits z."""
    return expit(np.asarray(teacher_logit, dtype=np.float64) / temperature)


def decision_function(scores: NDArray, weights: Array, intercepts: Array) -> Array:
    """Student logits (N, K) of scores (N, C), for weights (C, K) and intercepts (K,)."""
    with one_thread():
        return Scores(scores).logits(weights, intercepts)


@dataclass(frozen=True)
class Problem:
    """One student's objective: targets (N,), sample weights (N,) of sum 1, L1, L2 and box (C,)."""

    target: Array
    sample_weight: Array
    l1: float
    l2: float
    lower: Array
    upper: Array

    @property
    def kind(self) -> str:
        """Kind of certificate: "gap", or "kkt" where no finite dual bound exists."""
        open_side = np.isinf(self.lower) | np.isinf(self.upper)
        return "kkt" if self.l1 == 0 and self.l2 == 0 and open_side.any() else "gap"

    @property
    def reference(self) -> float:
        """Objective at w = 0 with the best intercept, the unit of the relative gap."""
        mean = self.sample_weight @ self.target
        return float(entr(mean) + entr(1 - mean))

    @property
    def target_spread(self) -> float:
        """Standard deviation of the targets, which are the residuals at w = 0 up to the sign."""
        mean = self.sample_weight @ self.target
        spread = float(np.sqrt(self.sample_weight @ (self.target - mean) ** 2))
        return max(spread, 1e-9)  # constant targets: what is left is rounding

    @property
    def l1_each(self) -> Array:
        """The L1 weight of each coefficient (C,)."""
        return np.full(len(self.lower), self.l1)

    def intercept(self, logits: Array) -> float:
        """The b that minimises the loss of logits + b, by Newton's method within a bracket."""
        centre = float(logit(self.sample_weight @ self.target))
        low, high = centre - logits.max(), centre - logits.min()
        b = min(max(centre - float(self.sample_weight @ logits), low), high)
        for _ in range(100):
            p = expit(logits + b)
            slope = float(self.sample_weight @ (p - self.target))
            low, high = (b, high) if slope < 0 else (low, b)
            curvature = float(self.sample_weight @ (p * (1 - p)))
            proposal = b - slope / curvature if curvature > 0 else np.inf
            if not low <= proposal <= high:
                proposal = 0.5 * (low + high)
            if abs(proposal - b) <= 1e-15 * max(1.0, abs(b)):
                break
            b = proposal
        return b

    def loss(self, logits: Array) -> float:
        """Weighted mean BCE-with-logits."""
        each = np.maximum(logits, 0) + np.log1p(np.exp(-np.abs(logits))) - self.target * logits
        return float(self.sample_weight @ each)

    def penalty(self, weights: Array) -> float:
        """L1 and L2 terms."""
        return float(self.l1 * np.abs(weights).sum() + 0.5 * self.l2 * weights @ weights)

    def residuals(self, logits: Array) -> Array:
        """Derivative of the loss by each logit (N,)."""
        return self.sample_weight * (expit(logits) - self.target)

    def curvature(self, logits: Array, cautious: bool) -> Array:
        """Second derivative by each logit (N,); cautious: one that bounds the loss from above.

        Source of the bound: Jaakkola and Jordan 2000, tanh(f / 2) / (2 f).
        """
        if cautious:
            size = np.maximum(np.abs(logits), 1e-3)
            each = np.tanh(size / 2) / (2 * size)
        else:
            p = expit(logits)
            each = np.maximum(p * (1 - p), _CURVATURE_FLOOR)
        return self.sample_weight * each

    def forces(self, weights: Array, gradient: Array) -> Array:
        """Subgradient of least size of the objective in w (C,), from the loss's gradient X'u."""
        slope = gradient + self.l2 * weights
        return forces(weights, slope, self.l1_each, self.lower, self.upper)

    def gap(self, weights: Array, logits: Array, gradient: Array) -> float:
        """Relative duality gap; valid where the intercept in the logits is optimal."""
        value = self.loss(logits) + self.penalty(weights)
        scales = {self._feasible_scale(-gradient), 1.0 if self.l2 > 0 else 0.0}
        best = max(self._dual(logits, gradient, scale) for scale in scales)
        return max(value - best, 0.0) / self.reference

    def kkt_residual(self, force: Array, variance: Array) -> float:
        """Largest subgradient of least size, as the correlation of that column with the residuals.

        Relative to the spread of the columns (variance (C,)) and of the residuals at w = 0, so
        that it changes with neither scale.
        """
        spread = np.sqrt(variance) * self.target_spread
        size = np.abs(force[force != 0])
        with np.errstate(divide="ignore"):
            return float(np.max(size / spread[force != 0], initial=0.0))

    def _feasible_scale(self, s: Array) -> float:
        over = np.concatenate([s[np.isinf(self.upper)], -s[np.isinf(self.lower)], [0.0]]).max()
        return 1.0 if over <= self.l1 else self.l1 / over * (1 - 1e-15)  # rounding stays below

    def _dual(self, logits: Array, gradient: Array, scale: float) -> float:
        p = self.target + scale * (expit(logits) - self.target)
        entropy = float(self.sample_weight @ (entr(p) + entr(1 - p)))
        return entropy - float(self._conjugate(-scale * gradient).sum())

    def _conjugate(self, s: Array) -> Array:
        excess = np.sign(s) * np.maximum(np.abs(s) - self.l1, 0.0)
        far = excess / self.l2 if self.l2 > 0 else np.copysign(np.inf, s)
        w = np.clip(np.where(excess == 0, 0.0, far), self.lower, self.upper)
        with np.errstate(invalid="ignore"):
            value = s * w - self.l1 * np.abs(w) - 0.5 * self.l2 * w**2
        return np.where(np.isinf(w), np.inf, value)
