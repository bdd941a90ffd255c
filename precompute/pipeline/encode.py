"""The stage of the photos: batches that are not there yet are encoded and segmented."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np

from inficond_panel.errors import CancelledError, DataError
from inficond_panel.spec.sections.encoder import FLOAT32
from inficond_panel.store import Store
from precompute.batches.batch_keys import batches_of
from precompute.batches.concatenated import Gathered
from precompute.batches.reuse import batches_in, copy_given, take_photos
from precompute.batches.segmenting import Segmenting
from precompute.batches.stages import Arrays, Finished, key_of
from precompute.batches.workers import Results, Workers
from precompute.pipeline.inputs import Inputs
from precompute.pipeline.report import duration
from precompute.pipeline.steps import encoder_of, with_head

Batch = tuple[str, ...]
Part = tuple[Sequence[str], Callable[[], Arrays]]


@dataclass(frozen=True)
class Batches:
    """Batches of a run: all of them, and which are to be done or can be taken from ``source``."""

    inputs: Inputs
    finished: Finished
    near: Sequence[Store]

    @cached_property
    def every(self) -> list[Batch]:
        """All batches."""
        given = self.inputs.dataset.encoded is not None
        return [] if given else batches_of(self.inputs.keys, self.inputs.batch)

    @cached_property
    def here(self) -> set[Batch]:
        """Batches that an earlier run finished."""
        return {b for b in self.every if self.finished.get("segments", self.key(b)) is not None}

    @cached_property
    def source(self) -> tuple[Store | None, set[Batch]]:
        """The store with the most of the others, and these."""
        missing = set(self.every) - self.here
        held = [(store, batches_in(store, self.inputs.encoding_key) & missing) for store in
                (self.near if missing else [])]  # fmt: skip
        return max(held, key=lambda pair: len(pair[1]), default=(None, set()))

    @cached_property
    def missing(self) -> list[Batch]:
        """Batches to be done."""
        return [b for b in self.every if b not in self.here and b not in self.source[1]]

    def key(self, batch: Batch) -> str:
        """Key of a batch's result."""
        return key_of("segments", [self.inputs.encoding_key, batch])


@dataclass
class Encoding:
    """Encodes the missing batches; ``images`` and ``seconds`` count this run alone."""

    inputs: Inputs
    finished: Finished
    near: Sequence[Store]
    progress: Callable[[str], None]
    cancelled: Callable[[], bool]
    workers: Workers
    images: int = 0
    seconds: float = 0.0

    @property
    def speed(self) -> float | None:
        """Images encoded per second; None if none were."""
        return self.images / self.seconds if self.images else None

    def run(self) -> Gathered:
        """All batches, gathered; raises ``DataError`` for too many photos that cannot be read."""
        gathered = Gathered(self._parts(), self.inputs.keys)
        check_skipped(gathered.reason, self.inputs)
        return gathered

    def _parts(self) -> list[Part]:
        given = self.inputs.dataset.encoded
        if given is not None:
            self.progress(f"Images, encoded and segmented, are taken from {given.store.path}")
            keys, key = copy_given(given, self.inputs.keys, self.finished)
            return [(keys, partial(self._open, "given", key))]
        batches = Batches(self.inputs, self.finished, self.near)
        store, taken = batches.source
        parts = self._take(store, taken) if store and taken else []
        missing = batches.missing if parts or not taken else [
            b for b in batches.every if b not in batches.here
        ]  # fmt: skip
        if missing:
            self._encode(missing, batches, len(set(self.inputs.keys)))
        mine = [batch for batch in batches.every if not parts or batch not in taken]
        return parts + [(b, partial(self._open, "segments", batches.key(b))) for b in mine]

    def _take(self, store: Store, taken: set[Batch]) -> list[Part]:
        keys = take_photos(store, self.finished)
        if keys is None:
            return []
        count = sum(map(len, taken))
        some = "" if count == len(set(self.inputs.keys)) else f"{count} "
        self.progress(f"{some}Images, encoded and segmented alike, are taken from {store.path}")
        wanted = {key for batch in taken for key in batch}
        mine = [key if key in wanted else "" for key in keys]
        return [(mine, partial(self._open, "taken", store.content_hash))]

    def _open(self, name: str, key: str) -> Arrays:
        arrays = self.finished.get(name, key)
        if arrays is None:
            raise OSError(f"{self.finished.place(name, key)} is gone")
        return arrays

    def _encode(self, missing: list[Batch], batches: Batches, total: int) -> None:
        done = total - sum(map(len, missing))
        skipped, computed = 0, self._computed([self._positions(batch) for batch in missing])
        started = time.monotonic()
        with closing(computed):
            for number, arrays in computed:
                self.finished.put("segments", batches.key(missing[number]), arrays)
                self.images += len(arrays["reason"])
                self.seconds = time.monotonic() - started
                skipped += int((arrays["reason"] != "").sum())
                if skipped > self.inputs.max_bad_share * len(self.inputs.keys):
                    self._stop_for_skipped(batches)
                if self.cancelled():
                    raise CancelledError(
                        "The run was stopped.", "Start it again; it goes on where it was."
                    )
                left = duration((total - done - self.images) / (self.speed or 1))
                self.progress(
                    f"Images encoded: {done + self.images} of {total}, {self.speed:.1f} images/s, "
                    f"{left} left"
                )
        if self.inputs.encoder.precision == FLOAT32:
            return
        precision = encoder_of(self.inputs).precision
        if precision.distance is not None:  # else workers of a cluster compared
            self.progress(
                f"Precision {precision.name}: on the first batch a place's unit vector lies at "
                f"most {precision.distance:.2g} from float32's"
            )

    def _stop_for_skipped(self, batches: Batches) -> None:
        results = ((b, self.finished.get("segments", batches.key(b))) for b in batches.every)
        reason_of = {
            key: str(reason)
            for batch, arrays in results
            if arrays
            for key, reason in zip(batch, arrays["reason"], strict=True)
        }
        check_skipped([reason_of.get(key, "") for key in self.inputs.keys], self.inputs)

    def _positions(self, batch: Iterable[str]) -> list[int]:
        return [self._first[key] for key in batch]

    @cached_property
    def _first(self) -> dict[str, int]:
        first: dict[str, int] = {}
        for position, key in enumerate(self.inputs.keys):
            first.setdefault(key, position)
        return first

    def _computed(self, batches: list[list[int]]) -> Results:
        """Load the encoder; the iterator then gives (number of the batch, its arrays)."""
        inputs = self.inputs
        key = key_of("encoder", inputs.encoder_inputs)
        work = Segmenting(key, inputs.dataset, inputs.encoder, inputs.settings, inputs.device)
        if inputs.training is not None:
            store = self.finished.folder.with_suffix("")
            segments = with_head(
                inputs.settings.segments, inputs, work.encoder, store, self.progress, self.cancelled
            )
            work = replace(work, settings=replace(inputs.settings, segments=segments))
        self.progress(f"Encoding with {work.encoder.name}")
        return self.workers.each(work, batches, "Encoding")


def skipped_images(reason: Sequence[str], inputs: Inputs) -> list[tuple[str, str]]:
    """Ids of the images left out, each with the reason; ``reason`` is "" for the others."""
    return [(inputs.dataset.ids[i], str(why)) for i, why in enumerate(reason) if why]


def check_skipped(reason: Sequence[str], inputs: Inputs) -> None:
    """Raise ``DataError`` for more images that cannot be read than the spec allows."""
    skipped = skipped_images(reason, inputs)
    total = len(inputs.dataset.ids)
    if len(skipped) > inputs.max_bad_share * total:
        named = "; ".join(f"{image}: {why}" for image, why in skipped[:5])
        raise DataError(
            f"Images that cannot be read: {len(skipped)} of {total}, more than the share of "
            f"{inputs.max_bad_share:g} that is allowed. {named}",
            "Restore these files, or raise dataset.max_bad_share in the spec.",
        )
    if len(skipped) == total:
        raise DataError("No image can be read.", "Restore the files.")


def read_rows(reason: Sequence[str]) -> np.ndarray:
    """Positions of the images that can be read."""
    return np.flatnonzero([not why for why in reason])
