"""The optimum of one softmax student, found without any code of the package.

A problem here is a dict: scores (N, C), targets (N, K), weight (N,) of sum 1, l1 (K,), lower and
upper (C, K) of the centred weights.
"""

from functools import partial

import numpy as np
from problems import concept_problem
from references import blocks, solve_conic
from scipy import sparse
from scipy.optimize import minimize
from scipy.special import logsumexp, softmax, xlogy

KINDS = (
    "plain", "hard labels", "sure teacher", "duplicates", "constant columns", "few images",
    "two classes", "many classes", "L1 per class", "tiny L1", "large L1", "values 1e3",
    "weights per photo", "bounds", "fixed weights", "all of a concept", "box without 0",
)  # fmt: skip


def random_case(kind, seed):
    """Arguments of ``fit_joint`` for one small problem of a kind in KINDS."""
    rng = np.random.default_rng([KINDS.index(kind), seed])
    n, c, k = int(rng.integers(15, 40)), int(rng.integers(2, 9)), int(rng.integers(3, 5))
    if kind == "few images":
        n, c = int(rng.integers(4, 8)), int(rng.integers(10, 20))
    k = {"two classes": 2, "many classes": 8}.get(kind, k)
    scores = np.maximum(0.3 + 0.2 * rng.standard_normal((n, c)), 0)
    if kind == "duplicates":
        scores = scores[:, rng.integers(max(1, c // 2), size=c)]
    if kind == "constant columns":
        scores[:, rng.random(c) < 0.5] = 0.5
    sure = 20 if kind == "sure teacher" else 2
    targets = softmax(rng.normal(0, sure, (n, k)) + 8 * scores @ rng.normal(size=(c, k)), axis=1)
    if kind == "hard labels":
        targets = np.eye(k)[np.r_[np.arange(k), rng.integers(k, size=n - k)]]
    l1 = float(10.0 ** rng.uniform(-3, -1.3))
    if kind == "values 1e3":
        scores, l1 = 1e3 * scores, 1e3 * l1
    case = {"scores": scores, "targets": targets, "l1": l1}
    case["l1"] = {"tiny L1": 1e-6, "large L1": 0.08}.get(kind, case["l1"])
    if kind == "L1 per class":
        case["l1"] = 10.0 ** rng.uniform(-3, -1.3, k)
    if kind == "weights per photo":
        case["sample_weight"] = rng.random(n) * (rng.random(n) < 0.8) + 1e-3
    return case | _random_box(kind, (c, k), rng)


def _random_box(kind, shape, rng):
    share = {"bounds": 0.3, "fixed weights": 0.2, "box without 0": 0.3}.get(kind, 0.0)
    if kind == "all of a concept":
        lower, upper = np.full(shape, -np.inf), np.full(shape, np.inf)
        v = rng.normal(size=shape[1])
        lower[0], upper[0] = v - v.mean() - 0.3, v - v.mean() + 0.3
        return {"lower": lower, "upper": upper}
    if not share:
        return {}
    lower = np.where(rng.random(shape) < share, rng.normal(0, 1, shape), -np.inf)
    upper = np.where(rng.random(shape) < share, rng.normal(0, 1, shape), np.inf)
    lower[:, -1], upper[:, -1] = -np.inf, np.inf  # one is free, so that the sum can be 0
    if kind == "fixed weights":
        upper = np.where(np.isfinite(lower), lower, np.inf)
    if kind == "box without 0":
        lower, upper = np.where(np.isfinite(lower), np.abs(lower), -np.inf), np.full(shape, np.inf)
    return {"lower": np.minimum(lower, upper), "upper": np.maximum(lower, upper)}


def problem(case):
    scores = np.asarray(case["scores"], dtype=np.float64)
    (n, c), k = scores.shape, case["targets"].shape[1]
    weight = case.get("sample_weight")
    weight = np.ones(n) if weight is None else np.asarray(weight, dtype=np.float64)
    lower, upper = case.get("lower"), case.get("upper")
    return {
        "scores": scores,
        "targets": case["targets"],
        "weight": weight / weight.sum(),
        "l1": np.broadcast_to(np.asarray(case["l1"], dtype=np.float64), k),
        "lower": np.full((c, k), -np.inf) if lower is None else lower,
        "upper": np.full((c, k), np.inf) if upper is None else upper,
    }


def objective(p, w, b):
    """The objective from its definition."""
    f = p["scores"].astype(np.longdouble) @ w + b
    top = f.max(axis=1, keepdims=True)
    total = (top + np.log(np.exp(f - top).sum(axis=1, keepdims=True)))[:, 0]
    loss = p["weight"] @ (total - (p["targets"] * f).sum(axis=1))
    return float(loss + np.abs(w).sum(axis=0) @ p["l1"])


def unit(p):
    """The objective at W = 0 with its best intercepts: the entropy of the mean target."""
    mean = p["weight"] @ p["targets"]
    return -xlogy(mean, mean).sum()


def excess(p, w):
    """Distance of centred weights from their box."""
    v = w - w.mean(axis=1, keepdims=True)
    return np.maximum(np.maximum(p["lower"] - v, v - p["upper"]), 0)


def value(p, w):
    """The objective of weights with their best intercepts, by a quasi-Newton method."""
    f = p["scores"] @ w

    def loss(b):
        total = p["weight"] @ (logsumexp(f + b, axis=1) - (p["targets"] * (f + b)).sum(axis=1))
        return total, p["weight"] @ (softmax(f + b, axis=1) - p["targets"])

    b = minimize(loss, np.zeros(f.shape[1]), jac=True, method="BFGS", options={"gtol": 1e-10}).x
    return objective(p, w, b)


def conic(p):
    """(primal, dual) of an interior-point solver: log sum exp(f) <= s as sum_k u_k <= 1 and
    exp(f_k - s) <= u_k. The box of the centred weights is linear."""
    x, t, a = p["scores"] - p["weight"] @ p["scores"], p["targets"], p["weight"]
    (n, c), k = x.shape, t.shape[1]
    eye = sparse.eye_array
    put = partial(blocks, {"w": c * k, "r": c * k, "b": k, "s": n, "u": n * k})  # w by concept
    cost = np.concatenate(
        [-(x.T @ (a[:, None] * t)).ravel(), np.tile(p["l1"], c), -(a @ t), a, np.zeros(n * k)]
    )
    centre = sparse.kron(eye(c), np.eye(k) - 1 / k).tocsr()
    low, high = np.isfinite(p["lower"]).ravel(), np.isfinite(p["upper"]).ravel()
    sums = sparse.kron(eye(n), np.ones((1, k))).tocsr()
    positive = [
        (put(w=eye(c * k), r=-eye(c * k)), np.zeros(c * k)),
        (put(w=-eye(c * k), r=-eye(c * k)), np.zeros(c * k)),
        (put(u=sums), np.ones(n)),
        (-put(w=centre[low]), -p["lower"].ravel()[low]),
        (put(w=centre[high]), p["upper"].ravel()[high]),
    ]
    f = sparse.kron(sparse.csr_array(x), eye(k)).tocsr()  # row (i, k), column (c, k)
    each = sparse.kron(np.ones((n, 1)), eye(k)).tocsr()
    first = -put(w=f, b=each, s=-sparse.kron(eye(n), np.ones((k, 1))).tocsr())
    cone = (first, sparse.csr_array((n * k, len(cost))), -put(u=eye(n * k)))
    square = sparse.csc_array((len(cost), len(cost)))
    answer = solve_conic(square, cost, positive, [cone], 1e-10)
    return answer.obj_val, answer.obj_val_dual, np.array(answer.x)[: c * k].reshape(c, k)


def concept_case(images=300, concepts=60, classes=6, seed=0):
    """Scores with the character of a store's, and a softmax teacher of them."""
    scores, logits = concept_problem(images, concepts, classes, seed)
    return {"scores": scores, "targets": softmax(logits + 5, axis=1), "l1": 1e-3}
