"""Networks of the distillation experiment: architectures, training on the CPU, checkpoints."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from inficond_panel.common.files import replacing
from inficond_panel.common.installation import needs
from inficond_panel.common.near_words import near
from inficond_panel.errors import DataError
from inficond_panel.quantify.knowledge_points import Feature
from inficond_panel.store.network_weights import load_strictly, read_state

if TYPE_CHECKING:
    from torch import Tensor, nn


def make_network(kind: str, name: str, outputs: int) -> Any:
    """Make a network with ``outputs`` classes and random weights, to load checkpoints into.

    ``kind`` is timm, torchvision or small; ``name`` is the model's name, or for small ``student``
    or ``teacher``. The network is in evaluation mode. Raises ``DataError`` for an unknown model,
    and ``MissingExtraError``.
    """
    if kind == "small":
        made = build_network(name, outputs)
    elif kind == "timm":
        with needs("This network", "precompute"):
            import timm
        if not timm.is_model(name):
            raise _unknown("timm", name, timm.list_models())
        made = timm.create_model(name, pretrained=False, num_classes=outputs)
    else:
        with needs("This network", "precompute"):
            from torchvision import models
        known = models.list_models(module=models)
        if name not in known:
            raise _unknown("torchvision", name, known)
        made = models.get_model(name, weights=None, num_classes=outputs)
    for parameter in made.parameters():
        parameter.requires_grad_(False)
    return made.eval()


def _unknown(package: str, name: str, known: list[str]) -> DataError:
    return DataError(
        f"{package} knows no model {name!r}.{near(name, known, most=3)}",
        f"Name a model that {package}'s list_models() lists.",
    )


#: Layer at which teacher, student and baseline are compared; it has equally many channels in all.
LAYER = "features"
#: Channels of the blocks of ``features``; all but the last halve height and width.
_TEACHER, _STUDENT = (32, 64, 128, 96), (16, 32, 64, 96)
_HIDDEN = 128


def build_network(name: str, classes: int, seed: int = 0) -> Any:
    """Build a network that maps standardised images ``(B, 3, H, W)`` to logits ``(B, classes)``.

    ``teacher`` has more channels than ``student`` and ``baseline``. Its layers are ``features``
    (``features.block1``, ...) and ``upper``. Equal seed and channels give equal weights.
    """
    import torch
    from torch import nn

    widths = _TEACHER if name == "teacher" else _STUDENT
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        blocks = [
            (f"block{i}", _block(before, after, 1 if i == len(widths) else 2))
            for i, (before, after) in enumerate(zip((3, *widths), widths, strict=False), 1)
        ]
        upper = nn.Sequential(
            _block(widths[-1], _HIDDEN, 1),
            nn.Conv2d(_HIDDEN, classes, 1),
            nn.AdaptiveMaxPool2d(1),
            nn.Flatten(),
        )
        return nn.Sequential(
            OrderedDict([(LAYER, nn.Sequential(OrderedDict(blocks))), ("upper", upper)])
        )


def _block(before: int, after: int, stride: int) -> Any:
    """Return a block of convolution, batch norm and ReLU, from ``before`` to ``after`` channels.

    With stride 2 the kernel is 4: with 3, entropy maps would show a grid of every other pixel."""
    from torch import nn

    kernel = 4 if stride == 2 else 3
    return nn.Sequential(
        nn.Conv2d(before, after, kernel, stride, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU()
    )


_SUFFIXES = (".safetensors", ".pt", ".pth")


def checkpoint_files(folder: Path | str) -> list[Path]:
    """Return the paths of the checkpoints in ``folder``, by the last number in their names.

    The first is the network before training. Raises ``DataError`` for a folder without files, and
    for names without a number or with equal ones.
    """
    folder = Path(folder)
    files = [path for path in folder.glob("*") if path.suffix in _SUFFIXES]
    if not files:
        raise DataError(
            f"{folder} has no checkpoints ({', '.join(_SUFFIXES)}).",
            "Save the weights before the training and after each epoch, such as "
            "epoch-000.safetensors, epoch-001.safetensors.",
        )
    numbered = {path: re.findall(r"\d+", path.stem) for path in files}
    nameless = [path.name for path, numbers in numbered.items() if not numbers]
    order = {path: int(numbers[-1]) for path, numbers in numbered.items() if numbers}
    if nameless or len(set(order.values())) < len(order):
        what = f"{nameless[0]} has no number" if nameless else "two names have the same last number"
        raise DataError(
            f"The order of the checkpoints in {folder} is unknown: {what}.",
            "End the names with the epoch, such as epoch-003.safetensors.",
        )
    return sorted(files, key=lambda path: order[path])


def load_weights(network: nn.Module, path: Path) -> None:
    """Load all weights of a checkpoint into ``network``; no code in the file is run.

    Raises ``DataError`` for a file that is damaged, or of another network.
    """
    load_strictly(network, read_state(path), path, "Name checkpoints of this network.")


def save_weights(network: nn.Module, path: Path) -> None:
    """Write the weights of ``network`` as safetensors; the file appears whole or not at all."""
    from safetensors.torch import save_file

    state = {name: t.detach().contiguous() for name, t in network.state_dict().items()}
    with replacing(path, alone=True) as writing:
        save_file(state, writing)


def parameters_at(network: nn.Module, feature: Feature, image: Tensor) -> list[str]:
    """Return the names of the network's parameters on which a layer's feature depends.

    Weight distances are computed over these, so that networks that are trained differently above
    a layer can be compared at that layer. ``image`` is one input ``(1, C, H, W)``."""
    import torch

    names, parameters = zip(*network.named_parameters(), strict=True)
    needed = [parameter.requires_grad for parameter in parameters]
    for parameter in parameters:
        parameter.requires_grad_(True)
    try:
        with torch.enable_grad():
            gradients = torch.autograd.grad(feature(image).sum(), parameters, allow_unused=True)
    finally:
        for parameter, before in zip(parameters, needed, strict=True):
            parameter.requires_grad_(before)
    return [name for name, gradient in zip(names, gradients, strict=True) if gradient is not None]


#: Loss of a network on a batch, from the network, its input images and their labels.
Loss = Callable[[Any, Any, Any], Any]

_SHIFT = 4
_BATCH, _RATE = 32, 4e-3  #: images of a batch, largest learning rate of the one cycle


@dataclass(frozen=True, eq=False)
class TrainingData:
    """Training images as tensors: ``pixels`` ``(N, 3, H, W)``, standardised float32, and ``label``
    ``(N, K)``: 1, 0 or -1."""

    pixels: Any
    label: Any


@dataclass(frozen=True)
class Schedule:
    """Training schedule with AdamW: number of ``epochs``, ``seed`` of the images' order and of the
    random shifts and flips."""

    epochs: int
    seed: int


def train_on_labels(
    network: nn.Module,
    data: TrainingData,
    schedule: Schedule,
    folder: Path | None,
    progress: Callable[[str], None],
) -> None:
    """Train all layers of a network on the labels; save a checkpoint per epoch in ``folder``."""
    network.train()
    _train(network, network.parameters(), data, schedule, _label_loss, folder, progress)


def train_upper(
    network: nn.Module, data: TrainingData, schedule: Schedule, progress: Callable[[str], None]
) -> None:
    """Train the layers above ``LAYER`` on the labels, with the lower layers fixed."""
    network.eval()
    upper = network.get_submodule("upper").train()
    _train(network, upper.parameters(), data, schedule, _label_loss, None, progress)


def match_features(
    network: nn.Module,
    teacher: nn.Module,
    data: TrainingData,
    schedule: Schedule,
    folder: Path,
    progress: Callable[[str], None],
) -> None:
    """Train the layers up to ``LAYER`` to match the teacher's feature at that layer.

    The loss is ``‖f_S - f_T‖²`` over the variance of f_T, which is 1 for the best constant.
    Checkpoints are saved in ``folder``.
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
    _train(network, below.parameters(), data, schedule, loss, folder, progress)


def feature_fit(network: nn.Module, teacher: nn.Module, pixels: Tensor) -> float:
    """Return R²: share of the variance of the teacher's feature at ``LAYER`` that the network's
    feature explains, on images ``pixels``."""
    import torch

    with torch.no_grad():
        feature, target = (each.get_submodule(LAYER)(pixels) for each in (network, teacher))
    rest = (target - feature).square().sum()
    return float(1 - rest / (target - target.mean((0, 2, 3), keepdim=True)).square().sum())


def logits_of(network: nn.Module, pixels: Tensor) -> NDArray[np.float32]:
    """Return a network's logits ``(N, K)`` for images ``pixels``, computed in batches."""
    import torch

    network.eval()
    with torch.no_grad():
        return np.concatenate([network(batch).numpy() for batch in pixels.split(256)])


def _label_loss(network: nn.Module, images: Tensor, label: Tensor) -> Any:
    """Return the network's mean binary cross-entropy on a batch, over known labels (not -1)."""
    from torch.nn.functional import binary_cross_entropy_with_logits

    known = (label >= 0).float()
    losses = binary_cross_entropy_with_logits(
        network(images), label.clamp(min=0).float(), reduction="none"
    )
    return (losses * known).sum() / known.sum().clamp(min=1)


def _train(
    network: nn.Module,
    parameters: Any,
    data: TrainingData,
    schedule: Schedule,
    loss: Loss,
    folder: Path | None,
    progress: Callable[[str], None],
) -> None:
    """Train ``parameters`` of the network to a small ``loss``; save ``epoch-000.safetensors`` in
    ``folder`` (None: nowhere) before the training, and a file after each epoch."""
    import torch

    rng = np.random.default_rng(schedule.seed)
    batches = -(-len(data.pixels) // _BATCH)
    optimizer = torch.optim.AdamW(parameters, lr=_RATE, weight_decay=0.02)
    cycle = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, _RATE, schedule.epochs * batches, pct_start=0.15
    )
    _keep(network, folder, 0)
    for epoch in range(1, schedule.epochs + 1):
        total = []
        for rows in np.array_split(rng.permutation(len(data.pixels)), batches):
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


def _moved(images: Tensor, rng: np.random.Generator) -> Any:
    """Return a batch ``(B, 3, H, W)``, flipped at random and shifted by a few random pixels."""
    import torch

    images = images.flip(3) if rng.random() < 0.5 else images
    shift = rng.integers(-_SHIFT, _SHIFT + 1, 2)
    return torch.roll(images, (int(shift[0]), int(shift[1])), dims=(2, 3))
