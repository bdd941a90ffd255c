"""The optimum of a tiny problem to 20 digits: a barrier method in 40-digit decimals.

The split form w = w+ - w- is smooth in a box. For barrier strength 1/t, the objective at the
central point lies at most m/t above the optimum, m the number of finite sides
(Boyd and Vandenberghe, Convex Optimization, sec. 11.2.2).
"""

from decimal import Decimal, localcontext

import numpy as np

_STRONGEST, _WEAKEST = 1, 10**24
_ONE = Decimal(1)


def optimum(p):
    """Optimal value of a problem (references.py), as a Decimal."""
    with localcontext() as context:
        context.prec = 40
        barrier = _Barrier(p)
        point, t = barrier.inside(), Decimal(_STRONGEST)
        while t < _WEAKEST:
            t *= 10
            point = barrier.centre(point, t)
        return barrier.objective(point)


def decimals(values):
    """The same numbers as exact decimals, in an array of objects."""
    return np.array([Decimal(float(v)) for v in np.ravel(values)], object).reshape(np.shape(values))


class _Barrier:
    """A point z holds those of (w+, w-) that are not fixed, then the intercept."""

    def __init__(self, p):
        sides = p["lower"], p["upper"], -p["upper"], -p["lower"]
        low, high, low_minus, high_minus = (np.maximum(side, 0) for side in sides)
        low, high = np.concatenate([low, low_minus]), np.concatenate([high, high_minus])
        eye, free = np.eye(len(p["lower"])), low < high
        split, fixed = np.hstack([eye, -eye]), np.where(free, 0.0, low)
        self.join = decimals(np.column_stack([split[:, free], np.zeros(len(eye))]))
        self.fixed_w, self.fixed_sum = decimals(split) @ decimals(fixed), sum(decimals(fixed))
        self.scores = decimals(p["scores"])
        self.columns = self.scores @ self.join
        self.columns[:, -1] = _ONE
        self.weight, self.target = decimals(p["weight"]), decimals(p["target"])
        self.weight = self.weight / self.weight.sum()
        self.l1, self.l2 = Decimal(p["l1"]), Decimal(p["l2"])
        self.bounded = np.isfinite(high[free])
        self.low, self.high = decimals(low[free]), decimals(np.where(self.bounded, high[free], 0.0))

    def inside(self):
        middle = (self.low + self.high) / 2
        return np.append(np.where(self.bounded, middle, self.low + 1), Decimal(0))

    def _model(self, z):
        w = self.join @ z + self.fixed_w
        return w, self.scores @ w + z[-1]

    def objective(self, z):
        w, f = self._model(z)
        softplus = [max(v, Decimal(0)) + (1 + (-abs(v)).exp()).ln() for v in f]
        loss = self.weight @ (softplus - self.target * f)
        return loss + self.l1 * (sum(z[:-1]) + self.fixed_sum) + self.l2 / 2 * (w @ w)

    def _slacks(self, z):
        return z[:-1] - self.low, np.where(self.bounded, self.high - z[:-1], _ONE)

    def _value(self, z, t):
        slacks = np.concatenate(self._slacks(z))
        if min(slacks, default=1) <= 0:
            return Decimal("Infinity")
        return t * self.objective(z) - sum(slack.ln() for slack in slacks)

    def _derivatives(self, z, t):
        w, f = self._model(z)
        probability = np.array([1 / (1 + (-v).exp()) for v in f], object)
        residual = self.weight * (probability - self.target)
        slope = self.columns.T @ residual + self.l2 * (self.join.T @ w)
        slope[:-1] += self.l1
        curve = (self.columns.T * (self.weight * probability * (1 - probability))) @ self.columns
        slope, curve = t * slope, t * (curve + self.l2 * (self.join.T @ self.join))
        above, below = self._slacks(z)
        slope[:-1] += np.where(self.bounded, 1 / below, Decimal(0)) - 1 / above
        places = np.arange(len(z) - 1)
        curve[places, places] += 1 / above**2 + np.where(self.bounded, 1 / below**2, Decimal(0))
        return slope, curve

    def centre(self, z, t):
        for _ in range(200):
            slope, curve = self._derivatives(z, t)
            step = _solve(curve, -slope)
            fall, length, before = -(slope @ step), _ONE, self._value(z, t)
            if fall < Decimal("1e-8"):
                return z
            while self._value(z + length * step, t) > before - length * fall / 10:
                length /= 2
            z = z + length * step
        raise AssertionError("no central point found")


def _solve(matrix, right):
    """Gaussian elimination; the matrix is positive definite."""
    a = np.column_stack([matrix, right])
    for i in range(len(right)):
        a[i] = a[i] / a[i, i]
        others = np.arange(len(right)) != i
        a[others] -= np.outer(a[others, i], a[i])
    return a[:, -1]
