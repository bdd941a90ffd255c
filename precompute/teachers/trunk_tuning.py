"""Fine-tuning of a trunk: its weights learn, too, to give the scores of a store's photos.

The network is trunk and linear layer, beginning with the layer in closed form. The loss of a photo
is the mean squared error of its scores, each divided by its standard deviation, plus that of the
students' logits over these scores, likewise divided. No label is needed. Each epoch sees each photo
once: a random part, mirrored or not, in changed colours, with the scores of the whole photo. After
each epoch the error on photos of ``tune`` is measured; the weights of the epoch with the least one
are taken, and the training ends after ``PATIENCE`` epochs without a better one. Statistics of batch
normalisation stay as they are. Each epoch is kept in a file, so that a stopped run resumes, with
the same result, and a run of more epochs goes on.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from inficond_panel.common.files import replacing
from inficond_panel.common.progress import Progress, no_progress
from inficond_panel.common.threads import one_torch_thread
from precompute.datasets import Dataset
from precompute.teachers.trunk import Trunk

if TYPE_CHECKING:
    from torch import Tensor, nn

#: Photos per step, step size of AdamW, and epochs without a smaller error after which it ends.
BATCH, RATE, PATIENCE = 32, 1e-4, 3
#: Least share of a photo's area that an epoch sees, and largest change of its colours.
LEAST_PART, COLOURS = 0.5, 0.2
#: Least average of a feature whose square root is taken in training: the slope at 0 is infinite.
_LEAST_FEATURE = 1e-4


@dataclass(frozen=True, eq=False)
class ScoredPhotos:
    """Photos to learn from or to measure on: their ``positions`` ``(n,)`` in a data set, and their
    ``scores`` ``(n, C)``."""

    positions: np.ndarray
    scores: np.ndarray


@dataclass(frozen=True, eq=False)
class Start:
    """What fine-tuning begins with: a ``trunk``, a linear layer from its F features to C scores, by
    ``slopes`` ``(F, C)`` and ``levels`` ``(C,)``, or, with ``roots``, from their square roots, and
    the students' ``weights`` ``(C, K)``."""

    trunk: Trunk
    slopes: np.ndarray
    levels: np.ndarray
    weights: np.ndarray
    roots: bool

    def key(self, learned: ScoredPhotos, seed: int) -> str:
        """Return a hash of all that the result of an epoch depends on."""
        hashed = hashlib.sha256(f"{self.trunk.digest} {self.roots} {seed}".encode())
        for array in (self.slopes, self.weights, learned.positions, learned.scores):
            hashed.update(np.ascontiguousarray(array).tobytes())
        return hashed.hexdigest()


@dataclass(frozen=True)
class Tuned:
    """A fine-tuned ``trunk``, and ``errors``: the error on ``tune`` before the training and after
    each epoch. The trunk is that of the epoch with the least."""

    trunk: Trunk
    errors: tuple[float, ...]

    @property
    def epoch(self) -> int:
        """Number of the epoch whose weights were taken; 0: those before the training."""
        return int(np.argmin(self.errors))


def tuned_trunk(
    start: Start,
    dataset: Dataset,
    learned: ScoredPhotos,
    measured: ScoredPhotos,
    epochs: int,
    seed: int = 0,
    folder: Path | None = None,
    progress: Progress = no_progress,
) -> Tuned:
    """Train trunk and layer for ``epochs`` or fewer; finished epochs are kept in ``folder``, and
    more of them than ``epochs`` are taken if they are there."""
    key = start.key(learned, seed)
    with one_torch_thread():
        training = _Training(start, dataset, learned)
        file = None if folder is None else folder / f"tuning-{key[:32]}.pt"
        if file is None or not training.resume(file):
            training.measure(measured)
        while training.goes_on(epochs):
            for line in training.epoch(seed):
                progress(training.done / epochs, line)
            training.measure(measured)
            told = f"error on tune {training.errors[-1]:.4f}, at first {training.errors[0]:.4f}"
            progress(training.done / epochs, f"Epoch {training.done}: {told}")
            if file is not None:
                training.keep(file)
        module = training.best_trunk()
    tuned = Tuned(start.trunk, tuple(training.errors))
    digest = hashlib.sha256(f"{key} {tuned.epoch}".encode()).hexdigest()
    return replace(tuned, trunk=replace(start.trunk, module=module, digest=digest))


class _Training:
    """Network, optimiser, and errors so far, with the weights of the best epoch."""

    def __init__(self, start: Start, dataset: Dataset, learned: ScoredPhotos) -> None:
        import torch
        from torch import nn

        self.trunk, self.dataset, self.learned = start.trunk, dataset, learned
        device = start.trunk.device
        spread = np.maximum(learned.scores.std(axis=0), np.finfo(np.float32).tiny)
        centred = learned.scores - learned.scores.mean(axis=0)
        of_logit = np.maximum((centred @ start.weights).std(axis=0), np.finfo(np.float32).tiny)
        self.level, self.spread = learned.scores.mean(axis=0), spread
        self.to_logits = _tensor(spread[:, None] * start.weights / of_logit, device)
        layer = nn.Linear(*start.slopes.shape)
        with torch.no_grad():
            layer.weight.copy_(_tensor((start.slopes / spread).T, "cpu"))
            layer.bias.copy_(_tensor((start.levels - self.level) / spread, "cpu"))
        self.network = _network(copy.deepcopy(start.trunk.module), layer, start.roots).to(device)
        self.network.eval().requires_grad_(True)
        self.optimiser = torch.optim.AdamW(self.network.parameters(), RATE)
        self.errors: list[float] = []
        self.best: dict[str, Any] = {}

    @property
    def done(self) -> int:
        return len(self.errors) - 1

    def goes_on(self, epochs: int) -> bool:
        return self.done < epochs and self.done - int(np.argmin(self.errors)) < PATIENCE

    def epoch(self, seed: int) -> Iterator[str]:
        """Learn once from each photo; yield lines of progress."""
        number, rows = self.done + 1, len(self.learned.positions)
        rng = np.random.default_rng([seed, number])
        order = rng.permutation(rows)
        for cut in range(0, rows, BATCH):
            self.optimiser.zero_grad()
            self._loss(order[cut : cut + BATCH], self.learned, rng).backward()
            self.optimiser.step()
            yield f"Epoch {number}: {min(cut + BATCH, rows)} of {rows} images"

    def measure(self, measured: ScoredPhotos) -> None:
        """Note the error on photos, and the weights if it is the least so far."""
        import torch

        rows, total = len(measured.positions), 0.0
        with torch.inference_mode():
            for cut in range(0, rows, BATCH):
                at = np.arange(cut, min(cut + BATCH, rows))
                total += float(self._loss(at, measured)) * len(at)
        self.errors.append(total / rows)
        if self.errors[-1] <= min(self.errors):
            self.best = copy.deepcopy(self.network.state_dict())

    def _loss(
        self, at: np.ndarray, photos: ScoredPhotos, rng: np.random.Generator | None = None
    ) -> Any:
        """Return the loss of some photos, varied by ``rng`` if there is one."""
        import torch

        loaded = [self.dataset.load(int(i)) for i in photos.positions[at]]
        varied = loaded if rng is None else [_varied(each, rng) for each in loaded]
        pixels = np.stack([self.trunk.preprocessing.prepare(each) for each in varied])
        shown = _tensor(pixels, self.trunk.device).contiguous(memory_format=torch.channels_last)
        wanted = _tensor((photos.scores[at] - self.level) / self.spread, self.trunk.device)
        error = self.network(shown) - wanted
        return error.square().mean() + (error @ self.to_logits).square().mean()

    def keep(self, file: Path) -> None:
        """Write all that the next epoch needs to a file."""
        import torch

        file.parent.mkdir(parents=True, exist_ok=True)
        state = {
            "network": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "best": self.best,
            "errors": self.errors,
        }
        with replacing(file) as writing:
            torch.save(state, writing)

    def resume(self, file: Path) -> bool:
        """Read what ``keep`` wrote; return False if there is no such file, or it is damaged."""
        import torch

        if not file.is_file():
            return False
        try:
            state = torch.load(file, map_location=self.trunk.device, weights_only=True)
            self.network.load_state_dict(state["network"])
            self.optimiser.load_state_dict(state["optimiser"])
        except Exception:  # torch raises many kinds for damaged files
            return False
        self.errors, self.best = list(state["errors"]), state["best"]
        return True

    def best_trunk(self) -> nn.Module:
        """Return the trunk with the weights of the best epoch."""
        self.network.load_state_dict(self.best)
        trunk: nn.Module = self.network.requires_grad_(False).trunk
        return trunk


def _network(trunk: nn.Module, layer: nn.Linear, roots: bool) -> Any:
    """Return a module from pixels ``(B, 3, H, W)`` to standardised scores ``(B, C)``."""
    from torch import nn

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.trunk, self.layer = trunk, layer

        def forward(self, pixels: Tensor) -> Tensor:
            features = self.trunk(pixels)
            taken = features.clamp(min=_LEAST_FEATURE).sqrt() if roots else features
            scores: Tensor = self.layer(taken)
            return scores

    return Network()


def _tensor(values: np.ndarray, device: str) -> Tensor:
    import torch

    return torch.as_tensor(np.asarray(values, np.float32)).to(device)


def _varied(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Return a random part of a photo in its own aspect, mirrored or not, in changed colours."""
    side = np.sqrt(rng.uniform(LEAST_PART, 1))
    width, height = (max(1, round(side * each)) for each in image.size)
    left, top = rng.integers(0, image.width - width + 1), rng.integers(0, image.height - height + 1)
    part = image.crop((int(left), int(top), int(left) + width, int(top) + height))
    part = ImageOps.mirror(part) if rng.random() < 0.5 else part
    for change in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
        part = change(part).enhance(rng.uniform(1 - COLOURS, 1 + COLOURS))
    return part
