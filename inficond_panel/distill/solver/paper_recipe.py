"""The training recipe of the paper: mini-batches, Adam, a few epochs (InFiConD, sec. 4.4, 4.5)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from inficond_panel.common.torch_thread import one_torch_thread
from inficond_panel.distill.scores.array_api import Array
from inficond_panel.distill.scores.scores import Scores
from inficond_panel.distill.solver.exact import Fit, certify
from inficond_panel.distill.solver.objective import Problem
from inficond_panel.distill.solver.problem import make_problems, start_weights
from inficond_panel.errors import CancelledError, MissingExtraError, SolverError


def fit_paper(
    scores: ArrayLike,
    targets: NDArray,
    *,
    l1: ArrayLike = 1e-4,
    epochs: int = 10,
    batch: int = 128,
    lr: float = 1e-3,
    seed: int = 0,
    lower: NDArray | None = None,
    upper: NDArray | None = None,
    start: Fit | None = None,
    progress: Callable[[float, str], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Fit:
    """Students trained as in the paper, with the certificate of what they reached.

    Mean BCE-with-logits plus l1*|w|_1 on mini-batches, Adam, and after each step the weights are
    projected into their box. Adam works on each coefficient alone, so training all classes as one
    layer is the same as training each by itself on the same batches. The other arguments and the
    errors are as in fit; MissingExtraError where torch is not installed.
    """
    if epochs < 1 or batch < 1 or not lr > 0:
        raise SolverError(
            f"Cannot train with epochs {epochs}, batch {batch}, lr {lr}.", "All must be above 0."
        )
    torch = _import_torch()
    values = np.asarray(scores)
    data = Scores(values)
    problems = make_problems(data.shape, targets, l1, 0.0, lower, upper, None)
    with one_torch_thread():
        trainer = _Trainer(torch, values, problems, lr, seed)
        if start is not None:
            shape = data.shape[1], len(problems)
            trainer.set_layer(start_weights(start.weights, shape, problems), start.intercepts)
        for epoch in range(epochs):
            for rows in trainer.batches(batch):
                if cancelled is not None and cancelled():
                    raise CancelledError("The training was cancelled.", "Nothing was changed.")
                trainer.step(rows)
            if progress is not None:
                progress((epoch + 1) / epochs, f"epoch {epoch + 1} of {epochs}")
    weights, intercepts = trainer.layer()
    if not (np.isfinite(weights).all() and np.isfinite(intercepts).all()):
        raise SolverError(f"Training diverged at lr {lr:g}.", "Choose a smaller learning rate.")
    reached = certify(data, targets, weights, intercepts, l1=l1, lower=lower, upper=upper)
    return replace(reached, iterations=np.full(len(problems), trainer.steps))


class _Trainer:
    """One linear layer of all classes, and its optimiser."""

    def __init__(
        self, torch: Any, scores: NDArray, problems: list[Problem], lr: float, seed: int
    ) -> None:
        self.torch = torch
        self.generator = torch.Generator().manual_seed(seed)
        self.scores = torch.tensor(scores, dtype=torch.float32)
        self.targets = _stack(torch, [p.target for p in problems])
        self.l1 = torch.tensor(np.array([p.penalty.l1 for p in problems]).T, dtype=torch.float32)
        self.lower = _stack(torch, [np.asarray(p.penalty.lower) for p in problems])
        self.upper = _stack(torch, [np.asarray(p.penalty.upper) for p in problems])
        width = scores.shape[1] ** -0.5  # as torch.nn.Linear starts
        first = torch.rand((scores.shape[1] + 1, len(problems)), generator=self.generator)
        first = (2 * first - 1) * width
        self.weights, self.bias = first[:-1].clone(), first[-1].clone()
        for parameter in (self.weights, self.bias):
            parameter.requires_grad_()
        self.optimiser = torch.optim.Adam([self.weights, self.bias], lr=lr)
        self.steps = 0

    def set_layer(self, weights: Array, intercepts: Array) -> None:
        """Go on from weights (C, K) and intercepts (K,)."""
        with self.torch.no_grad():
            self.weights.copy_(self.torch.from_numpy(weights))
            self.bias.copy_(self.torch.from_numpy(np.array(intercepts)))

    def layer(self) -> tuple[Array, Array]:
        """Weights (C, K) and intercepts (K,)."""
        weights, bias = self.weights.detach().numpy(), self.bias.detach().numpy()
        return weights.astype(np.float64), bias.astype(np.float64)

    def batches(self, size: int) -> tuple[Any, ...]:
        """The images in random order, cut into batches."""
        order = self.torch.randperm(len(self.scores), generator=self.generator)
        return order.split(size)

    def step(self, rows: Any) -> None:
        """One step of Adam on a batch, then the projection into the box."""
        logits = self.scores[rows] @ self.weights + self.bias
        loss = (
            self.torch.nn.functional.binary_cross_entropy_with_logits(
                logits, self.targets[rows], reduction="sum"
            )
            / len(rows)
            + (self.l1 * self.weights.abs()).sum()
        )
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        with self.torch.no_grad():
            self.weights.clamp_(self.lower, self.upper)
        self.steps += 1


def _stack(torch: Any, columns: list[Array]) -> Any:
    return torch.tensor(np.stack(columns, axis=1), dtype=torch.float32)


def _import_torch() -> Any:
    try:
        import torch  # noqa: PLC0415
    except ImportError:
        raise MissingExtraError(
            "The paper's training recipe needs torch, which is not installed.",
            'Install it with: pip install "inficond-panel[precompute]", or use solver: exact.',
        ) from None
    return torch
