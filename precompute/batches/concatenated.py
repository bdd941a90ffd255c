"""The photos' arrays in the order of the data set, read from the results of many batches."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

import numpy as np

from precompute.batches.stages import Arrays

#: Arrays of many bytes an image, and what counts their rows. They stay in their files.
LARGE = {"embedding": "segments", "mask": "mask_pixels", "thumbnail": "thumbnail_length"}
#: Files open at a time.
_OPEN = 256


class Pieces:
    """An array made of pieces of others, one behind the other; rows are read when it is sliced."""

    def __init__(
        self, source: Callable[[int], np.ndarray], part: np.ndarray, first: np.ndarray,
        count: np.ndarray,
    ) -> None:  # fmt: skip
        self._source = lru_cache(maxsize=_OPEN)(source)
        self._part, self._first = part, first
        self._edge = np.concatenate([[0], np.cumsum(count, dtype=np.int64)])
        some = self._source(int(part[0]))
        self.dtype = some.dtype
        self.shape = (int(self._edge[-1]), *some.shape[1:])
        self.ndim = some.ndim

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice) -> np.ndarray:
        start, stop, _ = rows.indices(self.shape[0])
        values = np.empty((max(0, stop - start), *self.shape[1:]), self.dtype)
        piece = int(np.searchsorted(self._edge, start, "right")) - 1
        while start < stop:
            end = min(stop, int(self._edge[piece + 1]))
            at = int(self._first[piece] + start - self._edge[piece])
            values[len(values) - (stop - start) :][: end - start] = self._source(
                int(self._part[piece])
            )[at : at + end - start]
            start, piece = end, piece + 1
        return values

    def __array__(self, dtype: object = None, copy: object = None) -> np.ndarray:
        return np.asarray(self[:], dtype=dtype)  # type: ignore[call-overload]


class Gathered:
    """Results of encoding, in the order of the data set.

    ``parts`` are results: for each the keys of its photos, and how to open it. ``keys`` are those
    of the data set's photos. In memory are a few numbers for each image and segment.
    """

    def __init__(
        self, parts: Sequence[tuple[Sequence[str], Callable[[], Arrays]]], keys: Sequence[str]
    ) -> None:
        self._parts = [opened for _, opened in parts]
        place = {key: (p, i) for p, (of, _) in enumerate(parts) for i, key in enumerate(of)}
        part, row = np.array([place[key] for key in keys], dtype=np.int64).reshape(-1, 2).T
        del place
        counts, self.reason = _counted(self._parts, part, row)
        self._read = np.array([reason == "" for reason in self.reason], dtype=bool)
        self._part = part[self._read]
        self._counts = {name: value[self._read] for name, value in counts.items()}

    def arrays(self) -> dict[str, np.ndarray | Pieces]:
        """Arrays of the images that could be read; ``segments`` and others count their rows."""
        counts = self._counts
        arrays: dict[str, np.ndarray | Pieces] = {
            "segments": counts["segments"],
            "thumbnail_length": counts["thumbnail_length"],
            "thumbnail_shape": np.stack([counts["height"], counts["width"]], 1).astype(np.int32),
            "box": self._pieces("box", "segments")[:],
        }
        return arrays | {name: self._pieces(name, by) for name, by in LARGE.items()}

    def _pieces(self, name: str, by: str) -> Pieces:
        return Pieces(
            lambda part: self._parts[part]()[name],
            self._part,
            self._counts[f"{by}_first"],
            self._counts[by],
        )


def _counted(
    parts: Sequence[Callable[[], Arrays]], part: np.ndarray, row: np.ndarray
) -> tuple[Mapping[str, np.ndarray], list[str]]:
    """Of each image the numbers of its rows and where they begin in its part; and the reasons."""
    names = ("segments", "thumbnail_length", "mask_pixels")
    counts = {
        name: np.zeros(len(part), dtype=np.int64)
        for name in (*names, *(f"{name}_first" for name in names), "height", "width")
    }
    reasons = np.full(len(part), "", dtype=object)
    order = np.argsort(part, kind="stable")
    edges = np.searchsorted(part[order], np.arange(len(parts) + 1))
    for p, opened in enumerate(parts):
        images = order[edges[p] : edges[p + 1]]
        arrays = opened() if len(images) else {}
        if not arrays:
            continue
        reason = arrays["reason"]
        reasons[images] = reason[row[images]].tolist()
        if "segments" not in arrays:
            continue
        read = reason == ""
        rank = np.cumsum(read) - 1
        good = images[read[row[images]]]
        at = rank[row[good]]
        height, width = np.asarray(arrays["thumbnail_shape"]).T
        of_part = {
            "segments": np.asarray(arrays["segments"]),
            "thumbnail_length": np.asarray(arrays["thumbnail_length"]),
            "mask_pixels": height.astype(np.int64) * width,
        }
        for name, count in of_part.items():
            counts[name][good] = count[at]
            counts[f"{name}_first"][good] = (np.cumsum(count) - count)[at]
        counts["height"][good], counts["width"][good] = height[at], width[at]
    return counts, reasons.tolist()
