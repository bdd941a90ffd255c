"""Synthetic problems with the character of concept scores, and a slow reference solver."""

from functools import cache

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit


def concept_problem(images, concepts, classes, seed=0, rank=24):
    """Scores: common mean + low rank + noise, clipped at 0. Teachers: sparse, mostly near -5."""
    rng = np.random.default_rng(seed)
    factors = rng.standard_normal((images, rank)) @ rng.standard_normal((rank, concepts))
    noise = rng.standard_normal((images, concepts))
    mean = rng.normal(0.2, 0.03, concepts)
    scores = np.maximum(mean + 0.03 * factors / np.sqrt(rank) + 0.012 * noise, 0)
    weights = np.zeros((concepts, classes))
    for k in range(classes):
        chosen = rng.choice(concepts, min(15, concepts), replace=False)
        weights[chosen, k] = rng.normal(0, 25, len(chosen))
    logits = (scores - mean) @ weights + rng.normal(-5, 0.7, (images, classes))
    logits += 1.0 * rng.standard_normal((images, classes))
    return scores.astype(np.float32), logits


def random_case(seed):
    """Arguments of fit for one small random problem; every fifth kind of trouble comes in turn."""
    rng = np.random.default_rng(seed)
    images, concepts = int(rng.integers(5, 60)), int(rng.integers(1, 25))
    scores = np.maximum(0.3 + 0.2 * rng.standard_normal((images, concepts)), 0)
    scores += 0.2 * rng.random((images, 1))
    trouble = seed % 6
    if trouble == 1:
        scores[:, rng.integers(concepts)] = 0.0
    if trouble == 2 and concepts > 1:
        scores[:, 0] = scores[:, -1]
    if trouble == 3:
        scores[:, 0] = 0.5
    if trouble == 4:
        scores *= 10.0 ** rng.uniform(-2, 2, concepts)
    targets = expit(rng.normal(-1, 2.5, (images, 1)))
    if trouble == 5:
        targets = (targets > np.median(targets)).astype(float)
        targets[0], targets[1] = 1.0, 0.0
    lower = np.where(rng.random((concepts, 1)) < 0.2, rng.normal(-1, 1, (concepts, 1)), -np.inf)
    upper = np.where(rng.random((concepts, 1)) < 0.2, rng.normal(1, 1, (concepts, 1)), np.inf)
    upper = np.maximum(lower, upper)
    if rng.random() < 0.2:
        lower[0] = upper[0] = rng.normal()
    return {
        "scores": scores,
        "targets": targets,
        "l1": float(10.0 ** rng.uniform(-4, -1)),
        "l2": float(rng.choice([0.0, 0.0, 0.01])),
        "lower": lower,
        "upper": upper,
        "sample_weight": rng.random(images) if rng.random() < 0.5 else None,
    }


@cache
def lbfgs_reference(seed):
    """Least objective by L-BFGS-B on the split form w = w+ - w-, and the objective at w = 0."""
    case = random_case(seed)
    scores, target = case["scores"], case["targets"][:, 0]
    lower, upper = case["lower"][:, 0], case["upper"][:, 0]
    weight = case["sample_weight"] if case["sample_weight"] is not None else np.ones(len(target))
    weight = weight / weight.sum()
    centre, scale = weight @ scores, np.maximum(scores.std(axis=0), 1e-9)
    scale = np.where(scale > 1e-8, scale, 1.0)
    inner = (scores - centre) / scale
    concepts = scores.shape[1]

    def value(z):
        w, size, b = (z[:concepts] - z[concepts:-1]) / scale, z[:-1].reshape(2, -1), z[-1]
        f = inner @ (w * scale) + b
        loss = weight @ (np.logaddexp(0, f) - target * f)
        slope = inner.T @ (weight * (expit(f) - target)) + case["l2"] * w / scale
        penalty = case["l1"] * (size / scale).sum() + 0.5 * case["l2"] * w @ w
        l1 = case["l1"] / scale
        gradient = np.concatenate([slope + l1, l1 - slope, [weight @ (expit(f) - target)]])
        return loss + penalty, gradient

    low, high = lower * scale, upper * scale
    bounds = [(max(a, 0), max(b, 0)) for a, b in zip(low, high, strict=True)]
    bounds += [(max(-b, 0), max(-a, 0)) for a, b in zip(low, high, strict=True)]
    first = np.array([a for a, _ in bounds] + [0.0])
    options = {"maxiter": 20000, "maxfun": 100000, "ftol": 1e-15, "gtol": 1e-10, "maxcor": 30}
    best = minimize(
        value, first, jac=True, method="L-BFGS-B", bounds=[*bounds, (None, None)], options=options
    )
    mean = weight @ target
    return best.fun, -(mean * np.log(mean) + (1 - mean) * np.log1p(-mean))
