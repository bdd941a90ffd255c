"""Batches of photos that are encoded together."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

#: What a data set says of a photo that it cannot read.
UNREADABLE = "unreadable"


def photo_keys(ids: Iterable[str], digests: Iterable[str]) -> list[str]:
    """A key for each photo: SHA-256 of its digest, or of its id where it cannot be read.

    Photos that are alike have one key, and are encoded once.
    """
    return [
        hashlib.sha256(
            (digest if digest != UNREADABLE else f"{UNREADABLE} {image}").encode()
        ).hexdigest()
        for image, digest in zip(ids, digests, strict=True)
    ]


def batches_of(keys: Iterable[str], size: int) -> list[tuple[str, ...]]:
    """Batches of at most ``size`` keys, as many as begin with the same bits.

    They depend on nothing but the set of keys, and a key that comes or goes changes its own batch
    only (or cuts it in two, or joins it with its neighbour). On average they are two thirds full.
    """
    done, left = [], [(sorted(set(keys)), 0)]
    while left:
        some, bit = left.pop()
        if len(some) > size:
            one = [key for key in some if int(key[bit // 4], 16) >> (3 - bit % 4) & 1]
            left += [(one, bit + 1), (some[: len(some) - len(one)], bit + 1)]
        elif some:
            done.append(tuple(some))
    return done
