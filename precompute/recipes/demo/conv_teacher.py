"""The demo's teacher: a convolutional net, trained on labels of scenes without shortcuts."""

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits

from precompute.recipes.demo.scene_views import TrainingScenes

WIDTHS = (24, 48, 96, 96, 160)
BATCH = 32
MEAN, STD = 0.5, 0.25


class SceneNet(nn.Module):
    """A network of five strided convolutions, with a smooth maximum over the last map's cells.

    Input (B, 3, height, width) in 0..1, output logits (B, classes): a class is present if at least
    one cell shows it.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, after in zip((3, *WIDTHS), WIDTHS, strict=False):
            stride = 1 if after == before else 2
            layers += [
                nn.Conv2d(before, after, 3, stride, 1, bias=False),
                nn.BatchNorm2d(after),
                nn.ReLU(),
            ]
        self.features = nn.Sequential(*layers)
        self.classify = nn.Conv2d(WIDTHS[-1], classes, 1)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Return logits (B, classes) of pixels (B, 3, height, width) in 0..1."""
        return self.classify(self.features(pixels - 0.5)).flatten(2).logsumexp(dim=2)


def train_teacher(
    data: TrainingScenes, epochs: int, seed: int, progress: Callable[[str], None]
) -> SceneNet:
    """Return a network trained on the labels of scenes, with mirrored and shifted images."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    net, rate = SceneNet(data.labels.shape[1]), 4e-3
    nn.init.constant_(net.classify.bias, -6.0)  # type: ignore[arg-type]
    steps = epochs * (len(data.scenes) // BATCH)
    optimizer = torch.optim.AdamW(net.parameters(), lr=rate, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, steps, pct_start=0.1)
    for epoch in range(epochs):
        order, total = rng.permutation(len(data.scenes)), []
        for start in range(0, len(order) - BATCH + 1, BATCH):
            chosen = order[start : start + BATCH]
            logits = net(_augmented(data.pixels[chosen].float() / 255, rng))
            value = binary_cross_entropy_with_logits(logits, data.labels[chosen])
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            schedule.step()
            total.append(float(value.detach()))
        progress(f"teacher: epoch {epoch + 1}/{epochs}, loss {np.mean(total):.3f}")
    return net.eval()


def _augmented(pixels: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    if rng.random() < 0.5:
        pixels = pixels.flip(3)
    shift = rng.integers(-8, 9, 2)
    return torch.roll(pixels, tuple(int(v) for v in shift), dims=(2, 3))


class Normalised(nn.Module):
    """A network for normalised levels (x - MEAN) / STD, as a spec's `preprocessing` gives them."""

    def __init__(self, net: SceneNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, levels: torch.Tensor) -> torch.Tensor:
        """Return logits (B, classes) of normalised levels."""
        return self.net(levels * STD + MEAN)


def save_teacher(net: SceneNet, path: Path, size: tuple[int, int]) -> None:
    """Write the network as TorchScript, traced on an image of `size` (width, height)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # no other format has gradients and no code
        traced = torch.jit.trace(Normalised(net).eval(), torch.zeros(1, 3, size[1], size[0]))
        torch.jit.save(torch.jit.freeze(traced), path)
