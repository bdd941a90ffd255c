"""Concepts that have the scores of another one in a split, or in a group of its images, such as a
column that was filled from the wrong file there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from inficond_panel.common.cache import once
from inficond_panel.common.near_words import listed
from inficond_panel.common.numbers import count
from inficond_panel.results.slices import column_masks
from inficond_panel.store import Store
from inficond_panel.vocabulary.splits import FIT, IMAGES_OF, TUNE
from inficond_panel.wording.groups import group_words

COPIED = "scores of another concept?"
COPIED_REMEDY = (
    "One of the two has the other's scores there: make the right ones, and the store again."
)
#: Least images of a part, and least different scores of a concept in it: fewer may be equal.
LEAST_IMAGES, LEAST_VALUES = 20, 10
#: Most parts that are named.
_NAMED = 3


@once(8)
def copied_concepts(store: Store) -> str:
    """Return sentences on concepts with equal scores in all images of a split, or of a group in a
    split, and other scores elsewhere; "" without any. Of a group in a split that has them as a
    whole nothing is said."""
    found = list[str]()
    for split in (TUNE, FIT):
        rows = store.rows(split)
        scores, elsewhere = store.scores_of(split), store.scores_of(FIT if split == TUNE else TUNE)
        whole = set(_copies(scores, elsewhere))
        if whole:
            found.append(_sentence(store, f"the {len(rows):,} {IMAGES_OF[split]}", whole))
        for group, inside in column_masks(store, rows).items():
            some = set(_copies(scores[inside], scores[~inside])) - whole
            if some:
                images = count(int(inside.sum()), IMAGES_OF[split].removesuffix("s"))
                words = f"“{group_words(*group, shown_or_not=False)}” ({images})"
                found.append(_sentence(store, words, some))
    return " ".join(found[:_NAMED])


def _copies(scores: NDArray, elsewhere: NDArray) -> Iterator[tuple[int, int]]:
    """Yield pairs of concepts whose ``scores`` (n, C) are equal, and not those ``elsewhere``."""
    if min(len(scores), len(elsewhere)) < LEAST_IMAGES:
        return
    equal = defaultdict[bytes, list[int]](list)
    for c, column in enumerate(np.ascontiguousarray(scores.T)):
        equal[column.tobytes()].append(c)
    for first, *others in equal.values():
        if others and len(np.unique(scores[:, first])) >= LEAST_VALUES:
            for c in others:
                if not np.array_equal(elsewhere[:, first], elsewhere[:, c]):
                    yield first, c


def _sentence(store: Store, words: str, pairs: set[tuple[int, int]]) -> str:
    names = [f"{store.concepts[a]} and {store.concepts[b]}" for a, b in sorted(pairs)]
    return f"In {words} {listed(names, 5)} have the same scores, and elsewhere not."
