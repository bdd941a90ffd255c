"""Training of the experiment's networks on the CPU, with a checkpoint after each epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from inficond_panel.errors import CancelledError
from inficond_panel.quantify.experiment.architectures import LAYER
from inficond_panel.quantify.experiment.checkpoints import save_weights

if TYPE_CHECKING:
    from torch import Tensor, nn

#: Loss of a network's output on a batch, given the prepared images and their rows.
Loss = Callable[[Any, Any, Any], Any]

_SHIFT = 4


@dataclass(frozen=True, eq=False)
class TrainingData:
    """pixels: tensor ``(N, 3, H, W)`` float32, standardised. label: ``(N, K)``, 1, 0 or -1."""

    pixels: Any
    label: Any


@dataclass(frozen=True)
class Schedule:
    """epochs over the data in batches of ``batch``; AdamW with one cycle of the rate up to
    ``rate``; ``seed`` gives the order and the shifts and mirrors of the images."""

    epochs: int
    batch: int = 32
    rate: float = 4e-3
    seed: int = 0


def train_on_labels(
    network: nn.Module,
    data: TrainingData,
    schedule: Schedule,
    folder: Path | None,
    progress: Callable[[str], None],
    cancelled: Callable[[], bool],
) -> None:
    """Train all of a network on the labels."""
    network.train()
    _train(network, network.parameters(), data, schedule, _label_loss, folder, progress, cancelled)


def train_upper(
    network: nn.Module,
    data: TrainingData,
    schedule: Schedule,
    progress: Callable[[str], None],
    cancelled: Callable[[], bool],
) -> None:
    """Train the layers above the compared one on the labels; those below stay as they are."""
    network.eval()
    network.get_submodule("upper").train()
    _train(
        network,
        network.get_submodule("upper").parameters(),
        data,
        schedule,
        _label_loss,
        None,
        progress,
        cancelled,
    )


def match_features(
    network: nn.Module,
    teacher: nn.Module,
    data: TrainingData,
    schedule: Schedule,
    folder: Path,
    progress: Callable[[str], None],
    cancelled: Callable[[], bool],
) -> None:
    """Train the layers up to the compared one to give the teacher's feature.

    The loss is ``‖f_S - f_T‖²`` over the variance of f_T, so 1 for the best constant.
    """
    import torch

    below, above = network.get_submodule(LAYER), teacher.get_submodule(LAYER)
    with torch.no_grad():
        spread = above(data.pixels[:256]).var((0, 2, 3)).mean()

    def loss(student: Any, images: Any, _label: Any) -> Any:
        with torch.no_grad():
            target = above(images)
        return (student.get_submodule(LAYER)(images) - target).square().mean() / spread

    network.train()
    _train(network, below.parameters(), data, schedule, loss, folder, progress, cancelled)


def feature_fit(network: nn.Module, teacher: nn.Module, pixels: Tensor) -> float:
    """Share of the variance of the teacher's feature that the network's gives, R²."""
    import torch

    with torch.no_grad():
        own, target = (each.get_submodule(LAYER)(pixels) for each in (network, teacher))
    rest = (target - own).square().sum()
    return float(1 - rest / (target - target.mean((0, 2, 3), keepdim=True)).square().sum())


def logits_of(network: nn.Module, pixels: Tensor, batch: int = 256) -> NDArray[np.float32]:
    """Logits ``(N, K)``."""
    import torch

    network.eval()
    with torch.no_grad():
        parts = [network(pixels[i : i + batch]).numpy() for i in range(0, len(pixels), batch)]
    return np.concatenate(parts)


def _label_loss(network: nn.Module, images: Tensor, label: Tensor) -> Any:
    """Mean binary cross-entropy of the labels that are known."""
    from torch.nn.functional import binary_cross_entropy_with_logits

    known = (label >= 0).float()
    each = binary_cross_entropy_with_logits(
        network(images), label.clamp(min=0).float(), reduction="none"
    )
    return (each * known).sum() / known.sum().clamp(min=1)


def _train(
    network: nn.Module,
    parameters: Any,
    data: TrainingData,
    schedule: Schedule,
    loss: Loss,
    folder: Path | None,
    progress: Callable[[str], None],
    cancelled: Callable[[], bool],
) -> None:
    """``folder`` gets ``epoch-000.safetensors``, before the training, and one after each epoch."""
    import torch

    rng = np.random.default_rng(schedule.seed)
    steps = schedule.epochs * (-(-len(data.pixels) // schedule.batch))
    optimizer = torch.optim.AdamW(parameters, lr=schedule.rate, weight_decay=0.02)
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, schedule.rate, steps, pct_start=0.15)
    _keep(network, folder, 0)
    for epoch in range(1, schedule.epochs + 1):
        total = []
        for rows in _batches(len(data.pixels), schedule.batch, rng):
            if cancelled():
                raise CancelledError("The training was stopped.", "Start the experiment again.")
            value = loss(network, _moved(data.pixels[rows], rng), data.label[rows])
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            cycle.step()
            total.append(float(value.detach()))
        _keep(network, folder, epoch)
        progress(f"epoch {epoch} of {schedule.epochs}, loss {np.mean(total):.3f}")
    network.eval()


def _keep(network: nn.Module, folder: Path | None, epoch: int) -> None:
    if folder is not None:
        save_weights(network, folder / f"epoch-{epoch:03d}.safetensors")


def _batches(count: int, size: int, rng: np.random.Generator) -> Iterator[NDArray[np.intp]]:
    """Batches of all rows in a random order, of nearly the same size (none has a single row)."""
    yield from np.array_split(rng.permutation(count), -(-count // size))


def _moved(images: Tensor, rng: np.random.Generator) -> Any:
    """The batch mirrored or not, and shifted by some pixels."""
    import torch

    images = images.flip(3) if rng.random() < 0.5 else images
    shift = rng.integers(-_SHIFT, _SHIFT + 1, 2)
    return torch.roll(images, (int(shift[0]), int(shift[1])), dims=(2, 3))
