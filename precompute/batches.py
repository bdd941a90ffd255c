"""From photos to segments, a batch at a time; finished batches are files, so a run can go on.

Batches are fixed by the position of the images, and each is computed alike whatever the number of
workers. Workers decode the next batches and segment the last ones while the encoder is busy.
"""

from __future__ import annotations

import zipfile
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image

from precompute.datasets import Dataset
from precompute.encoder import Encoder
from precompute.images import UnreadableImage, thumbnail
from precompute.segments import segment, upsample

T = TypeVar("T")

#: Of each image of the batch: why it was skipped ("" if it was not). Of those read: the number of
#: ``segments``, ``thumbnail_length`` in bytes and ``thumbnail_shape`` (height, width). Of their
#: segments ``embedding`` (half precision) and ``box``. ``mask`` and ``thumbnail`` end to end.
Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Settings:
    """What a batch depends on beside the images and the encoder."""

    batch: int
    max_segments: int
    seed: int
    thumbnail_size: int
    thumbnail_quality: int


@dataclass(frozen=True)
class Photos:
    """A decoded batch: the images that could be read, also as the encoder's input."""

    reasons: list[str]
    images: list[Image.Image]
    pixels: np.ndarray


@dataclass(frozen=True)
class Batches:
    """The encoding of a data set; ``folder`` holds the batches that are finished."""

    dataset: Dataset
    encoder: Encoder
    settings: Settings
    folder: Path
    workers: int

    def run(self) -> Iterator[tuple[Arrays, bool]]:
        """Yield each batch's arrays, in order, and whether they were there already.

        A new batch is in its file before it is yielded.
        """
        with ThreadPoolExecutor(self.workers) as pool:
            try:
                for future, old in self._delayed(self._submit(pool)):
                    yield future.result(), old
            finally:
                pool.shutdown(cancel_futures=True)

    def _submit(self, pool: ThreadPoolExecutor) -> Iterator[tuple[Future[Arrays], bool]]:
        """Encode batch after batch here, decode and segment in the pool."""
        count = -(-len(self.dataset.ids) // self.settings.batch)
        ahead = self._delayed(pool.submit(self._prepare, number) for number in range(count))
        for number, future in enumerate(ahead):
            prepared = future.result()
            if isinstance(prepared, Photos):
                cells = self.encoder.dense(prepared.pixels) if prepared.images else None
                yield pool.submit(self._finish, number, prepared, cells), False
            else:
                yield pool.submit(dict, prepared), True

    def _delayed(self, items: Iterator[T]) -> Iterator[T]:
        """Pass items on when ``workers`` more have been started."""
        waiting: deque[T] = deque()
        for item in items:
            waiting.append(item)
            if len(waiting) > self.workers:
                yield waiting.popleft()
        yield from waiting

    def _file(self, number: int) -> Path:
        return self.folder / f"batch-{number:06d}.npz"

    def _prepare(self, number: int) -> Arrays | Photos:
        """Arrays of a finished batch, else its images."""
        try:
            with np.load(self._file(number), allow_pickle=False) as file:
                return dict(file)
        except (OSError, ValueError, EOFError, zipfile.BadZipFile):
            return self._decode(number)

    def _decode(self, number: int) -> Photos:
        first = number * self.settings.batch
        reasons, images = [], []
        for i in range(first, min(first + self.settings.batch, len(self.dataset.ids))):
            try:
                images.append(self.dataset.load(i))
                reasons.append("")
            except UnreadableImage as fault:
                reasons.append(str(fault))
        prepared = [self.encoder.prepare(image) for image in images]
        return Photos(reasons, images, np.stack(prepared) if prepared else np.empty(0))

    def _finish(self, number: int, photos: Photos, cells: np.ndarray | None) -> Arrays:
        arrays = {"reason": np.array(photos.reasons)}
        if cells is not None:
            arrays |= segmented(photos.images, cells, self.settings)
        path = self._file(number)
        partial = path.with_suffix(".tmp")
        with partial.open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, **arrays)
        partial.replace(path)
        return arrays


def segmented(images: list[Image.Image], cells: np.ndarray, settings: Settings) -> Arrays:
    """Segments, label maps and thumbnails of images with cells ``(B, h, w, embed)``."""
    found = [segment(c, settings.max_segments, settings.seed) for c in cells]
    small = [thumbnail(i, settings.thumbnail_size, settings.thumbnail_quality) for i in images]
    masks = [upsample(s.labels, shape) for s, (_, shape) in zip(found, small, strict=True)]
    return {
        "segments": np.array([len(s.box) for s in found], dtype=np.int32),
        "embedding": np.concatenate([s.embedding for s in found]).astype(np.float16),
        "box": np.concatenate([s.box for s in found]),
        "mask": np.concatenate([mask.ravel() for mask in masks]),
        "thumbnail": np.frombuffer(b"".join(data for data, _ in small), dtype=np.uint8),
        "thumbnail_length": np.array([len(data) for data, _ in small], dtype=np.int64),
        "thumbnail_shape": np.array([shape for _, shape in small], dtype=np.int32),
    }
