"""Groups of near-equal photos: equal files, equal thumbnails, bursts, and equal concept scores.

Photos are compared by their thumbnails at 16 x 16. Likeness is the correlation of two thumbnails,
in grey and, if that is high, over all three colours; another size, quality or brightness of a photo
leaves it near 1. A mirrored copy counts as a copy. Photos that are less alike are a burst if their
camera took them within seconds, as their EXIF data say. No photo is removed.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inficond_panel.store.images import TakenAt, UnreadableImage, taken_at
from inficond_panel.store.near_images import ALLOWED, check_across, joined, near_images
from inficond_panel.store.near_scores import Pairs, near_equal, on_main_axes, within
from inficond_panel.vocabulary.splits import ALLOW
from precompute.batches.results import Segmented
from precompute.datasets import Dataset
from precompute.datasets.dataset import small_photo
from precompute.pipeline.inputs import Inputs

#: Likeness from which photos are near-equal, and from which photos of one moment are a burst.
LIKENESS, LIKENESS_OF_BURST = 0.995, 0.9
#: Largest time in seconds between two photos of a burst.
BURST = 3.0
_SIDE = 16
#: Photos whose grey levels have a smaller standard deviation are not compared.
_FLAT = 4.0
#: Photos of a camera that each photo of a burst is compared with.
_NEXT = 10
#: Pairs of which the likeness is computed at one time.
_PAIRS = 1 << 12
#: Photos that are read at one time.
_PHOTOS = 1 << 12


def near_groups(
    inputs: Inputs, segmented: Segmented, arrays: Mapping[str, Any]
) -> NDArray[np.int32]:
    """Return the group (n,) of each readable photo of a run: the index of the first photo that is
    near-equal to it, or has the same text in the column ``dataset.near_duplicates``."""
    read, file = [int(row) for row in segmented.read], inputs.dataset.file
    small = small_encoded(segmented)
    pairs = [near_equal(arrays["concept_score"], arrays["teacher_logit"]), near_pairs(small)[0]]
    if file is not None:
        pairs.append(bursts(small, [taken_at(file(row)) for row in read]))
    group = joined(pairs, [inputs.digests[row] for row in read], len(read))
    if inputs.dataset.group is None:
        return group
    own = np.stack([group, np.arange(len(group))], axis=1).astype(np.intp)
    return joined([own], [inputs.dataset.group[row] for row in read], len(read))


def check_copies(
    dataset: Dataset,
    across: str,
    workers: int,
    told: Callable[[str], None] = lambda _: None,
    listing: Path | None = None,
) -> None:
    """Raise ``DataError`` for photos in different splits with near-equal thumbnails, before hours
    of encoding; ``near_groups`` finds more, with the encoded photos. Nothing is compared if copies
    are allowed ``across`` splits, or the images have no files. ``listing`` as of ``check_across``.

    Takes the time of reading all photos, with so many ``workers``.
    """
    if across == ALLOW or dataset.file is None or len(set(dataset.split)) == 1:
        return
    told(f"Looking for copies among {len(dataset.ids):,} photos")

    def small(i: int) -> NDArray:
        try:
            return small_photo(dataset, i, (_SIDE, _SIDE))
        except UnreadableImage:
            return np.zeros((_SIDE, _SIDE, 3), np.uint8)  # flat: not compared

    each = np.empty((len(dataset.ids), _SIDE, _SIDE, 3), np.uint8)
    with ThreadPoolExecutor(workers) as pool:
        for first in range(0, len(each), _PHOTOS):
            part = range(first, min(first + _PHOTOS, len(each)))
            each[part.start : part.stop] = list(pool.map(small, part))
    group = joined([near_pairs(each)[0]], None, len(each))
    near = near_images(group, np.array(dataset.split), dataset.ids)
    check_across(near, across, ALLOWED, listing)


def small_photos(jpeg_of: Callable[[int], bytes], count: int) -> np.ndarray:
    """Return ``count`` photos at 16 x 16 as ``(count, 16, 16, 3)`` uint8, from JPEG thumbnails."""
    small = np.empty((count, _SIDE, _SIDE, 3), np.uint8)
    for i in range(count):
        with Image.open(io.BytesIO(jpeg_of(i)), formats=("JPEG",)) as image:
            image.draft("RGB", (4 * _SIDE, 4 * _SIDE))  # decode at a fraction of the size; faster
            rgb = image.convert("RGB").resize((_SIDE, _SIDE), Image.Resampling.BILINEAR)
        small[i] = np.asarray(rgb)
    return small


def small_encoded(segmented: Segmented) -> np.ndarray:
    """Return the thumbnails of all readable photos at 16 x 16, as ``small_photos`` returns them."""
    edges = np.cumsum([0, *np.asarray(segmented.arrays["thumbnail_length"])])

    def jpeg(i: int) -> bytes:
        return bytes(segmented.arrays["thumbnail"][slice(int(edges[i]), int(edges[i + 1]))])

    return small_photos(jpeg, len(edges) - 1)


def near_pairs(small: np.ndarray) -> tuple[Pairs, NDArray]:
    """Return pairs (p, 2) of photos with a likeness of at least ``LIKENESS``, and their likeness
    (p,), from photos ``small`` as ``small_photos`` returns them."""
    grey = small.reshape(len(small), -1, 3).mean(2, dtype=np.float32)
    seen = np.flatnonzero(grey.std(1) >= _FLAT)
    unit = _unit(grey[seen])
    mirrored = unit.reshape(-1, _SIDE, _SIDE)[:, :, ::-1].reshape(unit.shape)
    # the squared distance of two unit vectors is 2 - 2 x their correlation
    places = on_main_axes(np.concatenate([unit, mirrored])) if len(seen) else unit
    pairs, likeness = [np.empty((0, 2), np.intp)], [np.empty(0)]
    for block in within(places, float(np.sqrt(2 - 2 * LIKENESS)) + 1e-3):
        both = np.unique(np.sort(block % max(len(seen), 1), axis=1), axis=0)
        found, alike = _alike(small, seen[both[both[:, 0] < both[:, 1]]], LIKENESS)
        pairs.append(found)
        likeness.append(alike)
    every, first = np.unique(np.concatenate(pairs), axis=0, return_index=True)
    return every, np.concatenate(likeness)[first]


def bursts(small: np.ndarray, taken: Sequence[TakenAt | None]) -> Pairs:
    """Return pairs (p, 2) of photos ``small`` that one camera took within ``BURST`` seconds, and
    that have a likeness of at least ``LIKENESS_OF_BURST``; ``taken`` has None where unknown. Each
    photo is compared with the next ``_NEXT`` ones of its camera."""
    known = sorted((at.camera, at.seconds, i) for i, at in enumerate(taken) if at is not None)
    close = [
        (min(i, j), max(i, j))
        for at, (camera, seconds, i) in enumerate(known)
        for other, later, j in known[at + 1 : at + 1 + _NEXT]
        if other == camera and later - seconds <= BURST
    ]
    return _alike(small, np.array(close, dtype=np.intp).reshape(-1, 2), LIKENESS_OF_BURST)[0]


def _alike(small: np.ndarray, pairs: Pairs, least: float) -> tuple[Pairs, NDArray]:
    """Return the pairs with a likeness of at least ``least``, and their likeness."""
    parts = (pairs[first : first + _PAIRS] for first in range(0, len(pairs), _PAIRS))
    likeness = np.concatenate([np.empty(0), *(_likeness(small, part) for part in parts)])
    return pairs[likeness >= least], likeness[likeness >= least]


def _likeness(small: np.ndarray, pairs: Pairs) -> NDArray:
    """Return the likeness (p,) of pairs: the smaller correlation of grey and of all colours, of the
    photos or of one with the other mirrored, whichever is larger."""
    one, other = small[pairs[:, 0]].astype(np.float32), small[pairs[:, 1]].astype(np.float32)
    return np.maximum(_correlation(one, other), _correlation(one, other[:, :, ::-1]))


def _correlation(one: np.ndarray, other: np.ndarray) -> NDArray:
    grey, colours = (
        (_unit(a.reshape(len(a), -1)) * _unit(b.reshape(len(b), -1))).sum(axis=1)
        for a, b in ((one.mean(3), other.mean(3)), (one, other))
    )
    return np.minimum(grey, colours)


def _unit(values: np.ndarray) -> np.ndarray:
    """Return rows after subtracting each row's mean and scaling the row to length 1."""
    centred = values - values.mean(1, keepdims=True)
    return np.asarray(centred / np.linalg.norm(centred, axis=1, keepdims=True))
