"""A batch of photos through a teacher, in this process or in a Dask worker's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from inficond_panel.errors import DataError
from inficond_panel.store.images import UnreadableImage
from precompute.batches.segmenting import loaded
from precompute.batches.stages import Arrays
from precompute.datasets import Dataset
from precompute.teachers.preprocessing import stacked
from precompute.teachers.teacher import Teacher

#: (teacher, prepared images (n, 3, H, W) or the photos, their rows in the data set (n,)) to values
#: (n, width).
Compute = Callable[[Teacher, Any, np.ndarray], np.ndarray]
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
    """The work on a batch (``precompute.batches.workers.Work``).

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
