"""Image-text encoders of open_clip, with an embedding for each place of an image.

torch and open_clip are imported when an encoder is loaded.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from inficond_panel.errors import DataError, MissingExtraError
from precompute.dense import dense_function
from precompute.segments import unit

_CONFIG = "open_clip_config.json"
_TEXTS_AT_A_TIME = 256


@dataclass(frozen=True)
class Encoder:
    """An image-text model: texts and places of images as vectors of one space.

    The dense view of a photo is the whole of it, squashed to ``size`` (height, width) as a square
    photo would be, whatever the crop of the model's own preprocessing: the segments are to cover
    the photo. Mean, standard deviation and interpolation are the model's own.
    """

    name: str
    size: tuple[int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    interpolation: str
    model: Any
    tokenizer: Any
    _dense: Any

    @property
    def preprocessing(self) -> dict[str, Any]:
        """Settings of ``prepare``, with open_clip's names."""
        return {
            "size": list(self.size),
            "mean": list(self.mean),
            "std": list(self.std),
            "interpolation": self.interpolation,
            "resize_mode": "squash",
        }

    def prepare(self, image: Image.Image) -> np.ndarray:
        """RGB image as the model takes it: ``(3, height, width)`` float32."""
        filters = {
            "bicubic": Image.Resampling.BICUBIC,
            "bilinear": Image.Resampling.BILINEAR,
        }
        height, width = self.size
        small = np.asarray(image.resize((width, height), filters[self.interpolation]))
        level = np.arange(256, dtype=np.float32) / 255
        return np.stack(
            [
                ((level - np.float32(mean)) / np.float32(std))[small[..., channel]]
                for channel, (mean, std) in enumerate(zip(self.mean, self.std, strict=True))
            ]
        )

    def dense(self, images: np.ndarray) -> np.ndarray:
        """Embeddings ``(B, h, w, embed)`` float32, not normalised, of images ``(B, 3, H, W)``."""
        import torch

        with torch.inference_mode():
            pixels = torch.from_numpy(images).contiguous(memory_format=torch.channels_last)
            return self._dense(pixels).contiguous().numpy()

    def embed_text(self, texts: list[str]) -> np.ndarray:
        """Unit vectors ``(len(texts), embed)`` float32 of texts."""
        import torch

        parts = []
        with torch.inference_mode():
            for start in range(0, len(texts), _TEXTS_AT_A_TIME):
                tokens = self.tokenizer(texts[start : start + _TEXTS_AT_A_TIME])
                parts.append(self.model.encode_text(tokens, normalize=True).numpy())
        return np.concatenate(parts).astype(np.float32)

    def embed_concepts(self, concepts: list[str], prompts: list[str]) -> np.ndarray:
        """Unit vectors ``(concept, embed)``: the mean over prompts of ``{}`` filled, normalised."""
        texts = [prompt.replace("{}", concept) for prompt in prompts for concept in concepts]
        vectors = self.embed_text(texts).reshape(len(prompts), len(concepts), -1)
        return unit(vectors.mean(0))


def load_encoder(section: Any) -> Encoder:
    """Load the encoder that a spec's section names (``model``, ``pretrained``, ``image_size``).

    ``model`` is a folder with ``open_clip_config.json`` or a name that open_clip knows;
    ``pretrained`` a checkpoint file, or a tag to download. Raises ``MissingExtraError`` without
    torch and open_clip, and ``DataError`` for a model that cannot be loaded or has no dense path.
    """
    try:
        import open_clip
        import torch
    except ImportError as error:
        raise MissingExtraError(
            f"Encoding images needs the package {error.name}.",
            "Install it: pip install 'inficond-panel[precompute]'",
        ) from error
    source = f"local-dir:{section.model}" if _is_folder(section) else str(section.model)
    if not _is_folder(section):
        _check_name(section.model, open_clip.list_models())
    try:
        model = _build(open_clip, source, section)
        tokenizer = open_clip.get_tokenizer(source)
    except Exception as error:  # open_clip, torch and the hub raise many kinds
        raise DataError(
            f"The encoder {section.model} cannot be loaded with {section.pretrained}: "
            f"{type(error).__name__}: {error}",
            _remedy(section),
        ) from error
    model = model.eval().to(memory_format=torch.channels_last)
    settings = model.visual.preprocess_cfg
    size = _size(section.image_size, settings["size"])
    return Encoder(
        name=encoder_name(section),
        size=size,
        mean=tuple(settings["mean"]),
        std=tuple(settings["std"]),
        interpolation="bilinear" if settings["interpolation"] == "bilinear" else "bicubic",
        model=model,
        tokenizer=tokenizer,
        _dense=dense_function(model, size, section.model),
    )


def _check_name(model: str, known: list[str]) -> None:
    near = get_close_matches(model, known, n=3, cutoff=0.5)
    if model not in known:
        raise DataError(
            f"open_clip knows no model {model}." + (f" Near: {', '.join(near)}." if near else ""),
            "Name one that it knows, or a folder with open_clip_config.json.",
        )


def encoder_name(section: Any) -> str:
    """Name for the store: the checkpoint's for a folder, else open_clip's name and the weights'."""
    if _is_folder(section):
        return Path(section.pretrained).stem
    return f"{section.model} ({Path(section.pretrained).name})"


def encoder_digest(section: Any) -> str:
    """SHA-256 of what the encoder is: its configuration and weights, or the names of a download."""
    digest = hashlib.sha256()
    for part in (section.model, section.pretrained):
        path = Path(part) / _CONFIG if Path(part).is_dir() else Path(part)
        digest.update(path.read_bytes() if path.is_file() else str(part).encode())
    return digest.hexdigest()


def _is_folder(section: Any) -> bool:
    return isinstance(section.model, Path)


def _build(open_clip: Any, source: str, section: Any) -> Any:
    """Build the model with its weights; only a tag (no file) is ever downloaded."""
    if not isinstance(section.pretrained, Path):
        if _is_folder(section):
            raise ValueError(f"{section.pretrained!r} is no file of weights")
        return open_clip.create_model(source, pretrained=section.pretrained)
    root = logging.getLogger()
    root.addFilter(_says_nothing)  # it warns of random weights, which are loaded next
    try:
        model = open_clip.create_model(source, load_weights=False, pretrained_text=False)
    finally:
        root.removeFilter(_says_nothing)
    open_clip.load_checkpoint(model, str(section.pretrained))
    return model


def _says_nothing(_: logging.LogRecord) -> bool:
    return False


def _size(wanted: int | None, own: Any) -> tuple[int, int]:
    if wanted:
        return wanted, wanted
    return (own, own) if isinstance(own, int) else (own[0], own[1])


def _remedy(section: Any) -> str:
    if isinstance(section.pretrained, Path):
        return "Check that the checkpoint belongs to the model (safetensors, or a state_dict)."
    return (
        "Without network: fetch the checkpoint elsewhere and name the file under "
        "concepts.encoder.pretrained."
    )
