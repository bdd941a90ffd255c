"""Optimum of one student, found without any code of the package.

A problem here is a dict of arrays: scores (N, C), target (N,), weight (N,) of sum 1, l1, l2,
lower and upper (C,).
"""

from functools import partial

import clarabel
import numpy as np
from scipy import sparse
from scipy.optimize import minimize
from scipy.special import expit, xlogy


def problem(case, k=0):
    """The problem of class k, for the arguments of a fit."""
    scores = np.asarray(case["scores"], dtype=np.float64)
    images, concepts = scores.shape
    weight = case.get("sample_weight")
    weight = np.ones(images) if weight is None else np.asarray(weight, dtype=np.float64)
    weight = weight if weight.ndim == 1 else weight[:, k]
    lower, upper = case.get("lower"), case.get("upper")
    l1, l2 = np.atleast_1d(case.get("l1", 1e-4)), np.atleast_1d(case.get("l2", 0.0))
    return {
        "scores": scores,
        "target": case["targets"][:, k].astype(np.float64),
        "weight": weight / weight.sum(),
        "l1": float(l1[k % len(l1)]),
        "l2": float(l2[k % len(l2)]),
        "lower": np.full(concepts, -np.inf) if lower is None else lower[:, k],
        "upper": np.full(concepts, np.inf) if upper is None else upper[:, k],
    }


def objective(p, w, b):
    """The objective from its definition, in extended precision."""
    w, target = np.asarray(w, np.longdouble), p["target"].astype(np.longdouble)
    f = p["scores"].astype(np.longdouble) @ w + np.longdouble(b)
    loss = p["weight"].astype(np.longdouble) @ (np.logaddexp(np.longdouble(0), f) - target * f)
    return float(loss + p["l1"] * np.abs(w).sum() + p["l2"] / 2 * w @ w)


def unit(p):
    """The objective at w = 0 with its best intercept: the entropy of the mean target."""
    mean = p["weight"] @ p["target"]
    return -(xlogy(mean, mean) + xlogy(1 - mean, 1 - mean))


def best_intercept(p, w):
    """The root of the loss's slope in b, by bisection."""
    f = p["scores"] @ w
    centre = np.log(p["weight"] @ p["target"]) - np.log(p["weight"] @ (1 - p["target"]))
    low, high = centre - f.max() - 1, centre - f.min() + 1
    for _ in range(200):
        middle = (low + high) / 2
        if p["weight"] @ (expit(f + middle) - p["target"]) < 0:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def value(p, w):
    """The objective of the weights, put into their box, with their best intercept."""
    w = np.clip(w, p["lower"], p["upper"])
    return objective(p, w, best_intercept(p, w))


def max_l1(p):
    """The least L1 at which all weights are 0: no column pulls harder on the centred targets."""
    residual = p["weight"] * (p["target"] - p["weight"] @ p["target"])
    return np.abs(p["scores"].T @ residual).max()


def column_scale(p):
    size = np.abs(p["scores"]).max(axis=0)
    return np.where(size > 0, size, 1.0)


def centred(p):
    """Scores less their weighted means; exact zeros for constant columns."""
    inner = p["scores"] - p["weight"] @ p["scores"]
    inner[:, np.ptp(p["scores"][p["weight"] > 0], axis=0) == 0] = 0.0
    return inner


def blocks(widths, **given):
    """A matrix of columns of these widths, by name; those that are not given are 0."""
    height = next(iter(given.values())).shape[0]
    parts = [given.get(name, sparse.csr_array((height, m))) for name, m in widths.items()]
    return sparse.hstack(parts)


def solve_conic(square, cost, positive, cones, tolerance):
    """Clarabel's answer: matrices at most their limits; 1, in the middle, by exponential cones."""
    positive = [(matrix, limit) for matrix, limit in positive if len(limit)]
    height = cones[0][0].shape[0]
    order = np.arange(3 * height).reshape(3, height).T.ravel()
    stacked = [sparse.vstack(cone).tocsr()[order] for cone in cones]
    matrix = sparse.vstack([m for m, _ in positive] + stacked).tocsc()
    right = [np.tile([0.0, 1.0, 0.0], height)] * len(cones)
    limit = np.concatenate([v for _, v in positive] + right)
    kinds = [clarabel.NonnegativeConeT(sum(len(v) for _, v in positive))]
    kinds += [clarabel.ExponentialConeT()] * (height * len(cones))
    settings = clarabel.DefaultSettings()
    settings.verbose, settings.max_threads = False, 1
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = tolerance
    return clarabel.DefaultSolver(square, cost, matrix, limit, kinds, settings).solve()


def conic(p):
    """Value of an interior-point solver's answer, and its lower bound: (primal, dual).

    log(1 + e^f) <= s becomes e^(f - s) <= u, e^-s <= v, u + v <= 1. Columns are centred, which
    the free intercept makes up for, and scaled to 1.
    """
    rows = p["weight"] > 0
    x, t, a = centred(p)[rows], p["target"][rows], p["weight"][rows]
    scale = np.abs(x).max(axis=0)
    scale = np.where(scale > 0, scale, column_scale(p))
    x = x / scale
    n, c = x.shape
    eye, one = sparse.eye_array, np.ones
    put = partial(blocks, {"w": c, "r": c, "b": 1, "s": n, "u": n, "v": n})  # r >= |w|
    cost = np.concatenate([-x.T @ (a * t), p["l1"] / scale, [-a @ t], a, np.zeros(2 * n)])
    square = sparse.diags_array(np.r_[p["l2"] / scale**2, np.zeros(len(cost) - c)])
    low, high = np.isfinite(p["lower"]), np.isfinite(p["upper"])
    positive = [
        (put(w=eye(c), r=-eye(c)), np.zeros(c)),
        (put(w=-eye(c), r=-eye(c)), np.zeros(c)),
        (put(u=eye(n), v=eye(n)), one(n)),
        (-put(w=eye(c).tocsr()[low]), -(p["lower"] * scale)[low]),
        (put(w=eye(c).tocsr()[high]), (p["upper"] * scale)[high]),
    ]
    first = -put(w=sparse.csr_array(x), b=sparse.csr_array(one((n, 1))), s=-eye(n))
    none = sparse.csr_array((n, len(cost)))
    cones = [(first, none, -put(u=eye(n))), (put(s=eye(n)), none, -put(v=eye(n)))]
    answer = solve_conic(square.tocsc(), cost, positive, cones, 1e-11)
    return value(p, np.array(answer.x)[:c] / scale), answer.obj_val_dual


def lbfgs(p):
    """Value of L-BFGS-B's answer on the split form w = w+ - w-, columns centred and scaled."""
    inner = centred(p)
    spread = np.sqrt(p["weight"] @ inner**2)
    scale = np.where(spread > 0, spread, column_scale(p))
    inner, c = inner / scale, len(scale)
    l1, l2, target, weight = p["l1"] / scale, p["l2"] / scale**2, p["target"], p["weight"]

    def split(z):
        w, b = z[:c] - z[c:-1], z[-1]
        f = inner @ w + b
        residual = weight * (expit(f) - target)
        slope = inner.T @ residual + l2 * w
        loss = weight @ (np.logaddexp(0, f) - target * f)
        penalty = l1 @ (z[:c] + z[c:-1]) + 0.5 * l2 @ w**2
        return loss + penalty, np.concatenate([slope + l1, l1 - slope, [residual.sum()]])

    low, high = p["lower"] * scale, p["upper"] * scale
    bounds = [(max(a, 0), max(b, 0)) for a, b in zip(low, high, strict=True)]
    bounds += [(max(-b, 0), max(-a, 0)) for a, b in zip(low, high, strict=True)]
    first = np.array([a for a, _ in bounds] + [0.0])
    options = {"maxiter": 20000, "maxfun": 100000, "ftol": 1e-16, "gtol": 1e-11, "maxcor": 30}
    best = minimize(
        split, first, jac=True, method="L-BFGS-B", bounds=[*bounds, (None, None)], options=options
    )
    return value(p, (best.x[:c] - best.x[c:-1]) / scale)
