"""Photos through a teacher's network, batch by batch; only batches that are nowhere yet are run."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from inficond_panel.errors import DataError, StoreError
from inficond_panel.store import Store
from inficond_panel.store.images import UnreadableImage
from inficond_panel.vocabulary.splits import FIT
from precompute.batches.results import Arrays, Batch, batches_of, key_of, keys_in, stage_of
from precompute.batches.run import Run
from precompute.batches.segmenting import loaded
from precompute.datasets import Dataset
from precompute.teachers.preprocessing import stacked
from precompute.teachers.teacher import Teacher

#: (teacher, prepared images (n, 3, H, W) or the photos, their rows in the data set (n,)) to values
#: (n, width).
Compute = Callable[[Teacher, Any, np.ndarray], np.ndarray]
#: Arrays of a store with the values of a pass, the second where the store has it.
ARRAYS = {
    "logits": ("teacher_logit", "other_logit"),
    "oracle": ("oracle_logit", "other_oracle_logit"),
    "features": ("teacher_feature",),
}
#: Prepared images of those that can be read, and which of the batch they are.
Prepared = tuple[Any, list[int]]


@dataclass(frozen=True)
class Network:
    """A teacher that is loaded where it runs, once a process; ``key`` tells it from others, and
    ``beside`` are keys of what it sits on."""

    key: str
    load: Callable[[], Teacher]
    beside: tuple[str, ...] = ()

    @property
    def teacher(self) -> Teacher:
        """The teacher, loaded when it is first asked for."""
        return loaded(self.key, self.load, self.beside)


@dataclass(frozen=True)
class Pass:
    """The work on a batch (``precompute.batches.run.Work``).

    Its arrays are ``values`` (n, width) float32.

    A photo that cannot be read gets NaN: the encoding tells which these are. ``name`` tells what
    the values are, ``key`` what they depend on beside the photos.
    """

    name: str
    key: str
    network: Network
    compute: Compute
    dataset: Dataset
    width: int

    def before(self, rows: list[int]) -> tuple[list[int], Prepared]:
        """Decode."""
        images, there = [], []
        prepare = self.network.teacher.preprocessing.prepare
        for i, row in enumerate(rows):
            try:
                images.append(prepare(self.dataset.load(row)))
                there.append(i)
            except UnreadableImage:
                continue
        return rows, (stacked(images) if images else np.empty(0, np.float32), there)

    def run(self, given: tuple[list[int], Prepared]) -> tuple[list[int], np.ndarray]:
        """Run the network."""
        rows, (images, there) = given
        values = np.full((len(rows), self.width), np.nan, np.float32)
        if there:
            found = self.compute(self.network.teacher, images, np.array(rows)[there])
            values[there] = found
            what = "oracle logits" if self.name == "oracle" else self.name
            check_finite(what, found, [self.dataset.ids[rows[i]] for i in there])
        return rows, values

    def after(self, given: tuple[list[int], np.ndarray]) -> Arrays:
        """Nothing is left to do."""
        return {"values": given[1]}


def check_finite(what: str, values: np.ndarray, ids: Sequence[str]) -> None:
    """Raise ``DataError`` for values ``(n, width)`` of images that are no finite numbers."""
    broken = sorted(ids[int(i)] for i in np.flatnonzero(~np.isfinite(values).all(1)))
    if broken:
        raise DataError(
            f"The teacher's {what} are no finite numbers for the images {', '.join(broken[:5])}.",
            "Check its weights, mean and std; for an oracle take a smaller gamma.",
        )


def run_pass(
    run: Run, work: Pass, size: int, rows: np.ndarray | None = None, keys: Sequence[str] = ()
) -> np.ndarray:
    """Values ``(N, width)`` float32 of all photos of a run, or of those at ``rows``; NaN elsewhere.

    Batches have at most ``size`` photos; they depend on ``keys``, the photos' own if not given for
    the rows. A batch is taken from the run's results or from a store near by, or computed. Raises
    ``CancelledError``.
    """
    rows = np.arange(len(run.keys)) if rows is None else rows
    keys = keys or run.keys
    first = dict(zip(reversed(keys), reversed(rows.tolist()), strict=True))
    values, missing = known_batches(run, work.name, work.key, keys, size)
    before = len(first) - sum(map(len, missing)) - run.images["teacher"]

    def keep(batch: Batch, arrays: Arrays) -> None:
        values[batch] = arrays["values"]
        keep_batch(run, work.name, work.key, batch, arrays["values"])
        run.images["teacher"] += len(batch)
        done = before + run.images["teacher"]
        run.progress(f"Teacher: {done} of {len(first)} images ({work.name})")

    run.each(work, missing, f"Teacher ({work.name})", keep, first)
    of_key = {
        key: row for batch, some in values.items() for key, row in zip(batch, some, strict=True)
    }
    result = np.full((len(run.keys), work.width), np.nan, np.float32)
    result[rows] = np.array([of_key[key] for key in keys]).reshape(len(rows), work.width)
    return result


def keep_batch(run: Run, name: str, key: str, batch: Batch, values: np.ndarray) -> None:
    """Keep the values of a batch in a pass for a run that goes on later."""
    run.results.put(name, _key(key, batch), {"values": values})


def known_batches(
    run: Run, name: str, key: str, keys: Iterable[str], size: int
) -> tuple[dict[Batch, np.ndarray], list[Batch]]:
    """Values of the batches of a pass that are there, and the batches that are not."""
    batches, values = batches_of(keys, size), {}
    for batch in batches:
        if arrays := run.results.get(name, _key(key, batch)):
            values[batch] = arrays["values"]
    for store in run.near:
        held = _held(store, name, key)
        if held is None:
            continue
        of_key = dict(zip(*held, strict=True))
        for batch in {*batches_of(held[0], size)} & {*batches} - {*values}:
            values[batch] = np.stack([of_key[one] for one in batch])
    return values, [batch for batch in batches if batch not in values]


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
