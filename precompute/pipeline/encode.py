"""The stage that encodes and segments photos in batches; finished batches are reused."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np

from inficond_panel.common.progress import time_left
from inficond_panel.errors import StoreError
from inficond_panel.spec.sections.encoder import Encoder as EncoderSection
from inficond_panel.spec.sections.teacher import HeadTeacher
from inficond_panel.store import Store
from precompute.batches.results import (
    Arrays,
    Batch,
    Segmented,
    batches_in,
    batches_of,
    key_of,
    keys_in,
    stage_of,
)
from precompute.batches.run import Run, Segmenting
from precompute.pipeline.inputs import Inputs
from precompute.pipeline.stages import with_head
from precompute.teachers.stage import check_finite, keep_batch, known_batches

EncodedPart = tuple[Sequence[str], Callable[[], Arrays]]
_FEATURES = "features"


@dataclass
class Encoding:
    """The batches of a run's photos, each of them reused or encoded.

    With ``features`` a batch to be encoded also gives the features of a teacher's heads, if they
    are missing too. ``seconds`` is the encoding time of this run alone.
    """

    inputs: Inputs
    run: Run
    features: bool = True
    seconds: float = 0.0

    @cached_property
    def every(self) -> list[Batch]:
        """All batches of photo keys; empty if the photos are already encoded in a store."""
        is_encoded = self.inputs.dataset.encoded is not None
        return [] if is_encoded else batches_of(self.inputs.keys, self.inputs.encoder.batch)

    @cached_property
    def here(self) -> set[Batch]:
        """Batches that an earlier, interrupted run finished in this run's folder."""
        return {b for b in self.every if self.run.results.get("segments", self._key(b)) is not None}

    @cached_property
    def source(self) -> tuple[Store | None, set[Batch]]:
        """The store in the same folder that has most of the missing batches, and these batches."""
        missing = set(self.every) - self.here
        near = self.run.near if missing else []
        pairs = [(store, batches_in(store, self.inputs.encoding_key) & missing) for store in near]
        return max(pairs, key=lambda pair: len(pair[1]), default=(None, set()))

    @cached_property
    def missing(self) -> list[Batch]:
        """Batches that this run must encode."""
        return [b for b in self.every if b not in self.here and b not in self.source[1]]

    @cached_property
    def without_features(self) -> frozenset[Batch]:
        """Batches whose features for a teacher's heads are not computed yet."""
        if not self.features or features_of(self.inputs) is None:
            return frozenset()
        key, size = self.inputs.teacher.passes[_FEATURES], self.inputs.encoder.batch
        return frozenset(known_batches(self.run, _FEATURES, key, self.inputs.keys, size)[1])

    @property
    def speed(self) -> float | None:
        """Images encoded per second in this run; None if no image was encoded."""
        images = self.run.images["segments"]
        return images / self.seconds if images else None

    def segmented(self) -> Segmented:
        """Encode the missing batches; return the segments of all photos. Raises ``DataError`` if
        too many photos are unreadable."""
        segmented = Segmented(self._parts(), self.inputs.keys)
        self.inputs.check_skipped(segmented.reason)
        return segmented

    def _parts(self) -> list[EncodedPart]:
        held = self.inputs.dataset.encoded
        if held is not None:
            self.run.progress(f"Reusing encoded and segmented images from {held.store.path}")
            keys = [""] * len(held.store.images)
            for key, row in zip(self.inputs.keys, held.rows, strict=True):
                keys[int(row)] = key
            return [
                (keys, partial(self.run.results.open, "taken", self.run.results.take(held.store)))
            ]
        store, taken = self.source
        parts = self._take(store, taken) if store and taken else []
        mine = [batch for batch in self.every if not parts or batch not in taken]
        if missing := [batch for batch in mine if batch not in self.here]:
            self._encode(missing)
        return parts + [(b, partial(self.run.results.open, "segments", self._key(b))) for b in mine]

    def _take(self, store: Store, taken: set[Batch]) -> list[EncodedPart]:
        """Copy a store's batches ``taken``; return them as one part, or [] if it is damaged."""
        skipped = stage_of(store, "segments").get("skipped", [])
        try:
            keys = keys_in(store) or []
            key = self.run.results.take(store, [why for _, why, _ in skipped])
        except StoreError:
            return []
        count = sum(map(len, taken))
        some = "" if count == len(self.run.rows) else f"{count} "
        self.run.progress(f"Reusing {some}encoded and segmented images from {store.path}")
        wanted = {key for batch in taken for key in batch}
        mine = [key if key in wanted else "" for key in keys]
        return [(mine, partial(self.run.results.open, "taken", key))]

    def _encode(self, missing: list[Batch]) -> None:
        inputs = self.inputs
        features = features_of(inputs) if self.without_features else None
        work = Segmenting(inputs.dataset, inputs.encoder, inputs.settings, inputs.device, features)
        if inputs.training is not None:
            work = replace(work, settings=with_head(inputs, work.model, self.run))
        self.run.progress(f"Encoding with {work.model.name}")
        keep = self._keeper(missing)
        beside = [batch for batch in missing if batch in self.without_features]
        self.run.each(work, beside, "Encoding", keep)
        alone = [batch for batch in missing if batch not in self.without_features]
        self.run.each(replace(work, features=None), alone, "Encoding", keep)

    def _keeper(self, missing: list[Batch]) -> Callable[[Batch, Arrays], None]:
        """Return a function that saves a batch, and raises if too many photos are unreadable."""
        total, started, skipped = len(self.run.rows), time.monotonic(), 0
        before = total - sum(map(len, missing))

        def keep(batch: Batch, arrays: Arrays) -> None:
            nonlocal skipped
            self._keep_features(batch, arrays)
            self.run.results.put("segments", self._key(batch), arrays)
            self.run.images["segments"] += len(batch)
            self.seconds = time.monotonic() - started
            skipped += int((arrays["reason"] != "").sum())
            if self.inputs.are_too_many(skipped):
                self._stop_for_skipped()
            done = before + self.run.images["segments"]
            left = time_left(self.seconds, self.run.images["segments"], total - done)
            self.run.progress(
                f"Images encoded: {done} of {total}, {self.speed:.1f} images/s, {left}"
            )

        return keep

    def _keep_features(self, batch: Batch, arrays: Arrays) -> None:
        """Move the features from a batch's arrays into the teacher's saved results.

        Raises ``DataError`` if a feature is not a finite number.
        """
        feature = arrays.pop("feature", None)
        if feature is None:  # not requested, or no image could be read
            return
        read = np.flatnonzero(arrays["reason"] == "")
        ids = [self.inputs.dataset.ids[self.run.rows[batch[i]]] for i in read]
        check_finite(_FEATURES, feature, ids)
        values = np.full((len(batch), feature.shape[1]), np.nan, np.float32)
        values[read] = feature
        keep_batch(self.run, _FEATURES, self.inputs.teacher.passes[_FEATURES], batch, values)

    def _stop_for_skipped(self) -> None:
        results = ((b, self.run.results.get("segments", self._key(b))) for b in self.every)
        reason_of = {
            key: str(reason)
            for batch, arrays in results
            if arrays
            for key, reason in zip(batch, arrays["reason"], strict=True)
        }
        self.inputs.check_skipped([reason_of.get(key, "") for key in self.inputs.keys])

    def _key(self, batch: Batch) -> str:
        return key_of("segments", [self.inputs.encoding_key, batch])


def features_of(inputs: Inputs) -> EncoderSection | None:
    """Return the encoder of a teacher's heads, whose features are computed while photos are
    encoded; None without heads, or if their batch size is not the concepts' encoder's."""
    teacher = inputs.teacher
    if not isinstance(teacher.section, HeadTeacher) or inputs.dataset.encoded is not None:
        return None
    return teacher.encoder if teacher.batch == inputs.encoder.batch else None
