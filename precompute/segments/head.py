"""A head that turns an encoder's coarse cells into pixel embeddings of the same space.

A small convolutional network after CLIP-S⁴ (He et al., 2023): it sees the dense embedding,
interpolated, and the photo's colours, and adds to the former, so that pixels of one region embed
alike up to its edges. ``precompute.segments.training`` trains it. Clusters of its pixel embeddings
are the segments; what is stored of a segment is still the mean of the encoder's own embedding.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from inficond_panel.errors import DataError

FORMAT = "inficond-head-1"


@dataclass(frozen=True)
class Layout:
    """Sizes of the network. ``side``: pixel embeddings along the image's longer side, about."""

    embed: int
    width: int = 64
    colours: int = 24
    side: int = 48

    def grid(self, height: int, width: int) -> tuple[int, int]:
        """Pixel embeddings, down and across, of an image of so many cells."""
        factor = max(1, round(self.side / max(height, width)))
        return factor * height, factor * width


@dataclass(frozen=True)
class Head:
    """A network with its layout; ``settings`` says how it was trained."""

    network: Any
    layout: Layout
    settings: dict[str, Any]

    def embed(self, cells: np.ndarray, image: Image.Image) -> np.ndarray:
        """Pixel embeddings ``(H, W, embed)`` float32 of an image with ``cells`` (h, w, embed)."""
        import torch

        if cells.shape[-1] != self.layout.embed:
            raise DataError(
                f"The head is for an encoder of {self.layout.embed} dimensions, this one has "
                f"{cells.shape[-1]}.",
                "Name a head that was trained with this encoder, or leave the checkpoint out.",
            )
        colours = colours_of(image, self.layout.grid(*cells.shape[:2]))
        with torch.inference_mode():
            found = self.network(torch.from_numpy(cells[None]), torch.from_numpy(colours[None]))
        return found[0].numpy()


def colours_of(image: Image.Image, grid: tuple[int, int]) -> np.ndarray:
    """The photo as the network sees it: ``(3, 2 H, 2 W)`` float32 from -1 to 1."""
    small = image.resize((2 * grid[1], 2 * grid[0]), Image.Resampling.BOX)
    return (np.asarray(small, dtype=np.float32) / 127.5 - 1).transpose(2, 0, 1)


def build(layout: Layout) -> Any:
    """A network that gives the interpolated cells back until it is trained."""
    from torch import Tensor, cat, nn
    from torch.nn.functional import interpolate, normalize

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            width, colours = layout.width, layout.colours
            self.reduce = nn.Conv2d(layout.embed, width, 1)
            self.look = nn.Sequential(
                nn.Conv2d(3, colours, 3, padding=1),
                nn.ReLU(),
                nn.Conv2d(colours, colours, 3, stride=2, padding=1),
                nn.ReLU(),
            )
            self.join = nn.Sequential(
                nn.Conv2d(width + colours, width, 3, padding=1),
                nn.ReLU(),
                nn.Conv2d(width, width, 3, padding=2, dilation=2),
                nn.ReLU(),
                nn.Conv2d(width, width, 3, padding=4, dilation=4),
                nn.ReLU(),
            )
            self.add = nn.Conv2d(width, layout.embed, 1)
            nn.init.zeros_(self.add.weight)
            nn.init.zeros_(self.add.bias)

        def forward(self, cells: Tensor, colours: Tensor) -> Tensor:
            """Unit vectors (B, H, W, embed) from cells (B, h, w, embed) and colours."""
            dense = normalize(cells, dim=-1).permute(0, 3, 1, 2)
            grid = [side // 2 for side in colours.shape[2:]]
            low = interpolate(self.reduce(dense), grid, mode="bilinear", align_corners=False)
            added = self.add(self.join(cat([low, self.look(colours)], 1)))
            smooth = interpolate(dense, grid, mode="bilinear", align_corners=False)
            return normalize((smooth + added).permute(0, 2, 3, 1), dim=-1)

    return Network()


def save_head(head: Head, path: Path) -> None:
    """Write weights and settings to a safetensors file, whole or not at all."""
    from safetensors.torch import save_file

    about = {
        "format": FORMAT,
        "layout": json.dumps(asdict(head.layout)),
        "settings": json.dumps(head.settings, sort_keys=True),
    }
    partial = path.with_name(f"{path.name}.tmp")
    save_file(head.network.state_dict(), partial, about)
    partial.replace(path)


def load_head(path: Path | str) -> Head:
    """Head of a file; raises ``DataError`` for one that is missing, damaged or something else."""
    try:
        changed = Path(path).stat().st_mtime_ns
        return _loaded(str(path), changed)
    except Exception as error:  # safetensors and torch raise many kinds
        raise DataError(
            f"{path} is no head that can be used: {error or type(error).__name__}.",
            "Name a file that was written for a spec with segments of method: head.",
        ) from error


@lru_cache(maxsize=2)
def _loaded(path: str, _changed: int) -> Head:
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        about = file.metadata() or {}
        if about.get("format") != FORMAT:
            raise ValueError(f"it is not of the format {FORMAT}")
        layout = Layout(**json.loads(about["layout"]))
        network = build(layout)
        network.load_state_dict({name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118
    return Head(network.eval(), layout, json.loads(about["settings"]))
