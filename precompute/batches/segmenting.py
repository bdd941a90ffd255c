"""Work on a batch of photos: they are encoded and segmented.

The encoder is described by plain values and loaded where it is used, in this process or in a Dask
worker's, once a process.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from inficond_panel.common.devices import CPU
from inficond_panel.spec.sections.encoder import Encoder as EncoderSection
from inficond_panel.store.images import UnreadableImage, thumbnail
from precompute.batches.stages import Arrays
from precompute.datasets import Dataset
from precompute.encoder import Encoder, load_encoder
from precompute.segments import SegmentSettings, segment

_LOADED: dict[str, Any] = {}
_LOADING = threading.Lock()


def loaded(key: str, load: Callable[[], Any]) -> Any:
    """Result of ``load``, kept for the next call with the same key; only the last is kept."""
    with _LOADING:
        if key not in _LOADED:
            _LOADED.clear()
            _LOADED[key] = load()
        return _LOADED[key]


@dataclass(frozen=True)
class Settings:
    """Settings that a batch depends on beside the photos and the encoder."""

    segments: SegmentSettings
    thumbnail_size: int
    thumbnail_quality: int


@dataclass(frozen=True)
class Photos:
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
) -> Photos:
    """Read the images at some positions of the data set."""
    reasons, images = [], []
    for i in positions:
        try:
            images.append(dataset.load(i))
            reasons.append("")
        except UnreadableImage as fault:
            reasons.append(str(fault) or "unreadable")
    pixels = [prepare(image) for image in images]
    return Photos(positions, reasons, images, np.stack(pixels) if pixels else np.empty(0))


@dataclass(frozen=True)
class Segmenting:
    """From photos to segments, label maps and thumbnails.

    A batch's arrays are: of each photo ``reason``, why it was skipped ("" if it was not). Of those
    read: the number of ``segments``, ``thumbnail_length`` in bytes and ``thumbnail_shape`` (height,
    width). Of their segments ``embedding`` (half precision) and ``box``. ``mask`` and ``thumbnail``
    end to end.
    """

    key: str
    dataset: Dataset
    section: EncoderSection
    settings: Settings
    device: str = CPU

    @property
    def encoder(self) -> Encoder:
        """The encoder, loaded when it is first asked for."""
        return loaded(self.key, lambda: load_encoder(self.section, self.device))

    def before(self, positions: list[int]) -> Photos:
        """Decode."""
        return decode(self.dataset, positions, self.encoder.prepare)

    def run(self, photos: Photos) -> tuple[Photos, np.ndarray | None]:
        """Encode."""
        return photos, self.encoder.dense(photos.pixels) if photos.images else None

    def after(self, given: tuple[Photos, np.ndarray | None]) -> Arrays:
        """Segment."""
        photos, cells = given
        arrays = {"reason": np.array(photos.reasons)}
        if cells is not None:
            ids = [self.dataset.ids[i] for i in photos.read]
            arrays |= segmented(photos.images, cells, self.settings, ids)
        return arrays


def segmented(
    images: list[Image.Image], cells: np.ndarray, settings: Settings, ids: list[str]
) -> Arrays:
    """Segments, label maps and thumbnails of images with cells ``(B, h, w, embed)``."""
    small = [thumbnail(i, settings.thumbnail_size, settings.thumbnail_quality) for i in images]
    found = [
        segment(c, image, shape, settings.segments, image_id)
        for c, image, (_, shape), image_id in zip(cells, images, small, ids, strict=True)
    ]
    return {
        "segments": np.array([len(s.box) for s in found], dtype=np.int32),
        "embedding": np.concatenate([s.embedding for s in found]).astype(np.float16),
        "box": np.concatenate([s.box for s in found]).astype(np.float32),
        "mask": np.concatenate([s.mask.ravel() for s in found]),
        "thumbnail": np.frombuffer(b"".join(data for data, _ in small), dtype=np.uint8),
        "thumbnail_length": np.array([len(data) for data, _ in small], dtype=np.int64),
        "thumbnail_shape": np.array([shape for _, shape in small], dtype=np.int32),
    }
