"""From a photo to a network's input: resize, perhaps crop, normalise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from PIL import Image

from inficond_panel.spec.framework.section import Section
from precompute.encoder import Encoder

if TYPE_CHECKING:
    from torch import nn

_FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


class Prepares(Protocol):
    """Preprocessing of a photo, by settings or by what comes with a model."""

    def prepare(self, image: Image.Image) -> np.ndarray | Image.Image:
        """RGB image as the network takes it: ``(3, height, width)`` float32, or as it is."""

    def plain(self) -> dict[str, Any]:
        """As JSON, for the store's attributes and for hashes."""


def stacked(prepared: Sequence[np.ndarray | Image.Image]) -> np.ndarray | list[Image.Image]:
    """A batch of what ``prepare`` gave: one array, or the photos themselves."""
    photos = [one for one in prepared if isinstance(one, Image.Image)]
    return photos if photos else np.stack([np.asarray(one) for one in prepared])


@dataclass(frozen=True)
class Preprocessing:
    """``size`` is (width, height); ``mean`` and ``std`` are of levels 0 to 1, by channel.

    ``crop`` is the share of the resized photo's shorter side that is kept, from its middle, as
    torchvision and timm do it (``Resize``, ``CenterCrop``); 0 squashes the whole photo to ``size``.
    """

    size: tuple[int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    interpolation: str = "bilinear"
    crop: float = 0.0

    def prepare(self, image: Image.Image) -> np.ndarray:
        """RGB image as the network takes it: ``(3, height, width)`` float32."""
        chosen = self._cropped(image) if self.crop else self._resized(image, self.size)
        level = np.arange(256, dtype=np.float32) / 255
        channels = zip(np.asarray(chosen).transpose(2, 0, 1), self.mean, self.std, strict=True)
        return np.stack([((level - np.float32(m)) / np.float32(s))[c] for c, m, s in channels])

    def plain(self) -> dict[str, Any]:
        """As JSON, for the store's attributes and for hashes."""
        return {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(self).items()}

    def _resized(self, image: Image.Image, size: tuple[int, int]) -> Image.Image:
        return image.resize(size, _FILTERS[self.interpolation])

    def _cropped(self, image: Image.Image) -> Image.Image:
        (width, height), (w, h) = (math.floor(side / self.crop) for side in self.size), image.size
        if width * h >= height * w:  # the width is what just fits
            image = self._resized(image, (width, int(width * h / w)))
        else:
            image = self._resized(image, (int(height * w / h), height))
        left, top = (round((a - b) / 2) for a, b in zip(image.size, self.size, strict=True))
        return image.crop((left, top, left + self.size[0], top + self.size[1]))


def own_or_given(section: Section, own: dict[str, Any]) -> Preprocessing:
    """Preprocessing of a spec's section; what it leaves out (None) is the model's own."""
    given = {name: value for name, value in section.values().items() if value is not None}
    return Preprocessing(**{**own, **given})


def of_timm(model: nn.Module) -> dict[str, Any]:
    """Settings of a timm model, from its configuration."""
    from timm.data import resolve_model_data_config

    config = resolve_model_data_config(model)
    _, height, width = config["input_size"]
    known = config["interpolation"] if config["interpolation"] in _FILTERS else "bicubic"
    return {
        "size": (width, height),
        "mean": tuple(config["mean"]),
        "std": tuple(config["std"]),
        "interpolation": known,
        "crop": 0.0 if config["crop_mode"] == "squash" else float(config["crop_pct"]),
    }


def of_encoder(encoder: Encoder) -> Preprocessing:
    """The whole photo, squashed to the size of an image-text model, as its dense view."""
    height, width = encoder.size
    return Preprocessing((width, height), encoder.mean, encoder.std, encoder.interpolation)
