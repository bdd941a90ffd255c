"""Photos through a network, batch by batch; finished batches are files, so a run can go on."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from inficond_panel.errors import CancelledError, DataError
from precompute.datasets import Dataset
from precompute.images import UnreadableImage
from precompute.teachers.preprocessing import Preprocessing

#: (prepared images (n, 3, H, W), their positions (n,)) to values (n, M).
Compute = Callable[[np.ndarray, np.ndarray], np.ndarray]
Prepared = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Photos:
    """The photos of a data set; ``folder`` (None: nowhere) keeps the batches that are finished.

    Batches are fixed by the position of the images: the results do not depend on where a run was
    stopped. Photos that cannot be read get NaN; the encoding tells which they are.
    """

    dataset: Dataset
    batch: int
    folder: Path | None
    progress: Callable[[str], None]
    cancelled: Callable[[], bool]

    def run(
        self,
        name: str,
        compute: Compute,
        width: int,
        preprocessing: Preprocessing,
        rows: np.ndarray | None = None,
    ) -> np.ndarray:
        """Values ``(N, width)`` float32 of all photos; NaN for those that are not in ``rows``.

        ``name`` tells the files of one run from those of another. Raises ``CancelledError``.
        """
        chosen = np.arange(len(self.dataset.ids)) if rows is None else np.asarray(rows, dtype=int)
        values = np.full((len(self.dataset.ids), width), np.nan, np.float32)
        parts = [chosen[i : i + self.batch] for i in range(0, len(chosen), self.batch)]
        files = [self._file(f"{name}-{number:06d}") for number in range(len(parts))]
        kept = [_read(file, (len(part), width)) for file, part in zip(files, parts, strict=True)]
        missing = [part for part, found in zip(parts, kept, strict=True) if found is None]
        done, ahead = 0, self._ahead(missing, preprocessing)
        for part, file, found in zip(parts, files, kept, strict=True):
            if self.cancelled():
                raise CancelledError(
                    "The run was stopped.", "Start it again; it goes on where it was."
                )
            if found is None:
                computed = self._computed(name, compute, next(ahead), part, width)
                _write(file, computed)
            values[part] = computed if found is None else found
            done += len(part)
            self.progress(f"Teacher: {done} of {len(chosen)} images ({name})")
        return values

    def _computed(
        self, name: str, compute: Compute, prepared: Prepared, part: np.ndarray, width: int
    ) -> np.ndarray:
        values = np.full((len(part), width), np.nan, np.float32)
        images, there = prepared
        if len(there):
            values[np.isin(part, there)] = found = compute(images, there)
            self._check_finite(name, found, there)
        return values

    def _check_finite(self, name: str, values: np.ndarray, rows: np.ndarray) -> None:
        broken = rows[~np.isfinite(values).all(1)]
        if len(broken):
            raise DataError(
                f"The teacher's {name} are no finite numbers for the images "
                f"{', '.join(self.dataset.ids[i] for i in broken[:5])}.",
                "Check its weights, mean and std; for an oracle take a smaller gamma.",
            )

    def _ahead(self, parts: list[np.ndarray], preprocessing: Preprocessing) -> Iterator[Prepared]:
        """Decode each part while the one before it is computed."""
        with ThreadPoolExecutor(1) as pool:
            waiting: Future[Prepared] | None = None
            for part in [*parts, None]:
                following = None if part is None else pool.submit(self._decode, part, preprocessing)
                if waiting is not None:
                    yield waiting.result()
                waiting = following

    def _decode(self, part: np.ndarray, preprocessing: Preprocessing) -> Prepared:
        images, there = [], []
        for i in part:
            try:
                images.append(preprocessing.prepare(self.dataset.load(int(i))))
                there.append(int(i))
            except UnreadableImage:
                continue
        return np.stack(images) if images else np.empty(0, np.float32), np.array(there, dtype=int)

    def _file(self, name: str) -> Path | None:
        return self.folder / f"{name}.npy" if self.folder else None


def _read(file: Path | None, shape: tuple[int, int]) -> np.ndarray | None:
    try:
        values = np.load(file, allow_pickle=False) if file else None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        return None
    return values if values is not None and values.shape == shape else None


def _write(file: Path | None, values: np.ndarray) -> None:
    if file is None:
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_suffix(".tmp")
    with partial.open("wb") as stream:
        np.save(stream, values, allow_pickle=False)
    partial.replace(file)
