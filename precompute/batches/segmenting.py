"""Work on a batch of photos: they are encoded and segmented.

The encoder is described by plain values and loaded where it is used, in this process or in a Dask
worker's, once a process.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from PIL import Image

from inficond_panel.common.devices import CPU
from inficond_panel.spec.sections.encoder import FLOAT32
from inficond_panel.spec.sections.encoder import Encoder as EncoderSection
from inficond_panel.store.images import UnreadableImage, thumbnail
from precompute.batches.results import Arrays, key_of
from precompute.datasets import Dataset
from precompute.encoder import (
    Encoder,
    encoder_digest,
    encoder_inputs,
    encoder_name,
    load_encoder,
)
from precompute.encoder.image import chosen_size
from precompute.segments import SegmentSettings, segment

#: Embeddings of places, and of the whole where they are asked for; None if no image was read.
Vectors = tuple[np.ndarray | None, np.ndarray | None]
_LOADED: dict[str, Any] = {}
_LOADING = threading.RLock()  # a teacher may sit on an encoder


def loaded(key: str, load: Callable[[], Any], beside: Collection[str] = ()) -> Any:
    """Result of ``load``, kept for the next call with the same key.

    Only the last is kept, and those with the keys ``beside`` if they are there.
    """
    with _LOADING:
        if key not in _LOADED:
            for other in {*_LOADED} - {*beside}:
                del _LOADED[other]
            _LOADED[key] = load()
        return _LOADED[key]


def encoder_key(encoder: EncoderSection) -> str:
    """Key of a loaded encoder: all that its vectors depend on."""
    return key_of("encoder", [encoder_name(encoder), encoder_inputs(encoder)])


@dataclass(frozen=True)
class Settings:
    """Settings that a batch depends on beside the photos and the encoder."""

    segments: SegmentSettings
    thumbnail_size: int
    thumbnail_quality: int


@dataclass(frozen=True)
class Decoded:
    """A decoded batch: the images that could be read, also as the model's input."""

    positions: list[int]
    reasons: list[str]
    images: list[Image.Image]
    pixels: np.ndarray

    @property
    def read(self) -> list[int]:
        """Positions of the images that could be read."""
        return [i for i, reason in zip(self.positions, self.reasons, strict=True) if not reason]


def decode(
    dataset: Dataset, positions: list[int], prepare: Callable[[Image.Image], np.ndarray]
) -> Decoded:
    """Read the images at some positions of the data set."""
    reasons, images = [], []
    for i in positions:
        try:
            images.append(dataset.load(i))
            reasons.append("")
        except UnreadableImage as fault:
            reasons.append(str(fault) or "unreadable")
    pixels = [prepare(image) for image in images]
    return Decoded(positions, reasons, images, np.stack(pixels) if pixels else np.empty(0))


@dataclass(frozen=True)
class Features:
    """Vectors of whole photos, which a teacher's heads need; ``encoder`` is theirs in the spec."""

    encoder: EncoderSection

    @cached_property
    def key(self) -> str:
        """Key of the loaded encoder."""
        return encoder_key(self.encoder)

    def from_cells(self, model: Encoder, encoder: EncoderSection) -> bool:
        """True if the run of ``model`` that gives the cells can give them: from the same pixels in
        the same precision. ``encoder`` is what the spec says of the model."""
        own = chosen_size(self.encoder.image_size, model.own_size)
        alike = encoder_digest(encoder) == encoder_digest(self.encoder)
        return alike and own == model.size and encoder.precision == FLOAT32


@dataclass(frozen=True)
class Segmenting:
    """From photos to segments, label maps and thumbnails.

    A batch's arrays are: of each photo ``reason``, why it was skipped ("" if it was not). Of those
    read: the number of ``segments``, ``thumbnail_length`` in bytes and ``thumbnail_shape`` (height,
    width). Of their segments ``embedding`` (half precision) and ``box``. ``mask`` and ``thumbnail``
    end to end. With ``features`` there are also those of the photos read, ``feature`` float32.
    """

    key: str
    dataset: Dataset
    encoder: EncoderSection
    settings: Settings
    device: str = CPU
    features: Features | None = None

    @property
    def model(self) -> Encoder:
        """The encoder, loaded when it is first asked for."""
        return self._loaded(self.key, self.encoder)

    def _loaded(self, key: str, encoder: EncoderSection) -> Encoder:
        beside = (self.key, self.features.key) if self.features else ()
        return loaded(key, lambda: load_encoder(encoder, self.device), beside)

    def before(self, positions: list[int]) -> Decoded:
        """Decode."""
        return decode(self.dataset, positions, self.model.prepare)

    def run(self, photos: Decoded) -> tuple[Decoded, Vectors]:
        """Encode."""
        model, features = self.model, self.features
        if not photos.images:
            return photos, (None, None)
        if features is None:
            return photos, (model.dense(photos.pixels), None)
        if features.from_cells(model, self.encoder):
            return photos, model.dense_with_whole(photos.pixels)
        other = self._loaded(features.key, features.encoder)
        whole = other.whole(np.stack([other.prepare(image) for image in photos.images]))
        return photos, (model.dense(photos.pixels), whole)

    def after(self, given: tuple[Decoded, Vectors]) -> Arrays:
        """Segment."""
        photos, (cells, whole) = given
        arrays = {"reason": np.array(photos.reasons)}
        if cells is not None:
            ids = [self.dataset.ids[i] for i in photos.read]
            arrays |= segment_batch(photos.images, cells, self.settings, ids)
        return arrays if whole is None else arrays | {"feature": whole}


def segment_batch(
    images: list[Image.Image], cells: np.ndarray, settings: Settings, ids: list[str]
) -> Arrays:
    """Segments, label maps and thumbnails of images with cells ``(B, h, w, embed)``."""
    small = [thumbnail(i, settings.thumbnail_size, settings.thumbnail_quality) for i in images]
    segments = [
        segment(c, image, shape, settings.segments, image_id)
        for c, image, (_, shape), image_id in zip(cells, images, small, ids, strict=True)
    ]
    return {
        "segments": np.array([len(s.box) for s in segments], dtype=np.int32),
        "embedding": np.concatenate([s.embedding for s in segments]).astype(np.float16),
        "box": np.concatenate([s.box for s in segments]).astype(np.float32),
        "mask": np.concatenate([s.mask.ravel() for s in segments]),
        "thumbnail": np.frombuffer(b"".join(data for data, _ in small), dtype=np.uint8),
        "thumbnail_length": np.array([len(data) for data, _ in small], dtype=np.int64),
        "thumbnail_shape": np.array([shape for _, shape in small], dtype=np.int32),
    }
