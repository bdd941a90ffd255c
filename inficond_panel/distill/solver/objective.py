"""The objective of one student, its logistic loss and dual, and the certificate of an answer.

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
only for s_j <= l1 (upper) or s_j >= -l1 (lower): scaling u by some c in [0, 1] repairs that, and
keeps both conditions, since t + c (p - t) lies between t and p. Where l1 = l2 = 0 and a side is
infinite, only c = 0 is left and D is useless: the residual of the KKT conditions is reported
instead.

Which residuals. Near the optimum the student's residuals violate |s_j| <= l1 to first order in its
error, so their gap is of first order while P is off by the second. The quadratic model of a Newton
step from f, with second derivatives h, ends where |s_j| <= l1 holds on the working set for
u = a (p + h d - t), d the step's change of the logits; the model's intercept makes this u sum to 0.
This u is within O(d^2) of the optimal one, and costs one more column of the next pass. Any p
in [0, 1] is allowed above, so this needs no further proof; p + h d is scaled towards t where it
leaves [0, 1]. The largest D of all iterations is the bound.

Precision. All terms of the bound (logits, losses, residuals, X'u, entropies) are computed in
float64 from the scores as they are stored, the casts from float16 and float32 being exact. Only
the Gram matrix may be in float32: it shapes the steps and d, and thus which u is tried, but D holds
for any u. The remaining error is float64 rounding, about 1e-15 of the terms. Since sum(u) is 0 up
to rounding only, X'u is computed with columns less a constant near their mean, so that the rounding
error multiplies the intercept of centred scores, not one that may be as large as mean times weight.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, TypeVar

import numpy as np

from inficond_panel.common.teacher_outputs import log_odds
from inficond_panel.common.threads import one_thread
from inficond_panel.distill.scores import ScoreLike, Scores
from inficond_panel.distill.solver.penalty import Penalty
from inficond_panel.distill.sources import Array, check_dense
from inficond_panel.vocabulary.tasks import SIGMOID, SOFTMAX


class Fitted:
    """Logits f (N,) of a student, with the terms of the loss, its derivatives and its dual."""

    def __init__(self, logit: Array) -> None:
        self.logit = logit
        odds = np.abs(logit)  # in place from here on: arrays of large data are not made anew
        self._odds = np.exp(np.negative(odds, out=odds), out=odds)
        self._total = 1 + odds

    @cached_property
    def probability(self) -> Array:
        """Probability sigmoid(f) of each logit (N,), exact to rounding at both ends."""
        share = np.where(self.logit >= 0, 1.0, self._odds)
        return np.divide(share, self._total, out=share)

    @property
    def softplus(self) -> Array:
        """Softplus log(1 + e^f) of each logit (N,)."""
        softplus = np.log1p(self._odds)
        return np.add(softplus, np.maximum(self.logit, 0), out=softplus)

    @cached_property
    def variance(self) -> Array:
        """Second derivative p (1 - p) of the loss by each logit (N,)."""
        square = np.square(self._total)
        return np.divide(self._odds, square, out=square)


def entropy(probability: Array) -> Array:
    """Return the entropy, in nats, of Bernoulli variables with these probabilities (any shape)."""
    other = 1 - probability
    tiny = np.finfo(np.float64).tiny  # 0 log 0 = 0
    return -(
        probability * np.log(np.maximum(probability, tiny))
        + other * np.log(np.maximum(other, tiny))
    )


def fit_intercept(
    linear: Array, target: Array, sample_weight: Array, guess: float
) -> tuple[float, Fitted]:
    """Return the intercept b that minimises the loss of logits ``linear`` (N,) + b, and ``Fitted``.

    Newton's method from ``guess`` within a bracket. The residuals then sum to 0 up to rounding.
    """
    mean = float(sample_weight @ target)
    centre = float(np.log(mean) - np.log1p(-mean))
    low, high = centre - linear.max(), centre - linear.min()
    b = min(max(guess, low), high)
    goal = 1e-15 * min(mean, 1 - mean)
    for _ in range(100):
        fitted = Fitted(linear + b)
        slope = float(sample_weight @ (fitted.probability - target))
        if abs(slope) <= goal:
            return b, fitted
        low, high = (b, high) if slope < 0 else (low, b)
        curvature = float(sample_weight @ fitted.variance)
        proposal = b - slope / curvature if curvature > 0 else np.inf
        if not low <= proposal <= high:
            proposal = 0.5 * (low + high)
        if abs(proposal - b) <= 1e-15 * max(1.0, abs(b)):
            return b, fitted
        b = proposal
    return b, Fitted(linear + b)


CURVATURE_FLOOR = 1e-12
#: Least unit of a relative gap, in nats. A loss is a mean of terms up to the size of the logits, so
#: it is rounded by about 1e-14: a gap of 1e-6 of less than this cannot be told from 0. The loss
#: without concepts is smaller than this only if the teacher's probabilities are all near 0, or 1.
LEAST_REFERENCE = 1e-8
TINY = np.finfo(np.float64).tiny


def decision_function(
    scores: ScoreLike, weights: Array, intercepts: Array, link: str = SIGMOID
) -> Array:
    """Return student logits (N, K), for weights (C, K) and intercepts (K,); scores as in ``fit``.

    The sigmoid of a logit is the class's probability. With ``link`` softmax the logit is the
    log-odds of the class in the softmax over the K linear functions; the weights must then be
    of all classes.
    """
    check_dense(weights=weights, intercepts=intercepts)
    with one_thread():
        linear = Scores.of(scores).logits(weights, intercepts)
        return log_odds(linear) if link == SOFTMAX else linear


#: Intercept of a student (a number), or of each class of a softmax student (K,).
Intercept = TypeVar("Intercept", float, Array)


@dataclass(frozen=True)
class Point(Generic[Intercept]):
    """Weights, (C,) or of a softmax student (C, K), and intercept of a student, with the fitted
    logits of its problem (``Problem.fitted``) and the objective."""

    weights: Array
    intercept: Intercept
    fitted: Any
    objective: float


@dataclass(frozen=True)
class Problem:
    """Objective to minimise for one student: targets (N,), sample weights (N,) of sum 1, and the
    penalty of C weights."""

    target: Array
    sample_weight: Array
    penalty: Penalty

    @cached_property
    def kind(self) -> str:
        """Kind of certificate: "gap", or "kkt" where no finite dual bound exists."""
        return "gap" if self.penalty.bounded else "kkt"

    @cached_property
    def reference(self) -> float:
        """Objective at w = 0 with the best intercept, the unit of the relative gap; at least
        ``LEAST_REFERENCE``."""
        return max(float(entropy(np.array(self.sample_weight @ self.target))), LEAST_REFERENCE)

    @cached_property
    def target_spread(self) -> float:
        """Standard deviation of the targets, which is also that of the residuals at w = 0."""
        mean = self.sample_weight @ self.target
        spread = float(np.sqrt(self.sample_weight @ (self.target - mean) ** 2))
        return max(spread, 1e-9)  # of constant targets only rounding is left

    def fitted(self, logit: Array) -> Fitted:
        """Return logits (N,) with the terms of the loss, as ``Fitted``."""
        return Fitted(logit)

    def point(self, weights: Array, intercept: float, fitted: Fitted) -> Point[float]:
        """Return weights, intercept and fitted values as a ``Point``, with its objective."""
        return Point(weights, intercept, fitted, self.loss(fitted) + self.penalty.value(weights))

    def loss(self, fitted: Fitted) -> float:
        """Return the loss of fitted logits: the weighted mean of BCE-with-logits."""
        return float(self.sample_weight @ (fitted.softplus - self.target * fitted.logit))

    def best_point(self, weights: Array, linear: Array, guess: float) -> Point[float]:
        """Return the point of these weights with the best intercept, searched from ``guess``;
        ``linear`` is X @ weights (N,)."""
        intercept, fitted = fit_intercept(linear, self.target, self.sample_weight, guess)
        return self.point(weights, intercept, fitted)

    def residuals(self, probability: Array) -> Array:
        """Return the derivative of the loss by each logit (N,), from probabilities (N,)."""
        return self.sample_weight * (probability - self.target)

    def curvature(self, fitted: Fitted, cautious: bool) -> Array:
        """Return the loss's second derivatives by each logit (N,); upper bounds if ``cautious``."""
        curvature = np.maximum(fitted.variance, CURVATURE_FLOOR)
        return self.sample_weight * (upper_curvature(fitted.logit) if cautious else curvature)

    def outlook(self, fitted: Fitted, change: Array) -> Array:
        """Predict the probabilities (N,) after a change (N,) of the logits, to first order, such
        that their residuals sum to 0."""
        bend = self.sample_weight * fitted.variance
        rest = self.residuals(fitted.probability).sum() + bend @ change
        return fitted.probability + fitted.variance * (change - rest / max(bend.sum(), TINY))

    def forces(self, weights: Array, gradient: Array) -> Array:
        """Return the objective's subgradient of least size (C,), from the loss's gradient (C,)."""
        return self.penalty.forces(weights, gradient + self.penalty.l2 * weights)

    def dual(self, probability: Array, gradient: Array) -> float:
        """Return the dual's lower bound D of the least objective, from probabilities (N,).

        Their residuals u must sum to 0; ``gradient`` (C,) is X'u. u is scaled down until D is
        finite and the probabilities lie in [0, 1]."""
        most = self._largest_scale(probability)
        scales = {self.penalty.feasible_scale(-gradient), 1.0 if self.penalty.l2 > 0 else 0.0}
        return max(self._dual(probability, gradient, min(scale, most)) for scale in scales if scale)

    def kkt_residual(self, force: Array, variance: Array) -> float:
        """Return the largest violation of the KKT conditions, as a correlation with the residuals.

        The subgradient ``force`` is divided by the spread of its column (root of ``variance``
        (C,)) and of the residuals at w = 0."""
        spread = np.sqrt(variance) * self.target_spread
        size = np.abs(force[force != 0])
        with np.errstate(divide="ignore"):
            return float(np.max(size / spread[force != 0], initial=0.0))

    def _dual(self, probability: Array, gradient: Array, scale: float) -> float:
        if scale < 1:
            probability = self.target + scale * (probability - self.target)
        value = float(self.sample_weight @ entropy(probability))
        return value - float(self.penalty.conjugate(-scale * gradient).sum())

    def _largest_scale(self, probability: Array) -> float:
        return largest_scale(self.target, probability)


def upper_curvature(logit: Array) -> Array:
    """Return the curvature (N,) of the quadratic upper bound of the loss that touches it at each
    logit f: tanh(f / 2) / (2 f) (Jaakkola and Jordan 2000).
    """
    size = np.maximum(np.abs(logit), 1e-3)
    return np.tanh(size / 2) / (2 * size)


def largest_scale(target: Array, probability: Array) -> float:
    """Return the largest scale in [0, 1] at which target + scale * (p - target) is in [0, 1], for
    targets and probabilities p (N,)."""
    out = np.flatnonzero((probability < 0) | (probability > 1))
    if not out.size:
        return 1.0
    inside, outside = target[out], probability[out]
    room = np.where(outside < 0, inside, 1 - inside)
    return float(np.min(room / np.abs(outside - inside))) * (1 - 1e-15)
