"""An encoder that a Python function makes: of the user, or of an installed package.

The function returns an object with three members, ``FunctionModel``. It needs no torch.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from PIL import Image

from inficond_panel.common.user_code import fault_text
from inficond_panel.errors import DataError
from inficond_panel.spec.sections.functions import FunctionEncoder as Section
from precompute.encoder.image import Encoder
from precompute.encoder.source import encoder_digest
from precompute.encoder.text import TextEncoder
from precompute.functions import load_function

_DOCS = "See `inficond docs encoders`."
_MEMBERS = "size (width, height), embed_places(photos) and embed_text(texts)"
_NETWORK = "open_clip or transformers"


class FunctionModel(Protocol):
    """Object that a spec's function returns. It may also have ``embed_photos``, from ``photos`` to
    vectors ``(n, embed)`` of whole photos; without it these are means over the places."""

    #: Width and height that photos are resized to, in pixels.
    size: tuple[int, int]

    def embed_places(self, photos: np.ndarray) -> np.ndarray:
        """Return vectors ``(n, rows, columns, embed)`` of the places of ``photos``, RGB bytes
        ``(n, height, width, 3)``; of any length."""

    def embed_text(self, texts: list[str]) -> np.ndarray:
        """Return vectors ``(n, embed)`` of texts in the same space; of any length."""


class NoNetwork:
    """What stands for the network of an encoder that has none: each use is a ``DataError``."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        if attribute.startswith("__"):
            raise AttributeError(attribute)
        raise DataError(
            f"The encoder {self._name} is a Python function, and no network that can be exported, "
            "measured or trained.",
            f"Use a spec whose concepts.encoder is of kind {_NETWORK}.",
        )


@dataclass(frozen=True)
class Called:
    """Calls of the model's methods, whose faults are errors. One thread at a time calls them."""

    model: Any
    name: str
    lock: Any = field(default_factory=threading.Lock, compare=False)

    def __call__(
        self, method: str, items: np.ndarray | list[str], shape: tuple[int | None, ...]
    ) -> np.ndarray:
        """Return the result of ``method`` on items as float32. ``shape`` is the expected shape,
        None for any length. Raises ``DataError`` if the method fails, or for another shape."""
        try:
            with self.lock:
                values = np.asarray(getattr(self.model, method)(items), dtype=np.float32)
        except (Exception, SystemExit) as error:  # the user's function may raise anything
            raise self.fault(method, f"fails: {fault_text(error)}") from error
        alike = len(values.shape) == len(shape) and all(
            length in {None, found} for length, found in zip(shape, values.shape, strict=True)
        )
        if not alike or not values.size:
            expected = ", ".join("any" if length is None else str(length) for length in shape)
            raise self.fault(method, f"returns shape {values.shape}, expected ({expected})")
        if not np.isfinite(values).all():
            raise self.fault(method, "returns numbers that are not finite")
        return values

    def fault(self, method: str, why: str) -> DataError:
        """Return the error that a method of the encoder is at fault."""
        return DataError(f"{method} of the encoder {self.name} {why}.", f"Correct it. {_DOCS}")


def _unit(vectors: np.ndarray) -> np.ndarray:
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)
    return np.asarray(unit, dtype=np.float32)


@dataclass(frozen=True)
class FunctionText(TextEncoder):
    """Text side of an encoder that a function made; ``encode`` returns vectors of any length."""

    encode: Callable[[list[str]], np.ndarray]

    def embed_text(self, texts: Sequence[str]) -> np.ndarray:
        """Return unit vectors ``(len(texts), embed)`` float32; ``DataError`` if it fails."""
        return _unit(self.encode(list(texts)))


@dataclass(frozen=True)
class FunctionEncoder(Encoder):
    """Encoder that a function made. ``_dense`` calls its methods; ``model`` is no network."""

    width: int = 0

    def prepare(self, image: Image.Image) -> np.ndarray:
        """Return a photo resized to ``size``: RGB bytes ``(height, width, 3)``."""
        height, width = self.size
        return np.asarray(image.resize((width, height), Image.Resampling.BICUBIC))

    @property
    def preprocessing(self) -> dict[str, Any]:
        """Settings of ``prepare``; the function does the rest."""
        plain = {"size": list(self.size), "interpolation": self.interpolation}
        return {**plain, "resize_mode": "squash"}

    def dense(self, images: np.ndarray) -> np.ndarray:
        """Return vectors of places ``(B, h, w, embed)`` float32 of photos ``(B, H, W, 3)``."""
        shape = (len(images), None, None, self.width)
        return np.asarray(self._dense("embed_places", images, shape))

    def whole(self, images: np.ndarray) -> np.ndarray:
        """Return unit vectors ``(B, embed)`` float32 of whole photos ``(B, H, W, 3)``."""
        if hasattr(self._dense.model, "embed_photos"):
            return _unit(self._dense("embed_photos", images, (len(images), self.width)))
        return _unit(self.dense(images).mean(axis=(1, 2)))

    def dense_with_whole(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the results of ``dense`` and ``whole``."""
        if hasattr(self._dense.model, "embed_photos"):
            return self.dense(images), self.whole(images)
        cells = self.dense(images)
        return cells, _unit(cells.mean(axis=(1, 2)))


def load_function_encoder(section: Section) -> FunctionEncoder:
    """Call the function of a spec's section, and return its encoder; it chooses its device itself.

    Raises ``DataError`` if the user's code is not allowed, for a function that fails, and for an
    object that lacks a member.
    """
    name, function = section.title, load_function(section)
    try:
        model = function(section.weights) if section.weights else function()
    except (Exception, SystemExit) as error:  # the user's function may raise anything
        raise DataError(
            f"The function of the encoder {name} fails: {fault_text(error)}.",
            f"Correct it. {_DOCS}",
        ) from error
    width, height = _checked_size(model, name)
    called = Called(model, name)
    embed = called("embed_text", ["a"], (1, None)).shape[1]
    text = FunctionText(
        name,
        encoder_digest(section),
        None,
        lambda texts: called("embed_text", texts, (len(texts), embed)),
    )
    return FunctionEncoder(
        size=(height, width),
        mean=(0.0,) * 3,
        std=(1.0,) * 3,
        interpolation="bicubic",
        attention=None,
        model=NoNetwork(name),
        text=text,
        _dense=called,
        own_size=(height, width),
        width=embed,
    )


def _checked_size(model: object, name: str) -> tuple[int, int]:
    """Return the width and height of a model's photos; ``DataError`` if a member is missing."""
    methods = ("embed_places", "embed_text")
    missing = [each for each in methods if not callable(getattr(model, each, None))]
    try:
        width, height = (int(side) for side in model.size)  # type: ignore[attr-defined]
        right = width > 0 and height > 0
    except (AttributeError, TypeError, ValueError):
        right = False
    if right and not missing:
        return width, height
    lacking = ", ".join([*([] if right else ["size (width, height)"]), *missing])
    raise DataError(
        f"The function of the encoder {name} returns {type(model).__name__} without {lacking}.",
        f"Return an object with {_MEMBERS}. {_DOCS}",
    )
