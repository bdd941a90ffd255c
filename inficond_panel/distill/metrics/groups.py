"""Groups of images that are no independent evidence of each other, such as copies and bursts.

Folds, bootstrap draws and permutations go by group. ``near_duplicates`` finds groups by scores.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

#: Number (n,) of each image's group; None if each image is a group of its own.
Groups = NDArray[np.intp] | None


def of_rows(group: Groups, rows: NDArray) -> Groups:
    """Return the groups of the images at ``rows`` (indices, or a mask)."""
    if group is None:
        return None
    some = group[rows]
    return some if len(np.unique(some)) < len(some) else None


def distinct(group: Groups, mask: NDArray[np.bool_]) -> int:
    """Return the number of groups with an image in ``mask`` (n,): of independent images."""
    return int(np.count_nonzero(mask)) if group is None else len(group_sizes(group, mask))


def group_sizes(group: Groups, mask: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return the number of images in ``mask`` (n,) of each group that has one: 1 of each image
    without groups."""
    if group is None:
        return np.ones(np.count_nonzero(mask), dtype=np.intp)
    return np.unique(group[mask], return_counts=True)[1]


def counted_once(group: Groups) -> str:
    """Return a clause for messages with counts of ``distinct``; "" if each image is by itself."""
    return "" if group is None else "; near-equal images count once"


def parts_of(group: Groups, label: NDArray) -> NDArray[np.intp]:
    """Return the number (n,), from 0, of each image's part: the images of equal group and label."""
    if group is None:
        return np.arange(len(label))
    both = np.stack([group, np.asarray(label, dtype=np.intp)], axis=1)
    return np.asarray(np.unique(both, axis=0, return_inverse=True)[1].ravel(), dtype=np.intp)


def first_of(part: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the index of the first image of each part, by parts (n,) numbered from 0."""
    return np.asarray(np.unique(part, return_index=True)[1], dtype=np.intp)


def part_means(values: NDArray, part: NDArray[np.intp]) -> NDArray:
    """Return the means (parts,) or (parts, C) of ``values`` (n,) or (n, C) over each part."""
    counts = np.bincount(part)
    if len(counts) == len(values):
        return values[np.argsort(part)]
    ones, images = np.ones(len(part)), np.arange(len(part))
    sums = csr_array((ones, (part, images)), shape=(len(counts), len(part))) @ values
    return np.asarray((sums.T / counts).T)
