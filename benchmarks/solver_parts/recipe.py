"""The paper's training recipe in torch, and a stronger one, with the clock stopped while the
objective is measured."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from solver_parts.timing import Seconds, Stopwatch

BATCH, LARGE_BATCH = 128, 1024
RATES = (1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1)


@dataclass(frozen=True)
class Training:
    """Seconds in training steps, and the objective of each class (K,) that was reached."""

    seconds: Seconds
    objective: NDArray


def train(
    scores: NDArray, targets: NDArray, l1: float, lr: float, epochs: int, *, loader: bool = False
) -> Training:
    """Adam on mini-batches, all columns of the targets (N, K) as one layer.

    The objective is at the last weights and their best intercepts.
    Batches are rows of the tables, taken at once, which is as fast as it can be; with ``loader``
    they come from torch's DataLoader, as such trainings are usually written.
    """
    import torch

    generator = torch.Generator().manual_seed(0)
    data, soft = torch.from_numpy(scores), torch.from_numpy(targets.astype(np.float32))
    layer = torch.nn.Linear(scores.shape[1], targets.shape[1])
    optimiser = torch.optim.Adam(layer.parameters(), lr=lr)
    loss_of = torch.nn.BCEWithLogitsLoss(reduction="sum")
    watch = Stopwatch()
    watch.start()
    for _ in range(epochs):
        for scored, taught in _batches(data, soft, generator, loader):
            optimiser.zero_grad()
            loss = loss_of(layer(scored), taught) / len(scored)
            (loss + l1 * layer.weight.abs().sum()).backward()
            optimiser.step()
    weights, intercepts = layer.weight.detach().numpy().T, layer.bias.detach().numpy()
    return Training(watch.stop(), _objective(scores, targets, weights, intercepts, l1))


def curve(
    scores: NDArray, targets: NDArray, l1: float, lr: float, epochs: int, points: int = 10
) -> list[Training]:
    """A strong plain layer: standardised columns, weights from 0, batches of 1,024, a cosine
    schedule; the seconds so far and the objective at so many points of the training."""
    import torch

    generator, watch = torch.Generator().manual_seed(0), Stopwatch()
    watch.start()
    mean, scale = scores.mean(axis=0), scores.std(axis=0)
    data = torch.from_numpy((scores - mean) / scale)
    soft, penalty = torch.from_numpy(targets.astype(np.float32)), torch.from_numpy(l1 / scale)
    layer = torch.nn.Linear(scores.shape[1], targets.shape[1])
    torch.nn.init.zeros_(layer.weight)
    optimiser = torch.optim.Adam(layer.parameters(), lr=lr)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs)
    loss_of, found = torch.nn.BCEWithLogitsLoss(reduction="sum"), []
    for epoch in range(1, epochs + 1):
        for rows in torch.randperm(len(data), generator=generator).split(LARGE_BATCH):
            optimiser.zero_grad()
            loss = loss_of(layer(data[rows]), soft[rows]) / len(rows)
            (loss + (layer.weight.abs() * penalty).sum()).backward()
            optimiser.step()
        schedule.step()
        if epoch * points // epochs > (epoch - 1) * points // epochs:
            seconds, weights = watch.stop(), layer.weight.detach().numpy() / scale
            intercepts = layer.bias.detach().numpy() - weights @ mean
            reached = _objective(scores, targets, weights.T, intercepts, l1)
            found.append(Training(seconds, reached))
            watch.start()
    return found


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
    return Training(seconds, np.concatenate([run.objective for run in runs]))


def best_rate(scores: NDArray, targets: NDArray, l1: float, epochs: int) -> float:
    """The learning rate whose ``epochs`` end at the lowest mean objective."""
    ends = {lr: train(scores, targets, l1, lr, epochs).objective.mean() for lr in RATES}
    return min(ends, key=lambda lr: ends[lr])


def _objective(
    scores: NDArray, targets: NDArray, weights: NDArray, intercepts: NDArray, l1: float
) -> NDArray:
    """Of each class (K,), in float64, at the best intercepts: Newton from these."""
    linear = (scores @ weights).astype(np.float64)
    intercepts = intercepts.astype(np.float64)
    for _ in range(5):
        probability = expit(linear + intercepts)
        curvature = np.maximum((probability * (1 - probability)).mean(axis=0), 1e-6)
        intercepts = intercepts - (probability - targets).mean(axis=0) / curvature
    logits = linear + intercepts
    loss = np.maximum(logits, 0) + np.log1p(np.exp(-np.abs(logits))) - targets * logits
    return loss.mean(axis=0) + l1 * np.abs(weights.astype(np.float64)).sum(axis=0)
