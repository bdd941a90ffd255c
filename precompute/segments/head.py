"""Segmentation head: a network from an encoder's coarse cells to pixel embeddings of its space.

A small convolutional network after CLIP-S⁴ (He et al., 2023) reads the photo. Each pixel's
embedding is a mean of nearby cells that look similar, so that pixels of one region have similar
embeddings up to its edges. ``precompute.segments.training`` trains the network. Neighbouring pixels
with similar embeddings are merged to segments; a segment's stored embedding is still the mean of
the encoder's embeddings.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from inficond_panel.common.files import replacing
from inficond_panel.common.threads import one_torch_thread
from inficond_panel.errors import DataError, Remedy

FORMAT = "inficond-head-2"


@dataclass(frozen=True)
class HeadLayout:
    """Sizes of a segmentation head's network; ``side`` is the approximate number of pixel
    embeddings along the longer side."""

    embed: int
    width: int = 32
    features: int = 16
    side: int = 48

    def grid(self, height: int, width: int) -> tuple[int, int]:
        """Return rows and columns of pixel embeddings for ``height`` x ``width`` cells."""
        factor = max(1, round(self.side / max(height, width)))
        return factor * height, factor * width


@dataclass(frozen=True)
class Head:
    """A segmentation head: network and layout; ``settings`` are the settings of its training."""

    network: Any
    layout: HeadLayout
    settings: dict[str, Any]

    def embed(self, cells: np.ndarray, image: Image.Image) -> np.ndarray:
        """Return pixel embeddings ``(H, W, embed)`` of an image with cell embeddings ``cells``."""
        import torch

        if cells.shape[-1] != self.layout.embed:
            raise DataError(
                f"The head is for an encoder of {self.layout.embed} dimensions; this encoder has "
                f"{cells.shape[-1]}.",
                "Set concepts.segments.head.checkpoint to a head of this encoder, or leave it out.",
            )
        colours = colours_of(image, self.layout.grid(*cells.shape[:2]))
        with one_torch_thread(), torch.inference_mode():
            embedding = self.network(torch.from_numpy(cells[None]), torch.from_numpy(colours[None]))
        return embedding[0].numpy()


def colours_of(image: Image.Image, grid: tuple[int, int]) -> np.ndarray:
    """Return a photo as the network's input: ``(3, 2 H, 2 W)`` float32 from -1 to 1."""
    small = image.resize((2 * grid[1], 2 * grid[0]), Image.Resampling.BOX)
    return (np.asarray(small, dtype=np.float32) / 127.5 - 1).transpose(2, 0, 1)


def build(layout: HeadLayout) -> Any:
    """Return a network, with random weights, that computes pixel embeddings.

    Each is a mean over nearby cells of similar look: of similar colours and learned features of the
    photo. The encoder's cells are only averaged, never compared: interpolated cells at an edge
    would resemble both sides.
    """
    import torch
    from torch import Tensor, nn
    from torch.nn.functional import adaptive_avg_pool2d, normalize

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            width = layout.width
            self.look = nn.Sequential(
                nn.Conv2d(3, width, 3, padding=1),
                nn.ReLU(),
                nn.Conv2d(width, width, 3, stride=2, padding=1),
                nn.ReLU(),
                nn.Conv2d(width, width, 3, padding=2, dilation=2),
                nn.ReLU(),
                nn.Conv2d(width, width, 3, padding=4, dilation=4),
                nn.ReLU(),
            )
            self.match = nn.Conv2d(width, layout.features, 1, bias=False)
            self.near = nn.Parameter(torch.tensor(-1.0))  # log of 1 / (2 cells²)
            self.alike = nn.Parameter(torch.tensor(1.5))
            with torch.no_grad():
                self.match.weight.mul_(0.1)  # start with colours alone

        def forward(self, cells: Tensor, colours: Tensor) -> Tensor:
            """Return unit vectors (B, H, W, embed) from cells (B, h, w, embed) and colours."""
            dense = normalize(cells, dim=-1).flatten(1, 2)
            grid = (colours.shape[2] // 2, colours.shape[3] // 2)
            feature = [self.match(self.look(colours)), adaptive_avg_pool2d(colours, grid)]
            chosen = self._choice(torch.cat(feature, 1), (cells.shape[1], cells.shape[2])) @ dense
            return normalize(chosen, dim=-1).unflatten(1, grid)

        def _choice(self, feature: Tensor, cells: tuple[int, int]) -> Tensor:
            """Return the weight of each cell per pixel (B, H·W, h·w), by features and distance."""
            key = adaptive_avg_pool2d(feature, cells).flatten(2)
            query = feature.flatten(2).transpose(1, 2)
            apart = (query**2).sum(2)[:, :, None] + (key**2).sum(1)[:, None] - 2 * query @ key
            steps = [
                torch.arange(fine)[:, None] * coarse / fine
                + 0.5 * coarse / fine
                - torch.arange(coarse)
                - 0.5
                for fine, coarse in zip(feature.shape[2:], cells, strict=True)
            ]
            away = (steps[0] ** 2)[:, None, :, None] + (steps[1] ** 2)[None, :, None, :]
            away = away.flatten(2).flatten(0, 1)
            return (-self.near.exp() * away - self.alike.exp() * apart).softmax(-1)

    return Network()


def untrained(layout: HeadLayout, seed: int) -> Head:
    """Return a head before its training: with the initial weights that ``seed`` gives."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Head(build(layout), layout, {})


def save_head(head: Head, path: Path) -> None:
    """Write a head's weights and settings to a safetensors file, completely or not at all."""
    from safetensors.torch import save

    about = {"format": FORMAT, "layout": asdict(head.layout), "settings": head.settings}
    # one metadata key: safetensors writes several keys in random order
    data = save(head.network.state_dict(), {"head": json.dumps(about, sort_keys=True)})
    with replacing(path, alone=True) as writing:
        writing.write_bytes(data)  # save_file would raise its own error for a full disk


def load_head(path: Path | str) -> Head:
    """Load a head from a file; ``DataError`` if it is missing, damaged, or of another format."""
    try:
        changed = Path(path).stat().st_mtime_ns
        return _loaded(str(path), changed)
    except Exception as error:  # safetensors and torch raise many kinds
        raise DataError(
            f"{path} is not a segmentation head: {error or type(error).__name__}.",
            Remedy(
                "Use a file that inficond precompute wrote for a spec with segments of method: "
                "head."
            ),
        ) from error


@lru_cache(maxsize=2)
def _loaded(path: str, _changed: int) -> Head:
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        about = json.loads((file.metadata() or {}).get("head", "{}"))
        if about.get("format") != FORMAT:
            raise ValueError(f"its format is not {FORMAT}")
        layout = HeadLayout(**about["layout"])
        network = build(layout)
        network.load_state_dict({name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118
    return Head(network.eval(), layout, about["settings"])
