"""Synthetic problems: some with the character of concept scores, some with all that goes wrong."""

import numpy as np
import pytest
from scipy.special import expit

KINDS = (
    "plain", "zero columns", "duplicates", "collinear", "constant columns", "constant class",
    "hard labels", "one positive", "targets near 0 and 1", "few images", "many images",
    "one concept", "no L1, finite box", "no L1, L2", "L1 and L2", "L1 near its maximum", "tiny L1",
    "L1 per class", "fixed weights", "open above", "open below", "box without 0", "far bounds",
    "values 1e-6", "values 1e6", "columns 1e-6 to 1e6", "large mean", "zero sample weights",
    "uneven sample weights", "whole numbers", "L2 and weights per class",
)  # fmt: skip


def seeds(few, many):
    """Seeds of random problems: few of them in each run, the rest of the many with ``--more``."""
    rest = (pytest.param(seed, marks=pytest.mark.more) for seed in range(few, many))
    return [*range(few), *rest]


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


def random_case(kind, seed):
    """Arguments of fit for one small problem of two classes, of a kind in KINDS."""
    rng = np.random.default_rng([KINDS.index(kind), seed])
    images, concepts = int(rng.integers(6, 50)), int(rng.integers(2, 20))
    if kind == "few images":
        images, concepts = int(rng.integers(3, 10)), int(rng.integers(15, 40))
    if kind == "many images":
        images, concepts = int(rng.integers(200, 400)), int(rng.integers(2, 6))
    if kind == "one concept":
        concepts = 1
    scores = np.maximum(0.3 + 0.2 * rng.standard_normal((images, concepts)), 0)
    scores += 0.2 * rng.random((images, 1))
    lower, upper = _random_box(rng, (concepts, 2))
    case = {
        "scores": scores,
        "targets": expit(rng.normal(-1, 2.5, (images, 2))),
        "l1": float(10.0 ** rng.uniform(-4, -1)),
        "l2": 0.0,
        "lower": lower,
        "upper": upper,
        "sample_weight": rng.random(images) if rng.random() < 0.3 else None,
    }
    for change in (_change_scores, _change_targets, _change_penalty, _change_box, _change_weights):
        change(kind, case, rng)
    return case


def _random_box(rng, shape):
    lower = np.where(rng.random(shape) < 0.2, rng.normal(-1, 1, shape), -np.inf)
    upper = np.where(rng.random(shape) < 0.2, rng.normal(1, 1, shape), np.inf)
    return lower, np.maximum(lower, upper)


def _change_scores(kind, case, rng):
    scores, concepts = case["scores"], case["scores"].shape[1]
    if kind == "zero columns":
        scores[:, rng.random(concepts) < 0.5] = 0.0
    elif kind == "duplicates":
        case["scores"] = scores[:, rng.integers(max(1, concepts // 2), size=concepts)]
    elif kind == "collinear":
        basis = scores[:, : max(1, concepts // 3)]
        case["scores"] = basis @ rng.random((basis.shape[1], concepts))
    elif kind == "constant columns":
        scores[:, rng.random(concepts) < 0.5] = 0.5
    elif kind == "large mean":
        scores += 1e3
    elif kind == "whole numbers":
        case["scores"] = rng.integers(0, 2 + concepts // 4, scores.shape)
    elif kind in ("values 1e-6", "values 1e6", "columns 1e-6 to 1e6"):
        power = rng.uniform(-6, 6, concepts) if kind.startswith("columns") else float(kind[7:])
        scale = 10.0**power if kind.startswith("columns") else power
        case["scores"] = scores * scale
        case["lower"] = (case["lower"].T / scale).T
        case["upper"] = (case["upper"].T / scale).T


def _change_targets(kind, case, rng):
    targets = case["targets"]
    if kind == "constant class":
        targets[:, 0] = rng.random()
    elif kind in ("hard labels", "one positive"):
        share = 0.5 if kind == "hard labels" else 0.0
        targets[:] = rng.random(targets.shape) < share
        targets[0], targets[1] = 1.0, 0.0
    elif kind == "targets near 0 and 1":
        targets[:] = expit(rng.normal(-2, 20, targets.shape))


def _change_penalty(kind, case, rng):
    if kind in ("no L1, finite box", "no L1, L2"):
        case["l1"] = 0.0
    if kind == "L2 and weights per class":
        case["l2"] = np.array([0.0, 10.0 ** rng.uniform(-5, 0)])
    elif kind in ("no L1, L2", "L1 and L2"):
        case["l2"] = float(10.0 ** rng.uniform(-5, 0))
    elif kind == "L1 near its maximum":
        target = case["targets"][:, 0]
        pull = np.abs(case["scores"].T @ (target - target.mean())).max() / len(target)
        case["l1"] = float(pull * rng.choice([0.5, 0.99, 1.0, 1.01, 2.0, 100.0]))
    elif kind == "tiny L1":
        case["l1"] = float(10.0 ** rng.uniform(-9, -5))
    elif kind == "L1 per class":
        case["l1"] = 10.0 ** rng.uniform(-4, -1, 2)
    elif kind in ("values 1e-6", "values 1e6"):
        case["l1"] *= float(kind[7:])


def _change_box(kind, case, rng):
    lower, upper = case["lower"], case["upper"]
    if kind == "no L1, finite box":
        lower[:], upper[:] = np.maximum(lower, -3), np.minimum(upper, 3)
        lower[:], upper[:] = np.minimum(lower, upper), np.maximum(lower, upper)
    elif kind == "fixed weights":
        fixed = rng.random(lower.shape) < rng.choice([0.3, 1.0])
        lower[fixed] = upper[fixed] = rng.normal(size=np.count_nonzero(fixed)).round()
    elif kind == "open above":
        lower[:], upper[:] = rng.normal(0, 1, lower.shape), np.inf
    elif kind == "open below":
        lower[:], upper[:] = -np.inf, rng.normal(0, 1, upper.shape)
    elif kind == "box without 0":
        side = rng.choice([-1, 1], lower.shape)
        near, far = side * rng.random(lower.shape), side * (1 + rng.random(lower.shape))
        lower[:], upper[:] = np.minimum(near, far), np.maximum(near, far)
    elif kind == "far bounds":
        lower[0], upper[0] = 10.0 ** rng.uniform(1, 3), np.inf


def _change_weights(kind, case, rng):
    images = len(case["scores"])
    if kind == "zero sample weights":
        weight = rng.random(images) * (rng.random(images) < 0.6)
        weight[:2] = 1.0
        case["sample_weight"] = weight
    elif kind == "uneven sample weights":
        case["sample_weight"] = 10.0 ** rng.uniform(-6, 6, images)
    elif kind == "L2 and weights per class":
        case["sample_weight"] = 1 + rng.random((images, 2)) * rng.integers(0, 9, (images, 2))


def tiny_case(kind, seed, images=7, concepts=3):
    """The corner of a random case, one class."""
    case = random_case(kind, seed)
    case["l1"], case["l2"] = np.atleast_1d(case["l1"])[:1], np.atleast_1d(case["l2"])[:1]
    if case["sample_weight"] is not None:
        case["sample_weight"] = np.atleast_2d(case["sample_weight"].T)[0, :images]
    for name in ("lower", "upper"):
        case[name] = case[name][:concepts, :1]
    case["targets"] = case["targets"][:images, :1]
    return case | {"scores": case["scores"][:images, :concepts]}
