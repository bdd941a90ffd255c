"""Other solvers of the same problem for one class, each along a path to the same objective.

All get the scores centred and divided by one number, which their intercept and L1 make up for:
the problem is the same, and first-order methods are many times faster on it. The time of doing
so is not counted, nor is compilation. Where a solver penalises or lacks the intercept, a column of
large constant value stands for it. What they reach is measured by ``certify``, at the best
intercept for their weights.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from inficond_panel.distill import certify, certify_joint
from solver_parts.timing import Seconds, timed

Solve = Callable[[float], NDArray]
_CONSTANT = 100.0  # the cost of the intercept is then 1e-7 of the objective


@dataclass(frozen=True)
class Reached:
    """Seconds of the first run on a path that came to the goal, else of the last; how near."""

    seconds: Seconds
    above: float
    setting: float
    reached: bool


class Objective(Protocol):
    """A problem whose answers can be compared."""

    def objective(self, inner_weights: NDArray) -> float:
        """Of weights for the scores as the library takes them, at their best intercepts."""


class OneClass:
    """The problem of one class, target (N,) soft or hard, as the libraries take it."""

    def __init__(self, scores: NDArray, target: NDArray, l1: float) -> None:
        self.scores, self.target, self.l1 = scores, target, l1
        inner = scores.astype(np.float64) - scores.mean(axis=0, dtype=np.float64)
        self.scale = float(inner.std())
        self.inner = inner / self.scale
        self.inner_l1 = l1 / self.scale

    def objective(self, inner_weights: NDArray) -> float:
        """Of weights (C,) for the centred and scaled scores."""
        weights = inner_weights.reshape(-1, 1) / self.scale
        return float(certify(self.scores, self.target[:, None], weights, l1=self.l1).objective[0])


class Softmax:
    """One softmax of all classes: standardised scores (N, C) in float32, hard labels (N,)."""

    def __init__(self, scores: NDArray, label: NDArray, l1: float) -> None:
        mean, spread = scores.mean(axis=0, dtype=np.float64), scores.std(axis=0, dtype=np.float64)
        self.inner = ((scores - mean) / np.maximum(spread, 1e-6)).astype(np.float32)
        self.label, self.l1 = label, l1
        self.targets = np.eye(label.max() + 1)[label]

    def objective(self, inner_weights: NDArray) -> float:
        """Of weights (C, K) for the standardised scores."""
        return certify_joint(self.inner, self.targets, inner_weights, l1=self.l1).objective


def path(
    problem: Objective,
    solve: Solve,
    settings: Sequence[float],
    optimum: float,
    unit: float,
    most: float,
) -> Reached:
    """Run ``solve`` at each setting until 1e-6 of the optimum, or a run takes ``most`` seconds.

    Each run is from the start; only the last one counts.
    """
    for setting in settings:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it did not converge is what we measure
            seconds, weights = timed(partial(solve, setting))
        above = (problem.objective(weights) - optimum) / unit
        if above <= 1e-6 or seconds.cpu > most:
            break
    return Reached(seconds, above, setting, above <= 1e-6)


def saga(problem: OneClass) -> Solve:
    """scikit-learn's saga; the setting is the number of epochs."""
    from sklearn.linear_model import LogisticRegression

    rows, label, weight = _two_rows(problem)
    c = 1 / (problem.inner_l1 * len(problem.inner))

    def solve(epochs: float) -> NDArray:
        model = LogisticRegression(
            l1_ratio=1.0, C=c, solver="saga", tol=0.0, max_iter=int(epochs), random_state=0
        )
        return model.fit(rows, label, weight).coef_[0]

    return solve


def liblinear(problem: OneClass) -> Solve:
    """scikit-learn's liblinear; the setting is its tolerance."""
    from sklearn.linear_model import LogisticRegression

    rows, label, weight = _two_rows(problem)
    c = 1 / (problem.inner_l1 * len(problem.inner))

    def solve(tol: float) -> NDArray:
        model = LogisticRegression(
            l1_ratio=1.0,
            C=c,
            solver="liblinear",
            tol=tol,
            max_iter=10_000,
            intercept_scaling=_CONSTANT,
            random_state=0,
        )
        return model.fit(rows, label, weight).coef_[0]

    return solve


def skglm(problem: OneClass) -> Solve:
    """skglm's proximal Newton on hard labels, compiled before; the setting is its tolerance."""
    from skglm import GeneralizedLinearEstimator, penalties
    from skglm.datafits import Logistic
    from skglm.solvers import ProxNewton

    def train(columns: NDArray, signs: NDArray, tol: float) -> NDArray:
        solver = ProxNewton(tol=tol, fit_intercept=True, max_iter=500)
        penalty = penalties.L1(problem.inner_l1)
        model = GeneralizedLinearEstimator(Logistic(), penalty, solver)
        return model.fit(columns, signs).coef_.ravel()

    columns, signs = np.asfortranarray(problem.inner), 2.0 * problem.target - 1
    train(np.asfortranarray(columns[:500, :50]), signs[:500], 1e-6)  # compiles
    return partial(train, columns, signs)


def adelie(problem: OneClass) -> Solve:
    """adelie's coordinate descent in C++, of the kind of glmnet, along a path of twelve penalties;
    the setting is its tolerance."""
    from adelie import glm, grpnet

    columns = np.asfortranarray(problem.inner)
    residual = problem.target - problem.target.mean()
    largest = float(np.abs(columns.T @ residual).max() / len(columns))
    penalties = np.geomspace(max(largest, problem.inner_l1), problem.inner_l1, 12)
    quiet = {"progress_bar": False, "early_exit": False, "adev_tol": 1.0}

    def solve(tol: float) -> NDArray:
        state = grpnet(columns, glm.binomial(problem.target), lmda_path=penalties, tol=tol, **quiet)
        return np.asarray(state.betas[-1].todense()).ravel()

    return solve


def lbfgsb(problem: OneClass) -> Solve:
    """scipy's L-BFGS-B, with each weight as the difference of two that are at least 0; the setting
    is its tolerance."""
    from scipy.optimize import minimize
    from scipy.special import expit

    inner, target = problem.inner, problem.target
    images, concepts = inner.shape
    bounds = [(0, None)] * (2 * concepts) + [(None, None)]

    def loss(point: NDArray) -> tuple[float, NDArray]:
        logit = inner @ (point[:concepts] - point[concepts:-1]) + point[-1]
        residual = (expit(logit) - target) / images
        slope, penalty = inner.T @ residual, problem.inner_l1
        value = np.mean(np.logaddexp(0, logit) - target * logit) + penalty * point[:-1].sum()
        return value, np.concatenate([penalty + slope, penalty - slope, [residual.sum()]])

    def solve(tol: float) -> NDArray:
        options = {"ftol": 0.0, "gtol": tol, "maxiter": 20_000, "maxfun": 40_000}
        start = np.zeros(2 * concepts + 1)
        found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
        return np.asarray(found.x[:concepts] - found.x[concepts:-1])

    return solve


def celer(problem: OneClass) -> Solve:
    """celer's proximal Newton on hard labels; the setting is its tolerance."""
    from celer import LogisticRegression

    constant = np.full((len(problem.inner), 1), _CONSTANT)
    columns = np.asfortranarray(np.hstack([problem.inner, constant]))
    signs = 2 * problem.target.astype(int) - 1
    c = 1 / (problem.inner_l1 * len(problem.inner))

    def solve(tol: float) -> NDArray:
        return LogisticRegression(C=c, tol=tol).fit(columns, signs).coef_[0, :-1]

    return solve


def glm_saga(problem: Softmax) -> Solve:
    """Label-free CBM's glm-saga, with that project's step and batch; the setting is the number of
    epochs. Batches are taken from the table at once, which is sooner than torch's DataLoader."""
    import torch
    from glm_saga.elasticnet import train_saga

    table, label = torch.from_numpy(problem.inner), torch.from_numpy(problem.label)

    class Batches:
        def __iter__(self) -> Iterator[tuple[Any, ...]]:
            for rows in torch.randperm(len(table)).split(512):
                yield table[rows], label[rows], rows

    def solve(epochs: float) -> NDArray:
        torch.manual_seed(0)
        layer = torch.nn.Linear(*problem.inner.shape[1:], problem.targets.shape[1])
        torch.nn.init.zeros_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
        more = {"n_ex": len(table), "n_classes": layer.out_features, "tol": 0.0}
        quiet = {"group": False, "logger": lambda line: None}
        train_saga(layer, Batches(), 0.1, int(epochs), problem.l1, 1.0, **more, **quiet)
        return layer.weight.detach().numpy().T

    return solve


def _two_rows(problem: OneClass) -> tuple[NDArray, NDArray, NDArray]:
    """An image with a soft target as one positive and one negative row, weighted.

    Rows without weight are left out, so that hard labels take one row an image.
    """
    rows = np.concatenate([problem.inner, problem.inner])
    label = np.repeat([1, 0], len(problem.inner))
    weight = np.concatenate([problem.target, 1 - problem.target])
    return rows[weight > 0], label[weight > 0], weight[weight > 0]
