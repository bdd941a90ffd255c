"""Division of images into parts that have shares of all images and of each class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def iterative_stratification(
    positive: np.ndarray, shares: Sequence[float], rng: np.random.Generator
) -> np.ndarray:
    """Assign images to parts with ``shares`` of all images and of each class; ``(image,)`` int.

    The result is an index of ``shares``, which sum to 1, per image. ``positive`` is
    ``(image, class)`` bool; ``rng.integers(n)`` breaks ties. Images of the rarest class come first,
    each to the part that lacks most images of that class, then most images in all; images without
    a class come last. (Sechidis, Tsoumakas and Vlahavas, 2011, ECML PKDD, algorithm 1.)
    """
    part = np.full(len(positive), -1)
    lacking = np.asarray(shares) * len(positive)
    lacking_of = np.outer(shares, positive.sum(0))
    while (left := part < 0).any():
        counts = positive[left].sum(0)
        rows, wanted = np.flatnonzero(left), lacking
        if counts.any():
            rarest = _one(np.flatnonzero(counts == counts[counts > 0].min()), rng)
            rows, wanted = np.flatnonzero(positive[:, rarest] & left), lacking_of[:, rarest]
        for row in rows:
            most = np.flatnonzero(wanted == wanted.max())
            part[row] = chosen = _one(most[lacking[most] == lacking[most].max()], rng)
            lacking[chosen] -= 1  # also changes wanted, a view of this array or the next
            lacking_of[chosen, positive[row]] -= 1
    return part


def _one(candidates: np.ndarray, rng: np.random.Generator) -> int:
    return int(candidates[rng.integers(len(candidates)) if len(candidates) > 1 else 0])
