"""Faults of a teacher's outputs that a store shows by itself: two classes with the same outputs,
and a class with one output on most images, or on all."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from inficond_panel.common.cache import once
from inficond_panel.common.numbers import share, significant
from inficond_panel.store import Store

#: Least share of the images with one output to be told, and least different other outputs: a
#: teacher of decisions alone has none.
MOST_OF_ALL, LEAST_VALUES = 0.5, 10
#: Images that are looked at first.
LOOKED_AT = 5_000
SAME_OUTPUTS, ONE_OUTPUT = "one teacher's output for two classes", "one output on most images"
_COPIED = "One of them was perhaps copied: make the teacher's outputs again."
_CUT = (
    "Were small or large outputs cut off? Give the teacher's logits as they are, and make the "
    "store again."
)
_SAYS_NOTHING = (
    "Nothing can be learned from it: look at the teacher's weights, preprocessing and classes, and "
    "make the store again."
)


@once(8)
def output_faults(store: Store) -> tuple[tuple[str, str, str, str], ...]:
    """Return the faults as (class, kind, sentence, remedy)."""
    return (*_same(store), *_mostly_one(store))


def _same(store: Store) -> Iterator[tuple[str, str, str, str]]:
    first = dict[bytes, int]()
    for k, outputs in enumerate(_some(store).T):
        other = first.setdefault(np.ascontiguousarray(outputs).tobytes(), k)
        if other != k and (store.teacher_logit[:, k] == store.teacher_logit[:, other]).all():
            name, copied = store.classes[k], store.classes[other]
            told = f"The teacher's outputs of {name} are those of {copied} on all images."
            yield name, SAME_OUTPUTS, told, _COPIED


def _mostly_one(store: Store) -> Iterator[tuple[str, str, str, str]]:
    for k, outputs in enumerate(_some(store).T):
        values, counts = np.unique(outputs, return_counts=True)
        if counts.max() < MOST_OF_ALL * len(outputs):
            continue
        most = values[counts.argmax()]
        told = f"The teacher's output of {store.classes[k]} is {significant(float(most), 3)} on"
        if len(values) == 1 and _says_nothing(store, k):
            yield store.classes[k], ONE_OUTPUT, f"{told} all images.", _SAYS_NOTHING
        elif len(values) > LEAST_VALUES:
            part = share(float((store.teacher_logit[:, k] == most).mean()))
            yield store.classes[k], ONE_OUTPUT, f"{told} {part} of all images.", _CUT


def _says_nothing(store: Store, k: int) -> bool:
    """Return whether a class has one log odds on all images; a softmax may hold one logit at 0."""
    odds = store.teacher_log_odds[:, k]
    return bool((odds == odds[0]).all())


def _some(store: Store) -> NDArray:
    """Return the teacher's logits (n, K) of ``LOOKED_AT`` images or somewhat more, evenly drawn:
    what is the same on all images is so on these."""
    return np.asarray(store.teacher_logit[:: max(1, len(store.images) // LOOKED_AT)])
