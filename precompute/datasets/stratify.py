"""Dividing images so that each part has its share of every class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def iterative_stratification(
    positive: np.ndarray, shares: Sequence[float], rng: np.random.Generator
) -> np.ndarray:
    """Part of each image; parts have about their share of the images, in all and per class.

    ``positive`` is ``(image, class)`` bool, ``shares`` sum to 1, ``rng.integers(n)`` breaks ties.
    The rarest class is dealt out first, each image to the part that lacks most of that class, then
    most images; images without a class come last. Returns ``(image,)`` int, the part's position.
    (Sechidis, Tsoumakas and Vlahavas, 2011, ECML PKDD, algorithm 1.)
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
            lacking[chosen] -= 1  # "wanted" is a view of one of these
            lacking_of[chosen, positive[row]] -= 1
    return part


def _one(candidates: np.ndarray, rng: np.random.Generator) -> int:
    return int(candidates[rng.integers(len(candidates)) if len(candidates) > 1 else 0])
