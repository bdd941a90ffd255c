"""The teacher: a plain convolutional net, trained on the labels of scenes without shortcuts."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits

from precompute.recipes.demo.scene_views import TrainingScenes
from precompute.recipes.scenes import SceneSet

WIDTHS = (24, 48, 96, 96, 160)
BATCH = 32


class SceneNet(nn.Module):
    """Five strided convolutions; a class is present where some place of the image says so.

    Input (B, 3, height, width) in 0..1, output logits (B, classes): a smooth maximum over the
    cells of the last feature map.
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
        """Logits (B, classes)."""
        return self.classify(self.features(pixels - 0.5)).flatten(2).logsumexp(dim=2)


def train_teacher(
    data: TrainingScenes, epochs: int, seed: int, progress: Callable[[str], None]
) -> SceneNet:
    """Train on the labels, with mirrored and shifted copies."""
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


def write_logits(net: SceneNet, scenes: SceneSet, path: Path) -> None:
    """Write the logits of all scenes: a line for each image, a column for each class."""
    lines = [",".join(("image_id", *scenes.classes))]
    for start in range(0, len(scenes), BATCH):
        chosen = range(start, min(start + BATCH, len(scenes)))
        pixels = np.stack([np.asarray(scenes.image(i)) for i in chosen])
        with torch.inference_mode():
            logits = net(torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255)
        for i, row in zip(chosen, logits.tolist(), strict=True):
            lines.append(",".join((scenes.image_ids[i], *(f"{value:.4f}" for value in row))))
    path.write_text("\n".join(lines) + "\n")
