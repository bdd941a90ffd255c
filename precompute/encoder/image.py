"""The image side of an encoder: an embedding per cell."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from PIL import Image

from inficond_panel.common.devices import CPU, torch_device
from inficond_panel.common.threads import one_torch_thread
from inficond_panel.spec.sections.encoder import OpenClipEncoder
from precompute.encoder.open_clip_model import build_model, loading, text_encoder
from precompute.encoder.source import find_source
from precompute.encoder.text import TextEncoder

#: Interpolations that an encoder can have.
RESAMPLING = ("bicubic", "bilinear", "nearest")

#: Pixels by which a share of three digits may miss the number that it means.
_OF_FEW_DIGITS = 0.02


@dataclass(frozen=True)
class Preprocessing:
    """Preprocessing by settings: resize, crop, and normalise by ``mean`` and ``std``.

    ``size`` is (width, height); ``mean`` and ``std`` are per channel, for levels 0 to 1. ``crop``
    is the central share of the resized photo's shorter side that is kept, like ``Resize`` and
    ``CenterCrop`` of torchvision and timm; 0 resizes the whole photo to ``size``. ``channels`` are
    "rgb", "bgr" (the same in reverse order), or "grey": one, by ``mean`` and ``std`` of red."""

    size: tuple[int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    interpolation: str = "bilinear"
    crop: float = 0.0
    channels: str = "rgb"

    def prepare(self, image: Image.Image) -> np.ndarray:
        """Return the network's input of an RGB image: ``(channels, height, width)`` float32."""
        chosen = self._cropped(image) if self.crop else self._resized(image, self.size)
        level = np.arange(256, dtype=np.float32) / 255
        pixels = np.asarray(chosen).transpose(2, 0, 1)
        if self.channels == "grey":
            pixels = np.asarray(chosen.convert("L"))[None]
        channels = zip(pixels, self.mean, self.std, strict=False)
        values = [((level - np.float32(m)) / np.float32(s))[c] for c, m, s in channels]
        return np.stack(values[::-1] if self.channels == "bgr" else values)

    def plain(self) -> dict[str, Any]:
        """Return the settings of the preprocessing as JSON, for stores and hashes; ``channels``
        only if they are not RGB, as in older stores."""
        plain = {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(self).items()}
        return plain if self.channels != "rgb" else {k: plain[k] for k in plain if k != "channels"}

    def _resized(self, image: Image.Image, size: tuple[int, int]) -> Image.Image:
        return image.resize(size, Image.Resampling[self.interpolation.upper()])

    def _cropped(self, image: Image.Image) -> Image.Image:
        (width, height), (w, h) = (_before_crop(side, self.crop) for side in self.size), image.size
        if width * h >= height * w:  # scale the width to fit exactly; the height may be larger
            image = self._resized(image, (width, int(width * h / w)))
        else:
            image = self._resized(image, (int(height * w / h), height))
        left, top = (round((a - b) / 2) for a, b in zip(image.size, self.size, strict=True))
        return image.crop((left, top, left + self.size[0], top + self.size[1]))


def _before_crop(side: int, crop: float) -> int:
    """Return the side before a crop, rounded down as in timm, unless the share is that of the next
    number with few digits: 128 of 144 is 0.889."""
    return math.floor(side / crop + _OF_FEW_DIGITS)


@dataclass(frozen=True)
class Encoder:
    """An image-text model: embeddings of texts and of image cells in a joint space.

    The whole photo is resized to ``size`` (height, width) without a crop, unlike the model's own
    preprocessing, so that segments cover the photo. Mean, standard deviation and interpolation are
    the model's; ``own_size`` is the image size of its training. ``attention`` is the last block's
    attention (see ``precompute.encoder.dense_blocks``), None if it cannot be chosen.
    """

    size: tuple[int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    interpolation: str
    attention: str | None
    model: Any
    text: TextEncoder
    _dense: Any
    own_size: tuple[int, int]
    device: str = CPU

    @property
    def name(self) -> str:
        """Name of the model, as a store records it."""
        return self.text.name

    @property
    def preprocessing(self) -> dict[str, Any]:
        """Settings of ``prepare``, with open_clip's names; with ``attention`` if it can be
        chosen."""
        more = {} if self.attention is None else {"attention": self.attention}
        return {
            "size": list(self.size),
            "mean": list(self.mean),
            "std": list(self.std),
            "interpolation": self.interpolation,
            "resize_mode": "squash",
            **more,
        }

    @property
    def squash(self) -> Preprocessing:
        """The preprocessing: the whole photo resized to ``size``, no crop."""
        height, width = self.size
        return Preprocessing((width, height), self.mean, self.std, self.interpolation)

    def prepare(self, image: Image.Image) -> np.ndarray:
        """Return the model's input of an RGB image: ``(3, height, width)`` float32."""
        return self.squash.prepare(image)

    def dense(self, images: np.ndarray) -> np.ndarray:
        """Return cell embeddings ``(B, h, w, embed)``, float32, not normalised, of images
        ``(B, 3, H, W)``."""
        with self._running(images) as pixels:
            return _array(self._dense(pixels))

    def dense_with_whole(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the results of ``dense`` and ``whole`` for images, from one pass of the tower."""
        from torch.nn.functional import normalize

        with self._running(images) as pixels:
            cells, whole = self._dense.with_whole(pixels)
            return _array(cells), _array(normalize(whole, dim=-1))

    def whole(self, images: np.ndarray) -> np.ndarray:
        """Return unit vectors ``(B, embed)`` of whole images ``(B, 3, H, W)``, float32."""
        with self._running(images) as pixels:
            return _array(self.model.encode_image(pixels, normalize=True))

    @contextmanager
    def _running(self, images: np.ndarray) -> Iterator[Any]:
        """Yield images as pixels on the device, in inference mode and with one thread."""
        import torch

        with one_torch_thread(), torch.inference_mode():
            pixels = torch.from_numpy(images).to(self.device)
            yield pixels.contiguous(memory_format=torch.channels_last)

    def embed_text(self, texts: Sequence[str]) -> np.ndarray:
        """Return unit vectors of texts; see ``TextEncoder.embed_text``."""
        return self.text.embed_text(texts)

    def embed_concepts(self, concepts: Sequence[str], prompts: Sequence[str]) -> np.ndarray:
        """Return unit vectors of concepts; see ``TextEncoder.embed_concepts``."""
        return self.text.embed_concepts(concepts, prompts)


def _array(data: Any) -> np.ndarray:
    values: np.ndarray = data.cpu().contiguous().numpy()
    return values


def load_open_clip(encoder: OpenClipEncoder, device: str = CPU) -> Encoder:
    """Load the open_clip encoder of a spec's section.

    ``encoder.model`` is a folder with ``open_clip_config.json``, ``hf-hub:ORG/NAME`` or a name that
    open_clip knows; ``encoder.pretrained`` is a checkpoint file, a tag, or None if the folder or
    the hub's model has the weights. Only a model on the hub, or a tag's weights, are downloaded.
    Raises ``MissingExtraError`` without torch and open_clip, and ``DataError`` for a model that
    cannot be loaded or has no dense path."""
    with loading(encoder):
        import torch

        from precompute.encoder.dense import dense_function
        from precompute.encoder.dense_blocks import patch_of

        source = find_source(encoder)
        hardware = torch_device(device)
        model = build_model(source).to(memory_format=torch.channels_last).to(hardware)
        text = text_encoder(encoder, source, model, hardware)
    settings = model.visual.preprocess_cfg
    usual = usual_size(settings["size"], patch_of(model.visual))
    size = chosen_size(encoder.image_size, usual)
    dense, attention = dense_function(model, size, encoder.model, encoder.attention)
    known = settings["interpolation"] in RESAMPLING
    return Encoder(
        size=size,
        mean=tuple(settings["mean"]),
        std=tuple(settings["std"]),
        interpolation=settings["interpolation"] if known else "bicubic",
        attention=attention,
        model=model,
        text=text,
        _dense=dense,
        own_size=usual,
        device=hardware,
    )


def chosen_size(wanted: int | tuple[int, int] | None, usual: tuple[int, int]) -> tuple[int, int]:
    """Return the image size (height, width) that the spec sets, else the size ``usual``. ``wanted``
    is a side or (width, height) from the spec, None if not set."""
    if not wanted:
        return usual
    return (wanted, wanted) if isinstance(wanted, int) else (wanted[1], wanted[0])


def usual_size(trained: int | Sequence[int], patch: tuple[int, ...]) -> tuple[int, int]:
    """Return the image size (height, width) of a model's training in whole patches: a SigLIP of 384
    pixels with patches of 14 sees 27 of them, that is 378 pixels."""
    sides = (trained, trained) if isinstance(trained, int) else trained
    height, width = (side - side % step for side, step in zip(sides, patch, strict=True))
    return height, width
