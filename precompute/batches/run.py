"""Run work (such as encoding and segmenting) over batches of photos, in threads or a Dask cluster.

The encoder is described by plain values and loaded once per process, here or in a Dask worker.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Collection, Generator, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, TypeVar

import numpy as np
from PIL import Image

from inficond_panel.common.cluster import computed, on_cluster
from inficond_panel.common.devices import CPU
from inficond_panel.common.threads import core_count
from inficond_panel.errors import CancelledError
from inficond_panel.spec.sections.encoder import Encoder as EncoderSection
from inficond_panel.store import Store
from inficond_panel.store.images import thumbnail
from precompute.batches.picture_properties import picture_properties
from precompute.batches.results import PICTURE_ARRAY, Arrays, Batch, Results, key_of
from precompute.datasets import Dataset
from precompute.datasets.dataset import readable
from precompute.encoder import Encoder, encoder_digest, encoder_inputs, encoder_name, load_encoder
from precompute.encoder.image import chosen_size
from precompute.segments import SegmentSettings, segment

Tell = Callable[[str], None]
#: Generator of (batch number, arrays); a caller that stops early must close it.
Computed = Generator[tuple[int, Arrays], None, None]
_MOST_WORKERS = 16
#: Function from the positions of a batch's photos to its arrays. It is called in several threads at
#: once, of this process or of a cluster's worker.
BatchWork = Callable[[list[int]], Arrays]
_Positions = TypeVar("_Positions")
_Result = TypeVar("_Result")


@dataclass
class Run:
    """One run over the photos of a data set: existing results, and workers for missing batches.

    ``keys`` are the keys of the photos (``photo_keys``). Finished batches are in ``results``, or in
    the stores ``near``. Missing batches are computed by ``threads`` of this process, or by the
    workers of a Dask ``scheduler``, bit-identically. ``progress`` is called with lines to print,
    and ``images`` counts the computed photos per stage.
    """

    dataset: Dataset
    keys: Sequence[str]
    results: Results = field(default_factory=Results)
    near: Sequence[Store] = ()
    threads: int = 1
    scheduler: str | None = None
    progress: Tell = lambda _: None
    cancelled: Callable[[], bool] = lambda: False
    images: Counter[str] = field(default_factory=Counter)

    @cached_property
    def rows(self) -> dict[str, int]:
        """Position in the data set of the first photo with each key, by key."""
        return dict(zip(reversed(self.keys), reversed(range(len(self.keys))), strict=True))

    def each(
        self,
        work: BatchWork,
        batches: Sequence[Batch],
        what: str,
        keep: Callable[[Batch, Arrays], None],
        rows: Mapping[str, int] | None = None,
    ) -> None:
        """Compute the arrays of each batch with ``work``, and call ``keep`` with batch and arrays.

        ``what`` names the work in progress lines. ``rows`` maps the keys in ``batches`` to
        positions of photos, by default the photos' keys. Raises ``CancelledError``.
        """
        rows = rows or self.rows
        positions = [[rows[key] for key in batch] for batch in batches]
        # closed at once after an error, so that no further batch is computed
        with closing(self._computed(work, positions, what)) as computed:
            for number, arrays in computed:
                keep(batches[number], arrays)
                if self.cancelled():
                    raise CancelledError("The run was stopped.", "Start the run again: it resumes.")

    def _computed(self, work: BatchWork, batches: list[list[int]], what: str) -> Computed:
        if not batches:
            return
        if self.scheduler is None:
            yield from in_threads(work, batches, self.threads)
            return
        tell = self.progress
        yield from on_cluster(self.scheduler, work, batches, lambda line: tell(f"{what}: {line}"))


def usual_workers() -> int:
    """Return the default number of worker threads: one per core, at most 16."""
    return min(_MOST_WORKERS, core_count())


def in_threads(
    work: Callable[[_Positions], _Result], batches: Iterable[_Positions], workers: int
) -> Generator[tuple[int, _Result], None, None]:
    """Compute batches in ``workers`` threads; yield (batch number, result), in order.

    At most ``2 * workers`` batches are computed ahead, so that memory is bounded.
    """
    with ThreadPoolExecutor(workers) as pool:
        waiting: deque[Future[tuple[int, _Result]]] = deque()
        try:
            for number, batch in enumerate(batches):
                waiting.append(pool.submit(computed, work, number, batch))
                if len(waiting) == 2 * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


_LOADED: dict[str, Any] = {}
_LOADING = threading.RLock()  # reentrant: loading a teacher may load an encoder


def loaded(key: str, load: Callable[[], Any], beside: Collection[str] = ()) -> Any:
    """Return the object that ``load`` returns, from a cache if it was loaded under ``key`` before.

    After loading, the cache keeps only this object and the objects whose keys are in ``beside``.
    """
    with _LOADING:
        if key not in _LOADED:
            for other in {*_LOADED} - {*beside}:
                del _LOADED[other]
            _LOADED[key] = load()
        return _LOADED[key]


def encoder_key(encoder: EncoderSection) -> str:
    """Return an encoder's key for ``loaded``: a hash of all settings that its vectors depend on."""
    return key_of("encoder", [encoder_name(encoder), encoder_inputs(encoder)])


@dataclass(frozen=True)
class RunSettings:
    """Settings of segments and thumbnails; a batch also depends on its photos and the encoder."""

    segments: SegmentSettings
    thumbnail_size: int
    thumbnail_quality: int


def gives_features(model: Encoder, encoder: EncoderSection, features: EncoderSection) -> bool:
    """Return True if ``model``, of the spec section ``encoder``, computes the embeddings of whole
    photos by ``features`` too when it computes cell embeddings: with equal weights and equal
    image size."""
    size = chosen_size(features.image_size, model.own_size)
    alike = encoder_digest(encoder) == encoder_digest(features)
    return alike and size == model.size


@dataclass(frozen=True)
class Segmenting:
    """Work that turns photos into segments, label maps and thumbnails.

    The arrays of a batch are: per photo the ``reason`` why it was skipped ("" if it was not); per
    readable photo the number of ``segments``, ``thumbnail_length`` in bytes, ``thumbnail_shape``
    (height, width), and picture properties; per segment ``embedding`` (half precision) and ``box``.
    ``mask`` and ``thumbnail`` are concatenated. With ``features``, the section of the encoder of a
    teacher's heads, there is also ``feature``, the embedding of each readable photo in float32.
    """

    dataset: Dataset
    encoder: EncoderSection
    settings: RunSettings
    device: str = CPU
    features: EncoderSection | None = None

    @cached_property
    def keys(self) -> list[str]:
        """Keys for ``loaded``: of the encoder, and of the features' encoder."""
        return [encoder_key(one) for one in (self.encoder, self.features) if one]

    @property
    def model(self) -> Encoder:
        """The encoder, loaded at first use."""
        return loaded(self.keys[0], partial(load_encoder, self.encoder, self.device), self.keys)

    def __call__(self, positions: list[int]) -> Arrays:
        """Read, encode and segment the photos at ``positions``; return the batch's arrays."""
        images, reasons = readable(self.dataset.load, positions)
        arrays = {"reason": np.array(reasons)}
        if not images:
            return arrays
        model, features = self.model, self.features
        pixels = np.stack([model.prepare(image) for image in images])
        if features is None:
            cells = model.dense(pixels)
        elif gives_features(model, self.encoder, features):
            cells, arrays["feature"] = model.dense_with_whole(pixels)
        else:
            other = loaded(self.keys[1], partial(load_encoder, features, self.device), self.keys)
            cells = model.dense(pixels)
            arrays["feature"] = other.whole(np.stack([other.prepare(image) for image in images]))
        ids = [self.dataset.ids[i] for i, why in zip(positions, reasons, strict=True) if not why]
        arrays |= segment_batch(images, cells, self.settings, ids)
        arrays[PICTURE_ARRAY] = np.stack([picture_properties(image) for image in images])
        return arrays


def segment_batch(
    images: list[Image.Image], cells: np.ndarray, settings: RunSettings, ids: list[str]
) -> Arrays:
    """Segment images by their cell embeddings ``(B, h, w, embed)``; return the arrays of a batch
    that ``Segmenting`` lists, without ``reason`` and ``feature``. ``ids`` name the mask files."""
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
