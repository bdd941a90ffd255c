"""The paper's training recipe in torch, with the clock stopped while the objective is measured."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from solver_parts.timing import Seconds, Stopwatch

BATCH = 128
RATES = (1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1)


@dataclass(frozen=True)
class Training:
    """Seconds in training steps, and the objective of each class (K,) that was reached."""

    seconds: Seconds
    objective: NDArray
    epochs: int
    reached: bool


def train(
    scores: NDArray,
    targets: NDArray,
    l1: float,
    lr: float,
    epochs: int,
    done: Callable[[NDArray], bool] | None = None,
    most: float = np.inf,
    *,
    loader: bool = False,
) -> Training:
    """Adam on mini-batches, all columns of the targets (N, K) as one layer.

    Ends after ``epochs``, at ``done(objective)``, asked after each epoch, or after ``most``
    seconds of processor time. The objective is at the last weights and their best intercepts.
    Batches are rows of the tables, taken at once, which is as fast as it can be; with ``loader``
    they come from torch's DataLoader, as such trainings are usually written.
    """
    import torch

    generator = torch.Generator().manual_seed(0)
    data, soft = torch.from_numpy(scores), torch.from_numpy(targets.astype(np.float32))
    layer = torch.nn.Linear(scores.shape[1], targets.shape[1])
    optimiser = torch.optim.Adam(layer.parameters(), lr=lr)
    loss_of = torch.nn.BCEWithLogitsLoss(reduction="sum")
    watch, epoch, reached = Stopwatch(), 0, False
    while epoch < epochs and watch.total.cpu < most and not reached:
        watch.start()
        for scored, taught in _batches(data, soft, generator, loader):
            optimiser.zero_grad()
            loss = loss_of(layer(scored), taught) / len(scored)
            (loss + l1 * layer.weight.abs().sum()).backward()
            optimiser.step()
        watch.stop()
        epoch += 1
        if done is not None:
            reached = done(_objective(scores, targets, layer, l1))
    return Training(watch.total, _objective(scores, targets, layer, l1), epoch, reached)


def _batches(data: Any, soft: Any, generator: Any, loader: bool) -> Iterable[Any]:
    """The batches of one epoch: scores and targets."""
    import torch
    from torch.utils.data import DataLoader, TensorDataset

    if loader:
        return DataLoader(TensorDataset(data, soft), BATCH, shuffle=True, generator=generator)
    chosen = torch.randperm(len(data), generator=generator).split(BATCH)
    return ((data[rows], soft[rows]) for rows in chosen)


def train_each(
    scores: NDArray, targets: NDArray, l1: float, lr: float, epochs: int, *, loader: bool = False
) -> Training:
    """One model for each class by itself, as the paper trains them."""
    columns = [targets[:, [k]] for k in range(targets.shape[1])]
    runs = [train(scores, column, l1, lr, epochs, loader=loader) for column in columns]
    seconds = sum((run.seconds for run in runs), Seconds(0.0, 0.0))
    return Training(seconds, np.concatenate([run.objective for run in runs]), epochs, False)


def best_rate(scores: NDArray, targets: NDArray, l1: float, epochs: int) -> float:
    """The learning rate whose ``epochs`` end at the lowest mean objective."""
    ends = {lr: train(scores, targets, l1, lr, epochs).objective.mean() for lr in RATES}
    return min(ends, key=lambda lr: ends[lr])


def _objective(scores: NDArray, targets: NDArray, layer: Any, l1: float) -> NDArray:
    """Of each class (K,), in float64, at the best intercepts: Newton from the layer's."""
    weights = layer.weight.detach().numpy().T
    linear = (scores @ weights).astype(np.float64)
    intercepts = layer.bias.detach().numpy().astype(np.float64)
    for _ in range(5):
        probability = expit(linear + intercepts)
        curvature = np.maximum((probability * (1 - probability)).mean(axis=0), 1e-6)
        intercepts = intercepts - (probability - targets).mean(axis=0) / curvature
    logits = linear + intercepts
    loss = np.maximum(logits, 0) + np.log1p(np.exp(-np.abs(logits))) - targets * logits
    return loss.mean(axis=0) + l1 * np.abs(weights.astype(np.float64)).sum(axis=0)
