"""The optimum of a tiny problem to 20 digits: a barrier method in 40-digit decimals.

The split form w = w+ - w- is smooth in a box. For barrier strength 1/t, the objective at the
central point lies at most m/t above the optimum, m the number of finite sides
(Boyd and Vandenberghe, Convex Optimization, sec. 11.2.2).
"""

from decimal import Decimal, localcontext

import numpy as np

_STRONGEST, _WEAKEST = 1, 10**24


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
    def __init__(self, p):
        low, high = p["lower"], p["upper"]
        low = np.concatenate([np.maximum(low, 0), np.maximum(-high, 0)])
        high = np.concatenate([np.maximum(high, 0), np.maximum(-p["lower"], 0)])
        sign = np.repeat([1, -1], len(p["lower"]))
        self.free, fixed = low < high, low == high
        rows = np.concatenate([p["scores"], p["scores"]], axis=1) * sign
        columns = rows[:, self.free]
        self.scores = decimals(np.column_stack([columns, np.ones(len(rows))]))
        self.offset = decimals(rows[:, fixed]) @ decimals(low[fixed]) + Decimal(0)
        self.fixed_w = self._join(sign, fixed, decimals(low[fixed]), len(p["lower"]))
        self.fixed_l1 = Decimal(p["l1"]) * sum(decimals(low[fixed]), Decimal(0))
        self.join = np.zeros((len(p["lower"]), self.scores.shape[1]), int)
        places = np.flatnonzero(self.free)
        self.join[places % len(p["lower"]), np.arange(len(places))] = sign[self.free]
        self.weight, self.target = decimals(p["weight"]), decimals(p["target"])
        self.weight = self.weight / self.weight.sum()
        self.l1, self.l2 = Decimal(p["l1"]), Decimal(p["l2"])
        self.low, high = decimals(low[self.free]), high[self.free]
        self.bounded = np.isfinite(high)
        self.high = decimals(np.where(self.bounded, high, 0.0))

    @staticmethod
    def _join(sign, fixed, values, concepts):
        w = decimals(np.zeros(concepts))
        for place, value in zip(np.flatnonzero(fixed), values, strict=True):
            w[place % concepts] += int(sign[place]) * value
        return w

    def inside(self):
        middle = (self.low + self.high) / 2
        return np.append(np.where(self.bounded, middle, self.low + 1), Decimal(0))

    def objective(self, z):
        f = self.scores @ z + self.offset
        w = self.join @ z + self.fixed_w
        return (
            sum(self.weight * (_softplus(f) - self.target * f))
            + self.l1 * sum(z[:-1], Decimal(0))
            + self.fixed_l1
            + self.l2 / 2 * (w @ w)
        )

    def _slacks(self, z):
        above = z[:-1] - self.low
        below = np.where(self.bounded, self.high - z[:-1], Decimal(1))
        return above, below

    def _value(self, z, t):
        above, below = self._slacks(z)
        if min(above, default=1) <= 0 or min(below, default=1) <= 0:
            return Decimal("Infinity")
        logs = sum((s.ln() for s in above), Decimal(0)) + sum((s.ln() for s in below), Decimal(0))
        return t * self.objective(z) - logs

    def _derivatives(self, z, t):
        f = self.scores @ z + self.offset
        probability = np.array([1 / (1 + (-v).exp()) for v in f], object)
        residual = self.weight * (probability - self.target)
        w = self.join @ z + self.fixed_w
        slope = self.scores.T @ residual + self.l2 * (self.join.T @ w)
        slope[:-1] += self.l1
        curve = (self.scores.T * (self.weight * probability * (1 - probability))) @ self.scores
        curve = t * (curve + self.l2 * (self.join.T @ self.join))
        above, below = self._slacks(z)
        slope = t * slope
        slope[:-1] += -1 / above + np.where(self.bounded, 1 / below, Decimal(0))
        places = np.arange(len(z) - 1)
        curve[places, places] += 1 / above**2 + np.where(self.bounded, 1 / below**2, Decimal(0))
        return slope, curve

    def centre(self, z, t):
        for _ in range(200):
            slope, curve = self._derivatives(z, t)
            step = _solve(curve, -slope)
            fall, length, before = -(slope @ step), Decimal(1), self._value(z, t)
            if fall < Decimal("1e-8"):
                return z
            while self._value(z + length * step, t) > before - length * fall / 10:
                length /= 2
            z = z + length * step
        raise AssertionError("no central point found")


def _softplus(f):
    return np.array([max(v, Decimal(0)) + (1 + (-abs(v)).exp()).ln() for v in f], object)


def _solve(matrix, right):
    """Gaussian elimination; the matrix is positive definite."""
    a = np.column_stack([matrix, right])
    n = len(right)
    for i in range(n):
        a[i] = a[i] / a[i, i]
        for j in range(n):
            if j != i:
                a[j] = a[j] - a[j, i] * a[i]
    return a[:, n]
