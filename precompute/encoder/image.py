"""The image side of an encoder: an embedding for each place of an image."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image

from inficond_panel.common.devices import CPU, torch_device
from inficond_panel.common.torch_thread import one_torch_thread
from inficond_panel.spec.sections.encoder import FLOAT32, OpenClipEncoder
from precompute.encoder.open_clip_model import (
    build_model,
    load_tokenizer,
    loading,
    text_function,
)
from precompute.encoder.precision import Precision
from precompute.encoder.source import find_source, open_clip_digest, open_clip_name
from precompute.encoder.text import TextEncoder

FILTERS = {
    "bicubic": Image.Resampling.BICUBIC,
    "bilinear": Image.Resampling.BILINEAR,
    "nearest": Image.Resampling.NEAREST,
}


@dataclass(frozen=True)
class Encoder:
    """An image-text model: texts and places of images as vectors of one space.

    The dense view of a photo is the whole of it, squashed to ``size`` (height, width) as a square
    photo would be, whatever the crop of the model's own preprocessing: the segments are to cover
    the photo. Mean, standard deviation and interpolation are the model's own, and ``own_size`` is
    the size that it was made for. ``attention`` is the last block's (see
    ``precompute.encoder.dense.blocks``), None where there is no choice.
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
    precision: Precision = field(default_factory=Precision)

    @property
    def name(self) -> str:
        """Name for the store."""
        return self.text.name

    @property
    def tokenizer(self) -> Any:
        """The text tower's tokenizer."""
        return self.text.tokenizer

    @property
    def preprocessing(self) -> dict[str, Any]:
        """Settings of ``prepare``, with open_clip's names; attention and precision where there is a
        choice, or it is not float32."""
        more = {} if self.attention is None else {"attention": self.attention}
        if self.precision.name != FLOAT32:
            more["precision"] = self.precision.name
        return {
            "size": list(self.size),
            "mean": list(self.mean),
            "std": list(self.std),
            "interpolation": self.interpolation,
            "resize_mode": "squash",
            **more,
        }

    def prepare(self, image: Image.Image) -> np.ndarray:
        """RGB image as the model takes it: ``(3, height, width)`` float32."""
        return prepared(image, self.size, self.mean, self.std, self.interpolation)

    def dense(self, images: np.ndarray) -> np.ndarray:
        """Embeddings ``(B, h, w, embed)`` float32, not normalised, of images ``(B, 3, H, W)``.

        Raises ``DataError`` for a precision whose result is too far from float32's.
        """
        with self._running():
            return _array(self.precision.run(self._dense, self._pixels(images)))

    def dense_with_whole(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """``dense`` and ``whole`` of the same images from one run of the tower, in float32."""
        from torch.nn.functional import normalize

        with self._running():
            cells, whole = self._dense.with_whole(self._pixels(images))
            return _array(cells), _array(normalize(whole, dim=-1))

    def whole(self, images: np.ndarray) -> np.ndarray:
        """Unit vectors ``(B, embed)`` float32 of whole images ``(B, 3, H, W)``, in float32."""
        with self._running():
            return _array(self.model.encode_image(self._pixels(images), normalize=True))

    @contextmanager
    def _running(self) -> Iterator[None]:
        import torch

        with one_torch_thread(), torch.inference_mode():
            yield

    def _pixels(self, images: np.ndarray) -> Any:
        import torch

        pixels = torch.from_numpy(images).to(self.device)
        return pixels.contiguous(memory_format=torch.channels_last)

    def embed_text(self, texts: Sequence[str]) -> np.ndarray:
        """See ``TextEncoder.embed_text``."""
        return self.text.embed_text(texts)

    def embed_concepts(self, concepts: Sequence[str], prompts: Sequence[str]) -> np.ndarray:
        """See ``TextEncoder.embed_concepts``."""
        return self.text.embed_concepts(concepts, prompts)


def _array(found: Any) -> np.ndarray:
    values: np.ndarray = found.cpu().contiguous().numpy()
    return values


def prepared(
    image: Image.Image,
    size: Sequence[int],
    mean: Sequence[float],
    std: Sequence[float],
    interpolation: str,
) -> np.ndarray:
    """RGB image squashed to ``size`` (height, width), less mean, by deviation: float32."""
    height, width = size
    small = np.asarray(image.resize((width, height), FILTERS[interpolation]))
    level = np.arange(256, dtype=np.float32) / 255
    return np.stack(
        [
            ((level - np.float32(one)) / np.float32(other))[small[..., channel]]
            for channel, (one, other) in enumerate(zip(mean, std, strict=True))
        ]
    )


def load_open_clip(encoder: OpenClipEncoder, device: str = CPU) -> Encoder:
    """Load the encoder that a spec names.

    ``model`` is a folder with ``open_clip_config.json``, ``hf-hub:ORG/NAME`` or a name that
    open_clip knows; ``pretrained`` a checkpoint file, a tag, or None where the folder or the hub
    holds the weights. Only a hub's model and a tag are downloaded. Raises ``MissingExtraError``
    without torch and open_clip, and ``DataError`` for a model that cannot be loaded or has no
    dense path.
    """
    with loading(encoder) as open_clip:
        from precompute.encoder.dense import dense_function

        source = find_source(encoder)
        place = torch_device(device)
        model = _channels_last(build_model(open_clip, source)).to(place)
        tokenizer = load_tokenizer(open_clip, source)
    settings = model.visual.preprocess_cfg
    size = chosen_size(encoder.image_size, settings["size"])
    dense, attention = dense_function(model, size, encoder.model, encoder.attention)
    text = TextEncoder(
        open_clip_name(encoder), open_clip_digest(encoder), tokenizer, text_function(model), place
    )
    known = settings["interpolation"] in FILTERS
    own = chosen_size(None, settings["size"])
    return Encoder(
        size=size,
        mean=tuple(settings["mean"]),
        std=tuple(settings["std"]),
        interpolation=settings["interpolation"] if known else "bicubic",
        attention=attention,
        model=model,
        text=text,
        _dense=dense,
        own_size=own,
        device=place,
        precision=Precision(encoder.precision, place),
    )


def _channels_last(model: Any) -> Any:
    import torch

    return model.to(memory_format=torch.channels_last)


def chosen_size(wanted: int | tuple[int, int] | None, own: int | Sequence[int]) -> tuple[int, int]:
    """Height and width: the spec's side or (width, height), else the model's own."""
    if wanted:
        return (wanted, wanted) if isinstance(wanted, int) else (wanted[1], wanted[0])
    return (own, own) if isinstance(own, int) else (own[0], own[1])
