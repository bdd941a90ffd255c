"""Photos through a network, batch by batch: only batches that are nowhere yet are computed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field

import numpy as np

from inficond_panel.errors import CancelledError, StoreError
from inficond_panel.store import Store
from inficond_panel.vocabulary.splits import FIT
from precompute.batches.batch_keys import batches_of
from precompute.batches.reuse import keys_in, stage_of
from precompute.batches.stages import Finished, key_of
from precompute.batches.workers import Workers
from precompute.datasets import Dataset
from precompute.teachers.network import Pass

Batch = tuple[str, ...]
#: Arrays of a store with the values of a pass, the second where the store has it.
ARRAYS = {
    "logits": ("teacher_logit", "other_logit"),
    "oracle": ("oracle_logit", "other_oracle_logit"),
    "features": ("teacher_feature",),
}


@dataclass
class Photos:
    """The photos of a data set; ``keys`` (``precompute.batches.batch_keys``) are of their content.

    A batch is found among those that an earlier run ``finished``, or in a store ``near``, or it is
    computed. ``computed`` counts the photos of this run's.
    """

    dataset: Dataset
    keys: Sequence[str]
    workers: Workers = field(default_factory=Workers)
    finished: Finished | None = None
    near: Sequence[Store] = ()
    cancelled: Callable[[], bool] = lambda: False
    computed: int = 0

    def run(
        self, work: Pass, size: int, rows: np.ndarray | None = None, keys: Sequence[str] = ()
    ) -> np.ndarray:
        """Values ``(N, width)`` float32 of all photos, or of the photos at ``rows``; NaN elsewhere.

        Batches have at most ``size`` photos; they depend on ``keys``, the photos' own if not
        given for the rows. Raises ``CancelledError``.
        """
        rows = np.arange(len(self.keys)) if rows is None else rows
        keys = keys or self.keys
        first = dict(zip(reversed(keys), reversed(rows.tolist()), strict=True))
        values, missing = self.known(work.name, work.key, keys, size)
        batches = [[first[key] for key in batch] for batch in missing]
        done = len(first) - sum(map(len, missing))
        computed = self.workers.each(work, batches, f"Teacher ({work.name})")
        with closing(computed):
            for number, arrays in computed:
                batch = missing[number]
                values[batch] = arrays["values"]
                self.keep(work.name, work.key, batch, arrays["values"])
                self.computed += len(batch)
                done += len(batch)
                self.workers.progress(f"Teacher: {done} of {len(first)} images ({work.name})")
                if self.cancelled():
                    raise CancelledError(
                        "The run was stopped.", "Start it again; it goes on where it was."
                    )
        return self._in_place(values, rows, keys, work.width)

    def keep(self, name: str, key: str, batch: Batch, values: np.ndarray) -> None:
        """Keep the values of a batch in a pass for a run that goes on later."""
        if self.finished:
            self.finished.put(name, _key(key, batch), {"values": values})

    def known(
        self, name: str, key: str, keys: Iterable[str], size: int
    ) -> tuple[dict[Batch, np.ndarray], list[Batch]]:
        """Values of the batches of a pass that are there, and the batches that are not."""
        batches = batches_of(keys, size)
        values = self._finished(name, key, batches)
        for store in self.near:
            held = _held(store, name, key)
            if held is None:
                continue
            of_key = dict(zip(*held, strict=True))
            for batch in {*batches_of(held[0], size)} & {*batches} - {*values}:
                values[batch] = np.stack([of_key[one] for one in batch])
        return values, [batch for batch in batches if batch not in values]

    def _finished(self, name: str, key: str, batches: list[Batch]) -> dict[Batch, np.ndarray]:
        if self.finished is None:
            return {}
        found = {batch: self.finished.get(name, _key(key, batch)) for batch in batches}
        return {batch: arrays["values"] for batch, arrays in found.items() if arrays}

    def _in_place(
        self, values: dict[Batch, np.ndarray], rows: np.ndarray, keys: Sequence[str], width: int
    ) -> np.ndarray:
        of_key = {
            key: row for batch, some in values.items() for key, row in zip(batch, some, strict=True)
        }
        result = np.full((len(self.keys), width), np.nan, np.float32)
        result[rows] = np.array([of_key[key] for key in keys]).reshape(len(rows), width)
        return result


def joint_keys(keys: Sequence[str], seen: np.ndarray) -> list[str]:
    """Keys of photos that are seen with something else, such as their labels ``(n, K)``."""
    return [
        hashlib.sha256(key.encode() + row.astype(np.int16).tobytes()).hexdigest()
        for key, row in zip(keys, seen, strict=True)
    ]


def _key(key: str, batch: Batch) -> str:
    return key_of("batch", [key, batch])


def _held(store: Store, name: str, key: str) -> tuple[list[str], np.ndarray] | None:
    """Keys of all photos that a store holds values of a pass for, and these; None if it holds none.

    The oracle's are of those in ``fit`` that could be read.
    """
    passes = stage_of(store, "teacher").get("told", {}).get("passes", {})
    arrays = [array for array in ARRAYS[name] if store.has(array)]
    if passes.get(name) != key or ARRAYS[name][0] not in arrays:
        return None
    try:
        keys, values = keys_in(store), np.hstack([store.read(array) for array in arrays])
        if keys is None:
            return None
        if name == "oracle":
            fit = store.rows(FIT)
            return joint_keys([keys[i] for i in fit], store.label[fit]), values[fit]
    except StoreError:
        return None
    skipped = np.full((len(keys) - len(values), values.shape[1]), np.nan, np.float32)
    return keys, np.concatenate([values, skipped])
