"""What encoding the images gave: gathered in files instead of memory, or taken from a store.

Encoding is a stage of its own, named by a hash of all that it depends on (photos, encoder,
segments, thumbnails). A store made of the same encoding, for other words, labels or splits, is
used instead of encoding again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from inficond_panel.errors import StoreError
from inficond_panel.store import Store, open_store
from inficond_panel.store.hashing import array_hash
from precompute.batches import Arrays

#: Arrays of many bytes an image. The others take some hundred bytes and stay in memory.
LARGE = ("embedding", "mask", "thumbnail")
_STORED = {
    "embedding": "segment_embedding",
    "box": "segment_box",
    "mask": "mask",
    "thumbnail": "thumbnail",
}


class Gathered:
    """Arrays of all batches, one behind the other. The large ones are mapped files in ``folder``.

    So the memory in use is that of a few batches, however many there are.
    """

    def __init__(self, folder: Path) -> None:
        self._small: dict[str, list[np.ndarray]] = defaultdict(list)
        self._kind: dict[str, tuple[Any, tuple[int, ...]]] = {}
        self._file = {name: folder / f"{name}.raw" for name in LARGE}
        for path in self._file.values():
            path.unlink(missing_ok=True)  # of a run that was stopped

    def add(self, batch: Arrays) -> None:
        """Append the arrays of one batch."""
        for name, values in batch.items():
            if name not in LARGE:
                self._small[name].append(values)
                continue
            self._kind[name] = values.dtype, values.shape[1:]
            with self._file[name].open("ab") as file:
                file.write(np.ascontiguousarray(values).data)

    @property
    def reason(self) -> np.ndarray:
        """Of each image so far why it was skipped, "" if it was not."""
        return np.concatenate(self._small["reason"])

    def arrays(self) -> Arrays:
        """All arrays; the large ones are read from their files when they are used."""
        small = {name: np.concatenate(parts) for name, parts in self._small.items()}
        return small | {name: self._mapped(name) for name in self._kind}

    def _mapped(self, name: str) -> np.ndarray:
        dtype, shape = self._kind[name]
        return np.memmap(self._file[name], dtype, mode="r").reshape(-1, *shape)


def encoding_of(encoding_hash: str, reason: np.ndarray) -> dict[str, Any]:
    """Attribute of the store by which ``find_encoded`` finds it: hash, and images left out."""
    skipped = [[int(i), str(reason[i])] for i in np.flatnonzero(reason != "")]
    return {"hash": encoding_hash, "skipped": skipped}


def find_encoded(path: Path, encoding_hash: str) -> Store | None:
    """An undamaged store of the same encoding: the one at ``path``, or one in the same folder."""
    for place in (path, *sorted(path.parent.glob("*.zarr"))):
        try:
            store = open_store(place)
            if store.attrs.get("encoding", {}).get("hash") == encoding_hash:
                store.verify()
                return store
        except StoreError:
            continue
    return None


def stored_batches(store: Store, size: int) -> Iterator[Arrays]:
    """What encoding gave, read back from a store for ``size`` images at a time."""
    skipped = dict(store.attrs["encoding"]["skipped"])
    counts = np.bincount(store.segment_image, minlength=len(store.images))
    edges = {
        "segment": np.concatenate([[0], np.cumsum(counts)]),
        "mask": store.mask_offset,
        "thumbnail": store.thumbnail_offset,
    }
    total, row = len(store.images) + len(skipped), 0
    for first in range(0, total, size):
        reason = [skipped.get(i, "") for i in range(first, min(first + size, total))]
        rows = slice(row, row + reason.count(""))
        parts = {name: slice(edge[rows.start], edge[rows.stop]) for name, edge in edges.items()}
        row = rows.stop
        yield {
            "reason": np.array(reason),
            "segments": counts[rows].astype(np.int32),
            "thumbnail_length": np.diff(store.thumbnail_offset)[rows],
            "thumbnail_shape": store.thumbnail_shape[rows],
            **{
                name: store.dataset[stored][parts.get(name, parts["segment"])].to_numpy()
                for name, stored in _STORED.items()
            },
        }


def check_copied(store: Store, arrays: Arrays) -> None:
    """Raise ``StoreError`` where ``store`` was written anew while it was copied."""
    hashes = store.attrs["variable_hashes"]
    if any(array_hash(arrays[name]) != hashes[stored] for name, stored in _STORED.items()):
        raise StoreError(f"{store.path} changed while it was read.", "Start again.")
